"""What a training is given: label files read, contradictions and near-copies taken out, parts held apart."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from model.bundle import Bundle
from model.errors import InputError, UsageError
from model.masking import Masker
from model.taxonomy import Taxonomy
from training.labels import (
    HEADS,
    LabelledText,
    LabelSet,
    Part,
    corpus_files,
    is_own,
    part_of,
    read_labels,
    read_texts,
    split,
    without_contradictions,
)
from training.neardup import without_copies
from training.rehearsal import SHOWN_AGAIN, rehearsal, some

FEWEST_ROWS = 20
CONTRADICTIONS_TOLD = 10

Say = Callable[[str], None]
Parts = dict[Part, list[LabelledText]]


def gather(
    paths: Sequence[str],
    taxonomy: Taxonomy,
    going_on_from: Bundle | None,
    language: str,
    say: Say,
    strict: bool = False,
    masker: Masker = Masker(),  # noqa: B008  (frozen)
    rehearsed: Sequence[str] = (),
) -> tuple[Parts, int]:
    """The parts of the label files' rows, and how many rows were left out as near-copies of rows that are held back.

    Held back are the rows of the test part, and those of the project's own headlines even if they are not given: the
    promotion gate judges by them. With a bundle that a training goes on from, the project's own headlines in its
    languages come with the files, so that they are not forgotten; and so does a sample of the texts in the files
    `rehearsed`, without labels, for the training part. `language`: the labels'. Bad rows and texts with two
    labels are told and left out; `strict` raises for the first.

    Raises InputError if a file cannot be read, if the rows are too few or if there is no text to rehearse, UsageError
    for a topic of the taxonomy's that neither the bundle nor a row has.
    """
    if going_on_from is not None:
        paths = [*paths, *_not_among(paths, corpus_files(going_on_from.manifest.languages))]
    labels = read_labels(paths, taxonomy, masker)
    _usable(labels, say, strict)
    _require_rows_of(labels.rows, taxonomy, going_on_from)
    rows, contradictions = without_contradictions(labels.rows)
    if contradictions and strict:
        raise InputError(contradictions[0])
    for line in contradictions[:CONTRADICTIONS_TOLD]:
        say(line)
    left = len(labels.rows) - len(rows)
    told = f"left out: {len(labels.problems):,} bad rows, {left:,} whose text has two labels"
    corpus = read_labels(_not_among(paths, corpus_files([language])), taxonomy, masker).rows
    judging = [row for row in corpus if part_of(row.text) == "test"]
    parts, dropped = held_apart(split(rows), judging)
    say(f"{told}, {dropped:,} near-copies of rows that are held back")
    say(", ".join(f"{part} {len(of):,}" for part, of in parts.items()) + " rows")
    _require_enough(parts, going_on_from is not None)
    if rehearsed:
        texts = _usable(read_texts(rehearsed, masker), say, strict)
        if not texts:
            raise InputError(f"no text to rehearse in {', '.join(rehearsed)}: a row needs a title or text")
        kept = rehearsal(texts, parts, judging)
        own = [row for row in parts["train"] if is_own(row)]
        again = some([row for row in parts["train"] if not is_own(row)], SHOWN_AGAIN - len(kept))
        parts["train"] = [*own, *again, *kept]
        say(f"rehearsed without labels: {len(kept):,} of {len(texts):,} texts; {len(again):,} of our own")
    elif going_on_from is not None:
        say("no news is rehearsed: what it thinks of yours may change (newsquall labels sample, train --rehearse FILE)")
    return parts, dropped


def _usable(read: LabelSet, say: Say, strict: bool) -> list[LabelledText]:
    for problem in read.problems:
        if strict:
            raise InputError(problem)
        say(problem)
    return read.rows


def held_apart(parts: Mapping[Part, Sequence[LabelledText]], judging: Sequence[LabelledText] = ()) -> tuple[Parts, int]:
    """The parts without the rows that would tell what is held back: training rows that are near-duplicates of a
    validation or test row, validation rows of a test row; `judging`: rows that are held back beside those of the test
    part. And how many those were."""
    test, validation, train_rows = list(parts["test"]), list(parts["validation"]), list(parts["train"])
    held = [*test, *judging]
    kept_validation = without_copies(validation, held)
    kept_train = without_copies(train_rows, kept_validation + held)
    dropped = len(validation) - len(kept_validation) + len(train_rows) - len(kept_train)
    return {"train": kept_train, "validation": kept_validation, "test": test}, dropped


def _not_among(paths: Sequence[str], files: Sequence[str]) -> list[str]:
    given = {Path(path).resolve() for path in paths}
    return [file for file in files if Path(file).resolve() not in given]


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
