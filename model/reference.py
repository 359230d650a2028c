"""What a bundle said of its training texts and what those were like: with this, live headlines are compared."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:  # a scorer opens a bundle, and a bundle its reference
    from model.scorer import Score

REFERENCE = "reference.json"

CONFIDENCE_BINS = 10
# Tokens, each the last of its bin: tenths of what wires, tweets and filings have, the longest told apart further.
LENGTH_EDGES = (8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 56)
# Share of unknown tokens, likewise; the first bin is none at all, which is nearly every text.
UNKNOWN_EDGES = (0.0, 0.05, 0.1, 0.2)

DIGITS = 6
# Shares are rounded, so their sum is 1 only by and large.
MAX_SUM_ERROR = 1e-3


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares in [0, 1], each feature's summing to 1, over `n` texts.

    `topic`, `sentiment`: of the label chosen, by its name; a label that was never chosen may be absent.
    `confidence`: of the chosen label's probability, by head, in ten bins from 0 to 1. `length`: of the tokens read,
    in the bins of LENGTH_EDGES. `unknown`: of the share of unknown tokens, in the bins of UNKNOWN_EDGES.
    """

    n: int
    topic: dict[str, float]
    sentiment: dict[str, float]
    confidence: dict[str, list[float]]
    length: list[float]
    unknown: list[float]

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec makes a ValidationError, for what cannot be shares."""
        if self.n < 1:
            raise ValueError("n is the number of texts, 1 or more")
        for feature, shares in self.shares().items():
            if not all(0.0 <= share <= 1.0 for share in shares.values()):
                raise ValueError(f"{feature} has a share that is not in [0, 1]")
            if not math.isclose(sum(shares.values()), 1.0, abs_tol=MAX_SUM_ERROR):
                raise ValueError(f"the shares of {feature} do not sum to 1")

    def shares(self) -> dict[str, dict[Any, float]]:
        """Each feature's shares by label or bin, named as in Places. Raises ValueError where bins are missing."""
        binned = {
            "topic_confidence": (self.confidence.get("topic", []), CONFIDENCE_BINS),
            "sentiment_confidence": (self.confidence.get("sentiment", []), CONFIDENCE_BINS),
            "length": (self.length, len(LENGTH_EDGES) + 1),
            "unknown": (self.unknown, len(UNKNOWN_EDGES) + 1),
        }
        for feature, (shares, bins) in binned.items():
            if len(shares) != bins:
                raise ValueError(f"{feature} has {len(shares)} bins instead of {bins}")
        counted: dict[str, dict[Any, float]] = {"topic": {**self.topic}, "sentiment": {**self.sentiment}}
        return counted | {feature: dict(enumerate(shares)) for feature, (shares, _) in binned.items()}


class Places(NamedTuple):
    """The label or bin into which a score falls, by feature."""

    topic: str
    sentiment: str
    topic_confidence: int
    sentiment_confidence: int
    length: int
    unknown: int


def places(score: "Score") -> Places:
    """Where a score is counted."""
    return Places(
        score.topic,
        score.sentiment,
        _confidence_bin(score.topic_probability),
        _confidence_bin(max(score.probabilities)),
        bisect_left(LENGTH_EDGES, score.length),
        bisect_left(UNKNOWN_EDGES, score.unknown_share),
    )


def _confidence_bin(probability: float) -> int:
    return min(int(probability * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)


def describe(scores: "Sequence[Score]") -> Reference:
    """The shares of what a model said of texts, and of what the texts were like. Raises ValueError for no scores.

    A model is surer of texts that it was trained on than of any other: give it the scores of those that were held
    back from training, of the same sources.
    """
    if not scores:
        raise ValueError("there is no score to describe")
    counts = [Counter(column) for column in zip(*map(places, scores), strict=True)]
    topic, sentiment, topic_confidence, sentiment_confidence, length, unknown = (
        {label: round(count / len(scores), DIGITS) for label, count in counter.items()} for counter in counts
    )
    return Reference(
        n=len(scores),
        topic=dict(sorted(topic.items())),
        sentiment=dict(sorted(sentiment.items())),
        confidence={
            "topic": _filled(topic_confidence, CONFIDENCE_BINS),
            "sentiment": _filled(sentiment_confidence, CONFIDENCE_BINS),
        },
        length=_filled(length, len(LENGTH_EDGES) + 1),
        unknown=_filled(unknown, len(UNKNOWN_EDGES) + 1),
    )


def _filled(shares: Mapping[int, float], bins: int) -> list[float]:
    return [shares.get(number, 0.0) for number in range(bins)]


def encode(reference: Reference) -> bytes:
    """What is written to REFERENCE."""
    return msgspec.json.format(msgspec.json.encode(reference), indent=1) + b"\n"


def decode(content: bytes) -> Reference:
    """What REFERENCE says. Raises msgspec.MsgspecError if it is none."""
    return msgspec.json.decode(content, type=Reference)
