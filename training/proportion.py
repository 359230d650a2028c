"""Shares of rows, and how sure one can be of them."""

import math
from statistics import NormalDist

from training.confidence import LEVEL, Interval


def share(hits: int, rows: int, level: float = LEVEL) -> Interval:
    """The share of hits among rows with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001), which
    holds for small numbers and for shares of 0 and 1. Without rows: 0 to 1.

    >>> share(0, 100).high < 0.04, share(100, 100).low > 0.96
    (True, True)
    """
    if not rows:
        return Interval(0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    found = hits / rows
    centre = (found + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(found * (1 - found) / rows + z * z / (4 * rows * rows))
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == rows else centre + half
    return Interval(rounded(found), rounded(low), rounded(high))


def share_difference(hits: int, rows: int, other_hits: int, other_rows: int, level: float = LEVEL) -> Interval:
    """One share minus another of other rows, with Newcombe's interval from two of Wilson's (Newcombe 1998)."""
    one, other = share(hits, rows, level), share(other_hits, other_rows, level)
    difference = one.estimate - other.estimate
    low = difference - math.hypot(one.estimate - one.low, other.high - other.estimate)
    high = difference + math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(rounded(difference), rounded(low), rounded(high))


def mean(values: list[float], level: float = LEVEL) -> Interval:
    """The mean of values with the normal interval of its standard error; of one value or none the interval is not
    known, and is as wide as polarities can be."""
    if len(values) < 2:
        return Interval(values[0] if values else 0.0, -2.0, 2.0)
    centre = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))
    half = NormalDist().inv_cdf(0.5 + level / 2) * deviation / math.sqrt(len(values))
    return Interval(rounded(centre), rounded(centre - half), rounded(centre + half))


def rounded(value: float) -> float:
    """As reports write a share or a score: four digits."""
    return round(float(value), 4)
