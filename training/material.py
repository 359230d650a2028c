"""What a training is given: label files read, contradictions and near-copies taken out, parts held apart."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from model.bundle import Bundle
from model.errors import InputError, UsageError
from model.taxonomy import Taxonomy
from model.text import clean
from training.batches import HEADS
from training.labels import LabelledText, Part, corpus_files, is_corpus, read_labels, split
from training.neardup import near_duplicates

FEWEST_ROWS = 20
CONTRADICTIONS_TOLD = 10
SHOWN = 80  # characters of a text

Say = Callable[[str], None]
Parts = dict[Part, list[LabelledText]]


def gather(
    paths: Sequence[str], taxonomy: Taxonomy, going_on_from: Bundle | None, say: Say, strict: bool = False
) -> tuple[Parts, int]:
    """The parts of the label files' rows, and how many rows were left out as near-copies of rows that are held back.

    With a bundle that a training goes on from, the project's own headlines in its languages come with them, so that
    they are not forgotten. Bad rows and texts with two labels are told and left out; `strict` raises for the first.

    Raises InputError if a file cannot be read or the rows are too few, UsageError for a topic of the taxonomy's that
    neither the bundle nor a row has.
    """
    if going_on_from is not None:
        given = {Path(path).resolve() for path in paths}
        replayed = corpus_files(going_on_from.manifest.languages)
        paths = [*paths, *(path for path in replayed if Path(path).resolve() not in given)]
    labels = read_labels(paths, taxonomy)
    for problem in labels.problems:
        if strict:
            raise InputError(problem)
        say(problem)
    _require_rows_of(labels.rows, taxonomy, going_on_from)
    rows, contradictions = without_contradictions(labels.rows)
    if contradictions and strict:
        raise InputError(contradictions[0])
    for line in contradictions[:CONTRADICTIONS_TOLD]:
        say(line)
    left = len(labels.rows) - len(rows)
    told = f"left out: {len(labels.problems):,} bad rows, {left:,} whose text has two labels"
    parts, dropped = held_apart(split(rows))
    say(f"{told}, {dropped:,} near-copies of rows that are held back")
    say(", ".join(f"{part} {len(of):,}" for part, of in parts.items()) + " rows")
    _require_enough(parts, going_on_from is not None)
    return parts, dropped


def without_contradictions(rows: Sequence[LabelledText]) -> tuple[list[LabelledText], list[str]]:
    """The rows whose text does not come with two labels of one head, and a line for each text that does."""
    keys = [clean(row.text).casefold() for row in rows]
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row, key in zip(rows, keys, strict=True):
        for head in HEADS:
            if (label := getattr(row, head)) is not None:
                said[key, head].add(label)
    against = {key: head for (key, head), labels in said.items() if len(labels) > 1}
    lines = [
        f"two {head}s for one text, {' and '.join(sorted(said[key, head]))}: '{key[:SHOWN]}'"
        for key, head in against.items()
    ]
    return [row for row, key in zip(rows, keys, strict=True) if key not in against], lines


def held_apart(parts: Mapping[Part, Sequence[LabelledText]]) -> tuple[Parts, int]:
    """The parts without the rows that would tell what is held back: training rows that are near-duplicates of a
    validation or test row, validation rows of a test row. And how many those were."""
    test, validation, train_rows = list(parts["test"]), list(parts["validation"]), list(parts["train"])
    kept_validation = _without_copies(validation, test)
    kept_train = _without_copies(train_rows, kept_validation + test)
    dropped = len(validation) - len(kept_validation) + len(train_rows) - len(kept_train)
    return {"train": kept_train, "validation": kept_validation, "test": test}, dropped


def is_own(row: LabelledText) -> bool:
    """Whether a row is an analyst's, and not one of the project's headlines that are learnt again beside them."""
    return not is_corpus(row.origin)


def _without_copies(rows: Sequence[LabelledText], held: Sequence[LabelledText]) -> list[LabelledText]:
    copies = near_duplicates([row.text for row in rows], [row.text for row in held])
    return [row for row, copy in zip(rows, copies, strict=True) if copy is None]


def _require_rows_of(rows: Sequence[LabelledText], taxonomy: Taxonomy, going_on_from: Bundle | None) -> None:
    """A topic that somebody asked for beside the known ones needs rows."""
    known = going_on_from.taxonomy.topics if going_on_from else Taxonomy().topics
    labelled = {row.topic for row in rows}
    missing = [topic for topic in taxonomy.topics if topic not in known and topic not in labelled]
    if missing:
        raise UsageError(f"no row has the new topic {', '.join(missing)}: label some, or leave out --topic")


def _require_enough(parts: Mapping[Part, Sequence[LabelledText]], continued: bool) -> None:
    rows = sum(map(len, parts.values()))
    if len(parts["train"]) < FEWEST_ROWS or not parts["test"] or not parts["validation"]:
        raise InputError(
            f"{rows} labelled rows are too few to train on and hold some back: label at least 100, or start from a "
            "model that knows the rest (--base bundled)"
        )
    for head in HEADS:
        classes = {getattr(row, head) for row in parts["train"]} - {None}
        if len(classes) == 1:
            raise InputError(f"all rows have the same {head}: a model needs two or more to tell apart")
        if head == "sentiment" and not classes and not continued:
            raise InputError(
                "no row has a sentiment: label it too, or start from a model that knows it (--base bundled)"
            )
