"""What the page is made of: numbers, intervals, tables, tags."""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from training.confidence import Interval

HEADINGS = {"sentiment": "Sentiment", "topic": "Topic"}

# Told by a sign and a word, never by colour alone.
_TAGS = {
    "holds": ("good", "✓ holds"),
    "fails": ("bad", "✗ fails"),
    "undecided": ("open", "too close to call"),
    "too few": ("open", "too few texts"),
    "better": ("good", "✓ better"),
    "worse": ("bad", "✗ worse"),
    "no difference shown": ("open", "no difference shown"),
    "weaker": ("bad", "▼ weaker"),
    "stronger": ("good", "▲ stronger"),
}


def number(value: float, shown: str = "") -> str:
    """A number with the exact value that report.json has.

    >>> number(1200)
    '<data value="1200">1,200</data>'
    """
    return f'<data value="{value}">{shown or f"{value:,}"}</data>'


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return number(value, f"{100 * value:.{digits}f} %")


def whole_percent(value: float) -> str:
    """A limit or a scale's end, which the report does not have as a number of its own.

    >>> whole_percent(0.05)
    '5 %'
    """
    return f"{100 * value:.0f} %"


def points(value: float) -> str:
    """A share in hundredths, where what it stands beside has the sign."""
    return number(value, f"{100 * value:.1f}")


def decimal(value: float) -> str:
    """A score with three digits."""
    return number(value, f"{value:.3f}")


def signed(value: float) -> str:
    """A difference with three digits."""
    return number(value, f"{value:+.3f}")


def span(interval: Interval, show: Callable[[float], str]) -> str:
    """From where to where an interval goes."""
    return f'<span class="range">{show(interval.low)} to {show(interval.high)}</span>'


def in_words(interval: Interval) -> str:
    """From where to where a share goes, for a chart's title."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"


def tag(verdict: str) -> str:
    """A verdict as a label."""
    kind, words = _TAGS[verdict]
    return f'<span class="tag {kind}">{words}</span>'


def note(words: str, anchor: str = "") -> str:
    """A remark in small print; markup in it stays."""
    return f'<p class="note"{f" id={anchor}" if anchor else ""}>{words}</p>'


def table(caption: str, heads: Sequence[str], rows: Iterable[str], kind: str = "") -> str:
    """A table that scrolls by itself where the page is narrow. A heading that begins with # is of numbers."""
    cells = "".join(_heading(head) for head in heads)
    return scrolling(caption, f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody>", kind)


def _heading(head: str) -> str:
    if not head:
        return "<td></td>"  # above a chart: the number beside it has the heading
    return f'<th scope="col"{" class=n" if head.startswith("#") else ""}>{escape(head.lstrip("#"))}</th>'


def scrolling(caption: str, inside: str, kind: str = "") -> str:
    """A table that may be wider than the page and is reachable by keyboard. Its caption stands above it, where it does
    not scroll away, and once more within for those who hear the page."""
    told = escape(caption)
    return (
        f'<p class="caption" aria-hidden="true">{told}</p><div class="scroll" role="region" tabindex="0" '
        f'aria-label="{told}"><table class="{kind}"><caption>{told}</caption>{inside}</table></div>'
    )


def tr(name: str, *cells: str, bold: bool = False) -> str:
    """A table's row, its name and its cells as HTML."""
    return f'<tr{" class=all" if bold else ""}><th scope="row">{name}</th>{"".join(cells)}</tr>'


def of_number(inside: str) -> str:
    """A cell with a number."""
    return f'<td class="n">{inside}</td>'


def of_words(inside: str) -> str:
    """A cell with words that belong on one line."""
    return f'<td class="v">{inside}</td>'


def of_chart(inside: str) -> str:
    """A cell with a chart."""
    return f'<td class="chart">{inside}</td>'


def cases(items: Iterable[str]) -> str:
    """Texts one by one, each as HTML."""
    return f'<ul class="cases">{"".join(f"<li>{item}</li>" for item in items)}</ul>'
