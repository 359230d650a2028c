"""The best there can be: the likelihood-ratio CUSUM that is told the true rates, the noise and the squall's size.

Page, Continuous inspection schemes, 1954; optimal by Moustakides, 1986.
"""

import numpy as np
import numpy.typing as npt

from deploy.bench.weather import Subject, draw

Array = npt.NDArray[np.float64]


def increments(counts: Array, rates: Array, dispersion: float, size: float) -> Array:
    """log likelihood ratio of each count under `size` times its rate; where nobody counted, 0."""
    shape = 1.0 / dispersion
    each = np.log(size * (shape + rates) / (shape + size * rates))
    nothing = shape * np.log((shape + rates) / (shape + size * rates))
    return np.where(np.isnan(counts), 0.0, np.nan_to_num(counts) * each + nothing)


def height(steps: Array) -> Array:
    """The CUSUM after each step, from 0 and never below it."""
    total = np.concatenate(([0.0], np.cumsum(steps)))
    result: Array = (total - np.minimum.accumulate(total))[1:]
    return result


def limit_for(
    subject: Subject, rates: Array, size: float, step_months: float, chance: np.random.Generator, runs: int
) -> float:
    """The limit that ordinary counts reach once a month: of the excursions from 0 in `runs` times the rates (so many
    months each), those as high as that are as many as the months."""
    peaks = []
    for _ in range(runs):
        steps = increments(draw(rates, subject.dispersion, chance), rates, subject.dispersion, size)
        heights = height(steps)
        begins = np.flatnonzero(np.diff(heights > 0, prepend=True))
        peaks.append(np.maximum.reduceat(heights, np.concatenate(([0], begins))))
    highest = np.sort(np.concatenate(peaks))[::-1]
    return float(highest[max(0, round(runs * step_months) - 1)])
