"""A picture of a back-test: the negatives of each subject that paged, over time, and where it paged."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from alerts.backtest import Past, PastPage
from alerts.picture import BLACK, GREY, GRID, RED, png

Array = npt.NDArray[np.float64]

WIDTH, ROW, TOP, BOTTOM = 1200, 84, 34, 26  # pixels
MOST_ROWS = 20
_LEFT, _RIGHT, _GAP = 190, 20, 14
_PALE = (146, 176, 209)


def draw_timeline(past: Past, pages: Sequence[PastPage]) -> bytes:
    """The PNG, WIDTH wide: a row a subject, those with most pages first, at most MOST_ROWS; each pixel's bar is the
    busiest step in it."""
    by_subject: dict[str, list[PastPage]] = {}
    for page in pages:
        by_subject.setdefault(page.subject, []).append(page)
    subjects = sorted(by_subject, key=lambda subject: (-len(by_subject[subject]), subject))[:MOST_ROWS]
    image = Image.new("RGB", (WIDTH, TOP + ROW * max(1, len(subjects)) + BOTTOM), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    unit = "day" if past.step >= 24 * 60 else f"{past.step} minutes"
    pen.text((_LEFT, 10), f"negative headlines a {unit}; a red line is a page; UTC", fill=BLACK, font=font)
    wide = WIDTH - _LEFT - _RIGHT
    for row, subject in enumerate(subjects):
        floor = TOP + ROW * (row + 1) - _GAP
        tallest = _tallest(past.counts(subject), wide)
        top = max(1.0, float(tallest.max()))
        for at, count in enumerate(tallest.tolist()):
            if count:
                pen.line([(_LEFT + at, floor), (_LEFT + at, floor - (ROW - 2 * _GAP) * count / top)], fill=_PALE)
        for page in by_subject[subject]:
            across = _LEFT + (wide - 1) * ((page.fired_at - past.since) / (past.until - past.since))
            pen.line([(across, floor + 3), (across, floor - (ROW - 2 * _GAP) - 3)], fill=RED, width=2)
        pen.line([(_LEFT, floor), (WIDTH - _RIGHT, floor)], fill=GRID)
        # The font that comes with the library has few alphabets.
        name = subject.partition("/")[2].encode("ascii", "replace").decode()
        pen.text((_LEFT - 8, floor - 24), name[:26], fill=BLACK, font=font, anchor="rm")
        said = f"{len(by_subject[subject])} page{'s' * (len(by_subject[subject]) != 1)}, top {top:,.0f}"
        pen.text((_LEFT - 8, floor - 8), said, fill=GREY, font=font, anchor="rm")
    for sixth in range(7):
        moment = past.since + sixth * (past.until - past.since) / 6
        anchor = {0: "lt", 6: "rt"}.get(sixth, "mt")
        place = (_LEFT + wide * sixth / 6, image.height - BOTTOM + 4)
        pen.text(place, f"{moment:%Y-%m-%d}", fill=GREY, font=font, anchor=anchor)
    return png(image)


def _tallest(counts: Array, pixels: int) -> Array:
    """Of each pixel's steps the largest count; a step that is wider than a pixel stands in all of its own."""
    if len(counts) <= pixels:
        return counts[np.arange(pixels) * len(counts) // pixels]
    return np.maximum.reduceat(counts, np.arange(pixels) * len(counts) // pixels)
