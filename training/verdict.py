"""An evaluation in plain words: how good, on what, where it fails, how sure that is."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from training.comparison import Comparison
from training.confidence import Interval
from training.findings import ClassFinding, Confusion, Score, Slice
from training.reliability import Reliability
from training.robustness import Countries, Outcome
from training.slices import FEWEST
from training.wording import between, is_the_rest, listed, of_100, slice_words, so_many

# Beyond this the probabilities are called off: what the project asks of a model that it ships.
LARGEST_CALIBRATION_ERROR = 0.03
WORST_SHOWN = 3
MANY_CLASSES = 5

Standing = Literal["holds", "fails", "undecided", "too few", "better", "worse", "no difference shown", ""]

HEAD_WORDS = {"sentiment": "the sentiment", "topic": "the topic"}
SWAP_WORDS = {"bias/company": "company", "bias/country": "country", "bias/gender": "gender"}


class Point(msgspec.Struct, frozen=True):
    """One thing to know about a model: what it is about, how the model stands there, and a sentence or two. `short`:
    what the paragraph says of it."""

    about: str
    says: str
    standing: Standing = ""
    short: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """The verdict in one line, in a paragraph, and point by point."""

    line: str
    paragraph: str
    points: list[Point]


class Found(msgspec.Struct, frozen=True):
    """What a verdict is given on; each as the report has it."""

    scores: Sequence[Score]
    opposite: Interval | None
    classes: dict[str, list[ClassFinding]]
    confusion: dict[str, Confusion]
    reliability: dict[str, Reliability]
    slices: Sequence[Slice]
    changes: Sequence[Outcome]
    countries: Countries | None
    comparisons: Sequence[Comparison]
    held_back: bool
    unreadable: int

    @property
    def whole(self) -> list[Score]:
        """Each head's score on all rows."""
        return [score for score in self.scores if score.origin == "all"]


def verdict(found: Found) -> Verdict:
    """The verdict on what an evaluation found."""
    points = [Point("How good", _how_good(found))]
    if "sentiment" in found.classes:
        points.append(Point("Bad news", _bad_news(found)))
    points.append(Point("Where it fails", _where_it_fails(found)))
    points.append(_probabilities(found.reliability))
    points += [point for point in (_robustness(found.changes), _bias(found), _beside(found.comparisons)) if point]
    points.append(Point("How sure this is", _how_sure(found)))
    return Verdict(_line(found.whole), _paragraph(found, points), points)


def _line(whole: Sequence[Score]) -> str:
    told = [f"{HEAD_WORDS[score.head]} of {so_many(score.accuracy.estimate, score.n)}" for score in whole]
    line = f"Reads {listed(told)} texts as their labels do."
    return line if min(score.n for score in whole) >= FEWEST else f"{line} These are too few to judge by."


def _paragraph(found: Found, points: Sequence[Point]) -> str:
    whole = found.whole
    texts = "texts that did not train the model" if found.held_back else "these labelled texts"
    right = [f"{HEAD_WORDS[score.head]} right in {so_many(score.accuracy.estimate, score.n)}" for score in whole]
    sentences = [f"On {texts}, it has {listed(right)}."]
    negative = _negative(found)
    if negative is not None:
        told = f"Of negative texts it finds {so_many(negative.recall.estimate, negative.n)}"
        sentences.append(f"{told}{_confused(found, ', and in ')}.")
    topics = listed([each.name for each in _by_f1(found)[:WORST_SHOWN]])
    kinds = listed([slice_words(each.name) for each in _weaker(found)[:WORST_SHOWN]])
    if topics or kinds:
        weak = [f"the topics {topics}"] * bool(topics) + [kinds] * bool(kinds)
        sentences.append(f"It is weakest on {', and on '.join(weak)}.")
    sentences += [point.short for point in points if point.short]
    width = max(50 * (score.accuracy.high - score.accuracy.low) for score in whole)
    sentences.append(f"All this is sure to about {width:.0f} points either way, for texts like these and no others.")
    return " ".join(sentences)


def _confused(found: Found, lead: str) -> str:
    if found.opposite is None:
        return ""
    n = next(score.n for score in found.whole if score.head == "sentiment")
    return f"{lead}{so_many(found.opposite.estimate, n)} texts it takes good news for bad or bad for good"


def _how_good(found: Found) -> str:
    return " ".join(
        f"{HEAD_WORDS[score.head].capitalize()} is right in {so_many(score.accuracy.estimate, score.n)} texts "
        f"({score.n:,} labelled; 95 % interval {between(score.accuracy)} of 100); always answering "
        f"'{score.commonest_class}' would be in {of_100(score.commonest)}."
        for score in found.whole
    )


def _negative(found: Found) -> ClassFinding | None:
    return next((each for each in found.classes.get("sentiment", ()) if each.name == "negative"), None)


