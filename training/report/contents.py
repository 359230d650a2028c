"""All that an evaluation found, as one object that goes to report.json and is drawn as a page."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from model.errors import InputError
from model.scorer import Scorer
from model.text import clean
from training import findings
from training.comparison import Change, Comparison, changes, compare
from training.confidence import Interval
from training.evaluation import HEADS, Predictions, scores_by_origin
from training.findings import ClassFinding, Confusion, Score, Slice
from training.labels import LabelledText
from training.mistakes import Mistakes, mistakes
from training.probes import persons
from training.proportion import share
from training.reliability import Reliability, reliability
from training.robustness import Countries, Outcome, by_country, outcomes
from training.verdict import Found, Verdict, verdict

CHANGES_SHOWN = 10


class Model(msgspec.Struct, frozen=True):
    """The model that was evaluated."""

    version: str
    name: str
    base: str
    created: str
    languages: list[str]


class Evaluated(msgspec.Struct, frozen=True):
    """The rows that it was evaluated on. `held_back`: whether they are known not to have trained it. `quotable`: of how
    many the text may be shown."""

    rows: int
    unreadable: int
    quotable: int
    held_back: bool
    origins: dict[str, int]


class Learning(msgspec.Struct, frozen=True):
    """How a training went, by epoch: its loss, and each head's macro-F1 on the validation part."""

    losses: list[float]
    validation: dict[str, list[float]]
    best_epoch: int


class Against(msgspec.Struct, frozen=True):
    """The model beside another on the same rows: this minus the other. `changes`: rows that may be quoted of those that
    only one has right."""

    name: str
    comparisons: list[Comparison]
    changes: list[Change]
    withheld: int


class Report(msgspec.Struct, frozen=True):
    """All that was found. `opposite`: the share of labelled texts whose sentiment is taken for the opposite one.
    `test`: the scores by origin, each as `newsquall evaluate --json` gives them."""

    model: Model
    evaluated: Evaluated
    verdict: Verdict
    scores: list[Score]
    opposite: Interval | None
    classes: dict[str, list[ClassFinding]]
    confusion: dict[str, Confusion]
    reliability: dict[str, Reliability]
    learning: Learning | None
    slices: list[Slice]
    robustness: list[Outcome]
    bias: list[Outcome]
    countries: Countries | None
    mistakes: dict[str, Mistakes]
    against: Against | None
    test: dict[str, Any]


def build_report(
    scorer: Scorer,
    predictions: Predictions,
    summary: dict[str, Any],
    quotable: Callable[[LabelledText], bool],
    *,
    against: Predictions | None = None,
    against_name: str = "",
    advance: Callable[[int], None] = lambda _more: None,
) -> dict[str, Any]:
    """The report of a model's predictions for labelled rows, beside a training's summary.

    `scorer`: the model itself, which is asked anew about changed texts. `summary`: what the training did; its `losses`,
    `validation`, `best_epoch` and `temperatures` are drawn, and all of it is in the report. Empty where rows are
    evaluated that no training held back. `quotable`: whether a row's text may be shown; no text of another is in the
    report. `against`: what another model says of the same rows. `advance` is told how many texts were scored anew.

    Raises InputError if no row has a label that the model knows.
    """
    scores = findings.scores(predictions)
    if not scores:
        raise InputError("no row has a label to compare with: give a file with a column 'sentiment' or 'topic'")
    heads = [score.head for score in scores if score.origin == "all"]
    temperatures = summary.get("temperatures", {})
    rows = predictions.rows
    probes = persons() if "en" in scorer.bundle.manifest.languages else ()
    changed = outcomes(scorer, rows, quotable, advance, probes=probes)
    classes = {head: findings.classes(predictions, head) for head in heads}
    confusion = {head: findings.confusion(predictions, head) for head in heads}
    calibrated = {head: reliability(*predictions.of(head)[1:], temperatures.get(head)) for head in heads}
    sliced = findings.slice_findings(predictions)
    countries = by_country(scorer, rows, advance)
    beside = None if against is None else _beside(against, predictions, against_name, quotable)
    opposite = _opposite(confusion.get("sentiment"))
    evaluated = Evaluated(
        rows=len(rows),
        unreadable=len(predictions.unscorable),
        quotable=sum(map(quotable, rows)),
        held_back="rows" in summary,
        origins=dict(sorted(Counter(row.origin for row in rows).items())),
    )
    found = Found(
        scores,
        opposite,
        classes,
        confusion,
        calibrated,
        sliced,
        changed,
        countries,
        beside.comparisons if beside else (),
        evaluated.held_back,
        evaluated.unreadable,
    )
    report = Report(
        model=_model(scorer),
        evaluated=evaluated,
        verdict=verdict(found),
        scores=scores,
        opposite=opposite,
        classes=classes,
        confusion=confusion,
        reliability=calibrated,
        learning=_learning(summary),
        slices=sliced,
        robustness=[each for each in changed if not each.name.startswith("bias/")],
        bias=[each for each in changed if each.name.startswith("bias/")],
        countries=countries,
        mistakes={head: mistakes(scorer, predictions, head, quotable) for head in heads},
        against=beside,
        test=scores_by_origin(predictions),
    )
    built: dict[str, Any] = {**summary, **msgspec.to_builtins(report)}
    return built


def _model(scorer: Scorer) -> Model:
    manifest = scorer.bundle.manifest
    return Model(manifest.version, manifest.name, manifest.base, manifest.created, manifest.languages)


def _opposite(confusion: Confusion | None) -> Interval | None:
    if confusion is None:
        return None
    ends = {"negative", "positive"}
    turned = sum(each.n for each in confusion.mixups if {each.truth, each.chosen} == ends)
    return share(turned, sum(map(sum, confusion.counts)))


def _learning(summary: dict[str, Any]) -> Learning | None:
    if not summary.get("losses"):
        return None
    epochs = summary.get("validation", [])
    return Learning(
        summary["losses"],
        {head: [epoch[head]["macro_f1"] for epoch in epochs if head in epoch] for head in HEADS},
        summary.get("best_epoch", 0),
    )


def _beside(
    other: Predictions, predictions: Predictions, name: str, quotable: Callable[[LabelledText], bool]
) -> Against:
    found = changes(other, predictions)
    shown = [msgspec.structs.replace(change, text=clean(change.text)) for row, change in found if quotable(row)]
    fixed = [change for change in shown if change.second == change.truth][:CHANGES_SHOWN]
    broken = [change for change in shown if change.second != change.truth][:CHANGES_SHOWN]
    return Against(name, compare(other, predictions), broken + fixed, len(found) - len(shown))
