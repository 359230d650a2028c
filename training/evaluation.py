"""How good a model's labels and probabilities are: accuracy, F1 per class, calibration."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from model.errors import InputError, UnscorableText
from model.scorer import Scorer
from training.labels import LabelledText

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


def evaluate(scorer: Scorer, rows: Sequence[LabelledText]) -> dict[str, Any]:
    """Score rows and compare: {"sentiment": HeadScores, "topic": HeadScores, "unscorable": n}; a head without
    labels is absent. A row that cannot be scored counts as wrong for neither head: it is counted apart.

    Raises InputError if no row has a label that the model knows.
    """
    scores = scorer.score([row.text for row in rows])
    taxonomy = scorer.taxonomy
    result: dict[str, Any] = {}
    for head, classes in (("sentiment", taxonomy.sentiments), ("topic", taxonomy.topics)):
        truth: list[int] = []
        probabilities: list[tuple[float, ...]] = []
        for row, score in zip(rows, scores, strict=True):
            label = row.sentiment if head == "sentiment" else row.topic
            if label not in classes or isinstance(score, UnscorableText):
                continue
            truth.append(classes.index(label))
            probabilities.append(score.probabilities if head == "sentiment" else score.topic_probabilities)
        if truth:
            result[head] = head_scores(np.array(truth), np.array(probabilities), classes)
    if not result:
        raise InputError("no row has a label to compare with: give a file with a column 'sentiment' or 'topic'")
    unscorable = sum(isinstance(score, UnscorableText) for score in scores)
    if unscorable:
        result["unscorable"] = unscorable
    return result
