"""Probabilities that can be believed: one temperature a head, found on rows that did not train."""

import numpy as np
import numpy.typing as npt

from model.scorer import softmax

LOWEST, HIGHEST = 0.25, 8.0
FEWEST = 50  # labelled rows; below, a temperature would be chance


def temperature(logits: npt.NDArray[np.floating], truth: npt.NDArray[np.int64]) -> float:
    """What to divide logits (n, classes) by, so that the true classes (n,) are least surprising to the softmax
    (Guo et al., arXiv:1706.04599). No label changes by it. 1 where there are fewer than 50 rows.

    The loss has one minimum along the logarithm of the temperature: found by golden section.
    """
    if len(truth) < FEWEST:
        return 1.0

    def surprise(log_temperature: float) -> float:
        probabilities = softmax(logits / np.exp(log_temperature))
        chosen = probabilities[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    low, high = np.log(LOWEST), np.log(HIGHEST)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        if surprise(first) <= surprise(second):
            high = second
        else:
            low = first
    return float(np.exp((low + high) / 2))
