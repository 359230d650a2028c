"""What is usual for a subject: negative headlines by hour of the day and day of the week, and how much they scatter.

Learnt from the subject's own minute counts; past squalls are capped before they teach; honest about short history.
All times are minutes since 1970 in UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.surprise import surprise

Array = npt.NDArray[np.float64]

HOUR = 60
DAY = 24 * HOUR
WEEK_HOURS = 168
# 1 January 1970 was a Thursday: the 72nd hour of a week that begins on Monday.
_EPOCH_HOUR = 72
# Events that the flat shape is worth against what an hour of the day or a weekday showed by itself.
_SHAPE_PRIOR = 12.0
# Weekdays are told apart once each has been seen twice.
_WEEKDAYS_FROM = 14 * DAY
# Standard deviations (and one headline) above the usual, at which a past hour is capped before it teaches.
_CAP = 3.0
_LOOKS = 3
# The share of past windows, the most extreme ones, that does not teach the scatter.
_TRIMMED = 0.005
# Calibration looks at levels passed by at least this many separate past runs of windows, in at most this share.
_FEWEST_RUNS = 5
_TAIL_SHARE = 0.05


@dataclass(frozen=True)
class Baseline:
    """A subject's usual, learnt from [first_minute, last_minute).

    rates: negative headlines a minute by hour of the week, Monday 00:00 UTC first, shape (168,).
    dispersion: of the count in a window of so many minutes, variance = mean + dispersion * mean**2.
    calibration: what a raw surprise is multiplied by, in (0, 1], so that 3 means one window in a thousand.
    """

    first_minute: int
    last_minute: int
    rates: Array
    dispersion: Mapping[int, float]
    calibration: Mapping[int, float]

    @property
    def history_minutes(self) -> int:
        """Length of the history that it stands on."""
        return max(0, self.last_minute - self.first_minute)

    def expected(self, now: float, window: int) -> float:
        """Usual number of negatives in the window of so many minutes that ends at `now`: its minutes are the whole
        ones before now's and now's own as far as it has gone."""
        end = now
        begin = float(int(now) - window + 1)
        total = 0.0
        while begin < end:
            hour = int(begin // HOUR)
            until = min(end, (hour + 1.0) * HOUR)
            total += (until - begin) * float(self.rates[hour_of_week(hour)])
            begin = until
        return total

    def surprise(self, count: int, now: float, window: int) -> float:
        """Calibrated surprise of a count in the window that ends at `now`."""
        mean = self.expected(now, window)
        return self.calibration[window] * surprise(count, mean, self.dispersion[window])


def hour_of_week(hour: int) -> int:
    """0 for the hour from Monday 00:00 UTC, given hours since 1970."""
    return (hour + _EPOCH_HOUR) % WEEK_HOURS


def fit(minutes: Mapping[int, int], first_minute: int, last_minute: int, windows: Sequence[int]) -> Baseline:
    """Learn a baseline from negative counts by minute (minutes without any may be left out).

    `first_minute`: since when the subject has been watched. `last_minute`: the end of what may teach. `windows`: in
    minutes. History is cut to whole hours.
    """
    first_hour = -(-first_minute // HOUR)
    last_hour = max(first_hour, last_minute // HOUR)
    times = np.fromiter(minutes.keys(), np.int64, len(minutes))
    counts = np.fromiter(minutes.values(), np.float64, len(minutes))
    inside = (times >= first_hour * HOUR) & (times < last_hour * HOUR)
    times, counts = times[inside] - first_hour * HOUR, counts[inside]
    length = (last_hour - first_hour) * HOUR

    hourly: Array = np.bincount(times // HOUR, counts, minlength=max(1, last_hour - first_hour)).astype(np.float64)
    of_week = (np.arange(len(hourly)) + first_hour + _EPOCH_HOUR) % WEEK_HOURS
    rates = _shape(hourly, of_week, length)
    # Further looks, with past squalls capped at what the look before calls usual: a squall on a sparse subject lifts
    # the first look so much that one cap still leaves most of it.
    capped = hourly
    for _ in range(_LOOKS):
        usual = rates[of_week] * HOUR
        scatter = _dispersion(capped, usual)
        cap = usual + _CAP * np.sqrt(usual + scatter * usual**2) + 1.0
        capped = np.minimum(hourly, cap)
        rates = _shape(capped, of_week, length)

    # The level itself is only known as well as the headlines that taught it: a gamma posterior from so many events
    # makes the prediction a negative binomial of dispersion 1 / events.
    unsure = 1.0 / (float(capped.sum()) + 1.0)
    by_minute = np.repeat(rates[of_week], HOUR)
    dispersion: dict[int, float] = {}
    calibration: dict[int, float] = {}
    for window in windows:
        pieces = length // window
        observed: Array = np.bincount(times // window, counts, minlength=pieces + 1)[:pieces].astype(np.float64)
        cumulative = np.concatenate(([0.0], np.cumsum(by_minute)))
        means = cumulative[window : pieces * window + 1 : window] - cumulative[0 : pieces * window : window]
        dispersion[window] = _dispersion(observed, means) + unsure
        calibration[window] = _calibration(observed, means, dispersion[window])
    return Baseline(first_minute, last_hour * HOUR, rates, dispersion, calibration)


def _shape(hourly: Array, of_week: npt.NDArray[np.int64], length: int) -> Array:
    """Rates a minute by hour of the week: level times hour-of-day times weekday, both shrunk towards flat."""
    level = (hourly.sum() + 0.5) / max(1, len(hourly))  # a subject never seen still has a rate
    flat = np.ones(24)
    coarse = _factor(hourly, of_week % 24, flat, level)
    # Few headlines: an hour borrows from its neighbours. Many: it stands for itself.
    by_hour = _factor(hourly, of_week % 24, (np.roll(coarse, 1) + coarse + np.roll(coarse, -1)) / 3, level)
    by_day = _factor(hourly, of_week // 24, np.ones(7), level) if length >= _WEEKDAYS_FROM else np.ones(7)
    shape = by_hour[np.arange(WEEK_HOURS) % 24] * by_day[np.arange(WEEK_HOURS) // 24]
    mean = shape[of_week].mean() if len(of_week) and length else shape.mean()
    result: Array = level * shape / mean / HOUR
    return result


def _factor(hourly: Array, group: npt.NDArray[np.int64], prior: Array, level: float) -> Array:
    """What each group of hours holds against the level, shrunk towards `prior`, one value a group."""
    seen = np.bincount(group, weights=hourly, minlength=len(prior))
    usual = np.bincount(group, minlength=len(prior)) * level
    result: Array = (seen + _SHAPE_PRIOR * prior) / (usual + _SHAPE_PRIOR)
    return result


def _dispersion(observed: Array, means: Array) -> float:
    """Moment estimate of the negative binomial's dispersion, without the most extreme windows."""
    if len(observed) < 2:
        return 0.0
    excess = (observed - means) ** 2 - means
    keep = len(observed) - max(1, int(len(observed) * _TRIMMED))
    order = np.argsort(np.abs(observed - means) / np.sqrt(means + 1e-9), kind="stable")[:keep]
    weight = float((means[order] ** 2).sum())
    return max(0.0, float(excess[order].sum()) / weight) if weight > 0 else 0.0


def _calibration(observed: Array, means: Array, dispersion: float) -> float:
    """How far the model's tail is off on the subject's own past: the smallest ratio of the empirical to the modelled
    surprise over the levels that enough separate runs of windows have passed.

    Runs of neighbouring windows count once (runs declustering; Leadbetter 1983), so that one long past squall does
    not make the next one look ordinary.
    """
    total = len(observed)
    deviation = (observed - means) / np.sqrt(means + dispersion * means**2 + 1e-12)
    high = np.flatnonzero(deviation > 1.0)
    peaks: list[int] = []
    previous = -2
    for at in high.tolist():
        if at != previous + 1:
            peaks.append(at)
        elif deviation[at] > deviation[peaks[-1]]:
            peaks[-1] = at
        previous = at
    peaks.sort(key=lambda at: -float(deviation[at]))
    slope = 1.0
    rank = _FEWEST_RUNS
    while rank <= min(len(peaks), max(_FEWEST_RUNS, int(total * _TAIL_SHARE))):
        at = peaks[rank - 1]
        modelled = surprise(int(observed[at]), float(means[at]), dispersion)
        if modelled > 0:
            slope = min(slope, float(-np.log10(rank / total)) / modelled)
        rank *= 2
    return slope
