"""The simulation that the detector is measured with: what it draws, and the best detector there can be."""

import numpy as np
import pytest

from deploy.bench.cusum import height, increments, limit_for
from deploy.bench.plain import peaks_over_threshold, windowed_gaussian
from deploy.bench.squalls import SIZES, STORIES, measure, several_stories
from deploy.bench.weather import MONDAY, Subject, simulate, with_squall
from stream.detector import Detection
from stream.history import DAY
from stream.tellings import NEWS_A_DAY

SUBJECT = Subject(500, 0.3)


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_counts_have_the_mean_and_the_scatter_that_they_are_drawn_with():
    weather = simulate(Subject(5_000, 0.3), 56, 5, chance())
    counts, rates = weather.history.counts, weather.rates
    assert rates.sum() / 56 == pytest.approx(5_000)
    assert counts.sum() == pytest.approx(rates.sum(), rel=0.02)
    assert ((counts - rates) ** 2 - rates).sum() / (rates**2).sum() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(("disturbance", "factor"), [("doubled", 2.0), ("halved", 0.5), ("holiday", 0.3)])
def test_a_disturbance_changes_the_rates_from_its_day_on(disturbance, factor):
    calm, disturbed = (simulate(SUBJECT, 14, 5, chance(), kind, 8).rates for kind in ("none", disturbance))
    assert disturbed[: 8 * 288].tolist() == calm[: 8 * 288].tolist()
    assert disturbed[8 * 288 : 9 * 288] == pytest.approx(factor * calm[8 * 288 : 9 * 288])


def test_a_flood_is_one_story_however_many_copies():
    weather = simulate(SUBJECT, 14, 5, chance(), "flood", 8)
    flood = np.flatnonzero(weather.flood)
    assert weather.history.counts[flood].sum() > 500
    assert weather.news.counts[flood].sum() == weather.history.counts[flood].sum() - weather.flood.sum() + NEWS_A_DAY
    several = several_stories(weather, (5, 60))
    own = weather.history.counts - weather.flood
    assert several[flood[0] - 1, 1] == (own[flood[0] - 12 : flood[0]].sum() >= STORIES)
    assert several[flood[-1], 0] == (own[flood[-1]] >= STORIES)
    assert several[flood[0], 0] == (own[flood[0]] + 1 >= STORIES)


def test_the_cusum_reaches_its_limit_once_a_month_in_ordinary_times():
    rates = simulate(SUBJECT, 28, 5, chance()).rates
    limit = limit_for(SUBJECT, rates, 4.0, 28 / 30, chance(2), 60)
    passes = 0
    for seed in range(60):
        counts = simulate(SUBJECT, 28, 5, chance(1_000 + seed)).history.counts
        beyond = height(increments(counts, rates, SUBJECT.dispersion, 4.0)) >= limit
        passes += int((np.diff(beyond.astype(int), prepend=0) > 0).any())
    assert 0.35 <= passes / 60 <= 0.85  # 1 - exp(-28/30) is 0.61


def test_the_cusum_finds_a_squall_of_its_size_within_minutes():
    weather = simulate(SUBJECT, 28, 5, chance())
    squally = with_squall(weather, 20 * 288 + 120, 36, 8.0, SUBJECT.dispersion, chance(3))
    steps = increments(squally.history.counts, squally.rates, SUBJECT.dispersion, 8.0)
    limit = limit_for(SUBJECT, squally.rates, 8.0, 28 / 30, chance(2), 30)
    first = np.flatnonzero(height(steps)[20 * 288 + 120 :] >= limit)[0]
    assert first < 6


def test_nobody_counting_teaches_the_cusum_nothing():
    assert increments(np.array([np.nan]), np.array([2.0]), 0.3, 4.0).tolist() == [0.0]
    assert increments(np.array([0.0]), np.array([2.0]), 0.3, 4.0)[0] < 0


@pytest.mark.parametrize("detector", [peaks_over_threshold, windowed_gaussian])
def test_the_plain_detectors_find_what_nobody_could_miss(detector):
    weather = simulate(SUBJECT, 20, 5, chance())
    squally = with_squall(weather, 18 * 288 + 120, 12, 40.0, SUBJECT.dispersion, chance(3))
    begin = MONDAY + 18 * DAY + 600
    assert any(begin < squall.fired_at <= begin + 30 for squall in detector(squally.history, Detection()))


def test_the_bench_says_how_often_each_paged_and_how_late_it_was():
    told: list[str] = []
    result = measure(60, 1, 1, 1.0, told.append, subjects=[SUBJECT], cusum_months=20)
    assert told == ["500 a day: done"]
    assert set(result.detectors) == {"newsquall", "peaks_over_threshold", "windowed_gaussian"}
    ours = result.detectors["newsquall"]
    assert ours.false_pages.months == pytest.approx(7 * 42 / 30)
    assert 0 <= ours.false_pages.critical <= ours.false_pages.a_month
    assert set(ours.delays.ratios) == {f"500 a day, {size:.0f}x" for size in SIZES}
    assert 0 <= ours.delays.found <= 1
