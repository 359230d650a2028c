"""A file's headlines in the file's own rhythm: when each is due, and its time when times are moved to now.

Everything here is arithmetic: clocks and times are arguments, the sending is stream/publisher.py's.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from stream.records import Headline, encode
from stream.rows import BadRow

# A record of Kafka's defaults may have 1 MiB with its envelope (max.message.bytes).
LARGEST_RECORD_BYTES = 1_000_000


def rhythm(
    headlines: Iterable[Headline], speed: float | None, clock: Callable[[], float]
) -> Iterator[tuple[float, Headline]]:
    """Each headline with the seconds to wait before it: its distance in time from the first, divided by
    `speed`; None sends all at once.

    `clock`: seconds, monotonic, asked when a headline's turn comes, so a late sender catches up and waits do
    not add up to a drift. A headline that is older than those before it is due already: it waits for nothing.

    >>> times = [datetime.fromisoformat(f"2025-01-01T09:0{minute}Z") for minute in (0, 2)]
    >>> headlines = [Headline(id="a", title="b", published_at=each) for each in times]
    >>> [wait for wait, _ in rhythm(headlines, speed=60, clock=lambda: 5.0)]
    [0.0, 2.0]
    """
    first: datetime | None = None
    started = 0.0
    for headline in headlines:
        if first is None:
            first, started = headline.published_at, clock()
        if speed is None:
            yield 0.0, headline
            continue
        due = started + (headline.published_at - first).total_seconds() / speed
        yield max(0.0, due - clock()), headline


def ending_at(headlines: Iterable[Headline], latest: datetime, end: datetime) -> Iterator[Headline]:
    """The headlines moved in time as they are, so that one published at `latest` is published at `end`."""
    shift = end - latest
    for headline in headlines:
        yield msgspec.structs.replace(headline, published_at=headline.published_at + shift)


def from_now_on(headlines: Iterable[Headline], speed: float, clock: Callable[[], datetime]) -> Iterator[Headline]:
    """The headlines moved in time so that the first is published now and each at the moment at which it is due
    at that speed: what is sent a minute later is dated a minute later. Their rhythm is then that of speed 1.

    `clock`: the time in UTC, asked once, when the first headline's turn comes.
    """
    first: datetime | None = None
    start: datetime | None = None
    for headline in headlines:
        first = first or headline.published_at
        start = start or clock()
        passed: timedelta = (headline.published_at - first) / speed
        yield msgspec.structs.replace(headline, published_at=start + passed)


def unsendable(line: int, headline: Headline) -> BadRow | None:
    """Why a headline cannot be a record of news.headlines; None if it can."""
    size = len(encode(headline))
    if size > LARGEST_RECORD_BYTES:
        return BadRow(line, f"too_large: {size} bytes as a record, {LARGEST_RECORD_BYTES} are the most")
    return None
