"""How good a model's labels and probabilities are: accuracy, F1 per class, calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from model.errors import UnscorableText
from model.scorer import Scorer
from model.taxonomy import Taxonomy
from training.labels import LabelledText

HEADS = ("sentiment", "topic")
CALIBRATION_BINS = 15


class ClassScores(msgspec.Struct, frozen=True):
    """Precision, recall and F1 of one class, and how many rows have it. All but n in [0, 1]."""

    precision: float
    recall: float
    f1: float
    n: int


class HeadScores(msgspec.Struct, frozen=True):
    """One head's scores on a labelled set. macro_f1 is the mean over the classes that the set has."""

    n: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScores]
    ece: float


def head_scores(
    truth: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], classes: Sequence[str]
) -> HeadScores:
    """Scores from true class numbers (n,) and probabilities (n, classes).

    ECE is the expected calibration error over 15 bins of equal width of the chosen class's probability
    (Guo et al., On calibration of modern neural networks, arXiv:1706.04599).
    """
    chosen = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    right = chosen == truth
    per_class = {}
    for number, name in enumerate(classes):
        actual = int((truth == number).sum())
        if not actual:
            continue
        hits = int((right & (truth == number)).sum())
        claimed = int((chosen == number).sum())
        precision = hits / claimed if claimed else 0.0
        recall = hits / actual
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        per_class[name] = ClassScores(round(precision, 4), round(recall, 4), round(f1, 4), actual)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    error = 0.0
    for number in range(CALIBRATION_BINS):
        inside = bins == number
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return HeadScores(
        n=len(truth),
        accuracy=round(float(right.mean()), 4),
        macro_f1=round(float(np.mean([scores.f1 for scores in per_class.values()])), 4),
        per_class=per_class,
        ece=round(float(error), 4),
    )


@dataclass(frozen=True)
class Predictions:
    """What one model says of labelled rows, in their order, without the rows that it could not score.

    topic: (rows, topics), sentiment: (rows, sentiments), probabilities that sum to 1 along a row.
    """

    taxonomy: Taxonomy
    rows: tuple[LabelledText, ...]
    topic: npt.NDArray[np.float64]
    sentiment: npt.NDArray[np.float64]
    unscorable: tuple[LabelledText, ...]

    def of(self, head: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """A head's labelled rows: their positions in `rows`, true class numbers, probabilities.

        A label that the model does not know leaves its row out.
        """
        classes = self.classes(head)
        known = [at for at, row in enumerate(self.rows) if getattr(row, head) in classes]
        truth = [classes.index(getattr(self.rows[at], head)) for at in known]
        positions = np.array(known, dtype=np.int64)
        return positions, np.array(truth, dtype=np.int64), getattr(self, head)[positions]

    def classes(self, head: str) -> tuple[str, ...]:
        """A head's class names in the order of its probabilities."""
        return self.taxonomy.topics if head == "topic" else self.taxonomy.sentiments

    def part(self, wanted: Callable[[LabelledText], bool]) -> "Predictions":
        """The predictions of some of the rows."""
        kept = [at for at, row in enumerate(self.rows) if wanted(row)]
        return Predictions(
            self.taxonomy,
            tuple(self.rows[at] for at in kept),
            self.topic[kept],
            self.sentiment[kept],
            tuple(row for row in self.unscorable if wanted(row)),
        )

    def scores(self) -> dict[str, HeadScores]:
        """Each head's scores; a head without labels is absent."""
        result = {}
        for head in HEADS:
            _, truth, probabilities = self.of(head)
            if len(truth):
                result[head] = head_scores(truth, probabilities, self.classes(head))
        return result


def scores_by_origin(predictions: Predictions) -> dict[str, Any]:
    """The scores on all rows (`all`) and on each origin's, by head, with `unscorable` where rows could not be read."""

    def scores(part: Predictions) -> Any:
        found = msgspec.to_builtins(part.scores())
        return found | ({"unscorable": len(part.unscorable)} if part.unscorable else {})

    def of(origin: str) -> Predictions:
        return predictions.part(lambda row: row.origin == origin)

    origins = sorted({row.origin for row in predictions.rows})
    return {"all": scores(predictions)} | {origin: scores(of(origin)) for origin in origins}


def predict(scorer: Scorer, rows: Sequence[LabelledText]) -> Predictions:
    """Score labelled rows, keeping all probabilities."""
    scores = scorer.score([row.text for row in rows])
    pairs = [(row, score) for row, score in zip(rows, scores, strict=True) if not isinstance(score, UnscorableText)]
    taxonomy = scorer.taxonomy
    return Predictions(
        taxonomy,
        tuple(row for row, _ in pairs),
        np.array([score.topic_probabilities for _, score in pairs]).reshape(-1, len(taxonomy.topics)),
        np.array([score.probabilities for _, score in pairs]).reshape(-1, len(taxonomy.sentiments)),
        tuple(row for row, score in zip(rows, scores, strict=True) if isinstance(score, UnscorableText)),
    )
