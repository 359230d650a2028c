"""The promotion gate: may a challenger take the champion's place? Both are judged on the same held-back rows.

A loss counts where it is more than chance: the probability of one as large between equals (training.confidence,
approximate randomisation), made strict for the number of questions asked (Holm). The questions are two families, so
that the many small ones do not blunt the few that matter: each head as a whole, with bad news; and every topic and kind
of text. Few rows can fail nobody, and where they leave a head unjudged the gate says so and stays shut.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from training.comparison import Paired, paired
from training.confidence import Interval, Statistic, calibration_difference, chance_of_loss, difference, holm
from training.evaluation import HEADS, Predictions
from training.pace import Pace, slowdown
from training.proportion import rounded
from training.reliability import reliability
from training.slices import slices
from training.verdict import LARGEST_CALIBRATION_ERROR
from training.wording import is_the_rest, listed, slice_words

# Rows on which a question is asked. The randomisation holds for fewer, but could show nothing but a collapse there; a
# topic of the project's own corpus has about so many.
ENOUGH = 20
# A loss that equals would have with at most this probability, once among all of its family, is none of chance's.
LOSS_CHANCE = 0.05
# What a topic must reach that the champion does not know: as much as the weaker ones of those that there are.
NEW_TOPIC_F1 = 0.70
# Nobody reads a probability more closely than this; of two models that agree on all labels one is a little sharper.
CALIBRATION_LOSS = 0.01
# Bytes. A bundle that ships has at most so many; one beside a larger champion a tenth more than that.
LARGEST_BUNDLE, LARGEST_GROWTH = 25_000_000, 1.1
# Times the champion's, for the same texts on the same machine.
LONGEST_TIME = 1.25

Verdict = Literal["pass", "fail", "too few to judge"]
Part = Literal["labels", "whole", "topic", "slice", "probabilities", "size", "speed"]
Numbers = npt.NDArray[np.int64]


class Check(msgspec.Struct, frozen=True):
    """One thing that is compared. `champion`, `challenger`: a score in [0, 1], megabytes, texts a second or
    milliseconds, as `name` says; None where there is none. `difference`: the challenger's minus the champion's; for
    speed the share by which it takes longer. `n`: rows that it stands on; 0 where it stands on none."""

    part: Part
    name: str
    n: int
    champion: float | None
    challenger: float | None
    difference: Interval | None
    verdict: Verdict
    reason: str


class Decision(msgspec.Struct, frozen=True):
    """What the gate found, and why it stays shut; it opens where `refusals` is empty."""

    champion: str
    challenger: str
    rows: int
    checks: list[Check]
    refusals: list[str]

    @property
    def passed(self) -> bool:
        """Whether the challenger may take the champion's place."""
        return not self.refusals


@dataclass(frozen=True)
class Candidate:
    """A model at the gate: what it says of the held-back rows, its bundle's bytes, and whether it was taught the
    sentiment towards single names."""

    version: str
    predictions: Predictions
    size: int
    towards_names: bool = False


class _Question(NamedTuple):
    """Is the second worse than the first, on these rows? Class numbers (n,); `n` rows are what it stands on."""

    part: Part
    name: str
    n: int
    truth: Numbers
    first: Numbers
    second: Numbers
    classes: int
    statistic: Statistic
    only: int | None = None


def judge(champion: Candidate, challenger: Candidate, pace: Pace | None) -> Decision:
    """Put a challenger beside the champion. Both have been asked about the same rows. `pace`: how long both took for
    the same texts; None where that was not measured."""
    first, second = champion.predictions, challenger.predictions
    pairs = {head: paired(first, second, head) for head in HEADS}
    whole = [each for head in HEADS for each in _whole(pairs[head], head)]
    kinds = [each for head in HEADS for each in _slices(pairs[head], head)]
    checks = [
        *_labels(first, second),
        *_names(champion, challenger),
        *_answered([*whole, _readable(first, second)]),
        *_new_topics(first, second),
        *_answered([*_topics(pairs["topic"], first), *kinds]),
        *(_probabilities(first, second, head) for head in HEADS),
        _size(champion.size, challenger.size),
        *(_speed(pace) if pace else ()),
    ]
    refusals = [f"{each.name}: {each.reason}" for each in checks if each.verdict == "fail"]
    refusals += list(_too_few(pairs))
    return Decision(champion.version, challenger.version, len(first.rows) + len(first.unscorable), checks, refusals)


