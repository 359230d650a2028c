"""Labels in the files that people label in: CSV, JSONL and Label Studio's JSON, read row by row, and written."""

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from model.errors import InputError, UsageError
from model.masking import Masker
from model.taxonomy import TOPIC_ALIASES, Taxonomy
from model.text import MAX_TITLE_CHARACTERS, clean, has_words
from stream.records import Label, row_id
from stream.rows import BadRow, read_rows
from training.labelbook import BETWEEN_NAMES
from training.labels import HEADS
from training.labelstudio import annotations, read_tasks

SUFFIXES = (".csv", ".jsonl", ".ndjson", ".json")
UNNAMED = "unnamed"  # the annotator of rows that name none

_TOPIC = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What other people call a column of labels, in whose place they are told which one is meant.
_NOT_OURS = ("label", "labels", "category", "class", "tag", "polarity")
# What a spreadsheet takes for a formula; a headline comes from anybody.
_FORMULA = ("=", "+", "-", "@")
_HIGH = re.compile(rb"[\x80-\xff]+")


class Found(NamedTuple):
    """A label and where it stands: path:line, or path: task N."""

    where: str
    label: Label


class Problem(NamedTuple):
    """A row that is no label, and why. `topic`: the unknown one that it names, if that is why."""

    where: str
    reason: str
    topic: str | None = None


@dataclass
class LabelFile:
    """What a file says. `unlabelled`: rows that nobody has labelled (yet). `skipped`: tasks that an annotator passed
    over. `notes`: what is odd about the file as a whole."""

    path: str
    found: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unlabelled: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)


class _BadLabel(Exception):  # noqa: N818  (an answer about a row, not a failure of ours)
    def __init__(self, reason: str, topic: str | None = None) -> None:
        super().__init__(reason)
        self.topic = topic


@dataclass(frozen=True)
class Reader:
    """Reads label files. `annotator`: who labelled rows that name nobody. `now`: when, where they do not say. The
    titles are masked as the stream masks them."""

    taxonomy: Taxonomy
    annotator: str
    now: datetime
    masker: Masker = field(default_factory=Masker)

    def read(self, path: str) -> LabelFile:
        """A file's labels: .csv, .jsonl, .ndjson, or an export of Label Studio's as .json (JSON or JSON-MIN); - is
        JSONL on standard input. A bad row is a problem and the rest is read. Raises InputError if the file itself is
        of no use: one line that says why and what to do.
        """
        refuse_unreadable(path)
        if Path(path).suffix.lower() == ".json":
            return self._annotations(path)
        return self._rows(path)

    def _rows(self, path: str) -> LabelFile:
        result = LabelFile(path)
        header = _header(path)
        columns = set(header)
        for row in read_rows(path):
            where = f"{path}:{row.line}"
            if isinstance(row, BadRow):
                result.problems.append(Problem(where, row.reason))
                continue
            if not header:
                columns |= row.fields.keys()
            self._take(result, where, row.fields, row.fields.get("annotator"))
        _require_labels(result, columns, "column")
        if path != "-" and any(problem.reason.startswith("not UTF-8") for problem in result.problems):
            result.notes.append(f"{path} is {encoding_of(Path(path).read_bytes())}, not UTF-8: save it as 'CSV UTF-8'")
        if "scored_at" in columns:
            result.notes.append(f"{path} looks like a model's scores: as labels they teach it its own errors")
        return result

    def _annotations(self, path: str) -> LabelFile:
        result = LabelFile(path)
        names: set[str] = set()
        for task, fields, annotator, skipped, fault in annotations(read_tasks(path)):
            names |= fields.keys()
            if fault is not None:
                result.problems.append(Problem(f"{path}: {task}", fault))
            elif skipped:
                result.skipped += 1
            else:
                self._take(result, f"{path}: {task}", fields, annotator)
        _require_labels(result, names, "choice")
        return result

    def _take(self, result: LabelFile, where: str, fields: Mapping[str, Any], annotator: object) -> None:
        try:
            labels = self._labels(fields, annotator)
        except _BadLabel as bad:
            result.problems.append(Problem(where, str(bad), bad.topic))
            return
        result.found += [Found(where, label) for label in labels]
        result.unlabelled += not labels

    def _labels(self, fields: Mapping[str, Any], annotator: object) -> list[Label]:
        """A row's labels, one for each annotator that it names; none if it is not labelled."""
        text = str(_given(fields, "title") or _given(fields, "text") or "")
        topic, sentiment = (_choice(fields, head) for head in HEADS)
        if topic is None and sentiment is None:
            return []
        if not has_words(clean(text)):
            raise _BadLabel("no text")
        if len(text) > MAX_TITLE_CHARACTERS:
            raise _BadLabel(f"the text has {len(text):,} characters, a headline {MAX_TITLE_CHARACTERS:,} at most")
        _require_unicode(text)
        topic, sentiment = self._resolved(topic, sentiment)
        label = {
            "headline_id": str(
                _given(fields, "headline_id") or _given(fields, "id") or row_id({**fields, "title": text})
            ),
            "title": self.masker.mask(text).text,
            "labelled_at": _moment(_given(fields, "labelled_at") or _given(fields, "updated_at"), self.now),
            "source": "import",
            "topic": topic,
            "sentiment": sentiment,
            "entities": _entities(_given(fields, "entities")),
            "language": str(_given(fields, "language") or ""),
        }
        names = [name.strip() for name in str(annotator or "").split(BETWEEN_NAMES)]
        names = [name for name in dict.fromkeys(names) if name] or [self.annotator]
        try:
            return [msgspec.convert({**label, "annotator": name}, Label) for name in names]
        except msgspec.ValidationError as error:
            raise _BadLabel(str(error)) from error

    def _resolved(self, topic: str | None, sentiment: str | None) -> tuple[str | None, str | None]:
        """The labels by the taxonomy's own names, whatever they are called in the file."""
        wrong, unknown = [], None
        names = [self.taxonomy.resolve_topic(topic or ""), self.taxonomy.resolve_sentiment(sentiment or "")]
        if topic and names[0] is None:
            unknown = topic
            near = _near(topic, [*self.taxonomy.topics, *TOPIC_ALIASES])
            near = near and self.taxonomy.resolve_topic(near)
            wrong.append(f"unknown topic '{topic}'" + (f", did you mean '{near}'?" if near else ""))
        if sentiment and names[1] is None:
            near = _near(sentiment, self.taxonomy.sentiments)
            told = f"did you mean '{near}'?" if near else f"it is {', '.join(self.taxonomy.sentiments)}"
            wrong.append(f"unknown sentiment '{sentiment}', {told}")
        if wrong:
            raise _BadLabel("; ".join(wrong), unknown)
        return names[0], names[1]


