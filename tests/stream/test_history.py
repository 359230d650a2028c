"""Where in a place's week the steps of a history lie."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.history import DAY, HOUR, History, hour_of_week, hours_of, minute_of_week, of_minutes

LONDON, KOLKATA, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")


def minute(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) // 60


@pytest.mark.parametrize(
    ("at", "zone", "hour"),
    [
        (minute(2026, 1, 5), UTC, 0),
        (minute(2026, 1, 4, 23, 59), UTC, 167),
        (minute(2026, 1, 5, 9), LONDON, 9),
        (minute(2026, 7, 6, 8), LONDON, 9),  # summer
        (minute(2026, 1, 5, 3, 29), KOLKATA, 8),
        (minute(2026, 1, 5, 3, 30), KOLKATA, 9),
        (minute(2026, 1, 5, 4), NEW_YORK, 167),
    ],
)
def test_an_hour_of_the_week_is_that_of_the_places_clocks(at, zone, hour):
    assert hour_of_week(at, zone) == hour


def test_nine_in_the_morning_stays_nine_when_the_clocks_are_changed():
    first = minute(2026, 3, 28)  # a Saturday; summer time begins on the Sunday at 01:00 UTC
    history = History(first, 5, np.zeros(3 * DAY // 5))
    numbers, places = hours_of(history, LONDON)
    local = [
        datetime.fromtimestamp((first + 5 * at) * 60, LONDON).weekday() * 24
        + datetime.fromtimestamp((first + 5 * at) * 60, LONDON).hour
        for at in range(len(history.counts))
    ]
    assert places[numbers].tolist() == local


@given(
    st.sampled_from([UTC, LONDON, KOLKATA, NEW_YORK]),
    st.sampled_from([1, 5, 15, 60]),
    st.integers(28_000_000, 30_000_000),
    st.integers(1, 300),
)
def test_the_hours_of_steps_are_those_of_their_minutes(zone, step, first, size):
    numbers, places = hours_of(History(first, step, np.zeros(size)), zone)
    told = places[numbers].tolist()
    assert told == [hour_of_week(first + step * at, zone) for at in range(size)]
    assert (np.diff(numbers) >= 0).all()


def test_a_step_of_a_day_is_an_hour_of_its_own_in_its_middle():
    numbers, places = hours_of(History(minute(2026, 1, 5), DAY, np.zeros(8)), UTC)
    assert numbers.tolist() == list(range(8))
    assert places.tolist() == [12 + 24 * day for day in (*range(7), 0)]


def test_minutes_of_the_week_by_the_clocks_of_another_moment():
    before = minute(2026, 3, 29, 0, 30)  # 00:30 in London, an hour and a half before now by its clocks
    assert minute_of_week(before, LONDON) == 6 * DAY + 30
    assert minute_of_week(before, LONDON, before + HOUR) == 6 * DAY + 90


def test_parts_of_a_history_are_whole_steps():
    history = History(100, 10, np.arange(10.0))
    assert history.last == 200
    assert (history.since(121).first, history.since(121).counts[0]) == (130, 3.0)
    assert history.until(159).counts.tolist() == [0, 1, 2, 3, 4]
    assert len(history.until(100).counts) == 0
    assert history.since(0).first == 100


def test_minutes_left_out_are_nothing_and_those_outside_are_not_taken():
    history = of_minutes({3: 2, 5: 1, 9: 7}, 3, 9)
    assert history.counts.tolist() == [2, 0, 1, 0, 0, 0]