def _too_few(pairs: Mapping[str, Paired]) -> Iterator[str]:
    """What stays unjudged and must not: a head, and bad news, which is what pages."""
    for head in HEADS:
        if (n := len(pairs[head].rows)) < ENOUGH:
            told = f"{n} of them are labelled with it and read by both models"
            yield f"the rows say too little of the {head}: {told}, {ENOUGH} are needed"
    felt = pairs["sentiment"]
    if len(felt.rows) >= ENOUGH and "negative" in felt.classes:
        n = int((felt.truth == felt.classes.index("negative")).sum())
        if n < ENOUGH:
            yield f"the rows say too little of bad news: {n} of them are negative, {ENOUGH} are needed"


def _labels(first: Predictions, second: Predictions) -> Iterator[Check]:
    missing = [topic for topic in first.taxonomy.topics if topic not in second.taxonomy.topics]
    have = f"{len(second.taxonomy.topics)} topics, the champion's {len(first.taxonomy.topics)} among them"
    gone = f"it does not know {listed(missing)}, of which nobody would be told any more"
    yield Check("labels", "topics kept", 0, None, None, None, "fail" if missing else "pass", gone if missing else have)
    if first.taxonomy.sentiments != second.taxonomy.sentiments:
        theirs, ours = (", ".join(each.taxonomy.sentiments) for each in (first, second))
        yield Check("labels", "sentiments", 0, None, None, None, "fail", f"they are {ours} instead of {theirs}")


def _names(champion: Candidate, challenger: Candidate) -> Iterator[Check]:
    """Watched companies would fall back to the sentiment of whole titles, and nobody would be told."""
    if champion.towards_names:
        kept = challenger.towards_names
        told = "as the champion" if kept else "it was not taught it: a watched company would have its titles' sentiment"
        yield Check("labels", "sentiment towards names", 0, None, None, None, "pass" if kept else "fail", told)


def _whole(pairs: Paired, head: str) -> Iterator[_Question]:
    rows = (pairs.truth, pairs.first, pairs.second)
    size = len(pairs.classes)
    yield _Question("whole", f"{head} macro-F1", len(pairs.rows), *rows, size, "macro_f1")
    if head == "sentiment" and "negative" in pairs.classes:
        number = pairs.classes.index("negative")
        of = pairs.truth == number
        n = int(of.sum())
        yield _Question("whole", "negative F1", n, *rows, size, "macro_f1", number)
        of_negative = (pairs.truth[of], pairs.first[of], pairs.second[of])
        yield _Question("whole", "negative recall", n, *of_negative, size, "accuracy")


def _readable(first: Predictions, second: Predictions) -> _Question:
    texts = [row.text for row in (*first.rows, *first.unscorable)]
    one, other = (_known(texts, {row.text for row in each.rows}) for each in (first, second))
    return _Question("whole", "texts it can read", len(texts), np.ones_like(one), one, other, 2, "accuracy")


def _known(texts: Sequence[str], known: Set[str]) -> Numbers:
    return np.array([text in known for text in texts], dtype=np.int64)


def _topics(pairs: Paired, first: Predictions) -> Iterator[_Question]:
    """The F1 of each topic that both know and that a row has."""
    for name in first.taxonomy.topics:
        number = pairs.classes.index(name)
        if n := int((pairs.truth == number).sum()):
            rows = (pairs.truth, pairs.first, pairs.second)
            yield _Question("topic", f"{name} F1", n, *rows, len(pairs.classes), "macro_f1", number)


