"""The page's sections on how a model was trained and measured, and what the words mean."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from training.report import charts
from training.report.contents import Report
from training.report.elements import decimal, number, of_number, table, tr

_TERMS = (
    (
        "95 % interval",
        "Another sample of as many texts of the same kind would give another number; of 100 such intervals 95 hold the "
        "true one. Shares have Wilson's interval; macro-F1, calibration error and differences one by a bootstrap over "
        "the texts.",
    ),
    ("Right (accuracy)", "The share of texts whose label and answer are the same."),
    (
        "Macro-F1",
        "F1 is the harmonic mean of a class's precision and recall, macro-F1 its mean over the classes, so that a rare "
        "topic counts as much as a common one. 1 is perfect.",
    ),
    (
        "Good and bad confused",
        "The share of texts labelled with a sentiment where positive is taken for negative or negative for positive: "
        "the mistakes that mislead most.",
    ),
    ("Polarity", "p(positive) - p(negative), from -1 to 1."),
    (
        "Limits of the changes",
        "5 % of labels for what a reader would hardly notice (casing, punctuation, a ticker, a prefix, an outlet's "
        "name) and for another company or country; 10 % for a typo in a word that may be the one which decides; 3 % "
        "for separators in numbers and for a person's gender; 2 % for the shape of quotes; 1 % for white space.",
    ),
)


def learning(found: Report) -> str:
    """Loss and validation scores by epoch."""
    learnt = found.learning
    if learnt is None:
        return ""
    scored = {head: line for head, line in learnt.validation.items() if line}
    charted: dict[str, Mapping[str, Sequence[float]]] = {"Loss on the training part": {"loss": learnt.losses}}
    if scored:
        charted["Macro-F1 on the validation part"] = scored
    figures = "".join(
        f"<figure><h3>{heading}</h3>{charts.curves(series, learnt.best_epoch, f'{heading}, by epoch')}"
        "<figcaption>The dashed mark is the epoch that was kept.</figcaption></figure>"
        for heading, series in charted.items()
    )
    rows = []
    for at, loss in enumerate(learnt.losses):
        cells = [of_number(decimal(line[at]) if at < len(line) else "") for line in scored.values()]
        rows.append(tr(str(at + 1), of_number(decimal(loss)), *cells, bold=at + 1 == learnt.best_epoch))
    heads = ["epoch", "#loss", *(f"#{head} macro-F1" for head in scored)]
    return f'<div class="pair">{figures}</div>' + table("By epoch; the one kept in bold", heads, rows, "narrow")


def method(found: Report, summary: dict[str, Any]) -> str:
    """What the rows are, how the model was trained where that is known, and what the terms mean."""
    evaluated = found.evaluated
    rows = [tr(escape(name), of_number(number(count))) for name, count in evaluated.origins.items()]
    rows.append(tr("all together", of_number(number(evaluated.rows)), bold=True))
    told = []
    if evaluated.held_back:
        told.append(
            "They were held back: chosen by a hash of the text, they neither trained the model nor decided when to "
            "stop, and texts that nearly copy them were left out of the training."
        )
    if evaluated.quotable < evaluated.rows:
        told.append(
            f"{evaluated.rows - evaluated.quotable:,} of them belong to others: they are in every number and "
            "quoted nowhere."
        )
    if evaluated.unreadable:
        told.append(f"{number(evaluated.unreadable)} more could not be read by the model and are in no score.")
    terms = "".join(f"<dt>{term}</dt><dd>{meaning}</dd>" for term, meaning in _TERMS)
    return "".join(
        (
            "<h3>The texts</h3>",
            table("Texts that were evaluated", ["set", "#texts"], rows, "narrow"),
            f"<p>{' '.join(told)}</p>" if told else "",
            _training(summary) if evaluated.held_back else "",
            f'<h3 id="terms">What the words mean</h3><dl class="terms">{terms}</dl>',
        )
    )


def _training(summary: dict[str, Any]) -> str:
    parts = ("train", "validation", "test")
    counts = {part: summary["rows"].get(part, {}) for part in parts}
    origins = sorted(set().union(*counts.values()))
    rows = [tr(escape(name), *(of_number(number(counts[part].get(name, 0))) for part in parts)) for name in origins]
    settings = [
        tr(escape(name.replace("_", " ")), of_number(escape(str(value))))
        for name, value in summary.get("recipe", {}).items()
        if isinstance(value, bool | int | float | str)
    ]
    heads = ["set", "#trained", "#validation", "#held back"]
    return (
        "<h3>The training</h3>"
        + table("Texts by what they were for", heads, rows, "narrow")
        + (table("Recipe", ["setting", "#value"], settings, "narrow") if settings else "")
    )
