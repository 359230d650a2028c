"""What is usual, learnt from simulated histories whose truth is known."""

import math
from datetime import UTC

import numpy as np
import pytest

from stream.baseline import Baseline, fit
from stream.history import DAY, HOUR, WEEK_HOURS, History, of_minutes
from stream.season import Season
from stream.threshold import page_rate

WINDOWS = (5, 15, 60, 360, 1440)
# Monday 5 January 2026, 00:00 UTC.
MONDAY = 29_459_520
HISTORY_DAYS = 28
FRESH_DAYS = 14


def shape_of_week() -> np.ndarray:
    """A news day: nights at a fifth, a peak at 08:00 and one at 14:00 UTC; weekends at a third. Mean 1."""
    hours = np.arange(24)
    day = 0.2 + np.exp(-((hours - 8) ** 2) / 8) + 0.8 * np.exp(-((hours - 14) ** 2) / 18)
    week = np.concatenate([day * (1.0 if weekday < 5 else 1 / 3) for weekday in range(7)])
    return week / week.mean()


def simulate(negatives_a_day: float, days: int, seed: int, scatter: float = 0.3, block: int = 30) -> np.ndarray:
    """Negatives in each minute from MONDAY on: Poisson, its rate seasonal and times a gamma variable of variance
    `scatter` that is shared by `block` minutes."""
    chance = np.random.default_rng(seed)
    rates = np.repeat(np.tile(shape_of_week(), -(-days // 7)), HOUR)[: days * DAY] * negatives_a_day / DAY
    mood = np.repeat(chance.gamma(1 / scatter, scatter, days * DAY // block), block)
    return chance.poisson(rates * mood)


def learnt(minutes: np.ndarray, start: int = MONDAY) -> Baseline:
    return fit(History(start, 1, minutes.astype(float)), WINDOWS)


def surprises(baseline: Baseline, minutes: np.ndarray, start: int, window: int) -> np.ndarray:
    """Surprise of each whole window of fresh minutes, at the end of its last minute."""
    counts = minutes.reshape(-1, window).sum(1)
    known: dict[tuple[int, int], float] = {}
    result = []
    for number, count in enumerate(counts.tolist()):
        end = start + (number + 1) * window
        key = (end % (WEEK_HOURS * HOUR), count)
        if key not in known:
            known[key] = baseline.surprise(count, math.nextafter(end, 0), window)
        result.append(known[key])
    return np.array(result)


@pytest.fixture(scope="module")
def fresh_surprises() -> dict[float, dict[int, np.ndarray]]:
    """By negatives a day and window: the surprise of windows that no baseline has seen, of eight simulated subjects."""
    result: dict[float, dict[int, np.ndarray]] = {}
    for level in (0.8, 5, 30, 120, 600):
        parts: dict[int, list[np.ndarray]] = {window: [] for window in (5, 15, 60)}
        for seed in range(8):
            minutes = simulate(level, HISTORY_DAYS + FRESH_DAYS, seed=1000 * seed + int(level))
            baseline = learnt(minutes[: HISTORY_DAYS * DAY])
            fresh = minutes[HISTORY_DAYS * DAY :]
            for window, part in parts.items():
                part.append(surprises(baseline, fresh, MONDAY + HISTORY_DAYS * DAY, window))
        result[level] = {window: np.concatenate(part) for window, part in parts.items()}
    return result


@pytest.mark.parametrize("window", [5, 15, 60])
@pytest.mark.parametrize("level", [0.8, 5, 30, 120, 600])
def test_an_ordinary_subject_passes_three_in_at_most_six_windows_in_a_thousand(fresh_surprises, level, window):
    each = fresh_surprises[level][window]
    assert (each >= 3).mean() <= 0.006, f"{(each >= 3).sum()} of {len(each)}"


def test_over_all_subjects_and_windows_three_is_passed_by_about_one_window_in_a_thousand(fresh_surprises):
    every = np.concatenate([each for windows in fresh_surprises.values() for each in windows.values()])
    assert 0.0005 <= (every >= 3).mean() <= 0.002


@pytest.mark.parametrize("level", [120, 600])
def test_the_surprise_of_a_busy_subject_is_not_dead(fresh_surprises, level):
    for window in (5, 15, 60):
        share = (fresh_surprises[level][window] >= 2).mean()
        assert 0.001 <= share <= 0.03, f"2 is passed by {share:.4f} of the {window}-minute windows"
    every = np.concatenate(list(fresh_surprises[level].values()))
    assert (every >= 3).sum() >= 3


@pytest.mark.parametrize(("level", "squall"), [(0.8, 12), (30, 30), (120, 60), (600, 150)])
def test_a_squall_is_far_beyond_any_ordinary_window(level, squall):
    minutes = simulate(level, HISTORY_DAYS, seed=3)
    baseline = learnt(minutes)
    noon = MONDAY + HISTORY_DAYS * DAY + 12 * HOUR
    assert max(baseline.surprise(squall, noon, window) for window in WINDOWS) > 6


@pytest.mark.parametrize("level", [0.8, 5, 30, 120, 600])
def test_a_past_squall_hardly_changes_what_is_usual_and_a_like_one_surprises_again(level):
    minutes = simulate(level, HISTORY_DAYS, seed=11)
    squally = minutes.copy()
    at = 17 * DAY + 10 * HOUR  # a Thursday, 10:00 to 10:40, four a minute
    squally[at : at + 40] += 4
    calm, taught = learnt(minutes), learnt(squally)
    now = MONDAY + HISTORY_DAYS * DAY + 3 * DAY + 10 * HOUR + 39.999  # Thursday again
    for window in (60, 360, 1440):
        assert taught.expected(now, window) == pytest.approx(calm.expected(now, window), rel=0.25, abs=0.2)
    again = {window: 4 * min(window, 40) + round(taught.expected(now, window)) for window in WINDOWS}
    assert max(taught.surprise(count, now, window) for window, count in again.items()) > 4.5


def test_what_it_gives_goes_into_a_record_as_plain_numbers():
    baseline = learnt(simulate(5, 8, seed=1))
    for window in WINDOWS:
        assert type(baseline.expected(MONDAY + 9 * DAY, window)) is float
        assert type(baseline.surprise(3, MONDAY + 9 * DAY, window)) is float


def test_the_rates_of_a_busy_subject_come_near_the_truth():
    baseline = learnt(simulate(600, HISTORY_DAYS, seed=5, scatter=0.1))
    truth = shape_of_week() * 600 / DAY
    assert baseline.rates.mean() == pytest.approx(600 / DAY, rel=0.05)
    assert np.corrcoef(baseline.rates, truth)[0, 1] > 0.97


def test_expected_adds_up_rates_over_hours_and_the_ends_of_weeks():
    rates = np.zeros(WEEK_HOURS)
    rates[:] = np.arange(WEEK_HOURS) / 100.0
    level = rates.mean() * HOUR
    baseline = Baseline(0, MONDAY, UTC, level, Season(rates / rates.mean(), 0.0), {}, {}, page_rate(np.zeros(0), 1))
    # Monday 00:10, one hour: 49 minutes of Sunday's last hour, whole minutes from 23:11 on, and ten of Monday's first.
    assert baseline.expected(MONDAY + 10, 60) == pytest.approx(49 * 1.67 + 10 * 0.0)
    # 09:30 on Wednesday, five minutes: four whole minutes and nothing yet of this one.
    wednesday = MONDAY + 2 * DAY + 9 * HOUR + 30
    assert baseline.expected(wednesday, 5) == pytest.approx(4 * 0.57)
    assert baseline.expected(wednesday + 0.5, 5) == pytest.approx(4.5 * 0.57)
    assert baseline.expected(math.nextafter(wednesday + 1, 0), 5) == pytest.approx(5 * 0.57)
    # A whole day ends as a day's sum.
    midnight = math.nextafter(MONDAY + 3 * DAY, 0)
    assert baseline.expected(midnight, DAY) == pytest.approx(60 * rates[48:72].sum())


def test_expected_is_additive_over_windows_side_by_side():
    baseline = learnt(simulate(30, 28, seed=9))
    now = MONDAY + 30 * DAY + 7 * HOUR + 12.25
    parts = baseline.expected(now, 15) + baseline.expected(math.nextafter(int(now) - 14, 0), 45)
    assert baseline.expected(now, 60) == pytest.approx(parts, rel=1e-9)


def weekday_and_weekend(baseline: Baseline) -> tuple[float, float]:
    return float(baseline.rates[:120].mean()), float(baseline.rates[120:].mean())


def test_weekdays_are_told_apart_only_from_two_weeks_on():
    minutes = simulate(300, 15, seed=2, scatter=0.05)
    weekday, weekend = weekday_and_weekend(learnt(minutes[: 13 * DAY]))
    assert weekday == pytest.approx(weekend, rel=1e-9)
    weekday, weekend = weekday_and_weekend(learnt(minutes[: 14 * DAY]))
    assert weekend < 0.6 * weekday


def test_hours_of_the_day_are_told_apart_from_the_first_days():
    baseline = learnt(simulate(300, 3, seed=2, scatter=0.05))
    assert baseline.rates[8] > 2 * baseline.rates[2]


def test_an_empty_history_has_no_length_and_still_a_rate():
    baseline = fit(of_minutes({}, MONDAY, MONDAY), WINDOWS)
    assert baseline.history_minutes == 0
    assert np.isfinite(baseline.rates).all()
    assert (baseline.rates > 0).all()
    assert 0 <= baseline.surprise(3, MONDAY + 5, 5) < 300


def test_a_subject_watched_for_weeks_without_a_headline_finds_one_unusual_but_not_impossible():
    baseline = fit(of_minutes({}, MONDAY, MONDAY + 28 * DAY), WINDOWS)
    assert baseline.history_minutes == 28 * DAY
    assert 1 < baseline.surprise(1, MONDAY + 28 * DAY + 600, 60) < 5


def test_a_tail_only_ever_makes_less_of_a_surprise_of_a_subject_that_scatters_as_the_model_says():
    for level, seed in ((30, 2), (600, 3)):
        baseline = learnt(simulate(level, 28, seed, scatter=1.0))
        values = np.linspace(0.5, 12, 40)
        for tail in baseline.tails.values():
            told = tail.surprise(values)
            assert (np.diff(told) > 0).all()
            assert (told <= values + 1.0).all()
        assert set(baseline.tails) == set(baseline.dispersion) == set(WINDOWS)


def test_more_scatter_makes_the_same_count_less_surprising():
    now = MONDAY + 28 * DAY + 14 * HOUR
    calm = learnt(simulate(120, 28, seed=4, scatter=0.05))
    rough = learnt(simulate(120, 28, seed=4, scatter=2.0))
    assert rough.surprise(40, now, 60) < calm.surprise(40, now, 60)


def test_the_start_of_the_history_may_be_any_minute_of_the_week():
    start = MONDAY + 2 * DAY + 7 * HOUR + 13
    chance = np.random.default_rng(8)
    truth = np.repeat(np.tile(shape_of_week(), 6), HOUR)[start - MONDAY : start - MONDAY + 28 * DAY] * 600 / DAY
    baseline = learnt(chance.poisson(truth), start)
    assert np.corrcoef(baseline.rates, shape_of_week())[0, 1] > 0.97