def _slices(pairs: Paired, head: str) -> Iterator[_Question]:
    """The accuracy on each kind of text: none that all rows are of, none that is only what another leaves over, and of
    sources, which a file may name one a row, those with enough rows."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(pairs.rows):
        for name in slices(row):
            members[name].append(at)
    right = [(chosen == pairs.truth).astype(np.int64) for chosen in (pairs.first, pairs.second)]
    for name in sorted(members):
        rows = members[name]
        few_of_a_source = name.startswith("source/") and len(rows) < ENOUGH
        if len(rows) < len(pairs.rows) and not is_the_rest(name) and not few_of_a_source:
            one, other = (each[rows] for each in right)
            told = f"{head} of {slice_words(name)}"
            yield _Question("slice", told, len(rows), np.ones_like(one), one, other, 2, "accuracy")


def _answered(family: Sequence[_Question]) -> Iterator[Check]:
    """The questions of one family, each as strict as their number asks."""
    judged = [each for each in family if each.n >= ENOUGH]
    gains = [_gain(each) for each in judged]
    chances = holm(
        [
            chance_of_loss(each.truth, each.first, each.second, each.classes, statistic=each.statistic, only=each.only)
            if gain.estimate < 0
            else 1.0
            for each, gain in zip(judged, gains, strict=True)
        ]
    )
    found = {each.name: answer for each, answer in zip(judged, zip(gains, chances, strict=True), strict=True)}
    for each in family:
        if each.name not in found:
            few = f"{each.n} rows, {ENOUGH} are needed"
            yield Check(each.part, each.name, each.n, None, None, None, "too few to judge", few)
            continue
        gain, chance = found[each.name]
        one, other = (_score(each, chosen) for chosen in (each.first, each.second))
        fails = gain.estimate < 0 and chance <= LOSS_CHANCE
        verdict: Verdict = "fail" if fails else "pass"
        reason = _in_words(each, gain, chance, len(judged))
        yield Check(each.part, each.name, each.n, one, other, gain, verdict, reason)


def _gain(asked: _Question) -> Interval:
    found = difference(
        asked.truth, asked.first, asked.second, asked.classes, statistic=asked.statistic, only=asked.only
    )
    return Interval(rounded(found.estimate), rounded(found.low), rounded(found.high))


def _score(asked: _Question, chosen: Numbers) -> float:
    """What one of the two has there."""
    nothing = np.full(len(chosen), -1)
    return rounded(
        difference(
            asked.truth, nothing, chosen, asked.classes, resamples=1, statistic=asked.statistic, only=asked.only
        ).estimate
    )


def _in_words(asked: _Question, gain: Interval, chance: float, questions: int) -> str:
    """`chance`: as strict as one of so many questions has it."""
    broken = int(((asked.first == asked.truth) & (asked.second != asked.truth)).sum())
    fixed = int(((asked.first != asked.truth) & (asked.second == asked.truth)).sum())
    if gain.estimate < 0:
        odds = f"p {_decimals(chance)} as one of {questions} questions"
        if chance > LOSS_CHANCE:
            return f"the loss may be chance ({odds})"
        told = f"{broken:,} rows newly wrong, {fixed:,} newly right"
        return f"worse by {-gain.estimate:.3f}, which is more than chance ({told}; {odds})"
    if gain.low > 0:
        return "better by more than chance"
    return "not worse" if broken or fixed else "the same"


def _decimals(probability: float) -> str:
    return "below 0.001" if probability < 0.001 else f"{probability:.3f}" if probability < 0.1 else f"{probability:.2f}"


def _new_topics(first: Predictions, second: Predictions) -> Iterator[Check]:
    """Topics that only the challenger knows: there is nothing to lose by them, but somebody will be paged for them."""
    positions, truth, probabilities = second.of("topic")
    chosen = probabilities.argmax(axis=1) if len(positions) else truth
    for name in second.taxonomy.topics:
        if name in first.taxonomy.topics:
            continue
        number = second.taxonomy.topics.index(name)
        n = int((truth == number).sum())
        told = f"{name} F1 (a new topic)"
        # With half as many rows as a comparison needs: it is put beside a limit, not beside another estimate.
        if n < ENOUGH / 2:
            few = f"{n} rows, {ENOUGH // 2} are needed"
            yield Check("topic", told, n, None, None, None, "too few to judge", few)
            continue
        nothing = np.full(len(truth), -1)
        f1 = difference(truth, nothing, chosen, len(second.taxonomy.topics), only=number)
        low, high = rounded(f1.low), rounded(f1.high)
        verdict: Verdict = "fail" if f1.estimate < NEW_TOPIC_F1 else "pass"
        reason = f"{f1.estimate:.2f} ({low:.2f} to {high:.2f}); a new topic needs {NEW_TOPIC_F1:.2f}"
        yield Check("topic", told, n, None, rounded(f1.estimate), None, verdict, reason)


def _probabilities(first: Predictions, second: Predictions, head: str) -> Check:
    """Whether probabilities still say how often they are right. To be less exact than the champion is no harm within
    the limit, and to be beyond the limit is none of the challenger's doing where the champion is as far beyond it."""
    name = f"{head} calibration error"
    both = {row.text for row in first.rows} & {row.text for row in second.rows}
    classes = set(first.classes(head)) & set(second.classes(head))
    asked = [each.part(lambda row: row.text in both and getattr(row, head) in classes) for each in (first, second)]
    n = len(asked[0].rows)
    if n < ENOUGH:
        few = f"{n} rows, {ENOUGH} are needed"
        return Check("probabilities", name, n, None, None, None, "too few to judge", few)
    answers = [each.of(head)[1:] for each in asked]
    one, other = (reliability(truth, probabilities).ece for truth, probabilities in answers)
    sure = [
        (probabilities.argmax(axis=1) == truth, np.asarray(probabilities.max(axis=1)))
        for truth, probabilities in answers
    ]
    change = calibration_difference(*sure[0], *sure[1])
    change = Interval(rounded(change.estimate), rounded(change.low), rounded(change.high))
    beyond = other.low > LARGEST_CALIBRATION_ERROR
    limit = f"the limit of {LARGEST_CALIBRATION_ERROR:g}"
    fails = beyond and change.low > 0 and change.estimate > CALIBRATION_LOSS
    if fails:
        reason = f"beyond {limit}, and further off than the champion's by more than chance"
    elif beyond:
        reason = f"beyond {limit}, but no further off than the champion's"
    else:
        reason = f"within {limit}" if other.high <= LARGEST_CALIBRATION_ERROR else f"not shown to be beyond {limit}"
    return Check("probabilities", name, n, one.estimate, other.estimate, change, "fail" if fails else "pass", reason)


