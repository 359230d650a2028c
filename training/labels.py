"""Labelled texts from files, and their split into parts that do not share a text."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from model.masking import Masker
from model.taxonomy import Taxonomy
from model.text import clean, has_words
from stream.rows import BadRow, read_rows

# The headlines that were written for this project, one file a topic.
CORPUS = Path(__file__).parent / "corpus"
OWN = "corpus"  # their origin

HEADS = ("topic", "sentiment")
SHOWN = 80  # characters of a text in a message

Part = Literal["train", "validation", "test"]

# Of a hundred texts: the rest trains. Validation decides when to stop; test is only ever reported.
VALIDATION_PERCENT = 5
TEST_PERCENT = 10

_NOT_LETTERS = re.compile(r"[^\w]+|\d+|_")


@dataclass(frozen=True)
class LabelledText:
    """A text with the labels that it has; a head without a label here does not learn from it."""

    text: str
    topic: str | None
    sentiment: str | None
    origin: str  # the file's name without suffix; `corpus` for the files of training/corpus, `corpus-zh` of its zh/
    entities: Mapping[str, str] = field(default_factory=dict)  # name -> the sentiment towards it
    source: str = ""
    language: str = ""


@dataclass
class LabelSet:
    """What was read: the usable rows, and a line of plain words for each that was not."""

    rows: list[LabelledText] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_labels(
    paths: Iterable[str],
    taxonomy: Taxonomy,
    masker: Masker = Masker(),  # noqa: B008  (frozen)
) -> LabelSet:
    """Read label files (columns title or text, topic, sentiment, entities). Topics of public sets are mapped to the
    taxonomy, and texts are masked as the stream masks what it scores.

    A row with an unknown label, without any label or without a text is a problem, not a row. Raises InputError if a
    file cannot be read at all.
    """
    result = LabelSet()
    for where, origin, text, fields in _texts(paths, masker, result.problems):
        labels: dict[str, str | None] = {"topic": None, "sentiment": None}
        unknown = False
        for head, resolve in (
            ("topic", taxonomy.resolve_topic),
            ("sentiment", taxonomy.resolve_sentiment),
        ):
            given = _given(fields, head)
            if not given:
                continue
            labels[head] = resolve(given)
            if labels[head] is None:
                result.problems.append(f"{where}: unknown {head} '{given}'")
                unknown = True
        if unknown:
            continue
        entities = _entities(fields.get("entities"), taxonomy)
        if labels["topic"] is None and labels["sentiment"] is None and not entities:
            result.problems.append(f"{where}: no label")
        else:
            result.rows.append(
                LabelledText(
                    text,
                    labels["topic"],
                    labels["sentiment"],
                    origin,
                    entities,
                    _given(fields, "source"),
                    _given(fields, "language"),
                )
            )
    return result


def read_texts(
    paths: Iterable[str],
    masker: Masker = Masker(),  # noqa: B008  (frozen)
) -> LabelSet:
    """Read the texts of files (a column title or text), masked as the stream masks what it scores, as rows without
    labels, whichever they have there. A row without a text is a problem. Raises InputError if a file cannot be read at
    all."""
    result = LabelSet()
    for _, origin, text, fields in _texts(paths, masker, result.problems):
        source, language = _given(fields, "source"), _given(fields, "language")
        result.rows.append(LabelledText(text, None, None, origin, source=source, language=language))
    return result


def _texts(
    paths: Iterable[str], masker: Masker, problems: list[str]
) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Of each row that has a text: where it stands, its origin, the masked text, its fields."""
    for path in paths:
        origin = _origin(Path(path).resolve())
        for row in read_rows(path):
            where = f"{path}:{row.line}"
            if isinstance(row, BadRow):
                problems.append(f"{where}: {row.reason}")
                continue
            text = masker.mask(_given(row.fields, "title") or _given(row.fields, "text")).text
            if has_words(clean(text)):
                yield where, origin, text, row.fields
            else:
                problems.append(f"{where}: no text")


def _given(fields: Mapping[str, Any], name: str) -> str:
    """A field's text; empty where the row has none, or null, or nothing but spaces."""
    value = fields.get(name)
    text = "" if value is None else str(value)
    return text if text.strip() else ""


