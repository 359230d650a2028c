"""A span of time in parts, the newest first: in which order words are looked for in millions of headlines."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# How far back words are looked for at first, and how much farther then.
FIRST_SPAN, SPAN_GROWTH, LAST_SPAN = timedelta(hours=3), 8, timedelta(days=64)

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """[since, until) by publication; None is open."""

    since: datetime | None
    until: datetime | None


def spans(since: datetime | None, until: datetime | None, newest: datetime) -> Iterator[Span]:
    """[since, until) in parts, the newest first, each several times as long as the one before: of what is common the
    first is enough, and of what is rare there are few to go through. `newest`: what may be found is no newer.

    >>> parts = spans(datetime(2026, 5, 1, tzinfo=UTC), None, datetime(2026, 7, 3, tzinfo=UTC))
    >>> [f"{part.since:%d %b %H}" for part in parts]
    ['02 Jul 21', '02 Jul 00', '25 Jun 00', '01 May 00']
    """
    # Before 1970 there is nothing, and not far before it is the first of all dates.
    end = max(min(until, newest), _BEGIN) if until else newest
    length = FIRST_SPAN
    while length <= LAST_SPAN and (since is None or end - length > since):
        yield Span(end - length, until)
        until = end - length
        length *= SPAN_GROWTH
    yield Span(since, until)
