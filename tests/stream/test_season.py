"""Shape and level, learnt from hours whose truth is known."""

import numpy as np
import pytest

from stream.history import DAY, HOUR, WEEK_HOURS
from stream.season import Season, cap, learn_season, levels

WEEKS = 4
HOURS = WEEKS * WEEK_HOURS
OF_WEEK = np.arange(HOURS) % WEEK_HOURS


def news_week() -> np.ndarray:
    hours = np.arange(24)
    day = 0.2 + np.exp(-((hours - 8) ** 2) / 8)
    shape = np.concatenate([day * (1.0 if weekday < 5 else 1 / 3) for weekday in range(7)])
    return shape / shape.mean()


def hourly(a_day: float, seed: int = 1, factor: np.ndarray | float = 1.0) -> np.ndarray:
    rates = news_week()[OF_WEEK] * a_day / 24 * factor
    return np.random.default_rng(seed).poisson(rates).astype(float)


def season_of(counts: np.ndarray, prior: np.ndarray | None = None) -> Season:
    return learn_season(counts, np.ones(HOURS), OF_WEEK, 1.0, 1, prior)


def level_of(counts: np.ndarray) -> np.ndarray:
    unit = news_week()[OF_WEEK]
    return levels(counts, unit, 1.0, 1, 0.01)


@pytest.mark.parametrize(("a_day", "likeness"), [(20, 0.8), (200, 0.97), (2_000, 0.99)])
def test_a_shape_is_learnt_as_well_as_there_are_headlines(a_day, likeness):
    shape = season_of(hourly(a_day)).shape
    assert shape.mean() == pytest.approx(1.0)
    assert np.corrcoef(shape, news_week())[0, 1] > likeness


def test_few_headlines_lean_on_the_shape_of_their_likes():
    few = hourly(2)
    alone = season_of(few).shape
    pooled = season_of(few, prior=news_week()).shape
    assert np.abs(pooled - news_week()).mean() < 0.5 * np.abs(alone - news_week()).mean()


def test_a_holiday_is_no_lesson_for_its_weekday():
    quiet = np.ones(HOURS)
    quiet[15 * 24 : 16 * 24] = 0.1  # the third Tuesday
    with_one, without = season_of(hourly(2_000, factor=quiet)).shape, season_of(hourly(2_000)).shape
    assert with_one[24:48].sum() == pytest.approx(without[24:48].sum(), rel=0.03)


def test_a_squall_is_hardly_a_lesson_for_its_hour():
    loud = np.ones(HOURS)
    loud[10 * 24 + 9 : 10 * 24 + 12] = 16.0
    with_one, without = season_of(hourly(2_000, factor=loud)).shape, season_of(hourly(2_000)).shape
    assert np.abs(with_one / without - 1).max() < 0.25


@pytest.mark.parametrize(("factor", "days"), [(2.0, 2.0), (4.0, 2.0), (0.4, 4.5)])
def test_a_level_that_shifts_is_learnt_upwards_in_two_days_and_downwards_in_four(factor, days):
    at = 14 * 24
    shifted = np.ones(HOURS)
    shifted[at:] = factor
    learnt = level_of(hourly(2_000, factor=shifted)) / (2_000 / 24)
    assert learnt[at] == pytest.approx(1.0, rel=0.1)
    assert learnt[at + round(24 * days)] == pytest.approx(factor, rel=0.2)


def test_a_day_off_does_not_make_the_next_one_a_surprise():
    at = 15 * 24
    holiday = np.ones(HOURS)
    holiday[at : at + 24] = 0.2
    learnt = level_of(hourly(500, factor=holiday)) / (500 / 24)
    assert learnt[at:].min() > 0.85


def test_what_had_risen_and_is_over_is_forgotten_in_two_days():
    at = 14 * 24
    long = np.ones(HOURS)
    long[at : at + 48] = 2.0
    learnt = level_of(hourly(2_000, factor=long)) / (2_000 / 24)
    assert learnt[at + 46] > 1.6
    assert learnt[at + 48 + 48] < 1.25


def test_a_level_knows_nothing_of_its_own_hour_and_what_follows():
    counts = hourly(200)
    changed = counts.copy()
    changed[300:] *= 50
    assert level_of(changed)[:301].tolist() == level_of(counts)[:301].tolist()


def test_what_is_capped_is_never_more_and_ordinary_hours_are_left_alone():
    usual = np.array([0.1, 5.0, 100.0])
    assert cap(np.array([1.0, 9.0, 250.0]), usual).tolist() == [1.0, 9.0, 250.0]
    assert (cap(np.array([9.0, 99.0, 9_999.0]), usual) < [4.0, 30.0, 400.0]).all()


def test_what_a_level_holds_between_two_minutes_adds_up():
    season = Season(news_week(), 0.0)
    whole = season.between(0.0, 7.0 * DAY)
    assert whole == pytest.approx(WEEK_HOURS)
    assert season.between(9 * HOUR, 10 * HOUR) == pytest.approx(news_week()[9])
    over_the_end = season.between(6.5 * DAY, 8 * DAY)
    assert over_the_end == pytest.approx(news_week()[156:].sum() + news_week()[:24].sum())
    parts = season.between(100.25, 200.5) + season.between(200.5, 5_000.75)
    assert parts == pytest.approx(season.between(100.25, 5_000.75))
