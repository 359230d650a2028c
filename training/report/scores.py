"""The page's sections on how good a model is; each is empty where there is nothing to show."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from training.comparison import Change, Comparison
from training.findings import ClassFinding, Confusion, Score
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
    points,
    scrolling,
    signed,
    span,
    table,
    tag,
    tr,
    whole_percent,
)
from training.slices import FEWEST
from training.verdict import LARGEST_CALIBRATION_ERROR, calibration_standing

MIXUPS_SHOWN = 10
FEW_CLASSES = 3  # a matrix of so many is read at a glance


def verdict(found: Report) -> str:
    """The verdict in a paragraph, tiles of the headline numbers, then the verdict point by point."""
    told = "".join(
        f"<dt>{escape(point.about)}</dt><dd>{tag(point.standing) if point.standing else ''} {escape(point.says)}</dd>"
        for point in found.verdict.points
    )
    return "".join(
        (
            f'<p class="lede">{escape(found.verdict.paragraph)}</p>',
            f'<ul class="tiles">{"".join(_tiles(found))}</ul>',
            note('Below each number its 95 % interval. <a href="#terms">What the words mean</a> stands at the end.'),
            f'<dl class="points">{told}</dl>',
        )
    )


def _tiles(found: Report) -> Iterator[str]:
    for score in found.scores:
        if score.origin != "all":
            continue
        what = HEADINGS[score.head].lower()
        yield _tile(percent(score.accuracy.estimate), f"{what} right", span(score.accuracy, points))
        yield _tile(decimal(score.macro_f1.estimate), f"{what} macro-F1", span(score.macro_f1, decimal))
        negative = next((each.recall for each in found.classes[score.head] if each.name == "negative"), None)
        if negative is not None:
            yield _tile(percent(negative.estimate), "negative texts found", span(negative, points))
        if score.head == "sentiment" and found.opposite is not None:
            yield _tile(percent(found.opposite.estimate), "good and bad confused", span(found.opposite, points))
    for head, each in found.reliability.items():
        yield _tile(percent(each.ece.estimate), f"{HEADINGS[head].lower()} calibration error", span(each.ece, points))


def _tile(figure: str, what: str, interval: str) -> str:
    return f'<li><span class="figure-of">{figure}</span><span class="what">{what}</span>{interval}</li>'


def scores(found: Report) -> str:
    """Each head on each set, with intervals on one scale."""
    parts = []
    heads = ["set", "#texts", "#right", "", "#macro-F1", "95 % interval", "#calibration error", "always guessing"]
    for head, group in groupby(found.scores, key=lambda score: score.head):
        of_head = list(group)
        low = charts.scale_below([score.accuracy.low for score in of_head])
        whole = of_head[0].accuracy.estimate
        rows = [_score_row(score, low, whole) for score in of_head]
        caption = f"{HEADINGS[head]} by set; strips from {whole_percent(low)} to 100 %, the dashed mark is all together"
        parts.append(f"<h3>{HEADINGS[head]}</h3>{table(caption, heads, rows)}")
    parts.append(
        note(
            "The dot is what was measured; the true value lies on the line with 95 % confidence. Sets follow different "
            "habits of labelling: compare a set with itself, not with another."
        )
    )
    return "".join(parts)


def _score_row(score: Score, low: float, whole: float) -> str:
    return tr(
        "all together" if score.origin == "all" else escape(score.origin),
        of_number(number(score.n)),
        of_number(percent(score.accuracy.estimate)),
        of_chart(charts.strip(score.accuracy, low, 1.0, f"{in_words(score.accuracy)} right", whole)),
        of_number(decimal(score.macro_f1.estimate)),
        of_words(span(score.macro_f1, decimal)),
        of_number(percent(score.ece)),
        of_words(f'{percent(score.commonest)} <span class="range">{escape(score.commonest_class)}</span>'),
        bold=score.origin == "all",
    )


def beside(found: Report) -> str:
    """This model minus another on the same rows, and what it has newly right and wrong."""
    against = found.against
    if against is None or not against.comparisons:
        return ""
    ends = [abs(end) for each in against.comparisons for end in (each.macro_f1.low, each.macro_f1.high)]
    widest = max(ends) or 0.01
    heads = [
        "",
        "#texts",
        "#macro-F1",
        "",
        "95 % interval",
        "#right, points",
        "#newly right",
        "#newly wrong",
        "verdict",
    ]
    rows = [_comparison_row(each, widest) for each in against.comparisons]
    broken = [change for change in against.changes if change.second != change.truth]
    fixed = [change for change in against.changes if change.second == change.truth]
    withheld = f"{number(against.withheld)} more are of sets whose texts this report may not show."
    return "".join(
        (
            table(f"This model minus {against.name}, on the same texts", heads, rows),
            note(
                "A difference counts as shown if its interval, by a paired bootstrap over the texts, leaves out zero. "
                f"The strips run from {-widest:+.3f} to {widest:+.3f}; the dashed mark is no difference."
            ),
            _changes("Newly wrong", broken),
            _changes("Newly right", fixed),
            note(withheld) if against.withheld else "",
        )
    )


def _comparison_row(each: Comparison, widest: float) -> str:
    kind = {"better": "", "worse": "bad"}.get(each.verdict, "open")
    title = f"macro-F1 {each.macro_f1.low:+.3f} to {each.macro_f1.high:+.3f}"
    return tr(
        f"{HEADINGS[each.head]}, {'all together' if each.origin == 'all' else escape(each.origin)}",
        of_number(number(each.n)),
        of_number(signed(each.macro_f1.estimate)),
        of_chart(charts.strip(each.macro_f1, -widest, widest, title, 0.0, kind)),
        of_words(span(each.macro_f1, signed)),
        of_number(number(each.accuracy.estimate, f"{100 * each.accuracy.estimate:+.1f}")),
        of_number(number(each.fixed)),
        of_number(number(each.broken)),
        of_words(tag(each.verdict)),
        bold=each.origin == "all",
    )


def _changes(heading: str, changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    return f"<h3>{heading}, for example</h3>" + cases(
        f'<p>{escape(each.text)}</p><p class="said">{HEADINGS[each.head]}: labelled <b>{escape(each.truth)}</b>, the '
        f"other said <b>{escape(each.first)}</b>, this one <b>{escape(each.second)}</b></p>"
        for each in changes
    )


def classes(found: Report) -> str:
    """Precision, recall and F1 of each class."""
    heads = ["", "#texts", "#found", "", "#rightly called so", "", "#F1"]
    parts = []
    for head, of_head in found.classes.items():
        caption = f"{HEADINGS[head]}, class by class; the strips run from 0 to 100 %"
        parts.append(f"<h3>{HEADINGS[head]}</h3>{table(caption, heads, map(_class_row, of_head))}")
    parts.append(
        note(
            "Found (recall): of the texts that are labelled so, the share that the model calls so. Rightly called so "
            "(precision): of those that it calls so, the share that is labelled so. Grey: fewer than "
            f"{FEWEST} texts, so that little can be said."
        )
    )
    return "".join(parts)


def _class_row(each: ClassFinding) -> str:
    kind = "open" if each.n < FEWEST else ""
    precision, precision_strip = "none", ""
    if each.precision is not None:
        precision = percent(each.precision.estimate)
        title = f"of those called {each.name}, right: {in_words(each.precision)}"
        precision_strip = charts.strip(each.precision, 0.0, 1.0, title, kind=kind)
    return tr(
        escape(each.name),
        of_number(number(each.n)),
        of_number(percent(each.recall.estimate)),
        of_chart(charts.strip(each.recall, 0.0, 1.0, f"{each.name} found: {in_words(each.recall)}", kind=kind)),
        of_number(precision),
        of_chart(precision_strip),
        of_number(decimal(each.f1)),
    )


def mixups(found: Report) -> str:
    """Confusion matrices, and the commonest mix-ups in words."""
    parts = []
    for head, confusion in found.confusion.items():
        parts.append(f"<h3>{HEADINGS[head]}</h3>{_matrix(head, confusion)}")
        if len(confusion.classes) > FEW_CLASSES and confusion.mixups:
            rows = [
                tr(
                    escape(each.truth),
                    of_words(escape(each.chosen)),
                    of_number(number(each.n)),
                    of_number(whole_percent(each.n / each.of)),
                )
                for each in confusion.mixups[:MIXUPS_SHOWN]
            ]
            caption = f"The commonest mix-ups of the {head}"
            parts.append(table(caption, ["labelled", "taken for", "#texts", "#of those labelled so"], rows, "narrow"))
    return "".join(parts) + note("Blue: right. Orange: wrong. The deeper, the larger the share of its row.")


def _matrix(head: str, confusion: Confusion) -> str:
    rows = []
    for name, counts in zip(confusion.classes, confusion.counts, strict=True):
        total = sum(counts) or 1
        cells = []
        for other, count in zip(confusion.classes, counts, strict=True):
            kind = "none" if not count else "right" if other == name else "wrong"
            style = f' style="--s:{0.08 + 0.5 * count / total:.2f}"' if count else ""
            cells.append(f'<td class="{kind}"{style}>{number(count)}</td>')
        rows.append(tr(escape(name), *cells))
    turned = "turned" if len(confusion.classes) > FEW_CLASSES else "n"
    across = "".join(f'<th scope="col" class="{turned}"><span>{escape(each)}</span></th>' for each in confusion.classes)
    caption = f"{HEADINGS[head]}: a row is what a text is labelled, a column what the model says"
    inside = f"<thead><tr><td></td>{across}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return scrolling(caption, inside, "matrix")


def probabilities(found: Report) -> str:
    """Reliability diagrams, and the calibration errors."""
    figures, rows = [], []
    for head, each in found.reliability.items():
        title = f"{HEADINGS[head]}: how often the answer was right, by how sure the model was"
        figures.append(
            f"<figure><h3>{HEADINGS[head]}</h3>{charts.reliability_diagram(each.bins, title)}<figcaption>Bars: how "
            "often the answer was right. They would end on the dashed line if it were as often right as it says. "
            "Orange gap: surer than right; blue gap: less sure than right. Grey below: how many texts."
            "</figcaption></figure>"
        )
        rows.append(
            tr(
                HEADINGS[head],
                of_number(percent(each.ece.estimate)),
                of_words(span(each.ece, points)),
                of_number(percent(each.ece_before) if each.ece_before is not None else "not known"),
                of_number(decimal(each.temperature) if each.temperature is not None else "not known"),
                of_words(tag(calibration_standing(each))),
            )
        )
    limit = f"limit {whole_percent(LARGEST_CALIBRATION_ERROR)}"
    heads = ["", "#calibration error", "95 % interval", "#before calibration", "#temperature", limit]
    return "".join(
        (
            f'<div class="pair">{"".join(figures)}</div>',
            table("How far the probabilities are off", heads, rows),
            note(
                "Calibration error (ECE): by how many points, on average, the probability that the model gives its "
                "answer misses the share of such answers that are right. Calibration divides what the model says "
                "before it becomes a probability by a temperature; no label changes by it."
            ),
        )
    )