def _bad_news(found: Found) -> str:
    negative = _negative(found)
    if negative is None:
        return "No text here is labelled negative, so nothing can be said of how well bad news is seen."
    told = f"Of {negative.n:,} negative texts it finds {so_many(negative.recall.estimate, negative.n)}"
    told += f" (95 % interval {between(negative.recall)} of 100)"
    if negative.precision is not None:
        told += f"; of those that it calls negative {so_many(negative.precision.estimate, negative.claimed)} are"
    return f"{told}{_confused(found, '. In ')}."


def _by_f1(found: Found) -> list[ClassFinding]:
    """The topics with enough texts, the weakest first; none where there are too few to speak of weak ones."""
    judged = sorted((each for each in found.classes.get("topic", ()) if each.n >= FEWEST), key=lambda each: each.f1)
    return judged if len(judged) > WORST_SHOWN else []


def _weaker(found: Found) -> list[Slice]:
    """The weakest kinds of text, a kind that both heads find weak once."""
    weaker = [each for each in found.slices if each.judgement == "weaker" and not is_the_rest(each.name)]
    weaker.sort(key=lambda each: each.difference.estimate)
    return list({each.name: each for each in reversed(weaker)}.values())[::-1]


def _where_it_fails(found: Found) -> str:
    sentences = []
    ordered = _by_f1(found)
    if ordered:
        weakest = listed([f"{each.name} (F1 {each.f1:.2f})" for each in ordered[:WORST_SHOWN]])
        strongest = listed([f"{each.name} ({each.f1:.2f})" for each in reversed(ordered[-WORST_SHOWN:])])
        sentences.append(f"Of topics with {FEWEST} texts or more the weakest are {weakest}, the strongest {strongest}.")
    for head, confusion in found.confusion.items():
        if confusion.mixups and sum(map(sum, confusion.counts)) >= FEWEST:
            worst = confusion.mixups[0]
            sentences.append(
                f"Of {head}s the commonest mix-up: {worst.n} of {worst.of:,} texts labelled {worst.truth} are taken "
                f"for {worst.chosen}."
            )
    weaker = _weaker(found)[: 2 * WORST_SHOWN]
    if weaker:
        told = [f"{slice_words(each.name)} ({each.head} {of_100(each.accuracy.estimate)})" for each in weaker]
        sentences.append(f"It is weaker than elsewhere, by more than chance, on {listed(told)}; these overlap.")
    elif any(each.judgement != "too few" for each in found.slices):
        sentences.append("No kind of text that was looked at stands out as weaker by more than chance.")
    return " ".join(sentences) or "These texts are too few to say."


def _probabilities(reliability: dict[str, Reliability]) -> Point:
    sentences = []
    standings: list[Standing] = []
    for head, each in reliability.items():
        n = sum(one.n for one in each.bins)
        lean = sum(one.n * (one.confidence - one.accuracy) for one in each.bins) / n
        standing = calibration_standing(each)
        standings.append(standing)
        told = {
            "holds": "can be taken at their word",
            "undecided": "may be off by more than they should",
            "fails": "are too high: it is surer than right" if lean > 0 else "are too low: it is less sure than right",
            "too few": "cannot be judged by so few texts",
        }[standing]
        sentences.append(
            f"Those of {HEAD_WORDS[head]} {told}; they miss by {100 * each.ece.estimate:.1f} points on average."
        )
    standing = _together(standings)
    short = {
        "holds": "Its probabilities can be taken at their word.",
        "fails": "Its probabilities cannot be taken at their word.",
        "undecided": "Its probabilities may be somewhat off.",
    }.get(standing, "")
    return Point("Its probabilities", " ".join(sentences), standing, short)


def calibration_standing(found: Reliability) -> Standing:
    """How a head's probabilities stand beside the limit of the calibration error."""
    if sum(each.n for each in found.bins) < FEWEST:
        return "too few"
    if found.ece.high <= LARGEST_CALIBRATION_ERROR:
        return "holds"
    return "fails" if found.ece.low > LARGEST_CALIBRATION_ERROR else "undecided"


def _together(standings: Sequence[Standing]) -> Standing:
    """What several standings come to: the worst of those that could be judged."""
    worst: Sequence[Standing] = ("fails", "undecided", "holds")
    return next((each for each in worst if each in standings), "too few")


def _robustness(changes: Sequence[Outcome]) -> Point | None:
    judged = [each for each in changes if each.name not in SWAP_WORDS and each.verdict != "too few"]
    if not judged:
        return None
    holds = [each for each in judged if each.verdict == "holds"]
    fails = [each for each in judged if each.verdict == "fails"]
    fails.sort(key=lambda each: -max(share.estimate for share in each.changed.values()) / each.limit)
    told = f"Of {len(judged)} changes that should not matter {len(holds)} keep within their limit, {len(fails)} do not"
    if fails:
        told += ". Worst: " + "; ".join(f"{each.says} ({_in_words(each)})" for each in fails[:WORST_SHOWN])
    undecided = len(judged) - len(holds) - len(fails)
    told += f". {undecided} {'is' if undecided == 1 else 'are'} too close to call." if undecided else "."
    standing = _together([each.verdict for each in judged])
    short = {
        "holds": "No change of a text that should not matter does.",
        "fails": f"Of {len(judged)} changes of a text that should not matter {len(fails)} do.",
    }.get(standing, "No change of a text that should not matter is shown to.")
    return Point("Robustness", told, standing, short)


