"""Counts on a grid of equal steps, and where in the week each step lies by the clocks of a place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

HOUR = 60
DAY = 24 * HOUR
WEEK_HOURS = 168
# 1 January 1970 was a Thursday: the 72nd hour of a week that begins on Monday.
_EPOCH_HOUR = 72


@dataclass(frozen=True)
class History:
    """What was counted in each step of [first, first + step * len(counts)), minutes since 1970 in UTC.

    counts: NaN where nobody was counting, which is not 0. step: minutes, 1 or more.
    """

    first: int
    step: int
    counts: Array

    @property
    def last(self) -> int:
        """The minute at which it ends."""
        return self.first + self.step * len(self.counts)

    def since(self, minute: int) -> "History":
        """The part from a minute on, by whole steps."""
        drop = max(0, -(-(minute - self.first) // self.step))
        return History(self.first + drop * self.step, self.step, self.counts[drop:])

    def until(self, minute: int) -> "History":
        """The part that ends by a minute, by whole steps."""
        keep = max(0, (minute - self.first) // self.step)
        return History(self.first, self.step, self.counts[:keep])


def of_minutes(minutes: Mapping[int, int], first: int, last: int) -> History:
    """The history, minute by minute, of counts by minute, where those without any are left out."""
    counts = np.zeros(max(0, last - first))
    for minute, count in minutes.items():
        if first <= minute < last:
            counts[minute - first] = count
    return History(first, 1, counts)


def minute_of_week(minute: float, zone: tzinfo, now: float | None = None) -> float:
    """Since Monday 00:00 by the clocks of a zone, as they are at the minute, or at `now`."""
    offset = _offset(int((minute if now is None else now) // HOUR), zone)
    return (minute + offset + _EPOCH_HOUR * HOUR) % (WEEK_HOURS * HOUR)


def hour_of_week(minute: float, zone: tzinfo) -> int:
    """0 for the hour from Monday 00:00 by the clocks of a zone."""
    return int(minute_of_week(minute, zone) // HOUR)


def hours_of(history: History, zone: tzinfo) -> tuple[Places, Places]:
    """Of each step the number of its hour, from 0, and of each such hour its place in the week, 0 to 167.

    By the clocks of the zone, so that what is usual at nine stays at nine when they are changed. A step longer than an
    hour is an hour of its own, and stands where its middle lies.
    """
    starts = history.first + history.step * np.arange(len(history.counts), dtype=np.int64)
    if history.step > HOUR:
        middles = starts + history.step // 2
        return np.arange(len(starts)), np.array([hour_of_week(at, zone) for at in middles.tolist()], np.int64)
    if not len(starts):
        return starts, starts
    # Zones differ by quarters of an hour; a change of the clocks is whole hours nearly everywhere.
    odd = _offset(history.first // HOUR, zone) % HOUR
    bucket = (starts + odd) // HOUR
    first = int(bucket[0])
    hours = np.arange(first, int(bucket[-1]) + 1)
    of_week = [hour_of_week(hour * HOUR - odd, zone) for hour in hours.tolist()]
    return bucket - first, np.array(of_week, np.int64)


@lru_cache(maxsize=50_000)
def _offset(hour: int, zone: tzinfo) -> int:
    """Minutes that the zone's clocks are ahead of UTC in an hour since 1970."""
    offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) // 60 if offset else 0
