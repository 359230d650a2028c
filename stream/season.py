"""What is usual by the hour of the day and the day of the week, and how much of it there is: shape and level.

The level of an hour is learnt from the hours before it alone, so that what a history says of its own past is what could
have been said at the time.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stream.history import WEEK_HOURS

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

# Events that the flat shape is worth against what an hour of the day or a weekday showed by itself.
_SHAPE_PRIOR = 12.0
# Weekdays are told apart once each has been seen twice.
_WEEKDAYS_FROM = 14 * 24  # hours
# Past hours are cut to so many times the usual and so many standard deviations of a Poisson more before they teach.
_CAP_TIMES, _CAP_DEVIATIONS = 3.0, 3.0
_LOOKS = 3
# Hours that a level is taken from, longest first. A shorter one is believed where it contradicts the longer (Lepski's
# choice of a bandwidth, 1991); the shortest only upwards: a day far below the usual is a holiday.
_HORIZONS = (28 * 24, 10 * 24, 4 * 24)
_QUICK = 36
_CONTRADICTS = 3.0  # standard deviations
_HOLIDAY = 0.6  # of the usual
_STEADIEST = 0.01  # variance of a day's total over the square of its mean, at the least


@dataclass(frozen=True)
class Season:
    """shape: by hour of the week, mean 1, shape (168,). day_scatter: variance of a day's total over its square. events:
    what taught the shape. weekdays: whether it tells them apart."""

    shape: Array
    day_scatter: float
    events: float = 0.0
    weekdays: bool = False

    @cached_property
    def _until(self) -> list[float]:
        """What two weeks of mean level 1 an hour hold until each of their hours begins."""
        return [0.0, *np.cumsum(np.tile(self.shape, 2)).tolist()]

    def between(self, begin: float, end: float) -> float:
        """What a level of 1 an hour holds from one minute of the week to another, which may be of a later week."""
        return self._before(end) - self._before(begin)

    def _before(self, minute: float) -> float:
        weeks, rest = divmod(minute / 60, 2 * WEEK_HOURS)
        hour = int(rest)
        until = self._until
        return weeks * until[-1] + until[hour] + (rest - hour) * (until[hour + 1] - until[hour])

    def unsure(self, window: int) -> float:
        """Variance of the shape in a window (minutes) over its square, by the events that taught it."""
        by_hour = 1.0 / ((self.events / 24 + _SHAPE_PRIOR) * max(1.0, window / 60))
        by_day = 1.0 / (self.events / 7 + _SHAPE_PRIOR) if self.weekdays else 0.0
        return by_hour + by_day


def learn_season(
    hourly: Array, exposure: Array, of_week: Places, hours: float, lag: int, prior: Array | None
) -> Season:
    """Shape from counts by hour.

    exposure: the share of each hour in which somebody counted. of_week: place of each in the week. hours: length of one
    bucket. lag: as of `levels`. prior: the shape of the subject's likes, or flat.
    """
    base = np.ones(WEEK_HOURS) if prior is None else prior
    shape = base
    season = Season(shape, _STEADIEST)
    capped = hourly
    for _ in range(_LOOKS):
        level = levels(capped, exposure * season.shape[of_week], hours, lag, season.day_scatter, ahead=True)[:-1]
        usual = level * exposure * season.shape[of_week]
        capped = cap(hourly, usual)
        lesson = ~_holidays(hourly, usual, of_week, season.day_scatter)
        weekdays = len(hourly) * hours >= _WEEKDAYS_FROM
        shape = _shape(capped * lesson, level * exposure * lesson, of_week, base, weekdays=weekdays)
        shape = shape / shape[of_week].mean() if len(of_week) else shape
        scatter = _day_scatter(capped, level * exposure * shape[of_week], hours)
        season = Season(shape, scatter, float(capped.sum()), weekdays)
    return season


def _holidays(hourly: Array, usual: Array, of_week: Places, day_scatter: float) -> npt.NDArray[np.bool_]:
    """Hours of days that hold far less than usual: a level of their own, and no lesson for their weekday."""
    day = np.cumsum(np.diff(of_week // 24, prepend=-1) != 0) - 1
    seen, worth = (np.bincount(day, each).astype(np.float64) for each in (hourly, usual))
    low = (seen < _HOLIDAY * worth) & (_deviation(seen, worth, day_scatter, 24) < -_CONTRADICTS)
    result: npt.NDArray[np.bool_] = low[day]
    return result


def cap(hourly: Array, usual: Array) -> Array:
    """Hours without what of them is a squall: it may teach, but not without bound."""
    result: Array = np.minimum(hourly, _CAP_TIMES * usual + _CAP_DEVIATIONS * np.sqrt(usual) + 1.0)
    return result


def levels(capped: Array, unit: Array, hours: float, lag: int, day_scatter: float, *, ahead: bool = False) -> Array:
    """The level before each hour, and after the last: what an hour of mean shape holds.

    unit: what each hour would hold at a level of 1. hours: length of one. lag: so many of the newest are not learnt.
    ahead: hours that have nothing before them take the level of the first ones.
    """
    total = np.concatenate(([0.0], np.cumsum(capped)))
    usual = np.concatenate(([0.0], np.cumsum(unit)))
    ends = np.maximum(np.arange(len(total)) - lag, 0)
    if ahead:
        ends = np.maximum(ends, min(len(capped), int(7 * 24 / hours)))

    def of(horizon: float) -> tuple[Array, Array]:
        begins = np.maximum(ends - max(1, round(horizon / hours)), 0)
        return total[ends] - total[begins], usual[ends] - usual[begins]

    seen, worth = of(_HORIZONS[0])
    level = (seen + 0.5) / np.maximum(worth, 1.0)
    longest = level
    for horizon in _HORIZONS[1:]:
        seen, worth = of(horizon)
        level = np.where(
            np.abs(_deviation(seen, level * worth, day_scatter, horizon)) > _CONTRADICTS,
            (seen + 0.5) / np.maximum(worth, 1e-9),
            level,
        )
    seen, worth = of(_QUICK)
    quick = _deviation(seen, level * worth, day_scatter, _QUICK)
    newest = (seen + 0.5) / np.maximum(worth, 1e-9)
    level = np.where(quick > _CONTRADICTS, newest, level)
    # What had risen and is over: back to where it came from, and no further.
    result: Array = np.where((quick < -_CONTRADICTS) & (level > longest), np.maximum(newest, longest), level)
    return result


def _deviation(seen: Array, usual: Array, day_scatter: float, horizon: float) -> Array:
    scatter = day_scatter / np.sqrt(max(1.0, horizon / 24))
    result: Array = (seen - usual) / np.sqrt(usual + scatter * usual**2 + 1.0)
    return result


def _shape(capped: Array, flat: Array, of_week: Places, prior: Array, *, weekdays: bool) -> Array:
    """Hour of the day times weekday, both shrunk towards the prior."""
    base = flat * prior[of_week]
    coarse = _factor(capped, base, of_week % 24, np.ones(24))
    # Few headlines: an hour borrows from its neighbours. Many: it stands for itself.
    by_hour = _factor(capped, base, of_week % 24, (np.roll(coarse, 1) + coarse + np.roll(coarse, -1)) / 3)
    by_day = _factor(capped, base * by_hour[of_week % 24], of_week // 24, np.ones(7)) if weekdays else np.ones(7)
    places = np.arange(WEEK_HOURS)
    result: Array = prior * by_hour[places % 24] * by_day[places // 24]
    return result


def _factor(capped: Array, usual: Array, group: Places, prior: Array) -> Array:
    """What each group of hours holds against the usual, shrunk towards `prior`, one value a group."""
    seen = np.bincount(group, weights=capped, minlength=len(prior))
    worth = np.bincount(group, weights=usual, minlength=len(prior))
    result: Array = (seen + _SHAPE_PRIOR * prior) / (worth + _SHAPE_PRIOR)
    return result


def _day_scatter(capped: Array, usual: Array, hours: float) -> float:
    """Variance of a day's total over the square of its mean, without the most extreme tenth of the days."""
    day = max(1, round(24 / hours))
    days = len(capped) // day
    if days < 5:
        return 4 * _STEADIEST
    seen = capped[: days * day].reshape(days, day).sum(1)
    mean = usual[: days * day].reshape(days, day).sum(1)
    excess = np.sort(((seen - mean) ** 2 - mean) / np.maximum(mean, 1e-9) ** 2)[: days - max(1, days // 10)]
    return max(_STEADIEST, float(excess.mean()))
