"""Two models on the same rows: which is better, by how much, and whether that is more than chance."""

from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from training.confidence import Interval, difference
from training.evaluation import HEADS, Predictions
from training.labels import LabelledText

Numbers = npt.NDArray[np.int64]


class Comparison(msgspec.Struct, frozen=True):
    """One head on the rows of one origin ('all': of each): the second model minus the first, with the interval of a
    paired bootstrap. `fixed`: rows that only the second has right; `broken`: that only the first has."""

    head: str
    origin: str
    n: int
    accuracy: Interval
    macro_f1: Interval
    fixed: int
    broken: int
    verdict: Literal["better", "worse", "no difference shown"]


class Change(msgspec.Struct, frozen=True):
    """A row of which the two models say different things, and one of them is right."""

    head: str
    text: str
    truth: str
    first: str
    second: str


class Paired(NamedTuple):
    """What two models say of the rows that both can read and whose label both know, as numbers of `classes`."""

    rows: tuple[LabelledText, ...]
    truth: Numbers
    first: Numbers
    second: Numbers
    classes: tuple[str, ...]


def paired(first: Predictions, second: Predictions, head: str) -> Paired:
    """The rows of both predictions, by their texts, with what each model chose."""
    classes = tuple(dict.fromkeys((*second.classes(head), *first.classes(head))))
    answers = {row.text: chosen for row, chosen in _answers(first, head)}
    shared = [
        (row, chosen)
        for row, chosen in _answers(second, head)
        if row.text in answers and getattr(row, head) in first.classes(head)
    ]
    return Paired(
        tuple(row for row, _ in shared),
        np.array([classes.index(getattr(row, head)) for row, _ in shared], dtype=np.int64),
        np.array([classes.index(answers[row.text]) for row, _ in shared], dtype=np.int64),
        np.array([classes.index(chosen) for _, chosen in shared], dtype=np.int64),
        classes,
    )


def _answers(predictions: Predictions, head: str) -> list[tuple[LabelledText, str]]:
    """Rows with a label that the model knows, and what it chose."""
    names = predictions.classes(head)
    positions, _, probabilities = predictions.of(head)
    chosen = probabilities.argmax(axis=1) if len(positions) else ()
    return [(predictions.rows[at], names[number]) for at, number in zip(positions, chosen, strict=True)]


def compare(first: Predictions, second: Predictions) -> list[Comparison]:
    """Each head on all shared rows, then on each origin's if there are several; a head without such rows is absent."""
    found = []
    for head in HEADS:
        pairs = paired(first, second, head)
        if not pairs.rows:
            continue
        of = np.array([row.origin for row in pairs.rows])
        origins = sorted(set(of.tolist()))
        groups = [("all", np.ones(len(of), dtype=bool))]
        groups += [(origin, of == origin) for origin in origins if len(origins) > 1]
        found += [_comparison(head, origin, pairs, inside) for origin, inside in groups]
    return found


def _comparison(head: str, origin: str, pairs: Paired, inside: npt.NDArray[np.bool_]) -> Comparison:
    truth, first, second = pairs.truth[inside], pairs.first[inside], pairs.second[inside]
    accuracy, macro_f1 = (
        _rounded(difference(truth, first, second, len(pairs.classes), statistic=statistic))
        for statistic in ("accuracy", "macro_f1")
    )
    return Comparison(
        head,
        origin,
        len(truth),
        accuracy,
        macro_f1,
        int(((second == truth) & (first != truth)).sum()),
        int(((second != truth) & (first == truth)).sum()),
        "better" if macro_f1.low > 0 else "worse" if macro_f1.high < 0 else "no difference shown",
    )


def _rounded(interval: Interval) -> Interval:
    return Interval(round(interval.estimate, 4), round(interval.low, 4), round(interval.high, 4))


def changes(first: Predictions, second: Predictions) -> list[tuple[LabelledText, Change]]:
    """The rows that one model has right and the other has not: those that the second broke first."""
    found = []
    for head in HEADS:
        pairs = paired(first, second, head)
        for at, row in enumerate(pairs.rows):
            truth, one, other = (pairs.classes[numbers[at]] for numbers in (pairs.truth, pairs.first, pairs.second))
            if (one == truth) != (other == truth):
                found.append((row, Change(head, row.text, truth, one, other)))
    return sorted(found, key=lambda each: each[1].second == each[1].truth)
