"""Squalls in a series of counts: one pass, every step judged by what was known before it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import numpy as np
import numpy.typing as npt

from stream.baseline import Baseline, fit, scan
from stream.budget import Budget, Severity
from stream.history import DAY, History
from stream.squall import Gust, Policy, Squall, Watch

Array = npt.NDArray[np.float64]

WINDOWS = (5, 15, 60, 360, 1440)


@dataclass(frozen=True)
class Detection:
    """What a detector is told; times in minutes.

    budget: what an ordinary history may page, or the limits in place of that. history: how much teaches, and shortest:
    how much must be there before anything is judged. refit: how often it learns anew.
    """

    windows: Sequence[int] = WINDOWS
    budget: Budget = field(default_factory=Budget)
    zone: tzinfo = UTC
    history: int = 28 * DAY
    shortest: int = 3 * DAY
    refit: int = DAY
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Judged:
    """The squalls of a series and how severe each came to be; of each step the surprise of its loudest window, and what
    it would have had to pass for a page; NaN where there was too little history to judge by. usual: of the step
    itself."""

    squalls: list[Squall]
    severities: list[Severity]
    surprise: Array
    threshold: Array
    usual: Array


def windows_of(step: int, windows: Sequence[int]) -> tuple[int, ...]:
    """The windows that are whole steps, and the step itself: counts that come more often show a squall sooner."""
    return tuple(sorted({step, *(window for window in windows if window % step == 0)}))


@dataclass(frozen=True)
class Look:
    """A stretch of a series, its steps [start, end), judged by what was known when it began: of each step and window
    the surprise, the count and the usual, shape (steps, windows); by which baseline."""

    start: int
    end: int
    surprise: Array
    observed: Array
    usual: Array
    baseline: Baseline


def looks(series: History, how: Detection) -> Iterator[Look]:
    """Learn and judge, stretch after stretch, from the first step on that has enough before it."""
    windows = windows_of(series.step, how.windows)
    size = len(series.counts)
    begin = -(-how.shortest // series.step)
    block = max(1, how.refit // series.step)
    for start in range(begin, size, block):
        end = min(size, start + block)
        now = series.first + start * series.step
        past = series.until(now).since(now - how.history)
        if np.isnan(past.counts).all():
            continue
        baseline = fit(past, windows, how.zone)
        known = series.until(series.first + end * series.step).since(now - how.history)
        yield Look(start, end, *judge(baseline, known, windows, how.zone, end - start), baseline)


def detect(
    series: History,
    how: Detection,
    allowed: npt.NDArray[np.bool_] | None = None,
    seen: Iterable[Look] | None = None,
) -> Judged:
    """Judge a series step by step. allowed: where a squall may begin or become critical, shape (steps, windows): where
    its stories are several; everywhere if not given. seen: what `looks` gave, if somebody has looked already."""
    windows = windows_of(series.step, how.windows)
    size = len(series.counts)
    loudest, passes, usual = (np.full(size, np.nan) for _ in range(3))
    watch = Watch(how.policy)
    squalls: list[Squall] = []
    severities: list[Severity] = []
    for look in looks(series, how) if seen is None else seen:
        loud = look.surprise.max(1)
        limits = how.budget.limits(look.baseline.pages)
        stretch = slice(look.start, look.end)
        loudest[stretch], passes[stretch] = loud, limits.page
        usual[stretch] = look.usual[:, 0]
        for at in range(look.end - look.start):
            if np.isnan(loud[at]) or (watch.current is None and loud[at] < limits.page):
                continue
            place = look.start + at
            gusts = [
                Gust(window, *(float(values[at, each]) for values in (look.observed, look.usual, look.surprise)))
                for each, window in enumerate(windows)
            ]
            broad = gusts if allowed is None else [gusts[each] for each in np.flatnonzero(allowed[place])]
            felt = gusts if watch.current is not None else broad
            if felt and (squall := watch.step(series.first + (place + 1) * series.step, felt, limits.page)):
                squalls.append(squall)
                severities.append("page")
            if watch.current is not None and any(gust.surprise >= limits.critical for gust in broad):
                severities[-1] = "critical"
    return Judged(squalls, severities, loudest, passes, usual)


def judge(
    baseline: Baseline, known: History, windows: Sequence[int], zone: tzinfo, steps: int
) -> tuple[Array, Array, Array]:
    """Of each of the last steps and each window the calibrated surprise, the count and the usual: (steps, windows).

    By the level that was known at each of them: it moves on between two fits.
    """
    scanned, _ = scan(known, baseline.season, windows, zone)
    observed = np.stack([scanned.observed[window][-steps:] for window in windows], 1)
    usual = np.stack([scanned.usual[window][-steps:] for window in windows], 1)
    pairs = [baseline.surprises(observed[:, at], usual[:, at], window) for at, window in enumerate(windows)]
    return np.stack(pairs, 1), observed, usual
