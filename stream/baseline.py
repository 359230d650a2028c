"""What is usual for a subject: counts by hour of the day and day of the week, how much they scatter, and how far its
own past went beyond that.

Learnt from the subject's own counts; past squalls are capped before they teach; honest about short history.
All times are minutes since 1970 in UTC; hours and days are those of a zone's clocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream.history import DAY, HOUR, History, hours_of, minute_of_week
from stream.season import Season, cap, learn_season, levels
from stream.surprise import surprise, surprises
from stream.tail import HONEST_SCALE, Tail, fit_tail
from stream.threshold import PageRate, page_rate

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

# The newest hour teaches nothing yet: it may be a squall.
_LAG_HOURS = 1
# What the first days of a history say of their own past is of a level that hardly anything had taught.
_WARM_UP = 2 * DAY
# Of the windows of a history, the most extreme ones, which do not teach the scatter.
_TRIMMED = 0.005
# The share of windows that is a window's tail, and what an honest tail is worth against it: in windows, in peaks.
_TAIL_SHARE = 0.03
_HONEST_WINDOWS = 30.0
_HONEST_PEAKS = 5.0
# A cap needs a level, and a level capped hours.
_LOOKS = 3
# One peak a block, and one squall in so much history may be in it without teaching the tail.
_BLOCK = 12 * HOUR
_A_SQUALL_IN = 14 * DAY
# Before a week is over some of its days have never been seen: how much one may hold of another, as a variance over the
# square of the mean. Otherwise who begins on a Friday is paged on Monday morning.
_UNSEEN_WEEKDAYS = 0.3
# What is never believed to be steadier than this: the variance of a window's count over the square of its mean.
_LEAST_DISPERSION = 1e-4


class Scan(NamedTuple):
    """Of each window (minutes) what each step of a history holds in it and what is usual; NaN where it is not whole."""

    observed: dict[int, Array]
    usual: dict[int, Array]
    level: float  # after the last step


@dataclass(frozen=True)
class Baseline:
    """A subject's usual, learnt from [first_minute, last_minute).

    level: counts in an hour of mean shape, as it was at last. dispersion: of the count in a window of so many minutes,
    variance = mean + dispersion * mean**2. tails: of those windows' surprises. pages: how often the loudest of them
    went how far.
    """

    first_minute: int
    last_minute: int
    zone: tzinfo
    level: float
    season: Season
    dispersion: Mapping[int, float]
    tails: Mapping[int, Tail]
    pages: PageRate

    @property
    def history_minutes(self) -> int:
        """Length of the history that it stands on."""
        return max(0, self.last_minute - self.first_minute)

    @property
    def rates(self) -> Array:
        """Usual counts a minute by hour of the week, Monday 00:00 first, shape (168,)."""
        result: Array = self.level / HOUR * self.season.shape
        return result

    def expected(self, now: float, window: int) -> float:
        """Usual count in the window of so many minutes that ends at `now`: its minutes are the whole ones before now's
        and now's own as far as it has gone. The clocks of the zone are taken to be those of `now` all the while."""
        begin = float(int(now) - window + 1)
        place = minute_of_week(begin, self.zone, now)
        return self.level * self.season.between(place, place + (now - begin))

    def surprise(self, count: int, now: float, window: int) -> float:
        """Calibrated surprise of a count in the window that ends at `now`: 3 is passed by one window in a thousand."""
        usual = self.expected(now, window)
        if count <= usual:
            return 0.0
        modelled = surprise(count, usual, self.dispersion[window])
        return float(self.tails[window].surprise(np.array([modelled]))[0])

    def surprises(self, observed: Array, usual: Array, window: int) -> Array:
        """As `surprise` of many windows of which `scan` told; NaN where it did not."""
        modelled = _modelled(observed, usual, self.dispersion[window])
        result: Array = np.where(np.isnan(observed), np.nan, self.tails[window].surprise(modelled))
        return result


def fit(history: History, windows: Sequence[int], zone: tzinfo = UTC, prior: Array | None = None) -> Baseline:
    """Learn a baseline. windows: in minutes, whole steps. prior: the shape of the week that like subjects have."""
    hourly, exposure, of_week, hours = _by_hour(history, zone)
    season = learn_season(hourly, exposure, of_week, hours, _lag(hours), prior)
    scanned, tamed = scan(history, season, windows, zone)
    warm = _warm_up(history)
    blocks = (np.arange(len(history.counts)) * history.step) // _BLOCK
    length = history.step * len(history.counts)
    dispersion: dict[int, float] = {}
    tails: dict[int, Tail] = {}
    loudest = np.full(len(history.counts), np.nan)
    for window in windows:
        observed, usual = scanned.observed[window], scanned.usual[window]
        whole = np.flatnonzero(~np.isnan(observed[warm:])) + warm
        dispersion[window] = _dispersion(tamed[window][whole], usual[whole])
        modelled = _modelled(observed[whole], usual[whole], dispersion[window])
        tails[window] = _tail(modelled, blocks[whole], window, length)
        loudest[whole] = np.fmax(loudest[whole], tails[window].surprise(modelled))
    # A history lies nearer to the shape that it taught than what comes next will: by as much as that is unsure.
    noise = 1.0 + dispersion[min(windows, key=lambda window: abs(window - HOUR))] * scanned.level * hours
    for window in windows:
        dispersion[window] += 2.0 * noise * season.unsure(window) + (_UNSEEN_WEEKDAYS if length < 7 * DAY else 0.0)
    pages = page_rate(loudest[warm:], history.step)
    return Baseline(history.first, history.last, zone, scanned.level, season, dispersion, tails, pages)


