"""A picture of a whole series: counts beside the usual, and below them the surprise beside what it has to pass."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from alerts.picture import BLACK, GREY, GRID, RED, png

Array = npt.NDArray[np.float64]

WIDTH, HEIGHT = 1200, 560  # pixels
_LEFT, _RIGHT, _TOP, _GAP, _BOTTOM = 60, 16, 40, 44, 30
_PALE = (244, 200, 200)
_DATES = 8
_MOST_SURPRISE = 12.0


def draw_series(
    counts: Array,
    usual: Array,
    surprise: Array,
    threshold: Array,
    squalls: Sequence[tuple[int, int]],
    moments: tuple[datetime, datetime],
) -> bytes:
    """The PNG. Arrays by step, NaN where there is nothing to draw; squalls by their first and last step; moments of the
    first and the last step."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    right, middle, floor = WIDTH - _RIGHT, round(HEIGHT * 0.6), HEIGHT - _BOTTOM
    last = max(1, len(counts) - 1)

    def across(step: float) -> float:
        return _LEFT + (right - _LEFT) * step / last

    for first, end in squalls:
        pen.rectangle([(across(first), _TOP), (max(across(end), across(first) + 1), floor)], fill=_PALE)
    # Counts go over decades, and a squall must not flatten all the rest: the square root shows both.
    top = float(max(np.nanmax(counts), 1.0))
    _panel(pen, font, (_TOP, middle), np.sqrt(top), [top / 4, top], lambda value: float(np.sqrt(value)))
    _line(pen, np.sqrt(counts), np.sqrt(top), (_TOP, middle), RED)
    _line(pen, np.sqrt(usual), np.sqrt(top), (_TOP, middle), BLACK)
    ceiling = float(min(_MOST_SURPRISE, max(6.0, np.nanmax(np.nan_to_num(surprise), initial=0.0))))
    low = (middle + _GAP, floor)
    _panel(pen, font, low, ceiling, [3.0, ceiling], float)
    _line(pen, np.minimum(surprise, ceiling), ceiling, low, GREY)
    _line(pen, np.minimum(threshold, ceiling), ceiling, low, BLACK)
    for at in range(_DATES):
        moment = moments[0] + at * (moments[1] - moments[0]) / (_DATES - 1)
        anchor = {0: "lt", _DATES - 1: "rt"}.get(at, "mt")
        shown = f"{moment.day}.{moment.month}."
        if moments[1] - moments[0] < timedelta(days=_DATES):
            shown += f" {moment:%H:%M}"
        pen.text((_LEFT + (right - _LEFT) * at / (_DATES - 1), floor + 6), shown, fill=GREY, font=font, anchor=anchor)
    pen.text((_LEFT, 12), "counts (red), the usual (black), squalls (shaded)", fill=BLACK, font=font, anchor="lt")
    said = "surprise of the loudest window (grey), what a squall has to pass (black)"
    pen.text((_LEFT, middle + _GAP - 24), said, fill=BLACK, font=font, anchor="lt")
    return png(image)


def _panel(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    between: tuple[int, int],
    top: float,
    marks: Sequence[float],
    scale: Callable[[float], float],
) -> None:
    for mark in marks:
        height = between[1] - (between[1] - between[0]) * scale(mark) / top
        pen.line([(_LEFT, height), (WIDTH - _RIGHT, height)], fill=GRID)
        pen.text((_LEFT - 6, height), f"{mark:,.0f}", fill=GREY, font=font, anchor="rm")
    pen.line([(_LEFT, between[1]), (WIDTH - _RIGHT, between[1])], fill=GREY)


def _line(
    pen: ImageDraw.ImageDraw, values: Array, top: float, between: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    """One point a pixel at most, the highest of what falls there: a peak of one step is what the picture is for."""
    pixels = WIDTH - _RIGHT - _LEFT
    places = np.linspace(0, pixels, len(values)).astype(int)
    heights = np.full(pixels + 1, -np.inf)
    there = ~np.isnan(values)
    np.maximum.at(heights, places[there], values[there])
    run: list[tuple[float, float]] = []
    spacing = max(1, round(pixels / max(1, len(values))))
    for place in np.flatnonzero(np.isfinite(heights)).tolist():
        if run and place - (run[-1][0] - _LEFT) > 2 * spacing:
            pen.line(run, fill=colour)
            run = []
        run.append((_LEFT + place, between[1] - (between[1] - between[0]) * float(heights[place]) / top))
    if run:
        pen.line(run, fill=colour)
