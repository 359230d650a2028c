"""Headlines of a file, read one by one: rows that are sound, and for the others the line and the reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from stream.records import DATE_COLUMNS, Headline, Rejection, headline_from_row, row_id
from stream.rows import BadRow, read_rows

_DATES = frozenset({"published_at", *DATE_COLUMNS})


@dataclass(frozen=True)
class Reading:
    """A headline and the line on which its row ends."""

    line: int
    headline: Headline


def read_headlines(
    path: str, clock: Callable[[], datetime], future_tolerance: timedelta, carry_dates: bool = False
) -> Iterator[Reading | BadRow]:
    """A file's headlines in its order, whatever its length: no more than a row is held, and the ids of rows that
    have none of their own. Each row is a headline: the second of two like rows without an id has another id than the
    first, and the same one when the file is read again.

    `clock`: gives the time, in UTC, that an undated row has and that no date may lie beyond by more than
    `future_tolerance`. `carry_dates`: an undated row has the date of the row before it instead, so that it
    keeps its place in the file's rhythm. Raises InputError if the file itself cannot be read.
    """
    latest: datetime | None = None
    told: dict[str, int] = {}
    for row in read_rows(path):
        if isinstance(row, BadRow):
            yield row
            continue
        # Before a date is carried or made up, which would give the row another id each time that it is read.
        named = "id" in row.fields
        row.fields.setdefault("id", row_id(row.fields))
        if carry_dates and latest and not _DATES & row.fields.keys():
            row.fields["published_at"] = latest.isoformat()
        try:
            headline = headline_from_row(row.fields, clock(), future_tolerance)
        except Rejection as rejection:
            yield BadRow(row.line, str(rejection))
            continue
        if not named:
            times = told[headline.id] = told.get(headline.id, 0) + 1
            if times > 1:
                headline = msgspec.structs.replace(headline, id=f"{headline.id}-{times}")
        latest = headline.published_at
        yield Reading(row.line, headline)
