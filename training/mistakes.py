"""The worst mistakes of a model: those that it is surest of, and the words that led it there."""

from collections.abc import Callable

import msgspec

from model.explanation import explain
from model.scorer import Scorer
from model.text import clean
from training.evaluation import Predictions
from training.labels import LabelledText
from training.proportion import rounded

SHOWN = 12
WORDS = 40  # the most that are shown of a text, with what each adds


class Word(msgspec.Struct, frozen=True):
    """A word of a text, and what it adds to the probability of the answer that was given; in [-1, 1]."""

    word: str
    effect: float


class Mistake(msgspec.Struct, frozen=True):
    """A row whose label and answer differ. `probability`: what the model gave its answer; `given_to_truth`: what it
    gave the label."""

    text: str
    origin: str
    truth: str
    chosen: str
    probability: float
    given_to_truth: float
    words: list[Word]


class Mistakes(msgspec.Struct, frozen=True):
    """A head's mistakes: how many of how many rows, the surest of those that may be quoted, and how many surer ones
    were passed over because they may not."""

    n: int
    of: int
    withheld: int
    worst: list[Mistake]


def mistakes(
    scorer: Scorer, predictions: Predictions, head: str, quotable: Callable[[LabelledText], bool], most: int = SHOWN
) -> Mistakes:
    """A head's worst mistakes, with the words that speak for the wrong answer (model.explanation)."""
    positions, truth, probabilities = predictions.of(head)
    names = predictions.classes(head)
    chosen, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = sorted((at for at in range(len(truth)) if chosen[at] != truth[at]), key=lambda at: (-confidence[at], at))
    worst: list[Mistake] = []
    seen: set[str] = set()
    withheld = 0
    for at in wrong:
        row = predictions.rows[positions[at]]
        if len(worst) == most:
            break
        if not quotable(row):
            withheld += 1
        elif row.text not in seen:
            seen.add(row.text)
            worst.append(
                Mistake(
                    clean(row.text),
                    row.origin,
                    names[truth[at]],
                    names[chosen[at]],
                    rounded(confidence[at]),
                    rounded(probabilities[at, truth[at]]),
                    _words(scorer, row.text, head),
                )
            )
    return Mistakes(len(wrong), len(truth), withheld, worst)


def _words(scorer: Scorer, text: str, head: str) -> list[Word]:
    effects = explain(scorer, clean(text)).words[:WORDS]
    return [Word(each.word, rounded(each.sentiment if head == "sentiment" else each.topic)) for each in effects]