def corpus_files(languages: Iterable[str]) -> list[str]:
    """The files of the project's own headlines in some languages (RFC 5646)."""
    spoken = {language.lower().partition("-")[0] for language in languages}
    folders = [CORPUS / ("" if language == "en" else language) for language in sorted(spoken)]
    return [str(path) for folder in folders for path in sorted(folder.glob("*.csv"))]


def is_corpus(origin: str) -> bool:
    """Whether rows of an origin are the project's own headlines."""
    return origin == OWN or origin.startswith(f"{OWN}-")


def is_own(row: LabelledText) -> bool:
    """Whether a row is an analyst's label, and not one of the texts that are shown again beside those."""
    is_labelled = row.topic is not None or row.sentiment is not None or bool(row.entities)
    return is_labelled and not is_corpus(row.origin)


def _origin(path: Path) -> str:
    if path.parent == CORPUS:
        return OWN
    if path.parent.parent == CORPUS:
        return f"{OWN}-{path.parent.name}"
    # Names that mean something else here: somebody's corpus.csv is not the project's, and `all` is the sum of origins.
    return f"file-{path.stem}" if is_corpus(path.stem) or path.stem == "all" else path.stem


def _entities(given: Any, taxonomy: Taxonomy) -> Mapping[str, str]:
    """A row's entities with the sentiment towards each; none where the cell says nothing of the kind: many have lists
    of names there, and a cell that cannot be read costs no row."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(given, dict):
        return {}
    towards = {name: taxonomy.resolve_sentiment(each) for name, each in given.items() if isinstance(each, str)}
    return {name: sentiment for name, sentiment in towards.items() if sentiment and has_words(clean(name))}


def story_key(text: str) -> str:
    """A text's letters only: copies that differ in numbers, links, case or punctuation have the same key."""
    return _NOT_LETTERS.sub(" ", clean(text).lower()).strip()


def text_key(text: str) -> str:
    """What two texts share that one label is for: all that the model reads of them, but for case.

    Figures and punctuation count, unlike in story_key, which keeps copies of a story on one side of the
    split: 'EPS 1.10 vs 0.95' and 'EPS 0.95 vs 1.10' are opposite news, and a question mark can make a headline neutral.
    Links, HTML entities, invisible characters and spacing are cleaned away before the model sees them, and nobody
    labels ACME FALLS otherwise than Acme falls.
    """
    return hashlib.blake2b(clean(text).casefold().encode(), digest_size=16).hexdigest()


def part_of(text: str) -> Part:
    """The part that a text falls into: by a hash of its key, so the same in every run and on every machine, and
    the same for copies that differ only in numbers or punctuation."""
    percent = int.from_bytes(hashlib.blake2b(story_key(text).encode(), digest_size=4).digest(), "big") % 100
    if percent < TEST_PERCENT:
        return "test"
    return "validation" if percent < TEST_PERCENT + VALIDATION_PERCENT else "train"


def split(rows: Sequence[LabelledText]) -> dict[Part, list[LabelledText]]:
    """The rows by part, each in the order given."""
    parts: dict[Part, list[LabelledText]] = {"train": [], "validation": [], "test": []}
    for row in rows:
        parts[part_of(row.text)].append(row)
    return parts


def without_contradictions(rows: Sequence[LabelledText]) -> tuple[list[LabelledText], list[str]]:
    """The rows whose text does not come with two labels of one head, and a line for each text that does."""
    keys = [text_key(row.text) for row in rows]
    texts = {key: clean(row.text).casefold() for row, key in zip(rows, keys, strict=True)}
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row, key in zip(rows, keys, strict=True):
        for head in HEADS:
            if (label := getattr(row, head)) is not None:
                said[key, head].add(label)
    against = {key: head for (key, head), labels in said.items() if len(labels) > 1}
    lines = [
        f"two {head}s for one text, {' and '.join(sorted(said[key, head]))}: '{texts[key][:SHOWN]}'"
        for key, head in against.items()
    ]
    return [row for row, key in zip(rows, keys, strict=True) if key not in against], lines
