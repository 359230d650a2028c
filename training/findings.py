"""What an evaluation finds, each number with how sure it is: scores, classes, confusions, slices."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from training.confidence import LEVEL, Interval, macro_f1_interval
from training.evaluation import HEADS, Predictions, head_scores
from training.proportion import share, share_difference
from training.slices import FEWEST, slices

# A file may name a source a row: more than these are told together.
MOST_SOURCES = 15
OTHER_SOURCES = "source/all others"

Numbers = npt.NDArray[np.int64]
Judgement = Literal["weaker", "stronger", "as the rest", "too few"]


class Score(msgspec.Struct, frozen=True):
    """One head's scores on rows of one origin, or of all. `commonest` is what always guessing its class would have."""

    head: str
    origin: str
    n: int
    accuracy: Interval
    macro_f1: Interval
    ece: float
    commonest: float
    commonest_class: str


class ClassFinding(msgspec.Struct, frozen=True):
    """One class: how much of what is called so is so (precision), how much of what is so is found (recall)."""

    name: str
    n: int
    claimed: int  # rows that the model calls so
    precision: Interval | None  # None where it calls none so
    recall: Interval
    f1: float


class Mixup(msgspec.Struct, frozen=True):
    """Rows of one class that the model takes for another: `n` of the class's `of`."""

    truth: str
    chosen: str
    n: int
    of: int


class Confusion(msgspec.Struct, frozen=True):
    """counts[true class][chosen class], and the mix-ups by number."""

    classes: list[str]
    counts: list[list[int]]
    mixups: list[Mixup]


class Slice(msgspec.Struct, frozen=True):
    """Accuracy on one kind of rows, and how far from that on all the others, in points of share. `judgement` is by an
    interval widened for the number of slices looked at (Bonferroni), so that none stands out by chance alone."""

    head: str
    name: str  # kind/value
    n: int
    accuracy: Interval
    difference: Interval
    judgement: Judgement


def scores(predictions: Predictions) -> list[Score]:
    """Scores of each head on all rows ('all'), then on each origin's if there are several."""
    origins = sorted({row.origin for row in predictions.rows})
    found = []
    for head in HEADS:
        positions, truth, probabilities = predictions.of(head)
        if not len(truth):
            continue
        of = np.array([predictions.rows[at].origin for at in positions])
        groups = [("all", np.ones(len(truth), dtype=bool))]
        groups += [(origin, of == origin) for origin in origins if len(origins) > 1 and (of == origin).any()]
        classes = predictions.classes(head)
        found += [_score(head, origin, truth[rows], probabilities[rows], classes) for origin, rows in groups]
    return found


def _score(
    head: str, origin: str, truth: Numbers, probabilities: npt.NDArray[np.float64], classes: Sequence[str]
) -> Score:
    chosen = probabilities.argmax(axis=1)
    commonest, times = Counter(truth.tolist()).most_common(1)[0]
    return Score(
        head,
        origin,
        len(truth),
        share(int((chosen == truth).sum()), len(truth)),
        _rounded(macro_f1_interval(truth, chosen, len(classes))),
        head_scores(truth, probabilities, classes).ece,
        round(times / len(truth), 4),
        classes[commonest],
    )


def _rounded(interval: Interval) -> Interval:
    return Interval(round(interval.estimate, 4), round(interval.low, 4), round(interval.high, 4))


def classes(predictions: Predictions, head: str) -> list[ClassFinding]:
    """Each class that the rows have, in the taxonomy's order."""
    names = predictions.classes(head)
    _, truth, probabilities = predictions.of(head)
    chosen = probabilities.argmax(axis=1)
    found = []
    for name, exact in head_scores(truth, probabilities, names).per_class.items():
        number = names.index(name)
        hits, claimed = int(((truth == number) & (chosen == number)).sum()), int((chosen == number).sum())
        precision = share(hits, claimed) if claimed else None
        found.append(ClassFinding(name, exact.n, claimed, precision, share(hits, exact.n), exact.f1))
    return found


def confusion(predictions: Predictions, head: str) -> Confusion:
    """What is taken for what; classes that neither the rows nor the model's answers have are left out."""
    names = predictions.classes(head)
    _, truth, probabilities = predictions.of(head)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    seen = [at for at in range(len(names)) if counts[at].any() or counts[:, at].any()]
    mixups = [
        Mixup(names[row], names[column], int(counts[row, column]), int(counts[row].sum()))
        for row in seen
        for column in seen
        if row != column and counts[row, column]
    ]
    mixups.sort(key=lambda each: (-each.n, each.of, each.truth))
    return Confusion([names[at] for at in seen], counts[np.ix_(seen, seen)].tolist(), mixups)


def slice_findings(predictions: Predictions) -> list[Slice]:
    """Accuracy on each slice, by head and kind; a slice that all rows are in says nothing and is left out."""
    found = []
    for head in HEADS:
        positions, truth, probabilities = predictions.of(head)
        if not len(truth):
            continue
        right = probabilities.argmax(axis=1) == truth
        members: defaultdict[str, list[int]] = defaultdict(list)
        for at, position in enumerate(positions):
            for name in slices(predictions.rows[position]):
                members[name].append(at)
        kept = _with_few_sources(members)
        names = [name for name in kept if len(kept[name]) < len(truth)]
        comparisons = max(1, sum(_is_judged(len(kept[name]), len(truth)) for name in names))
        found += [_slice(head, name, right, kept[name], 1 - (1 - LEVEL) / comparisons) for name in names]
    return found


def _with_few_sources(members: dict[str, list[int]]) -> dict[str, list[int]]:
    """The slices by kind as they first appeared, the sources with the most rows first and the rest of them as one."""
    sources = sorted((name for name in members if name.startswith("source/")), key=lambda name: -len(members[name]))
    shown = [name for name in sources[:MOST_SOURCES] if len(members[name]) >= FEWEST]
    others = [at for name in sources if name not in shown for at in members[name]]
    kinds = list(dict.fromkeys(name.split("/", 1)[0] for name in members))
    kept = {
        name: rows
        for name, rows in sorted(members.items(), key=lambda each: (kinds.index(each[0].split("/", 1)[0]), each[0]))
        if not name.startswith("source/") or name in shown
    }
    return kept | ({OTHER_SOURCES: others} if others else {})


def _is_judged(n: int, rows: int) -> bool:
    return n >= FEWEST and rows - n >= FEWEST


def _slice(head: str, name: str, right: npt.NDArray[np.bool_], rows: list[int], level: float) -> Slice:
    hits, n = int(right[rows].sum()), len(rows)
    others = len(right) - n
    accuracy = share(hits, n)
    other_hits = int(right.sum()) - hits
    difference = share_difference(hits, n, other_hits, others)
    judgement: Judgement = "too few"
    if _is_judged(n, len(right)):
        wide = share_difference(hits, n, other_hits, others, level)
        judgement = "weaker" if wide.high < 0 else "stronger" if wide.low > 0 else "as the rest"
    return Slice(head, name, n, accuracy, difference, judgement)
