"""Label Studio's JSON: what its annotators chose, out of its exports, and tasks with pre-annotations for its import.

Two exports are read. JSON has a task with all its annotations: {"id", "data", "annotations": [{"completed_by",
"was_cancelled", "updated_at", "result": [{"from_name", "type": "choices", "value": {"choices": [...]}}]}]}.
JSON-MIN has one row an annotation, the data's fields beside the controls' names. The controls are to be called topic
and sentiment, both on a text called title (docs/analyst.md has the labelling set-up).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from model.errors import InputError
from training.labels import HEADS

# What tells an export, and not some other JSON.
_TASK = {"data", "annotations", "completions", "title", "text"}


class Annotation(NamedTuple):
    """One annotator's answer to a task: `fields` of the headline with the labels among them. None of them if `skipped`;
    no label in them if the task is not done. `fault`: why the task cannot be read."""

    task: str
    fields: Mapping[str, Any]
    annotator: str | None = None
    skipped: bool = False
    fault: str | None = None


def read_tasks(path: str) -> list[dict[str, Any]]:
    """The tasks of an export. Raises InputError if the file is none."""
    try:
        value = json.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: export it again as JSON") from error
    except (ValueError, RecursionError) as error:
        advice = ": one object a line is JSONL, and to be called .jsonl" if "Extra data" in str(error) else ""
        raise InputError(f"{path} is not JSON ({error}){advice}") from error
    tasks = [value] if isinstance(value, dict) else value
    if isinstance(tasks, list) and not tasks:
        raise InputError(f"{path} is empty: an export without a task")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and _TASK & task.keys() for task in tasks):
        raise InputError(f"{path} is no export of Label Studio's, which is a list of tasks: export as JSON or JSON-MIN")
    return tasks


def annotations(tasks: list[dict[str, Any]]) -> Iterator[Annotation]:
    """The annotations of an export, task by task; one without labels for a task that has none."""
    for number, task in enumerate(tasks, start=1):
        name = f"task {task.get('id', number)}"
        data = task.get("data")
        if not isinstance(data, dict):
            # JSON-MIN, whose `id` is the task's and not the headline's.
            fields = {key: value for key, value in task.items() if key != "id"}
            yield Annotation(name, fields, _signed(task.get("annotator")))
            continue
        given = task.get("annotations", task.get("completions")) or []  # completions: before Label Studio 1.0
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            yield Annotation(name, data, fault="its annotations are no list of objects")
            continue
        if not given:
            yield Annotation(name, data)
        for each in given:
            skipped = bool(each.get("was_cancelled") or each.get("skipped"))
            when = each.get("updated_at") or each.get("created_at") or data.get("labelled_at")
            fields = {**data, **_chosen(each.get("result")), "labelled_at": when}
            yield Annotation(name, fields, _signed(each.get("completed_by")) or data.get("annotator"), skipped)


def _chosen(result: object) -> dict[str, list[Any]]:
    """An annotation's choices by the name of their control."""
    chosen: dict[str, list[Any]] = {}
    for region in result if isinstance(result, list) else []:
        if isinstance(region, dict) and isinstance(region.get("value"), dict) and "choices" in region["value"]:
            choices = region["value"]["choices"]
            name = str(region.get("from_name", ""))
            name = name.lower() if name.lower() in HEADS else name
            chosen.setdefault(name, []).extend(choices if isinstance(choices, list) else [choices])
    return chosen


def _signed(by: object) -> str | None:
    """An annotator: by the e-mail address where the export has it, else by the account's number."""
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    return f"label-studio-{by}" if isinstance(by, int) else str(by) if by else None


def labelled_task(row: Mapping[str, Any]) -> dict[str, Any]:
    """A labelled row as a task that is done. Its annotation names nobody, since Label Studio refuses an annotator whom
    it does not know; the data do."""
    return {"data": _data(row), "annotations": [{"result": _regions(row["id"], row)}]}


def predicted_task(row: Mapping[str, Any], guesses: Mapping[str, str], model: str, score: float) -> dict[str, Any]:
    """A row as a task to do, with a model's guesses as the pre-annotation that an annotator confirms or changes.

    `score`: how sure the model is, in [0, 1]; Label Studio sorts by it.
    """
    prediction = {"model_version": model, "score": round(score, 4), "result": _regions(row["id"], guesses)}
    return {"data": _data(row), "predictions": [prediction]}


def _data(row: Mapping[str, Any]) -> dict[str, Any]:
    # JSON-MIN writes the task's number over a field that is called id.
    named = {"headline_id" if name == "id" else name: value for name, value in row.items() if name not in HEADS}
    return {name: value for name, value in named.items() if value not in (None, "", {})}


def _regions(id_: str, labels: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{id_}-{head}",
            "from_name": head,
            "to_name": "title",
            "type": "choices",
            "value": {"choices": [labels[head]]},
        }
        for head in HEADS
        if labels.get(head)
    ]
