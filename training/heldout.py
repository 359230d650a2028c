"""The rows that judge at the gate: labelled texts that no training has seen, whichever model is asked about them.

A text belongs to the test part by a hash of its letters (training.labels), in every training alike. So it is enough to
know that a model was trained by `newsquall train`; what any other training has seen is not known, and is said.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from model.bundle import Bundle
from model.masking import Masker
from model.taxonomy import Taxonomy
from stream.archive import Archive, archive_errors
from stream.records import Label
from training.labelbook import LabelBook, agreed
from training.labels import LabelledText, part_of, read_labels, text_key, without_contradictions

REPORT = "report.json"
# The origin of rows of the book of labels.
BOOK = "labels"


@dataclass(frozen=True)
class HeldOut:
    """Rows of the test part, of `read` usable ones, and a line for each row that could not be used."""

    rows: list[LabelledText]
    read: int
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: "HeldOut") -> "HeldOut":
        both = test_part([*self.rows, *other.rows])
        return HeldOut(both, self.read + other.read, self.problems + other.problems)

    def origins(self) -> dict[str, int]:
        """How many of the rows come from where."""
        return dict(sorted(Counter(row.origin for row in self.rows).items()))


def of_files(
    paths: Iterable[str],
    taxonomy: Taxonomy,
    masker: Masker = Masker(),  # noqa: B008  (frozen)
) -> HeldOut:
    """The held-back rows of label files. Raises InputError if a file cannot be read at all."""
    found = read_labels(paths, taxonomy, masker)
    return HeldOut(test_part(found.rows), len(found.rows), found.problems)


def of_book(url: str, taxonomy: Taxonomy) -> HeldOut:
    """The held-back texts of an archive's book of labels; none, and none made, where there is no such archive yet.

    Raises ArchiveError.
    """
    where = sa.make_url(url)
    if where.get_backend_name() == "sqlite" and not Path(where.database or "").is_file():
        return HeldOut([], 0)
    archive = Archive(url)
    try:
        labels = LabelBook(archive.engine).current()
        with archive_errors("the archive cannot be read"):
            known = archive.find(label.headline_id for label in labels)
    finally:
        archive.close()
    return of_labels(labels, taxonomy, {id_: headline.source for id_, headline in known.items()})


def of_labels(labels: Sequence[Label], taxonomy: Taxonomy, sources: Mapping[str, str]) -> HeldOut:
    """The held-back texts of people's labels, but for those on which annotators differ. `sources`: who published the
    headline of an id, where that is known."""
    rows, strange = [], Counter[str]()
    for label in agreed(labels).labels:
        topic = taxonomy.resolve_topic(label.topic) if label.topic else None
        if label.topic and topic is None:
            strange[label.topic] += 1
            continue
        source = sources.get(label.headline_id, "")
        rows.append(LabelledText(label.title, topic, label.sentiment, BOOK, label.entities, source, label.language))
    problems = [
        f"the book of labels: topic '{name}' of {counted} texts is known to neither model"
        for name, counted in sorted(strange.items())
    ]
    return HeldOut(test_part(rows), len(rows), problems)


def test_part(rows: Iterable[LabelledText]) -> list[LabelledText]:
    """Each text once, with the labels of all its rows: counted twice it would judge twice. None that has two labels of
    one head."""
    kept: dict[str, LabelledText] = {}
    agreeing, _ = without_contradictions([row for row in rows if part_of(row.text) == "test"])
    for row in agreeing:
        key = text_key(row.text)
        first = kept.setdefault(key, row)
        kept[key] = replace(first, topic=first.topic or row.topic, sentiment=first.sentiment or row.sentiment)
    return list(kept.values())


def report_of(bundle: Bundle) -> dict[str, Any]:
    """What a bundle's own report says; empty where it brings none that can be read."""
    if REPORT not in bundle.manifest.files:
        return {}
    try:
        report = json.loads(Path(bundle.folder / REPORT).read_bytes())
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def keeps_apart(bundle: Bundle) -> bool:
    """Whether a bundle is known to come from a training that held the test part back, from a base and teachers of which
    that is known too: its report tells the parts, and whether those were."""
    report = report_of(bundle)
    parts = report.get("rows")
    return isinstance(parts, dict) and "test" in parts and report.get("taught_apart") is not False
