"""A picture of what budgets would have meant: the pages each makes, and the time until squalls are told of."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from alerts.picture import BLACK, GREY, GRID, png
from alerts.tuning import Choice

WIDTH, HEIGHT = 800, 420  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 110, 50, 70
# Okabe and Ito's colours, which people tell apart who see few (Color Universal Design, 2008).
_COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0))
_MARKS = (1, 5, 15, 60, 180, 360, 1440, 4320)


def draw_tradeoff(choices: Sequence[Choice]) -> bytes:
    """The PNG; one choice or more, the smallest budget first. A size that no budget tells of in half of the cases has
    no line."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    delays = [each.minutes for choice in choices for each in choice.squalls if each.minutes]
    lowest, highest = min(delays, default=1.0), max(delays, default=60.0)
    low, high = math.log(lowest / 1.5), math.log(highest * 1.5)
    first, last = (math.log(choices[at].budget) for at in (0, -1))

    def across(budget: float) -> float:
        return _LEFT + (right - _LEFT) * (math.log(budget) - first) / max(last - first, 1e-9)

    def up(minutes: float) -> float:
        return floor - (floor - _TOP) * (math.log(minutes) - low) / (high - low)

    for mark in _MARKS:
        if low <= math.log(mark) <= high:
            pen.line([(_LEFT, up(mark)), (right, up(mark))], fill=GRID)
            said = f"{mark} min" if mark < 60 else f"{mark // 60} h" if mark < 1440 else f"{mark // 1440} d"
            pen.text((_LEFT - 8, up(mark)), said, fill=GREY, font=font, anchor="rm")
    for number in range(len(choices[0].squalls)):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [
            (across(choice.budget), up(found.minutes))
            for choice in choices
            if (found := choice.squalls[number]).minutes
        ]
        if not points:
            continue
        pen.line(points, fill=colour, width=2)
        for x, y in points:
            pen.ellipse([(x - 3, y - 3), (x + 3, y + 3)], fill=colour)
        size = choices[0].squalls[number].size
        pen.text((points[-1][0] + 10, points[-1][1]), f"{size:g} times", fill=colour, font=font, anchor="lm")
    for choice in choices:
        at = across(choice.budget)
        pen.line([(at, floor), (at, floor + 4)], fill=GREY)
        pen.text((at, floor + 8), f"{choice.budget:g}", fill=BLACK, font=font, anchor="mt")
        pen.text((at, floor + 24), f"({choice.pages_a_month:.1f})", fill=GREY, font=font, anchor="mt")
    pen.line([(_LEFT, floor), (right, floor)], fill=GREY)
    pen.text((_LEFT, 14), "time until a squall of so many times the usual is told of (median)", fill=BLACK, font=font)
    pen.text(
        ((_LEFT + right) / 2, HEIGHT - 14),
        "budget, pages a month (in brackets: those of this history)",
        fill=BLACK,
        font=font,
        anchor="mm",
    )
    return png(image)