def scan(history: History, season: Season, windows: Sequence[int], zone: tzinfo) -> tuple[Scan, dict[int, Array]]:
    """What each window that ends with a step holds, and what was usual by what was known before it; and what it holds
    where past squalls are capped. windows: in minutes, whole steps."""
    bucket, _ = hours_of(history, zone)
    hourly, exposure, of_week, hours = _by_hour(history, zone)
    unit = exposure * season.shape[of_week]
    level = levels(hourly, unit, hours, _lag(hours), season.day_scatter)
    capped = hourly
    for _ in range(_LOOKS):
        capped = cap(hourly, level[:-1] * unit)
        level = levels(capped, unit, hours, _lag(hours), season.day_scatter)
    known = ~np.isnan(history.counts)
    counts = np.where(known, history.counts, 0.0)
    share = np.divide(capped, hourly, out=np.ones(len(hourly)), where=hourly > 0)
    total, tame, worth, seen = (
        np.concatenate(([0.0], np.cumsum(each)))
        for each in (counts, counts * share[bucket], known * season.shape[of_week][bucket] * history.step / HOUR, known)
    )
    at_level = level[bucket]
    observed: dict[int, Array] = {}
    usual: dict[int, Array] = {}
    tamed: dict[int, Array] = {}
    for window in windows:
        steps = window // history.step
        # A window that nobody watched half of says nothing.
        there = known & (_over(seen, steps) >= 0.5 * steps)
        observed[window] = np.where(there, _over(total, steps), np.nan)
        usual[window] = at_level * _over(worth, steps)
        tamed[window] = _over(tame, steps)
    return Scan(observed, usual, float(level[-1])), tamed


def _over(cumulative: Array, steps: int) -> Array:
    """What each run of so many steps holds, at its last one; NaN before there are so many."""
    result = np.full(len(cumulative) - 1, np.nan)
    result[steps - 1 :] = cumulative[steps:] - cumulative[:-steps]
    return result


def _warm_up(history: History) -> int:
    """So many of a history's first steps say nothing of its own past: hardly anything had taught their level."""
    return min(_WARM_UP, history.step * len(history.counts) // 4) // history.step


def _lag(hours: float) -> int:
    return max(1, round(_LAG_HOURS / hours)) if hours <= 1 else 0


def _by_hour(history: History, zone: tzinfo) -> tuple[Array, Array, Places, float]:
    bucket, of_week = hours_of(history, zone)
    known = ~np.isnan(history.counts)
    hourly = np.bincount(bucket, np.where(known, history.counts, 0.0), minlength=len(of_week)).astype(np.float64)
    exposure = np.bincount(bucket, known, minlength=len(of_week)) * history.step / HOUR
    return hourly, exposure, of_week, max(1.0, history.step / HOUR)


def _modelled(observed: Array, usual: Array, dispersion: float) -> Array:
    return surprises(np.nan_to_num(observed), np.nan_to_num(usual), dispersion)


def _dispersion(observed: Array, usual: Array) -> float:
    """Moment estimate of the negative binomial's dispersion, without the most extreme windows."""
    if len(observed) < 2:
        return 1.0
    excess = (observed - usual) ** 2 - usual
    keep = len(observed) - max(1, int(len(observed) * _TRIMMED))
    order = np.argpartition(np.abs(observed - usual) / np.sqrt(usual + 1e-9), keep - 1)[:keep]
    weight = float((usual[order] ** 2).sum())
    return max(_LEAST_DISPERSION, float(excess[order].sum()) / weight) if weight > 0 else 1.0


def _tail(modelled: Array, blocks: Places, window: int, length: int) -> Tail:
    """The tail of a window's surprises; an honest one where the history has too few windows side by side to tell."""
    threshold, scale, peaks = fit_tail(
        modelled, blocks, _TAIL_SHARE, length // _A_SQUALL_IN, HONEST_SCALE, _HONEST_PEAKS
    )
    seen = length / window
    share = float((modelled >= threshold).mean()) if len(modelled) else 0.0
    share = (share * seen + 10.0**-threshold * _HONEST_WINDOWS) / (seen + _HONEST_WINDOWS)
    return Tail(threshold, share, scale, peaks)