def _require_unicode(text: str) -> None:
    """JSON can escape what no file can hold. Raises _BadLabel."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _BadLabel("the text is no Unicode: it holds half of a pair of surrogates") from error


def _near(given: str, names: Sequence[str]) -> str | None:
    near = get_close_matches(given.strip().lower().replace(" ", "_"), names, n=1)
    return near[0] if near else None


def require_new_topic(name: str) -> str:
    """The name, if a new topic may have it. Raises UsageError."""
    if not _TOPIC.fullmatch(name):
        raise UsageError(
            f"'{name}' is no name for a topic: lower case letters, digits and underscores, a letter first, 40 at most"
        )
    known = TOPIC_ALIASES.get(name, name)
    if known != name:
        raise UsageError(f"'{name}' is what public sets call the topic {known}: give the new topic another name")
    return name


def refuse_unreadable(path: str) -> None:
    """Raise InputError for what no row can be read of: a folder, an empty or unreadable file, another format or
    encoding, another separator."""
    if path == "-":
        return
    file = Path(path)
    if file.is_dir():
        raise InputError(f"{path} is a folder: give the files in it")
    if file.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path}: labels are read from .csv, .jsonl, .ndjson and Label Studio's .json, not from "
            f"'{file.suffix or 'no suffix'}': save the sheet as 'CSV UTF-8'"
        )
    try:
        with file.open("rb") as opened:
            beginning = opened.read(4096)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not beginning.strip(b"\xef\xbb\xbf\r\n\t "):
        raise InputError(f"{path} is empty")
    if _is_utf_16(beginning):
        raise InputError(f"{path} is UTF-16: save it as 'CSV UTF-8' (or iconv -f UTF-16 -t UTF-8)")
    header = beginning.splitlines()[0]
    if file.suffix.lower() == ".csv" and b"," not in header:
        for separator, called in ((b";", "semicolons"), (b"\t", "tabs")):
            if separator in header:
                raise InputError(f"{path} is separated by {called}: save it with commas between the columns")


def _header(path: str) -> set[str]:
    """The columns of a CSV, of which a row has those that are filled in; none of another file."""
    if Path(path).suffix.lower() != ".csv":
        return set()
    with Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            return {name.strip().lower() for name in next(csv.reader(file), [])}
        except csv.Error:  # which the reading of the rows tells
            return set()


def _is_utf_16(beginning: bytes) -> bool:
    # Without a mark, by the zero beside each letter of ASCII.
    return beginning.startswith((b"\xff\xfe", b"\xfe\xff")) or beginning.count(0) > len(beginning) // 4


def encoding_of(content: bytes) -> str:
    """What text that is not UTF-8 seems to be written in, as a person would name it.

    >>> encoding_of("Société".encode("cp1252")), encoding_of("利润下降".encode("gb18030"))
    ('Windows-1252 (Latin-1)', 'GB 18030 (Chinese)')
    """
    # Letters of the West stand alone among others of ASCII; a Chinese character is two bytes, and seldom alone.
    runs = _HIGH.findall(content)
    together = sum(len(run) for run in runs if len(run) > 1)
    return "GB 18030 (Chinese)" if together > 0.8 * sum(map(len, runs)) else "Windows-1252 (Latin-1)"


def _require_labels(result: LabelFile, seen: Collection[str], what: str) -> None:
    """Raises InputError if no row has a label: then it is the file that is wrong, not each row."""
    if result.found or result.problems or not (result.unlabelled or result.skipped):
        return
    if set(HEADS) & set(seen):
        raise InputError(f"{result.path} has no label: nobody has filled in a topic or a sentiment yet")
    ours = next((name for name in seen if name.lower() in _NOT_OURS), None)
    advice = f": call the {what} '{ours}' topic or sentiment, whichever it is" if ours else ""
    raise InputError(f"{result.path} has no {what} 'topic' or 'sentiment'{advice}; found {', '.join(sorted(seen))}")


def _given(fields: Mapping[str, Any], name: str) -> Any:
    """A field's value, None if it is blank. Space around it is a typist's, or keeps a spreadsheet from a formula."""
    value = fields.get(name)
    return value.strip() or None if isinstance(value, str) else value


def _choice(fields: Mapping[str, Any], head: str) -> str | None:
    """A head's value: text, or as Label Studio writes it where a control allows more than one."""
    value = _given(fields, head)
    if isinstance(value, dict):
        value = value.get("choices")
    if isinstance(value, list):
        if len(value) > 1:
            raise _BadLabel(f"more than one {head}: {', '.join(map(str, value))}")
        value = value[0] if value else None
    return str(value).strip() or None if value is not None else None