def _size(champion: int, challenger: int) -> Check:
    limit = LARGEST_BUNDLE if champion <= LARGEST_BUNDLE else LARGEST_GROWTH * champion
    change = round((challenger - champion) / 1e6, 2) + 0.0  # no -0.0
    of = "a tenth more than the champion's" if limit > LARGEST_BUNDLE else "as for what ships"
    return Check(
        "size",
        "size in MB",
        0,
        round(champion / 1e6, 2),
        round(challenger / 1e6, 2),
        Interval(change, change, change),
        "fail" if challenger > limit else "pass",
        f"{'beyond' if challenger > limit else 'within'} the limit of {limit / 1e6:.1f} MB, {of}",
    )


def _speed(pace: Pace) -> Iterator[Check]:
    """Texts together and a text alone. A machine with other work to do slows both, so that it is their ratio, round by
    round, that counts."""
    many, alone = pace.together, pace.alone
    one, other = many.typical()
    yield _pace_check("texts a second", round(pace.texts / one), round(pace.texts / other), slowdown(many))
    one, other = (round(1000 * each / pace.singles, 2) for each in alone.typical())
    yield _pace_check("one text, in ms", one, other, slowdown(alone))


def _pace_check(name: str, champion: float, challenger: float, slower: Interval) -> Check:
    change = Interval(rounded(slower.estimate - 1), rounded(slower.low - 1), rounded(slower.high - 1))
    fails = slower.low > LONGEST_TIME
    if fails:
        reason = f"takes {slower.estimate:.2f} times as long; {LONGEST_TIME:g} times are allowed"
    elif slower.estimate > LONGEST_TIME:
        reason = "slower, but the machine was too busy to be sure"
    else:
        reason = f"takes {slower.estimate:.2f} times as long, within {LONGEST_TIME:g}"
    return Check("speed", name, 0, champion, challenger, change, "fail" if fails else "pass", reason)
