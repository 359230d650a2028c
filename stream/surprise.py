"""How surprising a count is: -log10 of the chance of seeing at least as many."""

import math

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