def _moment(given: object, now: datetime) -> datetime:
    if given is None:
        return now
    try:
        moment = datetime.fromisoformat(str(given))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _BadLabel(f"labelled_at '{given}' is no date: write 2026-03-31 or 2026-03-31T14:05:00Z") from error


def _entities(given: object) -> object:
    """Entities with the sentiment towards each. A list of names says nothing of sentiment, and is no label."""
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise _BadLabel(f"entities are not JSON: {error}") from error
    return given if isinstance(given, dict) else {}


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV. A cell that a spreadsheet would take for a formula has a space before it, which a reader drops."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([spreadsheet_cell(row.get(column)) for column in columns])
    return text.getvalue()


def spreadsheet_cell(value: Any) -> str:
    """A cell of CSV that no spreadsheet takes for a formula."""
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    text = "" if value is None else str(value)
    return f" {text}" if text.startswith(_FORMULA) else text


def as_jsonl(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as JSON objects, one a line, without the columns that they leave empty."""
    said = ({name: row[name] for name in columns if row.get(name) not in (None, "", {})} for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in said)


def as_json(tasks: Iterable[Mapping[str, Any]]) -> str:
    """Tasks as one JSON list, one a line."""
    return "[\n" + ",\n".join(json.dumps(task, ensure_ascii=False) for task in tasks) + "\n]\n"


def label_row(label: Label, source: str) -> dict[str, Any]:
    """A label as a row that `newsquall train` reads. `source`: who published the headline."""
    return {
        "id": label.headline_id,
        "title": label.title,
        "topic": label.topic,
        "sentiment": label.sentiment,
        "entities": dict(label.entities),
        "language": label.language,
        "source": source,
        "annotator": label.annotator,
        "labelled_at": label.labelled_at.isoformat(),
    }
