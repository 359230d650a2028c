"""Where a chart's bars stand."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.chart import round_up
from deploy.desk.chart import LEFT, NARROW, TOP, WIDTH, bar_chart, line_chart, spark
from stream.archivedcounts import Count

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
counts = st.lists(st.tuples(*[st.integers(0, 10**7)] * 3), min_size=1, max_size=200)


@given(counts, st.none() | st.floats(0, 1e6), st.sampled_from([WIDTH, NARROW]))
def test_every_bar_stands_on_the_floor_inside_the_drawing_and_is_as_high_as_its_count(rows, usual, width):
    chart = bar_chart([Count(NOW + number * MINUTE, *row) for number, row in enumerate(rows)], MINUTE, usual, (), width)
    totals = [sum(row) for row in rows if sum(row)]
    assert len(chart.bars) == len(totals)
    for bar, total in zip(chart.bars, totals, strict=True):
        assert chart.left <= bar.x
        assert bar.x + bar.width <= chart.right + 0.1
        assert bar.all_y >= TOP - 0.01
        assert abs(bar.all_y + bar.all_height - chart.floor) < 0.01
        assert bar.negative_height <= bar.all_height
        assert bar.all_height == max(bar.all_height for bar in chart.bars) or total < max(totals)
    assert chart.usual is None or TOP - 0.01 <= chart.usual <= chart.floor


def test_a_page_is_marked_where_it_fired_and_only_inside():
    rows = [Count(NOW + number * MINUTE, 1, 0, 0) for number in range(60)]
    marks = [NOW + 30 * MINUTE, NOW - MINUTE]
    chart = bar_chart(rows, MINUTE, None, marks)
    assert chart.marks == [LEFT + (chart.right - LEFT) / 2]
    assert [tick.text for tick in chart.ticks] == ["02:40", "02:50", "03:00", "03:10", "03:20", "03:30", "03:40"]


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=100), st.floats(0, 1e6))
def test_lines_stay_inside(values, usual):
    line = line_chart(values, NOW, NOW + 60 * MINUTE, usual, NOW)
    heights = [float(point.partition(",")[2]) for point in line.points.split()]
    assert all(TOP - 0.1 <= height <= line.floor for height in heights)
    small = spark(values, usual)
    assert all(0 <= float(point.partition(",")[2]) <= small.height for point in small.points.split())


@given(st.floats(0, 1e12))
def test_an_axis_ends_above_its_largest_count(count):
    assert round_up(count) >= count
