"""How far live headlines have moved away from the texts that the model was made with. Pure arithmetic."""

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.reference import Places, Reference, places
from model.scorer import Score

# Scored headlines that are looked at, the newest: a day's or an hour's, as the stream is.
WINDOW = 2_000
# Below so many nothing is said: 50 headlines of 17 topics look like a drift by chance alone.
FEWEST = 200

HEADS = ("topic", "sentiment")
FEATURES = ("length", "unknown_words", "confidence")


@dataclass(frozen=True)
class Drift:
    """Population stability indices over a window of `headlines`, by head and by feature; 0 where nothing is judged:
    too few headlines, or no reference (then `headlines` is 0 too)."""

    headlines: int
    prediction: Mapping[str, float]
    input: Mapping[str, float]


UNJUDGED = Drift(0, dict.fromkeys(HEADS, 0.0), dict.fromkeys(FEATURES, 0.0))


def stability_index(counts: Mapping[Any, int], shares: Mapping[Any, float], n: int) -> float:
    """Population stability index of `counts` against a reference of `shares` over `n` texts, beyond what chance alone
    would give; 0 or more. By custom below 0.1 is no drift to speak of, above 0.25 a large one.

    The index is the sum of (p - q) ln(p / q) over the bins (Siddiqi, Credit Risk Scorecards, 2006), which is the
    symmetric divergence of Jeffreys. Three things keep a small sample from looking like a drift: the reference has
    half a text more in every bin, so that none is empty; the live counts have one headline a bin more, spread as the
    reference is; and what remains is lessened by the index that two samples of one population have on average,
    (bins - 1)(1 / live + 1 / n) (Yurdakul and Naranjo, Statistical properties of the population stability index,
    Journal of Risk Model Validation, 2020).

    >>> round(stability_index({"up": 800, "down": 200}, {"up": 0.5, "down": 0.5}, n=10_000), 2)
    0.41
    >>> stability_index({"up": 14, "down": 6}, {"up": 0.5, "down": 0.5}, n=10_000) < 0.1
    True
    """
    bins = shares.keys() | counts.keys()
    live = sum(counts.values())
    index = 0.0
    for label in bins:
        expected = (n * shares.get(label, 0.0) + 0.5) / (n + 0.5 * len(bins))
        seen = (counts.get(label, 0) + len(bins) * expected) / (live + len(bins))
        index += (seen - expected) * math.log(seen / expected)
    return max(0.0, index - (len(bins) - 1) * (1 / live + 1 / n)) if live else 0.0


class DriftWatch:
    """A sliding window of scores beside a bundle's reference.

    `reference`: None where the bundle has none; then there is never a drift to tell.
    """

    def __init__(self, reference: Reference | None, window: int = WINDOW, fewest: int = FEWEST) -> None:
        self._reference = reference
        self._shares = reference.shares() if reference else {}
        self._fewest = fewest
        self._window: deque[Places] = deque(maxlen=window)
        self._counts: dict[str, Counter[Any]] = {feature: Counter() for feature in Places._fields}

    def add(self, score: Score) -> None:
        """Take a score into the window, and the oldest out of it where it is full."""
        if self._reference is None:
            return
        if len(self._window) == self._window.maxlen:
            for counter, label in zip(self._counts.values(), self._window[0], strict=True):
                counter[label] -= 1
                if not counter[label]:
                    del counter[label]  # a label that nobody has is no bin
        added = places(score)
        self._window.append(added)
        for counter, label in zip(self._counts.values(), added, strict=True):
            counter[label] += 1

    def drift(self) -> Drift:
        """The window beside the reference. The confidence is that of the head in which it moved further."""
        if self._reference is None or len(self._window) < self._fewest:
            return Drift(len(self._window), UNJUDGED.prediction, UNJUDGED.input)
        n = self._reference.n
        index = {
            feature: stability_index(counter, self._shares[feature], n) for feature, counter in self._counts.items()
        }
        return Drift(
            headlines=len(self._window),
            prediction={head: index[head] for head in HEADS},
            input={
                "length": index["length"],
                "unknown_words": index["unknown"],
                "confidence": max(index[f"{head}_confidence"] for head in HEADS),
            },
        )
