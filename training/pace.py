"""How long two models take for the same texts, side by side, so that what else the machine does slows both alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from math import comb

import msgspec

from training.confidence import LEVEL, Interval

TEXTS, SINGLES, ROUNDS = 128, 10, 9

Ask = Callable[[Sequence[str]], object]


class Seconds(msgspec.Struct, frozen=True):
    """What each of the two took, round by round."""

    first: list[float]
    second: list[float]

    def typical(self) -> tuple[float, float]:
        """The median of each."""
        return statistics.median(self.first), statistics.median(self.second)


class Pace(msgspec.Struct, frozen=True):
    """Seconds a round, for `texts` texts together, and for `singles` texts one after the other."""

    texts: int
    together: Seconds
    singles: int
    alone: Seconds


def side_by_side(
    first: Ask, second: Ask, texts: Sequence[str], rounds: int = ROUNDS, clock: Callable[[], float] = time.perf_counter
) -> Pace:
    """Ask two models about the same texts in turn, after a round each that does not count.

    `first`, `second`: score a list of texts. `texts`: any number from one on; they are repeated or cut to TEXTS.
    """
    many = list(islice(cycle(texts), TEXTS))
    singles = [[text] for text in many[:SINGLES]]

    def alone(ask: Ask) -> None:
        for single in singles:
            ask(single)

    together = _in_turn(lambda: first(many), lambda: second(many), rounds, clock)
    return Pace(TEXTS, together, SINGLES, _in_turn(lambda: alone(first), lambda: alone(second), rounds, clock))


def _in_turn(
    first: Callable[[], object], second: Callable[[], object], rounds: int, clock: Callable[[], float]
) -> Seconds:
    first()
    second()
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        # Who begins changes, so that neither always finds the caches as the other left them.
        for who in (0, 1) if number % 2 else (1, 0):
            began = clock()
            (first, second)[who]()
            taken[who].append(clock() - began)
    return Seconds(*taken)


def slowdown(seconds: Seconds) -> Interval:
    """How many times as long the second takes: the median of the rounds' ratios, and its interval."""
    return median_interval([other / one for one, other in zip(seconds.first, seconds.second, strict=True)])


def median_interval(values: Sequence[float]) -> Interval:
    """The median, between those two of the ordered values that hold it with 95 % confidence whatever the distribution
    (David and Nagaraja, Order Statistics, 2003, 7.1); of fewer than six values between the least and the greatest,
    which is less sure. Raises ValueError without values.

    >>> median_interval([1.0, 9.0, 2.0, 3.0, 5.0, 4.0, 6.0, 7.0, 8.0])
    Interval(estimate=5.0, low=2.0, high=8.0)
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        raise ValueError("there are no values to take the median of")
    outside, cut = 0.0, 0
    while cut < n // 2:
        outside += 2 * comb(n, cut) / 2**n
        if outside > 1 - LEVEL:
            break
        cut += 1
    cut = max(0, cut - 1)
    return Interval(statistics.median(ordered), ordered[cut], ordered[n - 1 - cut])
