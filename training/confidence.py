"""How far a score, or the difference of two models' scores, may be chance.

Rows are resampled with replacement (the bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch.
13), for two models paired, on the same rows (Koehn, Statistical significance tests for machine translation evaluation,
EMNLP 2004). Rows alike in truth and answers are interchangeable, so it is their numbers that are drawn, not the rows.
Every draw is seeded: the same rows have the same interval for ever.

Class numbers run from 0 to classes - 1; a model's answer outside of them (-1, say) is none, and wrong.
"""

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Statistic = Literal["macro_f1", "accuracy"]

LEVEL = 0.95
# Numbers drawn at once: it bounds the memory (8 bytes each).
_DRAWN_AT_ONCE = 4_000_000
_TOSSED_AT_ONCE = 1_000
# So many tosses as bad as what was seen say that it may well be chance.
_CLEAR = 50


class Interval(msgspec.Struct, frozen=True):
    """A value and the interval that holds it with 95 % confidence."""

    estimate: float
    low: float
    high: float


def macro_f1_interval(truth: Numbers, chosen: Numbers, classes: int, resamples: int = 1000, seed: int = 0) -> Interval:
    """The mean F1 of the classes that occur in `truth`, with its interval. truth, chosen: (n,) class numbers.

    Raises ValueError without rows.
    """
    kinds, counts = _kinds(truth, chosen)
    drawn = _resampled(counts, resamples, seed)
    return _interval(
        float(_scores(counts[None, :], kinds[0], kinds[1], classes, "macro_f1", None)[0]),
        _scores(drawn, kinds[0], kinds[1], classes, "macro_f1", None),
    )


def difference(
    truth: Numbers,
    first: Numbers,
    second: Numbers,
    classes: int,
    resamples: int = 2000,
    seed: int = 0,
    statistic: Statistic = "macro_f1",
    only: int | None = None,
) -> Interval:
    """The second model's score minus the first's on the same rows, with its interval. All (n,) class numbers.

    `only`: the F1 of this class instead of the mean over all. Raises ValueError without rows.
    """
    (right, one, other), counts = _kinds(truth, first, second)
    drawn = _resampled(counts, resamples, seed)

    def gain(of: npt.NDArray[np.int64]) -> Floats:
        return _scores(of, right, other, classes, statistic, only) - _scores(of, right, one, classes, statistic, only)

    return _interval(float(gain(counts[None, :])[0]), gain(drawn))


def chance_of_loss(
    truth: Numbers,
    first: Numbers,
    second: Numbers,
    classes: int,
    resamples: int = 20_000,
    seed: int = 0,
    statistic: Statistic = "macro_f1",
    only: int | None = None,
) -> float:
    """How probable a loss as large as the second model's is if the two are equally good, in (0, 1].

    Approximate randomisation: each row's two answers are swapped or not by the toss of a coin (Yeh, More accurate tests
    for the statistical significance of result differences, COLING 2000). It holds for few rows and for small
    probabilities, which many comparisons at once need and an interval cannot give. Tossing ends when the answer is
    clear (Besag and Clifford, Sequential Monte Carlo p-values, Biometrika 78, 1991). Parameters as in `difference`.
    """
    (right, one, other), counts = _kinds(truth, first, second)
    names = np.arange(classes) if only is None else np.array([only])
    differing = one != other
    actual = counts @ (right[:, None] == names)

    def tallies(chosen: Numbers) -> npt.NDArray[np.int64]:
        """What a row of each kind adds: rows right, then by class claims and hits."""
        claims = (chosen[:, None] == names).astype(np.int64)
        hit = (chosen == right).astype(np.int64)[:, None]
        return np.concatenate([hit, claims, claims * hit], axis=1)

    def score(totals: npt.NDArray[np.int64]) -> Floats:
        if statistic == "accuracy" and only is None:
            return np.asarray(totals[:, 0] / counts.sum())
        claimed, hits = np.split(totals[:, 1:], 2, axis=1)
        f1 = 2 * hits / np.maximum(actual + claimed, 1)
        return np.asarray((f1 * (actual > 0)).sum(axis=1) / max(int((actual > 0).sum()), 1))

    of_first, of_second = (counts[None, :] @ tallies(chosen) for chosen in (one, other))
    change = (tallies(other) - tallies(one))[differing]
    seen = float((score(of_second) - score(of_first))[0])
    generator = np.random.default_rng(seed)
    as_bad = tossed = 0
    while tossed < resamples and as_bad < _CLEAR:
        swapped = generator.binomial(counts[differing], 0.5, size=(_TOSSED_AT_ONCE, int(differing.sum()))) @ change
        found = score(of_second - swapped) - score(of_first + swapped)
        as_bad += int((found <= seen + 1e-12).sum())
        tossed += _TOSSED_AT_ONCE
    return (1 + as_bad) / (1 + tossed)


