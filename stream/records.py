"""The records on the wire: JSON, one typed definition each. Times are RFC 3339 with an offset, in UTC when we write."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta, Struct

from model.text import MAX_TITLE_CHARACTERS

Sentiment = Literal["negative", "neutral", "positive"]

MINUTE = timedelta(minutes=1)
# No newspaper of the wire's age is older; a date before it is a parser's zero.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

# No NUL: PostgreSQL keeps none in a text, so a headline with one could be archived nowhere, however often it is tried.
_NO_NUL = r"^[^\x00]*$"

# What files call published_at.
DATE_COLUMNS = ("date", "time", "timestamp")

MAX_SOURCE_CHARACTERS = 256
# Of probabilities on the wire: finer would be noise of the arithmetic.
DIGITS = 6

Identifier = Annotated[str, Meta(min_length=1, max_length=256, pattern=_NO_NUL)]


class Headline(Struct, frozen=True, omit_defaults=True):
    """One piece of news, as a producer writes it to news.headlines. Fields that are not named here are passed over."""

    id: Identifier
    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE_CHARACTERS, pattern=_NO_NUL)]
    published_at: datetime
    source: Annotated[str, Meta(max_length=MAX_SOURCE_CHARACTERS, pattern=_NO_NUL)] = ""
    url: Annotated[str, Meta(max_length=4096, pattern=_NO_NUL)] = ""
    body: str | None = None
    language: Annotated[str, Meta(max_length=35)] | None = None
    entities: list[Annotated[str, Meta(max_length=256)]] | None = None


class Origin(Struct, frozen=True):
    """Where in news.headlines a record was read."""

    partition: int
    offset: int


class ScoredHeadline(Struct, frozen=True):
    """A headline with what the model says of it. `entities`: the sentiment towards each that it names;
    `entity_probabilities`: of the three sentiments towards each, empty where the model was not taught to tell."""

    id: str
    title: str
    source: str
    url: str
    published_at: datetime
    scored_at: datetime
    topic: str
    topic_probability: float
    sentiment: Sentiment
    probabilities: dict[str, float]
    polarity: float
    entities: dict[str, Sentiment]
    fingerprint: str
    model: str
    origin: Origin | None = None
    entity_probabilities: dict[str, dict[str, float]] = {}

    def towards(self, entity: str) -> "ScoredHeadline":
        """The headline as it is for one of its entities: with the sentiment towards it, and where they are known the
        probabilities and the polarity."""
        seen = msgspec.structs.replace(self, sentiment=self.entities[entity])
        if (probabilities := self.entity_probabilities.get(entity)) is None:
            return seen
        return msgspec.structs.replace(seen, probabilities=probabilities, polarity=polarity_of(probabilities))


def polarity_of(probabilities: Mapping[str, float]) -> float:
    """p(positive) - p(negative), in [-1, 1], as exact as probabilities are on the wire."""
    return round(probabilities["positive"] - probabilities["negative"], DIGITS)


def chosen(probabilities: Mapping[str, float]) -> Sentiment:
    """The likeliest sentiment; of equals the first in the taxonomy's order, as the scorer has it."""
    return cast(Sentiment, max(("negative", "neutral", "positive"), key=lambda name: probabilities[name]))


class TallyEntry(Struct, frozen=True, array_like=True):
    """What a subject's count needs of one headline. `minute`: minutes since 1970 of published_at."""

    id: str
    minute: int
    sentiment: Sentiment
    polarity: float
    fingerprint: str
    source: str


class Tally(Struct, frozen=True):
    """One subject's headlines out of one micro-batch, all scored by one model."""

    subject: str
    model: str
    entries: list[TallyEntry]


Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=_NO_NUL)]
LabelSource = Literal["import", "review", "verdict"]


class Label(Struct, frozen=True, omit_defaults=True):
    """What a person says of a headline: its topic, its sentiment or both. `source`: out of a file, a review of the
    model's score, or an on-call's verdict on a page. `entities`: the sentiment towards each that was labelled."""

    headline_id: Identifier
    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE_CHARACTERS, pattern=_NO_NUL)]
    annotator: Name
    labelled_at: datetime
    source: LabelSource
    topic: Annotated[str, Meta(max_length=64)] | None = None
    sentiment: Sentiment | None = None
    entities: dict[Annotated[str, Meta(max_length=256, pattern=_NO_NUL)], Sentiment] = {}
    language: Annotated[str, Meta(max_length=35, pattern=_NO_NUL)] = ""


class RejectedHeadline(Struct, frozen=True):
    """What could not be read or scored. `payload`: its bytes in base64, personal data masked, cut at a bound;
    `payload_bytes`: how many there were before the cut."""

    reason: str
    detail: str
    rejected_at: datetime
    origin: Origin
    payload: str
    payload_bytes: int


