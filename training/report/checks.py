"""The page's sections on where a model fails and what it stands; each is empty where there is nothing to show."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from training.findings import MOST_SOURCES, Slice
from training.mistakes import Mistake
from training.probes import PERSONS
from training.report import charts
from training.report.contents import Report
from training.report.elements import (
    HEADINGS,
    cases,
    decimal,
    in_words,
    note,
    number,
    of_chart,
    of_number,
    of_words,
    percent,
    signed,
    span,
    table,
    tag,
    tr,
    whole_percent,
)
from training.robustness import MOST_COUNTRY_ROWS, MOST_ROWS, Countries, Example, Outcome
from training.slices import FEWEST
from training.wording import is_the_rest, slice_words

EXAMPLES_SHOWN = 1  # of each of the many changes
SWAPS_SHOWN = 3  # of each of the few swaps
SLIGHT = 0.15  # of the strongest word's effect: below it a word is not marked
FAINTEST = 0.01  # of a probability: below it a word is neither marked nor named
LEADING_WORDS = 3


def slices(found: Report) -> str:
    """Accuracy on each kind of text, by head."""
    parts = []
    heads = ["", "#texts", "#right", "", "beside the rest"]
    for head, group in groupby(found.slices, key=lambda each: each.head):
        of_head = [each for each in group if not is_the_rest(each.name)]
        whole = next(score.accuracy.estimate for score in found.scores if (score.head, score.origin) == (head, "all"))
        low = charts.scale_below([each.accuracy.low for each in of_head if each.n >= FEWEST])
        rows = []
        for kind, of_kind in _by_kind(of_head).items():
            rows.append(f'<tr><th class="group" colspan="5" scope="rowgroup">{escape(kind)}</th></tr>')
            rows += [_slice_row(each, low, whole) for each in of_kind]
        caption = f"{HEADINGS[head]}; the strips run from {whole_percent(low)} to 100 %, the dashed mark is all texts"
        parts.append(f"<div><h3>{HEADINGS[head]}</h3>{table(caption, heads, rows)}</div>")
    if not parts:
        return ""
    return f'<div class="pair">{"".join(parts)}</div>' + note(
        "A kind is called weaker or stronger only where it differs from all other texts by more than chance, with "
        f"allowance for how many kinds were looked at; with fewer than {FEWEST} texts it is not judged. What all texts "
        "have in common is left out, and so is what a kind leaves over. At most "
        f"{MOST_SOURCES} sources are shown. Kinds overlap: one may explain another."
    )


def _by_kind(found: Sequence[Slice]) -> dict[str, list[Slice]]:
    """The slices under a heading for each kind; kinds of which there is one slice to show stand together at the end."""
    kinds: dict[str, list[Slice]] = {}
    for each in found:
        kinds.setdefault(each.name.split("/", 1)[0], []).append(each)
    several = {kind: of_kind for kind, of_kind in kinds.items() if len(of_kind) > 1}
    alone = [of_kind[0] for of_kind in kinds.values() if len(of_kind) == 1]
    return several | ({"what it says, and how": alone} if alone else {})


def _slice_row(each: Slice, low: float, whole: float) -> str:
    kind = {"weaker": "bad", "too few": "open"}.get(each.judgement, "")
    words = slice_words(each.name)
    judged = tag(each.judgement) if each.judgement in ("weaker", "stronger") else each.judgement
    return tr(
        escape(words),
        of_number(number(each.n)),
        of_number(percent(each.accuracy.estimate)),
        of_chart(charts.strip(each.accuracy, low, 1.0, f"{words}: {in_words(each.accuracy)} right", whole, kind)),
        of_words(f'<span class="range">{judged}</span>'),
    )


def robustness(found: Report) -> str:
    """What each change does, beside its limit."""
    if not any(each.n for each in found.robustness):
        return ""
    introduction = (
        "<p>Each text is changed in one way that a reader would forgive, and scored again. The limits say how many "
        "labels may change; they were set before any model was measured.</p>"
    )
    return (
        introduction
        + _outcomes("Changed labels, by kind of change", found.robustness)
        + _examples(found.robustness, EXAMPLES_SHOWN)
    )


def _outcomes(caption: str, outcomes: Sequence[Outcome]) -> str:
    measured = [each for each in outcomes if each.n]
    ends = [share.high for each in measured if each.n >= FEWEST for share in each.changed.values()]
    high = min(1.0, max(ends + [2 * each.limit for each in measured]))
    heads = ["", "#texts", "#sentiment changed", "", "#topic changed", "", "#polarity moves", "#limit", "verdict"]
    rows = [_outcome_row(each, high) for each in measured]
    absent = [each.says for each in outcomes if not each.n]
    unreadable = sum(each.unreadable for each in measured)
    told = [
        f"The bars run from 0 to {whole_percent(high)} of labels changed; the dashed mark is the limit. A change holds "
        "if no share can lie above its limit, and fails if one must, by the 95 % intervals. Polarity moves: the mean "
        f"absolute change of p(positive) - p(negative). At most {MOST_ROWS} texts a change."
    ]
    if unreadable:
        told.append(f"{unreadable:,} changed texts could not be read and count as changed.")
    if absent:
        told.append(f"No text here applies to: {escape('; '.join(absent))}.")
    return table(caption, heads, rows) + note(" ".join(told))


def _outcome_row(each: Outcome, high: float) -> str:
    cells = []
    for head in HEADINGS:
        share = each.changed[head]
        kind = "bad" if share.low > each.limit else "" if share.high <= each.limit else "open"
        title = f"{each.says}: {head} changes in {in_words(share)}, limit {whole_percent(each.limit)}"
        cells.append(of_number(percent(share.estimate)))
        cells.append(of_chart(charts.limit_bar(share, each.limit, high, title, kind)))
    return tr(
        escape(each.says),
        of_number(number(each.n)),
        *cells,
        of_number(decimal(each.polarity.estimate)),
        of_number(percent(each.limit, 0)),
        of_words(tag(each.verdict)),
    )


def _examples(outcomes: Sequence[Outcome], most: int) -> str:
    items = [
        f'<p class="said">{escape(outcome.says)}</p><p>{escape(each.before)}</p><p>{_marked(each)}</p>'
        f'<p class="said">{_said(each)}</p>'
        for outcome in outcomes
        for each in outcome.examples[:most]
    ]
    return f"<h3>The largest changes</h3>{cases(items)}" if items else ""


def _marked(example: Example) -> str:
    """The changed text, with the words marked that it did not have before."""
    before = set(example.before.split())
    words = ((word, escape(word)) for word in example.after.split())
    return " ".join(shown if word in before else f'<span class="diff">{shown}</span>' for word, shown in words)


def _said(example: Example) -> str:
    told = []
    for before, after in (example.sentiment, example.topic):
        changed = f"<b>{escape(before)}</b> → <b>{escape(after)}</b>"
        told.append(changed if before != after else f"{escape(before)} in both")
    return "; ".join([*told, f"polarity {signed(example.polarity[0])} → {signed(example.polarity[1])}"])


def bias(found: Report) -> str:
    """Swaps of company, country and gender, and whether any group is favoured."""
    if not any(each.n for each in found.bias):
        return ""
    parts = [
        "<p>The same news of another company, of another country, or of a person of the other gender should read the "
        "same.</p>",
        _outcomes("Changed labels, by what is swapped", found.bias),
    ]
    for each in found.bias:
        if each.name == "bias/gender" and each.n and "en" in found.model.languages:
            told = f"{len(PERSONS)} headlines written for this question are added to those that speak of a person."
            parts.append(note(told))
        if each.n and each.shift is not None and each.shift_verdict is not None and each.shift_limit is not None:
            parts.append(
                "<h3>Is a gender favoured?</h3><p>From the male to the female form the polarity moves by "
                f"{signed(each.shift.estimate)} on average ({span(each.shift, signed)}); the limit is "
                f"{number(each.shift_limit)} either way. {tag(each.shift_verdict)}</p>"
            )
    if found.countries is not None:
        parts.append(_countries(found.countries))
    return "".join(parts) + _examples(found.bias, SWAPS_SHOWN)


def _countries(countries: Countries) -> str:
    widest = max(abs(end) for each in countries.polarity.values() for end in (each.low, each.high)) or 0.01
    widest = min(widest, 2 * countries.limit)
    rows = [
        tr(
            escape(name),
            of_number(signed(each.estimate)),
            of_chart(charts.strip(each, -widest, widest, f"{name}: {each.low:+.3f} to {each.high:+.3f}", 0.0)),
        )
        for name, each in countries.polarity.items()
    ]
    caption = f"Polarity above or below the mean of all countries; {countries.n:,} texts, each told of all of them"
    return "".join(
        (
            "<h3>Is a country favoured?</h3><p>Between the most and the least favoured country lie ",
            f"{decimal(countries.spread.estimate)} of polarity ({span(countries.spread, decimal)}); the limit is ",
            f"{number(countries.limit)}. {tag(countries.verdict)}</p>",
            table(caption, ["country", "#polarity", ""], rows, "narrow"),
            note(f"Texts that name just one country, at most {MOST_COUNTRY_ROWS}; the strips run to ±{widest:.3f}."),
        )
    )


def mistakes(found: Report) -> str:
    """The surest wrong answers, with the words that led there."""
    parts = []
    for head, of_head in found.mistakes.items():
        if not of_head.n:
            continue
        parts.append(f"<h3>{HEADINGS[head]}: {number(of_head.n)} of {number(of_head.of)} texts wrong</h3>")
        if of_head.worst:
            parts.append(cases(map(_mistake, of_head.worst)))
        if of_head.withheld:
            told = "others that it was as sure of are of sets whose texts this report may not show."
            parts.append(note(f"{number(of_head.withheld)} {told}"))
    if not parts:
        return ""
    introduction = (
        "<p>Those that the model was surest of. Some will be mistakes of the label: look at these first. "
        '<mark style="--s:0.4">Orange words</mark> spoke for the answer that was given, <mark class="against">dotted '
        "ones</mark> against it: its probability falls or rises when the word is left out.</p>"
    )
    return introduction + "".join(parts)


def _mistake(each: Mistake) -> str:
    top = sorted((word for word in each.words if word.effect >= FAINTEST), key=lambda word: -word.effect)[
        :LEADING_WORDS
    ]
    led = ", ".join(f"{escape(word.word)} {signed(word.effect)}" for word in top)
    return (
        f'<p>{_explained(each)}</p><p class="said">labelled <b>{escape(each.truth)}</b> (given '
        f"{percent(each.given_to_truth, 0)}), said <b>{escape(each.chosen)}</b> with {percent(each.probability, 0)}"
        f"{f'; led by {led}' if led else '; no word of it alone decides'}; from {escape(each.origin)}</p>"
    )


def _explained(each: Mistake) -> str:
    """The text with its words marked by what they add to the answer."""
    strongest = max((abs(word.effect) for word in each.words), default=0.0) or 1.0
    rest, parts = each.text, []
    for word in each.words:
        before, found, after = rest.partition(word.word)
        if not found:
            continue
        share = word.effect / strongest
        kind = f'style="--s:{0.1 + 0.5 * share:.2f}"' if share > 0 else 'class="against"'
        shown = escape(word.word)
        if abs(share) >= SLIGHT and abs(word.effect) >= FAINTEST:
            shown = f'<mark {kind} title="{word.effect:+.3f}">{shown}</mark>'
        parts += [escape(before), shown]
        rest = after
    return "".join(parts) + escape(rest)
