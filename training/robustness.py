"""How much of what a model says changes with changes that must not matter."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from model.errors import UnscorableText
from model.scorer import Score, Scorer
from model.text import clean
from training.confidence import Interval
from training.counterfactuals import BIAS, LARGEST_SHIFT, LARGEST_SPREAD, in_each_country
from training.labels import LabelledText
from training.perturbations import ROBUSTNESS, Changed, Perturbation
from training.probes import persons
from training.proportion import mean, rounded, share
from training.slices import FEWEST

# A limit of 5 % can be told from 8 % with this many rows.
MOST_ROWS = 500
MOST_COUNTRY_ROWS = 120  # each is scored once a country
EXAMPLES = 3

Verdict = Literal["holds", "fails", "undecided", "too few"]


class Example(msgspec.Struct, frozen=True):
    """A text before and after a change, and what the model said of each."""

    before: str
    after: str
    topic: tuple[str, str]
    sentiment: tuple[str, str]
    polarity: tuple[float, float]


class Outcome(msgspec.Struct, frozen=True):
    """What one change did to a model. Shares of rows in [0, 1]; polarity and shift in [-2, 2].

    verdict: 'holds' if no head's share can be above the limit, 'fails' if one's must be, by their intervals;
    'undecided' between; 'too few' below 30 rows. shift: from the male to the female form, for the change of gender.
    """

    name: str
    says: str
    limit: float
    n: int
    unreadable: int  # of n: rows that the model could not read after the change; they count as changed
    changed: dict[str, Interval]  # by head, the share of rows with another label
    polarity: Interval  # mean absolute change
    verdict: Verdict
    examples: list[Example]
    shift: Interval | None = None
    shift_limit: float | None = None
    shift_verdict: Verdict | None = None


class Countries(msgspec.Struct, frozen=True):
    """The same news of several countries: by how much the polarity of each lies above the mean of all, and by how much
    the most favoured lies above the least. `n`: texts, each scored once for each country."""

    n: int
    polarity: dict[str, Interval]
    spread: Interval
    limit: float
    verdict: Verdict


def judged(found: Sequence[Interval], limit: float, n: int) -> Verdict:
    """Whether magnitudes keep within a limit, as far as their intervals tell."""
    if n < FEWEST:
        return "too few"
    if any(each.low > limit for each in found):
        return "fails"
    return "holds" if all(each.high <= limit for each in found) else "undecided"


def outcomes(
    scorer: Scorer,
    rows: Sequence[LabelledText],
    quotable: Callable[[LabelledText], bool],
    advance: Callable[[int], None] = lambda _more: None,
    changes: Sequence[Perturbation] = ROBUSTNESS + BIAS,
    probes: Sequence[LabelledText] | None = None,
) -> list[Outcome]:
    """What each change does to the scores of up to 500 of the rows that it applies to, the same in every run.

    `probes`: headlines about persons that are asked about beside the rows where a gender is swapped; those of
    training/probes.py if not given, which are English. Rows for which `quotable` is false are measured and never
    shown. `advance` is told how many texts were scored.
    """
    asked = persons() if probes is None else probes
    found = []
    befores: dict[str, Score | UnscorableText] = {}  # many changes apply to the same rows
    for change in changes:
        pairs = _pairs(change, [*rows, *asked] if change.name == "bias/gender" else rows)
        unscored = [row.text for row, _ in pairs if row.text not in befores]
        scores = scorer.score(unscored + [changed.text for _, changed in pairs])
        befores |= zip(unscored, scores, strict=False)
        advance(len(scores))
        found.append(
            _outcome(change, pairs, [befores[row.text] for row, _ in pairs], scores[len(unscored) :], quotable)
        )
    return found


def _pairs(change: Perturbation, rows: Sequence[LabelledText]) -> list[tuple[LabelledText, Changed]]:
    pairs = []
    for row in _drawn(rows):
        changed = change.of(row)
        if changed is not None:
            pairs.append((row, changed))
            if len(pairs) == MOST_ROWS:
                break
    return pairs


def _drawn(rows: Sequence[LabelledText]) -> list[LabelledText]:
    """The rows, each text once, in an order of the texts' own: whatever order they came in, and whichever others there
    are, the same come first."""
    by_text = {row.text: row for row in rows}
    return sorted(by_text.values(), key=lambda row: blake2b(row.text.encode(), digest_size=8).digest())


def _outcome(
    change: Perturbation,
    pairs: Sequence[tuple[LabelledText, Changed]],
    befores: Sequence[Score | UnscorableText],
    afters: Sequence[Score | UnscorableText],
    quotable: Callable[[LabelledText], bool],
) -> Outcome:
    heads = {"sentiment": 0, "topic": 0}
    moved: list[float] = []
    shifts: list[float] = []
    examples: list[tuple[float, Example]] = []
    n = unreadable = 0
    for (row, changed), before, after in zip(pairs, befores, afters, strict=True):
        if isinstance(before, UnscorableText):
            continue
        n += 1
        if isinstance(after, UnscorableText):
            unreadable += 1
            heads = {head: count + 1 for head, count in heads.items()}
            continue
        difference = after.polarity - before.polarity
        moved.append(abs(difference))
        if change.name == "bias/gender" and changed.towards:
            shifts.append(difference if changed.towards == "female" else -difference)
        other = {head: getattr(before, head) != getattr(after, head) for head in heads}
        heads = {head: count + other[head] for head, count in heads.items()}
        if any(other.values()) and quotable(row):
            badness = abs(difference) + other["topic"] * abs(before.topic_probability - 0.5)
            examples.append((badness, _example(row, changed, before, after)))
    intervals = {head: share(count, n) for head, count in heads.items()}
    examples.sort(key=lambda each: (-each[0], each[1].before))
    outcome = Outcome(
        name=change.name,
        says=change.says,
        limit=change.limit,
        n=n,
        unreadable=unreadable,
        changed=intervals,
        polarity=mean(moved),
        verdict=judged(list(intervals.values()), change.limit, n),
        examples=[example for _, example in examples[:EXAMPLES]],
    )
    if change.name != "bias/gender":
        return outcome
    shift = mean(shifts)
    return msgspec.structs.replace(
        outcome,
        shift=shift,
        shift_limit=LARGEST_SHIFT,
        shift_verdict=judged([magnitude(shift)], LARGEST_SHIFT, len(shifts)),
    )


def magnitude(shift: Interval) -> Interval:
    """How large a shift is, whatever its direction: an interval with 0 in it begins at 0."""
    ends = sorted((abs(shift.low), abs(shift.high)))
    low = 0.0 if shift.low <= 0 <= shift.high else ends[0]
    return Interval(abs(shift.estimate), low, ends[1])


def _example(row: LabelledText, changed: Changed, before: Score, after: Score) -> Example:
    return Example(
        clean(row.text),
        clean(changed.text),
        (before.topic, after.topic),
        (before.sentiment, after.sentiment),
        (rounded(before.polarity), rounded(after.polarity)),
    )


def by_country(
    scorer: Scorer, rows: Sequence[LabelledText], advance: Callable[[int], None] = lambda _more: None
) -> Countries | None:
    """The polarity of the same news in each country's name, over up to 120 rows that name just one country. None
    without such rows.

    The spread's interval is that of the difference between the two countries at the ends, widened for having been
    picked out of all pairs (Bonferroni).
    """
    families: list[dict[str, str]] = []
    for row in _drawn(rows):
        texts = in_each_country(row, clean(row.text))
        if texts:
            families.append(texts)
        if len(families) == MOST_COUNTRY_ROWS:
            break
    if not families:
        return None
    names = list(families[0])
    scores = scorer.score([family[name] for family in families for name in names])
    advance(len(scores))
    above: dict[str, list[float]] = {name: [] for name in names}
    for at in range(len(families)):
        row_scores = scores[at * len(names) : (at + 1) * len(names)]
        polarities = [score.polarity for score in row_scores if not isinstance(score, UnscorableText)]
        if len(polarities) < len(names):
            continue
        centre = sum(polarities) / len(polarities)
        for name, polarity in zip(names, polarities, strict=True):
            above[name].append(polarity - centre)
    n = len(above[names[0]])
    if not n:
        return None
    means = {name: mean(values) for name, values in above.items()}
    most, least = (pick(means, key=lambda name: means[name].estimate) for pick in (max, min))
    comparisons = len(names) * (len(names) - 1) / 2
    spread = mean([a - b for a, b in zip(above[most], above[least], strict=True)], 1 - 0.05 / comparisons)
    ordered = dict(sorted(means.items(), key=lambda each: -each[1].estimate))
    return Countries(n, ordered, spread, LARGEST_SPREAD, judged([spread], LARGEST_SPREAD, n))
