"""How often a subject's own past went beyond a value, and from there how often it will go beyond values never seen.

Peaks over a threshold (Pickands 1975; Siffer and others, Anomaly detection in streams with extreme value theory, 2017),
one peak a block of time, so that one long squall is one lesson (declustering; Leadbetter 1983).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

# Of an honest surprise: it is the logarithm to base 10 of a chance.
HONEST_SCALE = 1.0 / math.log(10.0)


@dataclass(frozen=True)
class Tail:
    """Beyond `threshold`, which a share of all values passes, excesses are exponential of mean `scale`, as it is known
    from so many `peaks`: their predictive law is Lomax's, heavier where little is known."""

    threshold: float
    share: float
    scale: float
    peaks: float

    def surprise(self, values: Array) -> Array:
        """-log10 of the chance that a value is passed. Below the threshold by a straight line from 0."""
        base = -math.log10(self.share)
        beyond = np.maximum(values - self.threshold, 0.0) / (self.peaks * self.scale)
        below = np.minimum(values / self.threshold, 1.0) * base if self.threshold > 0 else np.full(len(values), base)
        result: Array = below + self.peaks * np.log1p(beyond) / math.log(10.0)
        return result


def fit_tail(
    values: Array, blocks: Places, share: float, censored: int, prior_scale: float, prior_peaks: float
) -> tuple[float, float, float]:
    """The threshold that at most a `share` of the values pass, the mean excess over it of the blocks' maxima, and the
    peaks which that is known from.

    blocks: number of the block that each value lies in, not falling. censored: so many of the highest peaks are only
    known to be as high as the next one: they may be squalls, which happen to be in a history and teach no more than
    that; a subject that has more of them than that learns them all. prior_scale counts as so many peaks.
    """
    threshold = float(np.quantile(values, 1.0 - share)) if len(values) else 0.0
    if threshold <= 0.0:
        positive = values[values > 0.0]
        threshold = float(positive.min()) if len(positive) else 1.0
    high = np.flatnonzero(values >= threshold)
    if not len(high):
        return threshold, prior_scale, prior_peaks
    excess = values[high] - threshold
    starts = np.flatnonzero(np.diff(blocks[high], prepend=-1))
    peaks = np.sort(np.maximum.reduceat(excess, starts))
    known = max(0, len(peaks) - censored)
    ceiling = float(peaks[known - 1]) if known else 0.0
    capped = np.minimum(excess, ceiling)
    uncensored = max(1, int((excess <= ceiling).sum()))
    mean = float(capped.sum()) / uncensored
    return threshold, (known * mean + prior_peaks * prior_scale) / (known + prior_peaks), known + prior_peaks
