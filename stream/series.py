"""A file of counts: CSV with the columns timestamp and value, one row a step of time."""

import csv
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

import numpy as np

from model.errors import InputError
from stream.duration import format_duration
from stream.history import DAY, History
from stream.rows import opened

COLUMNS = ("timestamp", "value")
# Of steps, gaps included: a date that was mistyped by a century must not fill the memory.
MOST_STEPS = 5_000_000
EARLIEST_YEAR, LATEST_YEAR = 1970, 2200
# How far a row may lie from its step, in steps: watches differ, and so do programs that note the time when they begin.
_LEEWAY = 0.25

Report = Callable[[int, str], None]


@dataclass(frozen=True)
class Series:
    """Counts on a grid, and how its rows write their times: with which offset, or as a zone's clocks without one."""

    history: History
    first: datetime
    offset: tzinfo | None
    zone: tzinfo

    def timestamp(self, minute: float) -> str:
        """A moment, in minutes as those of `history`, as the file would write it."""
        moment = self.first + timedelta(minutes=minute - self.history.first)
        if self.offset is None:
            return moment.astimezone(self.zone).replace(tzinfo=None).isoformat(" ")
        return moment.astimezone(self.offset).isoformat()


@dataclass(frozen=True)
class _Row:
    line: int
    moment: datetime
    value: float


def read_series(path: str, zone: tzinfo, report: Report) -> Series:
    """Read a file, - for standard input. Times without an offset are those of the zone's clocks.

    Rows may stand in any order; a step without a row, and one whose value is empty or NaN, is a gap: nobody counted.
    `report` is told the line and what is wrong of each row that cannot be used: it may raise; otherwise the row is
    passed over.
    Raises InputError where there is no series in the file: no such columns, fewer than two rows, no steady step.
    """
    with opened(path) as file:
        rows, offset = _rows(path, csv.DictReader(file, strict=True), zone, report)
    if len(rows) < 2:
        raise InputError(f"{path}: a series needs two rows that can be read, with a timestamp and a value each")
    rows.sort(key=lambda row: (row.moment, row.line))
    step = _step(path, rows)
    first = rows[0].moment
    size = round((rows[-1].moment - first) / timedelta(minutes=step)) + 1
    if size > MOST_STEPS:
        raise InputError(
            f"{path}: from {first.isoformat()} to {rows[-1].moment.isoformat()} there are {size:,} steps of "
            f"{format_duration(timedelta(minutes=step))}, more than {MOST_STEPS:,}: is a date mistyped?"
        )
    counts = np.full(size, np.nan)
    taken: dict[int, int] = {}
    for row in rows:
        exact = (row.moment - first) / timedelta(minutes=step)
        place = round(exact)
        if abs(exact - place) > _LEEWAY:
            report(
                row.line,
                f"lies between two steps of {format_duration(timedelta(minutes=step))}: its time is passed over",
            )
        elif math.isnan(row.value):
            continue
        elif place in taken:
            report(row.line, f"repeats the time of line {taken[place]}: the first one counts")
        else:
            taken[place] = row.line
            counts[place] = row.value
    if np.isnan(counts).all():
        raise InputError(f"{path}: no row has a value")
    return Series(History(int(first.timestamp() // 60), step, counts), first, offset, zone)


def _rows(path: str, lines: "csv.DictReader[str]", zone: tzinfo, report: Report) -> tuple[list[_Row], tzinfo | None]:
    """The rows in the file's order, and the offset of the first one's time."""
    try:
        header = [name.strip().lower() for name in lines.fieldnames or []]
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from error
    if not set(COLUMNS) <= set(header):
        found = ", ".join(header) or "nothing"
        raise InputError(
            f"{path}: a CSV of counts needs a header with the columns timestamp and value, separated by commas; "
            f"found {found}"
        )
    lines.fieldnames = header
    rows: list[_Row] = []
    offset: tzinfo | None = None
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return rows, offset
        except csv.Error as error:
            # DictReader's own number stands at the last row that it gave.
            report(lines.reader.line_num, f"not CSV: {error}")
            continue
        if None in cells or cells["value"] is None or cells["timestamp"] is None:
            report(lines.line_num, f"has not the header's {len(header)} fields")
            continue
        try:
            moment, its = _moment(cells["timestamp"], zone)
            value = _value(cells["value"])
        except ValueError as error:
            report(lines.line_num, str(error))
            continue
        offset = offset if rows else its
        rows.append(_Row(lines.line_num, moment, value))


def _moment(text: str, zone: tzinfo) -> tuple[datetime, tzinfo | None]:
    """The moment in UTC, and the offset that it was written with."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"'{text[:40]}' is no timestamp: write 2026-01-31 13:05:00, with +01:00 or Z if you can"
        ) from None
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"'{text[:40]}' lies before {EARLIEST_YEAR} or after {LATEST_YEAR}")
    offset = moment.tzinfo
    # In UTC: Python reckons two times of one zone by its clocks, which may have been changed between them.
    return (moment if offset else moment.replace(tzinfo=zone)).astimezone(UTC), offset


def _value(text: str) -> float:
    """A count; NaN where there is none."""
    if not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"'{text[:40]}' is no number") from None
    if math.isnan(value):
        return value
    if value < 0 or math.isinf(value) or value != int(value):
        raise ValueError(f"{text.strip()[:40]} is no count: a whole number from 0 on")
    return value


def _step(path: str, rows: Sequence[_Row]) -> int:
    """Minutes between two rows, most often."""
    apart = Counter(
        round((later.moment - row.moment).total_seconds()) for row, later in pairwise(rows) if later.moment > row.moment
    )
    if not apart:
        raise InputError(f"{path}: all rows have the same time")
    # The shortest of the most frequent: of rows with gaps it is the step, and the others are its multiples.
    most = max(apart.values())
    seconds = min(each for each, times in apart.items() if times == most)
    if seconds < 60 or seconds % 60:
        raise InputError(
            f"{path}: rows are {format_duration(timedelta(seconds=seconds))} apart; a step is whole minutes: "
            "add up the counts of each minute"
        )
    if seconds > 7 * DAY * 60:
        raise InputError(f"{path}: rows are {format_duration(timedelta(seconds=seconds))} apart; a week is the most")
    return seconds // 60
