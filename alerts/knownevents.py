"""Events that somebody knows of: which of them a history's pages told, how soon, and which they missed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from alerts.backtest import PastPage
from model.errors import InputError
from stream.rows import BadRow, read_rows

# An event that names no end is told of in time within so long of its beginning.
LASTS = timedelta(days=7)


class KnownEvent(Struct, frozen=True):
    """What happened in [since, until), and to which subject, if that is said."""

    name: str
    since: datetime
    until: datetime
    subject: str | None = None


class Told(Struct, frozen=True):
    """A known event and the first page that told of it: when and about what; None where it was missed. `hours`: from
    the event's beginning to the page."""

    name: str
    since: datetime
    fired_at: datetime | None
    subject: str | None
    hours: float | None


def read_events(path: str) -> list[KnownEvent]:
    """Read a list of events, .csv or .jsonl: `name`, `from` and, by choice, `to` and `subject` (topic/NAME or
    entity/NAME). A date stands for its midnight in UTC, and as `to` for its end. Raises InputError that names the line
    of a row that is none.
    """
    events = []
    for row in read_rows(path, ("name",)):
        if isinstance(row, BadRow):
            raise InputError(f"{path}:{row.line}: {row.reason}")
        fields = {key: str(value).strip() for key, value in row.fields.items() if value is not None}
        if not fields.get("from") or not fields.get("name"):
            raise InputError(
                f"{path}:{row.line}: an event has 'name' and 'from', a date, and may have 'to' and 'subject'"
            )
        try:
            since = _moment(fields["from"], timedelta(0))
            until = _moment(fields["to"], timedelta(days=1)) if fields.get("to") else since + LASTS
        except ValueError as error:
            raise InputError(f"{path}:{row.line}: {error}") from error
        if until <= since:
            raise InputError(f"{path}:{row.line}: '{fields['name']}' ends before it begins")
        events.append(KnownEvent(fields["name"], since, until, fields.get("subject") or None))
    return events


def told(events: Iterable[KnownEvent], pages: Sequence[PastPage]) -> list[Told]:
    """Of each event the first page that fired in it, about its subject if it has one."""
    result = []
    for event in events:
        page = next(
            (
                page
                for page in sorted(pages, key=lambda each: each.fired_at)
                if event.since <= page.fired_at < event.until
                and event.subject in (None, page.subject, *page.also_subjects)
            ),
            None,
        )
        result.append(
            Told(
                event.name,
                event.since,
                page.fired_at if page else None,
                page.subject if page else None,
                round((page.fired_at - event.since) / timedelta(hours=1), 2) if page else None,
            )
        )
    return result


def _moment(written: str, of_a_day: timedelta) -> datetime:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        try:
            moment = datetime.fromisoformat(written)
        except ValueError as error:
            raise ValueError(f"'{written}' is no date as 2020-02-24 or 2020-02-24T14:30:00Z") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.combine(day, time(), UTC) + of_a_day
