"""The report's charts as inline SVG, coloured by the page's style so that they follow light and dark."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from training.confidence import Interval
from training.reliability import Bin

STRIP_WIDTH, STRIP_HEIGHT = 112, 18
_EDGE = 5  # room for a dot at the end of a strip


def scale_below(shares: Sequence[float]) -> float:
    """Where a scale of shares begins: a tenth below all of them, and at a half at most.

    >>> scale_below([0.71, 0.93]), scale_below([0.38]), scale_below([])
    (0.5, 0.3, 0.5)
    """
    return min([0.5, *(math.floor(10 * share) / 10 for share in shares)])


def _svg(width: float, height: float, title: str, inside: str, kind: str) -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img">'
        f"<title>{escape(title)}</title>{inside}</svg>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def strip(interval: Interval, low: float, high: float, title: str, mark: float | None = None, kind: str = "") -> str:
    """An estimate as a dot with its interval as a line, on a scale from low to high; `mark` is a reference."""

    def x(value: float) -> float:
        return _EDGE + (STRIP_WIDTH - 2 * _EDGE) * (min(max(value, low), high) - low) / (high - low)

    middle = STRIP_HEIGHT / 2
    parts = [_line(_EDGE, middle, STRIP_WIDTH - _EDGE, middle, "axis")]
    if mark is not None:
        parts.append(_line(x(mark), 1, x(mark), STRIP_HEIGHT - 1, "mark"))
    parts.append(_line(x(interval.low), middle, x(interval.high), middle, f"whisker {kind}"))
    parts.append(f'<circle cx="{x(interval.estimate):.1f}" cy="{middle:g}" r="4" class="dot {kind}"/>')
    return _svg(STRIP_WIDTH, STRIP_HEIGHT, title, "".join(parts), "strip")


def limit_bar(interval: Interval, limit: float, high: float, title: str, kind: str) -> str:
    """A share as a bar from 0 with its interval, and the limit as a dashed line."""

    def x(value: float) -> float:
        return 1 + (STRIP_WIDTH - 2) * min(value, high) / high

    middle = STRIP_HEIGHT / 2
    parts = [
        _line(1, middle, STRIP_WIDTH - 1, middle, "axis"),
        f'<rect x="1" y="4" width="{x(interval.estimate) - 1:.1f}" height="{STRIP_HEIGHT - 8}" class="bar {kind}"/>',
        _line(x(interval.low), middle, x(interval.high), middle, "whisker over"),
        _line(x(limit), 0, x(limit), STRIP_HEIGHT, "mark"),
    ]
    return _svg(STRIP_WIDTH, STRIP_HEIGHT, title, "".join(parts), "strip")


def reliability_diagram(bins: Sequence[Bin], title: str) -> str:
    """How often the answer was right against how sure the model was; the dashed diagonal is a model that is as right
    as it says. Below, how many rows each bin has."""
    width, height, left, top, side = 340.0, 316.0, 58.0, 8.0, 220.0
    across = width - left - 8
    tallest = max((each.n for each in bins), default=1)
    base, floor = top + side, 300.0 - 16

    def x(value: float) -> float:
        return left + across * value

    def y(value: float) -> float:
        return base - side * value

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [
            _line(left, y(tick), left + across, y(tick), "axis"),
            _text(left - 6, y(tick) + 4, f"{100 * tick:.0f} %", "end"),
            _text(x(tick), floor + 14, f"{100 * tick:.0f} %", "end" if tick == 1 else "middle"),
        ]
    for each in bins:
        gap = "too-high" if each.confidence > each.accuracy else "too-low"
        wide = x(each.high) - x(each.low) - 2
        note = escape(f"said {each.confidence:.0%} on average, right in {each.accuracy:.0%} of {each.n:,} texts")
        tall = 34 * each.n / tallest
        parts += [
            f'<rect x="{x(each.low) + 1:.1f}" y="{y(each.accuracy):.1f}" width="{wide:.1f}" '
            f'height="{side * each.accuracy:.1f}" class="bar"><title>{note}</title></rect>',
            _line(x(each.confidence), y(each.accuracy), x(each.confidence), y(each.confidence), f"gap {gap}"),
            f'<circle cx="{x(each.confidence):.1f}" cy="{y(each.accuracy):.1f}" r="3.5" class="dot"/>',
            f'<rect x="{x(each.low) + 1:.1f}" y="{floor - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
            f'class="count"/>',
        ]
    parts += [
        _line(x(0), y(0), x(1), y(1), "ideal"),
        _line(left, floor, left + across, floor, "axis"),
        _text(left + across / 2, height - 2, "how sure the model was"),
        f'<g transform="translate(11 {top + side / 2:g}) rotate(-90)">{_text(0, 0, "how often it was right")}</g>',
    ]
    return _svg(width, height, title, "".join(parts), "figure")


def curves(series: Mapping[str, Sequence[float]], best: int, title: str) -> str:
    """One line a series over the epochs 1, 2, ..., named at its last point; the epoch that was kept is marked."""
    width, height, left, bottom, top, right = 330.0, 216.0, 44.0, 36.0, 12.0, 78.0
    values = [value for line in series.values() for value in line]
    epochs = max(map(len, series.values()))
    low, high = min(values), max(values)
    room = (high - low) * 0.1 or 0.05
    low, high = low - room, high + room

    def x(epoch: float) -> float:
        return left + (width - left - right) * ((epoch - 1) / (epochs - 1) if epochs > 1 else 0.5)

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - (value - low) / (high - low))

    parts = []
    for tick in (min(values), (min(values) + max(values)) / 2, max(values)):
        parts += [
            _line(left, y(tick), width - right, y(tick), "axis"),
            _text(left - 6, y(tick) + 4, f"{tick:.2f}", "end"),
        ]
    step = max(1, epochs // 6)
    parts += [_text(x(epoch), height - 19, str(epoch)) for epoch in range(1, epochs + 1, step)]
    if 1 <= best <= epochs:
        parts.append(_line(x(best), top, x(best), height - bottom, "mark"))
    # The names at the lines' ends, moved apart where the lines end close together.
    ends = sorted(((y(line[-1]), name) for name, line in series.items() if line))
    places: dict[str, float] = {}
    lowest = -1e9
    for wanted, name in ends:
        lowest = max(wanted, lowest + 15)
        places[name] = lowest
    for number, (name, line) in enumerate(series.items()):
        if not line:
            continue
        points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in enumerate(line, start=1))
        parts.append(f'<polyline points="{points}" class="curve c{number}"/>')
        parts += [
            f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3" class="dot c{number}"><title>'
            f"{escape(name)}, epoch {at}: {value:.3f}</title></circle>"
            for at, value in enumerate(line, start=1)
        ]
        parts.append(_text(x(len(line)) + 8, places[name] + 4, name, "start"))
    parts.append(_text((left + width - right) / 2, height - 3, "epoch"))
    return _svg(width, height, title, "".join(parts), "figure")
