"""From a budget to a threshold, on pasts whose law is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.history import DAY
from stream.threshold import MONTH, PageRate, page_rate

STEP = 5
MONTH_STEPS = MONTH // STEP


def honest(months: float, seed: int) -> np.ndarray:
    """Surprises as they ought to be, each step a look of its own."""
    return -np.log10(np.random.default_rng(seed).random(round(months * MONTH_STEPS)))


@pytest.mark.parametrize("budget", [0.25, 1.0, 4.0])
def test_an_ordinary_past_asks_for_what_ordinary_times_pass_as_often_as_the_budget_says(budget):
    fresh = honest(400, seed=99).reshape(-1, 144).max(1)
    rates = []
    for seed in range(12):
        limit = page_rate(honest(28 / 30, seed), STEP).threshold(budget)
        rates.append((fresh >= limit).sum() / 400)
    assert np.mean(rates) == pytest.approx(budget, rel=0.35)


def test_a_subject_that_squalls_every_week_asks_for_more_and_one_that_did_once_does_not():
    calm = honest(28 / 30, seed=4)
    once, weekly = calm.copy(), calm.copy()
    once[3_000:3_030] = 9.0
    for week in range(4):
        for day in (1, 4):
            weekly[(7 * week + day) * 288 : (7 * week + day) * 288 + 12] = 9.0
    limits = [page_rate(past, STEP).threshold(1.0) for past in (calm, once, weekly)]
    assert limits[1] < limits[0] + 0.7
    assert limits[2] > limits[0] + 1.5


def test_a_past_of_a_few_days_is_not_believed_to_be_calmer_than_an_honest_one():
    flat = np.full(3 * DAY // STEP, 0.5)
    assert page_rate(flat, STEP).threshold(1.0) > 2.0
    assert page_rate(np.zeros(0), STEP).threshold(1.0) > 4.0


@given(st.floats(0.001, 60), st.floats(0.001, 60), st.integers(0, 3))
def test_more_pages_never_ask_for_more(first, second, seed):
    rate = page_rate(honest(0.5, seed), STEP)
    few, many = sorted((first, second))
    assert rate.threshold(many) <= rate.threshold(few)
    assert rate.threshold(many) > 0


def test_moments_that_nobody_judged_are_no_calm_ones():
    past = honest(28 / 30, seed=5)
    half = past.copy()
    half[: len(half) // 2] = np.nan
    assert page_rate(half, STEP).blocks == page_rate(past, STEP).blocks // 2
    assert isinstance(page_rate(half, STEP), PageRate)
