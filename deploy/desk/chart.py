"""Charts as SVG: where each bar, line and word stands. The templates draw it; nothing here knows of the web."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from alerts.chart import round_up
from stream.archivedcounts import Count

# Of the drawing, which is scaled to its place; on a phone another one, or its words would be too small.
WIDTH, NARROW, HEIGHT = 960, 420, 220
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 16, 24
SPARK_WIDTH, SPARK_HEIGHT = 120, 26
# So that a day, six hours and an hour are divided into whole ones.
TICKS, FEW_TICKS = 7, 4


class Bar(NamedTuple):
    """One step: all headlines, and before them the negative ones. `words`: what is told of it."""

    x: float
    width: float
    all_y: float
    all_height: float
    negative_y: float
    negative_height: float
    words: str


class Word(NamedTuple):
    """A word at a place."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class BarChart:
    """Counts by time. `usual`: the height of the line for what is usual; `marks`: where pages stand."""

    bars: list[Bar]
    rules: list[Word]
    ticks: list[Word]
    usual: float | None
    marks: list[float]
    words: str
    width: int
    right: int
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM


def bar_chart(
    counts: Sequence[Count],
    step: timedelta,
    usual: float | None = None,
    marks: Sequence[datetime] = (),
    width: int = WIDTH,
) -> BarChart:
    """A chart of a subject's counts. `usual`: negatives that a step usually holds; `marks`: when it paged."""
    since, until = counts[0].at, counts[-1].at + step
    top = round_up(max(*(each.total for each in counts), usual or 0.0, 1))
    floor, inner = HEIGHT - BOTTOM, width - LEFT - RIGHT
    wide = inner / len(counts)

    def height(count: float) -> float:
        return round((floor - TOP) * count / top, 2)

    def across(at: datetime) -> float:
        return round(LEFT + inner * ((at - since) / (until - since)), 2)

    bars = []
    for number, each in enumerate(counts):
        if each.total:
            words = f"{_tick(each.at, until - since, True)}: {each.negative:,} negative of {each.total:,}"
            all_, negative = height(each.total), height(each.negative)
            gap = 0.0 if wide < 3 else min(1.5, wide / 5)
            x = round(LEFT + wide * number + gap / 2, 2)
            bars.append(Bar(x, round(wide - gap, 2), floor - all_, all_, floor - negative, negative, words))
    levels = (top / 2, top) if top >= 2 else (top,)
    negative = sum(each.negative for each in counts)
    return BarChart(
        bars=bars,
        rules=[Word(LEFT - 6, floor - height(level), f"{level:,.0f}", "end") for level in levels],
        ticks=_ticks(since, until, width),
        usual=None if usual is None else round(floor - height(usual), 2),
        marks=[across(at) for at in marks if since <= at <= until],
        words=f"{negative:,} negative of {sum(each.total for each in counts):,} headlines, "
        f"at most {max(each.negative for each in counts):,} negative in one bar",
        width=width,
        right=width - RIGHT,
    )


def _ticks(since: datetime, until: datetime, width: int) -> list[Word]:
    number = FEW_TICKS if width == NARROW else TICKS
    inner = width - LEFT - RIGHT
    words = []
    for at in range(number):
        anchor = {0: "start", number - 1: "end"}.get(at, "middle")
        share = at / (number - 1)
        text = _tick(since + (until - since) * share, until - since)
        words.append(Word(round(LEFT + inner * share, 1), HEIGHT - 7, text, anchor))
    return words


def _tick(at: datetime, span: timedelta, exact: bool = False) -> str:
    there = at.astimezone(UTC)
    if span > timedelta(days=2) or exact:
        return f"{there.day} {there:%b %H:%M}" if exact or span <= timedelta(days=8) else f"{there.day} {there:%b}"
    return f"{there:%H:%M}"


@dataclass(frozen=True)
class LineChart:
    """A rolling count beside what is usual."""

    points: str
    area: str
    rules: list[Word]
    ticks: list[Word]
    usual: float
    mark: float | None
    width: int
    right: int
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM


def line_chart(
    counts: Sequence[int],
    since: datetime,
    until: datetime,
    usual: float,
    mark: datetime | None = None,
    width: int = WIDTH,
) -> LineChart:
    """A chart of counts at moments that lie evenly from `since` to `until`. `mark`: when it paged."""
    top = round_up(max(*counts, usual, 1))
    floor, inner = HEIGHT - BOTTOM, width - LEFT - RIGHT

    def y(count: float) -> float:
        return round(floor - (floor - TOP) * count / top, 2)

    points = [f"{LEFT + inner * number / (len(counts) - 1):.1f},{y(count)}" for number, count in enumerate(counts)]
    inside = mark is not None and since <= mark <= until
    return LineChart(
        points=" ".join(points),
        area=f"{LEFT},{floor} {' '.join(points)} {width - RIGHT},{floor}",
        rules=[Word(LEFT - 6, y(level), f"{level:,.0f}", "end") for level in ((top / 2, top) if top >= 2 else (top,))],
        ticks=_ticks(since, until, width),
        usual=y(usual),
        mark=round(LEFT + inner * ((mark - since) / (until - since)), 1) if mark is not None and inside else None,
        width=width,
        right=width - RIGHT,
    )


class Spark(NamedTuple):
    """A small line without words."""

    points: str
    area: str
    usual: float | None
    width: int = SPARK_WIDTH
    height: int = SPARK_HEIGHT


def spark(counts: Sequence[int], usual: float | None = None) -> Spark:
    """A sparkline of counts. `usual`: what each usually is."""
    top = max(*counts, (usual or 0.0) * 2, 1)

    def y(count: float) -> float:
        return round(SPARK_HEIGHT - 1 - (SPARK_HEIGHT - 3) * count / top, 1)

    points = [f"{SPARK_WIDTH * number / (len(counts) - 1):.1f},{y(count)}" for number, count in enumerate(counts)]
    area = f"0,{SPARK_HEIGHT} {' '.join(points)} {SPARK_WIDTH},{SPARK_HEIGHT}"
    return Spark(" ".join(points), area, None if usual is None else y(usual))
