"""Squalls found in simulated series, in one pass."""

from dataclasses import replace

import numpy as np
import pytest

from deploy.bench.weather import MONDAY, Subject, simulate, with_squall
from stream.budget import Budget
from stream.detector import Detection, detect, windows_of
from stream.history import DAY, HOUR, History

SUBJECT = Subject(500, 0.3)
DAYS = 24


@pytest.fixture(scope="module")
def weather():
    return simulate(SUBJECT, DAYS, 5, np.random.default_rng(12))


def squally(weather, day: float, minutes: int, size: float):
    start = round(day * DAY) // 5
    return with_squall(weather, start, minutes // 5, size, SUBJECT.dispersion, np.random.default_rng(13))


@pytest.mark.parametrize(("minutes", "size"), [(60, 16), (360, 8), (2_880, 8)])
def test_a_squall_is_one_event_and_found_within_the_hour(weather, minutes, size):
    begin = MONDAY + 22 * DAY + 10 * HOUR
    found = [
        squall
        for squall in detect(squally(weather, 22 + 10 / 24, minutes, size).history, Detection()).squalls
        if squall.fired_at > begin
    ]
    assert len(found) == 1
    assert found[0].fired_at - begin <= 60
    assert found[0].peak.count > 3 * found[0].peak.usual


def test_what_comes_later_changes_nothing_of_what_was_said(weather):
    whole = detect(weather.history, Detection())
    for steps in (10 * 288, 10 * 288 + 7):
        part = detect(replace(weather.history, counts=weather.history.counts[:steps]), Detection())
        np.testing.assert_array_equal(part.surprise, whole.surprise[:steps])
        np.testing.assert_array_equal(part.threshold, whole.threshold[:steps])


def test_nothing_is_judged_before_there_is_enough_history(weather):
    judged = detect(weather.history, Detection(shortest=5 * DAY))
    assert np.isnan(judged.surprise[: 5 * 288]).all()
    assert not np.isnan(judged.surprise[5 * 288 :]).any()


def test_a_level_that_doubles_for_good_pages_twice_at_most_and_is_the_usual_two_days_later():
    doubled = simulate(Subject(2_000, 0.1), 30, 5, np.random.default_rng(5), "doubled", 20)
    judged = detect(doubled.history, Detection())
    days = [(squall.fired_at - MONDAY) / DAY for squall in judged.squalls if squall.fired_at > MONDAY + 20 * DAY]
    assert 1 <= sum(20 <= day < 22 for day in days) <= 2
    assert sum(22 <= day < 29 for day in days) <= 1
    late = judged.usual[28 * 288 :].sum() / doubled.rates[28 * 288 :].sum()
    assert late == pytest.approx(1.0, rel=0.15)


def test_a_gap_is_no_calm_and_what_follows_no_squall(weather):
    counts = weather.history.counts.copy()
    counts[20 * 288 : 21 * 288] = np.nan
    judged = detect(History(MONDAY, 5, counts), Detection())
    assert np.isnan(judged.surprise[20 * 288 : 21 * 288]).all()
    after = judged.usual[21 * 288 + 144 :].sum() / weather.rates[21 * 288 + 144 :].sum()
    assert after == pytest.approx(1.0, rel=0.15)


def test_no_page_where_the_stories_are_not_several(weather):
    history = squally(weather, 22.4, 360, 16).history
    nowhere = np.zeros((len(history.counts), len(windows_of(5, Detection().windows))), bool)
    assert detect(history, Detection()).squalls
    assert not detect(history, Detection(), nowhere).squalls


def test_a_squall_is_critical_where_what_is_told_of_it_is_and_not_by_copies(weather):
    history = squally(weather, 22.4, 360, 3).history
    how = Detection(budget=Budget(surprise=4.0, critical_surprise=8.0))
    judged = detect(history, how)
    assert "critical" in judged.severities
    loud = judged.surprise[:, None] >= 8.0
    told = detect(history, how, np.repeat(~loud, len(windows_of(5, how.windows)), axis=1))
    assert told.squalls
    assert set(told.severities) == {"page"}


def test_a_threshold_by_its_number_stands_over_the_budget(weather):
    judged = detect(weather.history, Detection(budget=Budget(surprise=7.5)))
    assert set(judged.threshold[3 * 288 :].tolist()) == {7.5}


@pytest.mark.parametrize(
    ("step", "windows"),
    [(1, (1, 5, 15, 60, 360, 1440)), (5, (5, 15, 60, 360, 1440)), (7, (7,)), (60, (60, 360, 1440)), (1440, (1440,))],
)
def test_windows_are_whole_steps_and_the_step_itself(step, windows):
    assert windows_of(step, (1440, 5, 15, 60, 360)) == windows


@pytest.mark.parametrize("step", [60, 720, 1440])
def test_a_day_of_five_times_is_found_in_long_steps_too(step):
    counts = np.random.default_rng(3).poisson(200 * step / 1440, 90 * 1440 // step).astype(float)
    day = 1440 // step
    counts[80 * day : 81 * day] *= 5
    found = [(squall.fired_at - MONDAY) / DAY for squall in detect(History(MONDAY, step, counts), Detection()).squalls]
    assert any(80 < day <= 81 for day in found)
    assert len(found) <= 4
