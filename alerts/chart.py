"""A page's chart: a subject's negative headlines in the page's window, minute by minute, beside what is usual."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from alerts.page import Page
from alerts.picture import BLACK, GREY, GRID, RED, png
from alerts.wording import usual_words, window_words
from stream.archive import Archive, archive_errors
from stream.duration import parse_duration

WIDTH, HEIGHT = 800, 300  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 16, 40, 30
WINDOWS, SHORTEST = 12, timedelta(hours=2)  # of time that is shown
POINTS = 240
_PALE = (244, 200, 200)


class Course(NamedTuple):
    """How a page's count went: the window's count at moments that lie evenly from `since` to `until`."""

    since: datetime
    until: datetime
    counts: list[int]


def chart_of(page: Page, archive: Archive, now: datetime) -> bytes | None:
    """A page's chart as a PNG, up to its end or to now; None for a page without numbers. Raises ArchiveError."""
    course = course_of(page, archive, now)
    return None if course is None else draw(page, *course)


def course_of(page: Page, archive: Archive, now: datetime) -> Course | None:
    """What the chart shows; None for a page without numbers. Raises ArchiveError."""
    if not page.is_squall or page.window is None:
        return None
    window = parse_duration(page.window)
    until = page.resolved_at or now
    since = until - max(WINDOWS * window, SHORTEST)
    with archive_errors("the archive cannot be read"):
        times = archive.negative_times(page.subject, since - window, until)
    return Course(since, until, rolling(times, window, since, until))


def rolling(times: Sequence[datetime], window: timedelta, since: datetime, until: datetime) -> list[int]:
    """How many of the times, sorted, lie in the window before each of POINTS moments from `since` to `until`."""
    step = (until - since) / (POINTS - 1)
    moments = (since + number * step for number in range(POINTS))
    return [bisect_right(times, moment) - bisect_right(times, moment - window) for moment in moments]


def draw(page: Page, since: datetime, until: datetime, counts: Sequence[int]) -> bytes:
    """The PNG, WIDTH x HEIGHT. It has no name in it: the font that comes with the library has few alphabets."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    usual = page.baseline or 0.0
    top = round_up(max(*counts, usual, 1))
    right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def across(moment: datetime) -> float:
        return _LEFT + (right - _LEFT) * ((moment - since) / (until - since))

    def height(count: float) -> float:
        return floor - (floor - _TOP) * count / top

    line = [(_LEFT + (right - _LEFT) * at / (len(counts) - 1), height(count)) for at, count in enumerate(counts)]
    pen.polygon([(_LEFT, floor), *line, (right, floor)], fill=_PALE)
    for count in (top // 2, top) if top > 1 else (top,):
        pen.line([(_LEFT, height(count)), (right, height(count))], fill=GRID)
        pen.text((_LEFT - 6, height(count)), f"{count:,}", fill=GREY, font=font, anchor="rm")
    pen.line([(_LEFT, floor), (right, floor)], fill=GREY)
    days = until - since > timedelta(days=2)
    for at in range(6):
        moment = (since + at * (until - since) / 5).astimezone(UTC)
        anchor = {0: "lt", 5: "rt"}.get(at, "mt")
        shown = f"{moment.day}.{moment.month}. {moment:%H:%M}" if days else f"{moment:%H:%M}"
        pen.text((across(moment), floor + 6), shown, fill=GREY, font=font, anchor=anchor)
    for start in range(_LEFT, right, 12):
        pen.line([(start, height(usual)), (min(start + 6, right), height(usual))], fill=BLACK)
    pen.line(line, fill=RED, width=2, joint="curve")
    if since <= page.fired_at <= until:
        pen.line([(across(page.fired_at), _TOP), (across(page.fired_at), floor)], fill=BLACK)
        pen.text((across(page.fired_at) - 4, _TOP), "page", fill=BLACK, font=font, anchor="rt")
    said = f"negative headlines in {window_words(page.window or '')}, {usual_words(usual)} (dashed); times in UTC"
    pen.text((_LEFT, 12), said, fill=BLACK, font=font, anchor="lt")
    return png(image)


def round_up(count: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50 and so on.

    >>> round_up(3), round_up(50), round_up(51), round_up(0.2)
    (5, 50, 100, 1)
    """
    size = 1
    while True:
        for step in (1, 2, 5):
            if count <= step * size:
                return step * size
        size *= 10