class TrendPoint(Struct, frozen=True):
    """One subject's minute once it is over. `baseline` and `surprise` are of `window`, the most surprising one;
    both are null while the subject's history is too short to judge."""

    subject: str
    minute: datetime
    counts: dict[str, int]
    stories: int
    sources: int
    polarity: float
    window: str
    baseline: float | None
    surprise: float | None


# Every reason for which a headline is refused: a field's name where that field does not hold.
REASONS = (
    "empty",  # no value
    "not_json",
    "not_a_headline",  # JSON, but no object with a headline's fields
    *Headline.__struct_fields__,
    "in_the_future",
    "too_old",
    "no_words",  # nothing to read: an emoji alone
    "unknown_script",  # the model's vocabulary does not know it
)


class Rejection(Exception):  # noqa: N818  (an answer to a producer, not a failure of ours)
    """A headline that is refused, with a machine-readable reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def encode(record: Struct) -> bytes:
    """A record's JSON."""
    return msgspec.json.encode(record)


DAY_MINUTES = 24 * 60


def minute_of(moment: datetime) -> int:
    """Minutes since 1970 in UTC."""
    return int(moment.timestamp()) // 60


def at_minute(minute: int) -> datetime:
    """The beginning of a minute that is counted since 1970."""
    return datetime.fromtimestamp(minute * 60, UTC)


_headline = msgspec.json.Decoder(Headline)


def decode_headline(payload: bytes | None, now: datetime, future_tolerance: timedelta) -> Headline:
    """Read a record of news.headlines. Raises Rejection.

    A time without an offset is taken as UTC. Beyond `future_tolerance` after `now` a date is refused: it would sit
    in tomorrow's window and count there.
    """
    if not payload:
        raise Rejection("empty", "the record has no value")
    try:
        headline = _headline.decode(payload)
    except msgspec.ValidationError as error:
        raise Rejection(_reason_of(str(error)), str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejection("not_json", str(error)) from error
    return checked(headline, now, future_tolerance)


def headline_from_row(fields: Mapping[str, Any], now: datetime, future_tolerance: timedelta) -> Headline:
    """A headline from a file's row, where everything may be a string: `date` or `time` is taken for published_at,
    a missing id is made from source, time and title, so that the same row has the same id again. Raises Rejection.
    """
    row = dict(fields)
    for name in DATE_COLUMNS:
        if name in row:
            row.setdefault("published_at", row.pop(name))
    if isinstance(row.get("entities"), str):
        try:
            named = msgspec.json.decode(row["entities"])
        except msgspec.DecodeError:
            named = row["entities"].split(";")
        except RecursionError as error:
            raise Rejection("entities", "entities are nested too deep") from error
        row["entities"] = list(named) if isinstance(named, dict | list) else None
    if isinstance(row.get("published_at"), str) and len(row["published_at"]) == len("2018-03-20"):
        row["published_at"] += "T00:00:00Z"
    row.setdefault("id", row_id(row))
    row.setdefault("published_at", now.isoformat())  # after the id, which must not depend on when the row is read
    if isinstance(row["id"], int):
        row["id"] = str(row["id"])
    try:
        headline = msgspec.convert(row, Headline)
    except msgspec.ValidationError as error:
        raise Rejection(_reason_of(str(error)), str(error)) from error
    return checked(headline, now, future_tolerance)


def row_id(row: Mapping[str, Any]) -> str:
    """An id for a row that has none, the same whenever the row is."""
    dates = ("published_at", *DATE_COLUMNS)
    when = next((row[name] for name in dates if row.get(name)), "")
    parts = "\x1f".join(map(str, (row.get("source", ""), when, row.get("url", ""), row.get("title", ""))))
    return hashlib.blake2b(parts.encode(), digest_size=12).hexdigest()


def checked(headline: Headline, now: datetime, future_tolerance: timedelta) -> Headline:
    """The headline with its time in UTC. Raises Rejection for a time that cannot be true."""
    published = headline.published_at
    try:
        published = published.replace(tzinfo=UTC) if published.tzinfo is None else published.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise Rejection("published_at", f"published_at cannot be read: {error}") from error
    if published > now + future_tolerance:
        raise Rejection("in_the_future", f"published_at {published.isoformat()} lies after {now.isoformat()}")
    if published < EARLIEST:
        raise Rejection("too_old", f"published_at {published.isoformat()} lies before {EARLIEST.date()}")
    if not headline.title.strip():
        raise Rejection("title", "the title is empty")
    return msgspec.structs.replace(headline, published_at=published)


def _reason_of(message: str) -> str:
    """The field that a validation error is about: "... - at `$.title`" -> title; a missing one likewise."""
    for field in Headline.__struct_fields__:
        if f"$.{field}" in message or f"`{field}`" in message:
            return field
    return "not_a_headline"