def calibration_difference(
    first_right: npt.NDArray[np.bool_],
    first_confidence: Floats,
    second_right: npt.NDArray[np.bool_],
    second_confidence: Floats,
    bins: int = 15,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """The second model's expected calibration error minus the first's, with its interval.

    Each (n,): whether the model was right, and the probability of what it chose. Raises ValueError without rows.
    """
    rows = len(first_right)
    if not rows:
        raise ValueError("there are no rows to compare")
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // rows)

    def gain(counts: Floats) -> Floats:
        scored = [
            _calibration_error(counts, right, confidence, bins)
            for right, confidence in ((first_right, first_confidence), (second_right, second_confidence))
        ]
        return scored[1] - scored[0]

    drawn = []
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        drawn.append(gain(generator.multinomial(rows, np.full(rows, 1 / rows), size=size).astype(np.float64)))
    return _interval(float(gain(np.ones((1, rows)))[0]), np.concatenate(drawn))


def holm(probabilities: list[float]) -> list[float]:
    """Probabilities made so that the smallest of many may be judged like one alone, in their order (Holm, A simple
    sequentially rejective multiple test procedure, 1979).

    >>> holm([0.01, 0.04, 0.5])
    [0.03, 0.08, 0.5]
    """
    adjusted = [0.0] * len(probabilities)
    largest = 0.0
    for rank, at in enumerate(sorted(range(len(probabilities)), key=lambda at: probabilities[at])):
        largest = max(largest, min(1.0, (len(probabilities) - rank) * probabilities[at]))
        adjusted[at] = largest
    return adjusted


def _kinds(*columns: Numbers) -> tuple[Numbers, Numbers]:
    """The different rows, as columns (columns, kinds), and how often each occurs."""
    if not len(columns[0]):
        raise ValueError("there are no rows to compare")
    kinds, counts = np.unique(np.stack(columns), axis=1, return_counts=True)
    return kinds.astype(np.int64), counts.astype(np.int64)


def _resampled(counts: Numbers, resamples: int, seed: int) -> Numbers:
    """How often each kind of row occurs in each resample: (resamples, kinds)."""
    rows = int(counts.sum())
    return np.random.default_rng(seed).multinomial(rows, counts / rows, size=resamples)


def _scores(
    counts: Numbers, truth: Numbers, chosen: Numbers, classes: int, statistic: Statistic, only: int | None
) -> Floats:
    """The score of each resample; counts: (resamples, kinds), truth and chosen: (kinds,)."""
    numbers = counts.astype(np.float64)
    hit = (truth == chosen).astype(np.float64)
    if statistic == "accuracy" and only is None:
        accuracy: Floats = numbers @ hit / numbers.sum(axis=1)
        return accuracy
    names = np.arange(classes) if only is None else np.array([only])
    actual = numbers @ (truth[:, None] == names)
    claimed = numbers @ (chosen[:, None] == names)
    hits = numbers @ ((truth[:, None] == names) * hit[:, None])
    f1 = 2 * hits / np.maximum(actual + claimed, 1.0)
    present = actual > 0
    mean: Floats = (f1 * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
    return mean


def _calibration_error(counts: Floats, right: npt.NDArray[np.bool_], confidence: Floats, bins: int) -> Floats:
    inside = np.minimum((confidence * bins).astype(np.int64), bins - 1)[:, None] == np.arange(bins)
    gaps = counts @ (inside * (right - confidence)[:, None])
    error: Floats = np.abs(gaps).sum(axis=1) / counts.sum(axis=1)
    return error


def _interval(estimate: float, drawn: Floats) -> Interval:
    """The percentile interval, widened to hold the estimate where resampling shifts the score to one side."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate))
