"""A page's chart: what it counts, that it can be drawn from whatever there is, and that it is small."""

import io
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alerts.chart import HEIGHT, POINTS, WIDTH, chart_of, draw, rolling
from alerts.page import Links, Page
from stream.archive import Archive
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAGE = Page(
    id="0123456789abcdef",
    status="firing",
    alert="NegativeNewsSquall",
    subject="entity/Kestrovan",
    sentence="",
    fired_at=NOW,
    links=Links("", "", ""),
    window="5m",
    count=8,
    baseline=0.01,
)


def image_of(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=60))
def test_each_point_counts_the_window_before_it(minutes: list[int]) -> None:
    since = NOW - timedelta(minutes=POINTS - 1)
    times = sorted(since + minute * MINUTE for minute in minutes)
    counts = rolling(times, 5 * MINUTE, since, NOW)
    moments = [since + number * MINUTE for number in range(POINTS)]
    expected = [sum(moment - 5 * MINUTE < time <= moment for time in times) for moment in moments]
    assert counts == expected


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=POINTS, max_size=POINTS), st.floats(0, 1e6))
def test_whatever_is_counted_can_be_drawn_and_is_small(counts: list[int], baseline: float) -> None:
    png = draw(msgspec.structs.replace(PAGE, baseline=baseline), NOW - timedelta(hours=2), NOW, counts)
    assert image_of(png).size == (WIDTH, HEIGHT)
    assert len(png) < 50_000


def test_a_squall_is_seen_where_it_is() -> None:
    counts = [0] * (POINTS - 20) + [8] * 20
    image = image_of(draw(PAGE, NOW - timedelta(hours=2), NOW, counts))

    def red(left: int, right: int) -> int:
        part = image.crop((left, 45, right, HEIGHT // 2))
        return sum(pixel[0] > pixel[2] + 40 for pixel in part.get_flattened_data())

    assert red(WIDTH - 70, WIDTH - 16) > 500
    assert red(60, WIDTH - 120) == 0


def test_it_is_drawn_from_the_archive_up_to_the_pages_end(archive: Archive) -> None:
    headline = scored_headline("Kestrovan collapses", NOW, topic="fraud_governance", entities={"Kestrovan": "negative"})
    archive.keep([headline])
    assert archive.negative_times("entity/Kestrovan", NOW, NOW) == [NOW]
    shown = chart_of(PAGE, archive, NOW + 3 * MINUTE)
    ended = chart_of(msgspec.structs.replace(PAGE, resolved_at=NOW + 3 * MINUTE), archive, NOW + timedelta(days=9))
    assert shown == ended
    other = chart_of(msgspec.structs.replace(PAGE, subject="topic/earnings"), archive, NOW + 3 * MINUTE)
    assert other != shown


def test_a_page_without_numbers_has_none(archive: Archive) -> None:
    assert chart_of(msgspec.structs.replace(PAGE, window=None), archive, NOW) is None
    assert chart_of(msgspec.structs.replace(PAGE, subject="alert/NewsquallWorkerDown"), archive, NOW) is None
