"""Plain detectors to compare with: what a team writes in an afternoon, with the same refractory time."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from stream.detector import Detection
from stream.history import DAY, HOUR, History
from stream.squall import Gust, Squall, Watch
from stream.threshold import MONTH

Array = npt.NDArray[np.float64]

_BLOCK = 12 * HOUR
_SHARE = 0.35


def peaks_over_threshold(series: History, how: Detection) -> list[Squall]:
    """Counts themselves, against a threshold from the exponential tail of their own past's 12-hour maxima."""

    def limit(past: Array) -> tuple[float, float]:
        block = max(1, _BLOCK // series.step)
        whole = past[len(past) % block :]
        maxima = np.nan_to_num(whole).reshape(-1, block).max(1)
        begin = float(np.quantile(maxima, 1 - _SHARE))
        scale = float((maxima[maxima >= begin] - begin).mean())
        chance = how.budget.pages_a_month * block * series.step / MONTH
        return begin + scale * max(0.0, math.log(_SHARE / chance)), float(np.nanmean(past))

    return _follow(series, how, limit)


def windowed_gaussian(series: History, how: Detection) -> list[Squall]:
    """Counts, against the mean and standard deviation of the past as if they were Gaussian."""

    def limit(past: Array) -> tuple[float, float]:
        mean = float(np.nanmean(past))
        chance = how.budget.pages_a_month * series.step / MONTH
        return mean + float(np.nanstd(past)) * NormalDist().inv_cdf(1 - chance), mean

    return _follow(series, how, limit)


def _follow(series: History, how: Detection, limit: Callable[[Array], tuple[float, float]]) -> list[Squall]:
    """limit: what a count must exceed and what is usual, from the past; learnt once a day."""
    watch = Watch(how.policy)
    squalls: list[Squall] = []
    day = max(1, DAY // series.step)
    for start in range(-(-how.shortest // series.step), len(series.counts), day):
        past = series.counts[max(0, start - how.history // series.step) : start]
        if np.isnan(past).all():
            continue
        beyond, usual = limit(past)
        for at in range(start, min(start + day, len(series.counts))):
            count = float(series.counts[at])
            if math.isnan(count) or (watch.current is None and count <= beyond):
                continue
            # On the scale of the threshold, so that going on and being louder mean the same for every subject.
            gust = Gust(series.step, count, usual, 4.0 * count / max(beyond, 1e-9))
            if squall := watch.step(series.first + (at + 1) * series.step, [gust], 4.0):
                squalls.append(squall)
    return squalls