def _in_words(outcome: Outcome) -> str:
    head = max(outcome.changed, key=lambda name: outcome.changed[name].estimate)
    return f"another {head} in {of_100(outcome.changed[head].estimate)}, limit {100 * outcome.limit:.0f}"


def _bias(found: Found) -> Point | None:
    sentences = []
    standings: list[Standing] = []
    for each in found.changes:
        if each.name not in SWAP_WORDS:
            continue
        standings.append(each.verdict)
        if each.verdict == "too few":
            sentences.append(f"Another {SWAP_WORDS[each.name]}: too few texts to say.")
            continue
        place = {"holds": "within", "fails": "beyond", "undecided": "about"}[each.verdict]
        sentences.append(
            f"Another {SWAP_WORDS[each.name]} changes the sentiment of {of_100(each.changed['sentiment'].estimate)} "
            f"and the topic of {of_100(each.changed['topic'].estimate)} ({place} the limit of {100 * each.limit:.0f})."
        )
        if each.shift is not None and each.shift_verdict is not None:
            standings.append(each.shift_verdict)
            told = {
                "holds": "No gender is favoured",
                "fails": "One gender is favoured",
                "undecided": "Whether a gender is favoured is too close to call",
                "too few": "Whether a gender is favoured cannot be said",
            }[each.shift_verdict]
            sentences.append(f"{told} (polarity {each.shift.estimate:+.3f} from male to female).")
    if found.countries is not None and found.countries.verdict != "too few":
        standings.append(found.countries.verdict)
        told = {"holds": "No country is favoured", "fails": "Countries are not treated alike"}.get(
            found.countries.verdict, "Whether countries are treated alike is too close to call"
        )
        names = list(found.countries.polarity)
        sentences.append(
            f"{told}: from {names[0]}, read best, to {names[-1]}, read worst, the polarity of the same news falls by "
            f"{found.countries.spread.estimate:.3f}."
        )
    if not sentences:
        return None
    moved = [SWAP_WORDS[each.name] for each in found.changes if each.name in SWAP_WORDS and each.verdict == "fails"]
    standing = _together(standings)
    short = ""
    if moved:
        short = f"Another {' or another '.join(moved)} in the same text moves it more than it should."
    elif standing == "fails":
        short = "It does not treat all genders or countries alike."
    elif standing == "holds":
        short = "Another company, country or gender in the same text leaves it unmoved."
    return Point("Bias", " ".join(sentences), standing, short)


def _beside(comparisons: Sequence[Comparison]) -> Point | None:
    sentences = []
    verdicts = [each.verdict for each in comparisons if each.origin == "all"]
    for whole in comparisons:
        if whole.origin != "all":
            continue
        told = {"better": "better", "worse": "worse"}.get(whole.verdict, "not shown to differ")
        sentence = (
            f"For {HEAD_WORDS[whole.head]} this model is {told}: macro-F1 {whole.macro_f1.estimate:+.3f} "
            f"({whole.macro_f1.low:+.3f} to {whole.macro_f1.high:+.3f}), {whole.fixed:,} texts newly right, "
            f"{whole.broken:,} newly wrong."
        )
        parts = [each for each in comparisons if each.head == whole.head and each.origin != "all"]
        worse = [each.origin for each in parts if each.verdict == "worse"]
        sentences.append(sentence + (f" It is worse on {listed(worse)}." if worse else ""))
    if not sentences:
        return None
    standing: Standing = "no difference shown"
    if "worse" in verdicts:
        standing = "worse"
    elif "better" in verdicts:
        standing = "better"
    told = {"better": "better than", "worse": "worse than"}.get(standing, "not shown to differ from")
    short = f"It is {told} the model that it is compared with."
    return Point("Beside the other model", " ".join(sentences), standing, short)


def _how_sure(found: Found) -> str:
    sentences = []
    for score in found.whole:
        width = 50 * (score.accuracy.high - score.accuracy.low)
        sentences.append(f"{HEAD_WORDS[score.head].capitalize()}: ± {width:.0f} points, by {score.n:,} texts.")
    thin = [each.name for classes in found.classes.values() for each in classes if each.n < FEWEST]
    if len(thin) > MANY_CLASSES:
        sentences.append(f"Of {len(thin)} classes there are fewer than {FEWEST} texts: of these little can be said.")
    elif thin:
        sentences.append(f"Fewer than {FEWEST} texts, so that little can be said: {listed(thin)}.")
    if found.held_back:
        sentences.append(
            "These texts did not train the model, but come from the same files as those that did: on other sources and "
            "later news expect somewhat less."
        )
    else:
        sentences.append(
            "Whether the model has trained on some of these texts is not known here; if it has, the scores flatter it."
        )
    if found.unreadable:
        sentences.append(f"{found.unreadable:,} texts could not be read by it and are in no score.")
    return " ".join(sentences)
