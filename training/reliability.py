"""Whether probabilities mean what they say: of headlines scored with 0.8, eight in ten should be right."""

import msgspec
import numpy as np
import numpy.typing as npt

from training.confidence import Interval
from training.evaluation import CALIBRATION_BINS
from training.proportion import rounded

RESAMPLES = 500
MOST_AT_ONCE = 4_000_000  # numbers, of 8 bytes


class Bin(msgspec.Struct, frozen=True):
    """Rows whose chosen class has a probability from `low` to `high`: how sure the model was, how often right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


class Reliability(msgspec.Struct, frozen=True):
    """One head's reliability diagram (DeGroot and Fienberg 1983), its expected calibration error with an interval, and
    that error as it was before a temperature was applied, if one is known."""

    bins: list[Bin]
    ece: Interval
    ece_before: float | None = None
    temperature: float | None = None


def reliability(
    truth: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    temperature: float | None = None,
    seed: int = 0,
) -> Reliability:
    """The reliability of probabilities (n, classes) of the true classes (n,).

    `temperature`: what the logits were divided by; what they said before is then told too.
    """
    before = None
    if temperature is not None:
        before = calibration_error(truth, sharpened(probabilities, temperature))
    return Reliability(_bins(truth, probabilities), _interval(truth, probabilities, seed), before, temperature)


def sharpened(probabilities: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities as they were before their logits were divided by a temperature: softmax(T log p)."""
    powers = np.exp(temperature * np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def calibration_error(truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """The expected calibration error, over the bins of training.evaluation.head_scores."""
    return rounded(np.abs(_gaps(truth, probabilities).sum(axis=0)).sum() / len(truth))


def _numbers(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = (probabilities.max(axis=1) * CALIBRATION_BINS).astype(np.int64)
    return np.minimum(numbers, CALIBRATION_BINS - 1)


def _gaps(truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, bins): a row's rightness minus its confidence, in the column of its bin."""
    gaps = np.zeros((len(truth), CALIBRATION_BINS))
    right = probabilities.argmax(axis=1) == truth
    gaps[np.arange(len(truth)), _numbers(probabilities)] = right - probabilities.max(axis=1)
    return gaps


def _interval(truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], seed: int) -> Interval:
    """By the basic bootstrap over rows: the error of a resample lies above that of the rows, by about as much as that
    of the rows lies above the model's own, and reflecting takes that off (Davison and Hinkley 1997, 5.2.1)."""
    n = len(truth)
    gaps = _gaps(truth, probabilities)
    found = np.abs(gaps.sum(axis=0)).sum() / n
    generator = np.random.default_rng(seed)
    at_once = max(1, MOST_AT_ONCE // n)
    errors = np.concatenate(
        [
            np.abs(generator.multinomial(n, np.full(n, 1 / n), size=min(at_once, RESAMPLES - start)) @ gaps).sum(axis=1)
            / n
            for start in range(0, RESAMPLES, at_once)
        ]
    )
    low, high = 2 * found - np.quantile(errors, (0.975, 0.025))
    return Interval(rounded(found), rounded(min(found, max(0.0, low))), rounded(max(found, high)))


def _bins(truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> list[Bin]:
    numbers, confidence = _numbers(probabilities), probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = []
    for number in range(CALIBRATION_BINS):
        inside = numbers == number
        if inside.any():
            bins.append(
                Bin(
                    rounded(number / CALIBRATION_BINS),
                    rounded((number + 1) / CALIBRATION_BINS),
                    int(inside.sum()),
                    rounded(confidence[inside].mean()),
                    rounded(right[inside].mean()),
                )
            )
    return bins
