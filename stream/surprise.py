"""How surprising a count is: -log10 of the chance of seeing at least as many.

`surprise` is exact, for one count; `surprises` is for whole histories, by the saddlepoint.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Below this the negative binomial is the Poisson to all digits that matter.
_POISSON = 1e-9
_RELATIVE_END = 1e-15
LARGEST = 300.0


def surprise(count: int, mean: float, dispersion: float) -> float:
    """-log10 P(Y >= count), for Y negative binomial with a mean and variance mean + dispersion * mean**2 (NB2; Hilbe,
    Negative Binomial Regression, 2011). Dispersion 0 is the Poisson. In [0, 300].

    The tail is summed from its largest term outwards, relative to that term: no cancellation and no underflow.

    >>> round(surprise(1, 0.001, 0.0), 2)
    3.0
    >>> surprise(0, 5.0, 0.1)
    0.0
    """
    if count <= 0:
        return 0.0
    if mean <= 0.0:
        return LARGEST
    log_term = _log_mass(count, mean, dispersion)
    if count > mean:
        tail = _log10(log_term) + math.log10(_sum_upwards(count, mean, dispersion))
        return min(LARGEST, max(0.0, -tail))
    below = math.exp(_log_mass(count - 1, mean, dispersion)) * _sum_downwards(count - 1, mean, dispersion)
    return max(0.0, -math.log10(max(1.0 - below, 1e-12)))


def _log10(natural: float) -> float:
    return natural / math.log(10.0)


def _log_mass(count: int, mean: float, dispersion: float) -> float:
    """Natural logarithm of P(Y = count)."""
    if dispersion < _POISSON:
        return count * math.log(mean) - mean - math.lgamma(count + 1)
    shape = 1.0 / dispersion
    return (
        math.lgamma(count + shape)
        - math.lgamma(shape)
        - math.lgamma(count + 1)
        - shape * math.log1p(mean / shape)
        + count * (math.log(mean) - math.log(shape + mean))
    )


def _ratio(count: int, mean: float, dispersion: float) -> float:
    """P(Y = count + 1) / P(Y = count)."""
    if dispersion < _POISSON:
        return mean / (count + 1)
    shape = 1.0 / dispersion
    return (count + shape) / (count + 1) * mean / (shape + mean)


def _sum_upwards(count: int, mean: float, dispersion: float) -> float:
    """P(Y >= count) / P(Y = count), for a count above the mean, where the terms only fall."""
    total = term = 1.0
    while term > _RELATIVE_END * total:
        term *= _ratio(count, mean, dispersion)
        total += term
        count += 1
    return total


def _sum_downwards(count: int, mean: float, dispersion: float) -> float:
    """P(Y <= count) / P(Y = count)."""
    total = term = 1.0
    while count > 0 and term > _RELATIVE_END * total:
        term /= _ratio(count - 1, mean, dispersion)
        total += term
        count -= 1
    return total


def surprises(counts: Array, means: Array, dispersion: float) -> Array:
    """-log10 P(Y >= count) of each count, as `surprise`, to a few hundredths where the count lies above the mean; a
    count that does not is 0: nobody asks how ordinary it is. Arrays of one shape; dispersion above 0 or 0.

    The saddlepoint approximation for lattice variables (Daniels, Tail probability approximations, 1987): closed, and
    as good in the far tail as in the near one, where sums of ten thousand terms would be needed.
    """
    result = np.zeros(len(counts))
    above = np.flatnonzero(counts > means)
    if not len(above):
        return result
    y, mean = counts[above], np.maximum(means[above], 1e-12)
    shape = 1.0 / max(dispersion, _POISSON)
    ratio = np.log(y * (shape + mean) / (mean * (shape + y)))  # the saddlepoint itself
    half = y * np.log(y / mean) + (y + shape) * np.log((shape + mean) / (shape + y))
    root = np.sqrt(np.maximum(2.0 * half, 1e-12))
    lattice = -np.expm1(-ratio) * np.sqrt(y * (1.0 + y / shape))
    places, mills = _mills()
    correction = np.where(root > 1e-3, 1.0 / np.maximum(lattice, 1e-12) - 1.0 / root, 0.0)
    tail = np.interp(root, places, mills) + correction
    logarithm = -0.5 * root**2 - 0.5 * math.log(2 * math.pi) + np.log(np.maximum(tail, 1e-12))
    result[above] = np.clip(-logarithm / math.log(10.0), 0.0, LARGEST)
    return result


@cache
def _mills() -> tuple[Array, Array]:
    """Mills' ratio of the normal law, (1 - Phi(x)) / phi(x), at places from 0 to beyond LARGEST."""
    near = np.linspace(0.0, 8.0, 801)
    exact = [math.erfc(x / math.sqrt(2)) * math.sqrt(math.pi / 2) * math.exp(x * x / 2) for x in near.tolist()]
    far = np.geomspace(8.05, 60.0, 400)
    series = 1 / far - 1 / far**3 + 3 / far**5 - 15 / far**7
    return np.concatenate((near, far)), np.concatenate((exact, series))
