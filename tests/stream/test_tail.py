"""Tails learnt from draws whose law is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.tail import HONEST_SCALE, Tail, fit_tail


def blocks_of(size: int, length: int) -> np.ndarray:
    return np.arange(size) // length


@pytest.mark.parametrize("scale", [0.4, 2.0])
def test_the_scale_of_exponential_draws_is_found_and_what_they_pass_too(scale):
    draws = np.random.default_rng(1).exponential(scale, 20_000)
    threshold, found, peaks = fit_tail(draws, blocks_of(20_000, 100), 0.03, 2, HONEST_SCALE, 5)
    assert found == pytest.approx(scale, rel=0.1)
    tail = Tail(threshold, 0.03, found, peaks)
    fresh = np.random.default_rng(2).exponential(scale, 400_000)
    for level in (2.0, 3.0):
        assert (tail.surprise(fresh) >= level).mean() == pytest.approx(10**-level, rel=0.4)


def test_two_squalls_hardly_raise_it_and_one_a_week_does():
    calm = np.random.default_rng(3).exponential(0.4, 8_064)
    blocks = blocks_of(8_064, 144)

    def scale_with(squalls: int) -> float:
        values = calm.copy()
        for number in range(squalls):
            values[300 + 1_000 * number : 306 + 1_000 * number] = 40.0
        return fit_tail(values, blocks, 0.03, 2, HONEST_SCALE, 5)[1]

    assert scale_with(2) < 1.5 * scale_with(0)
    assert scale_with(7) > 3 * scale_with(0)


def test_with_nothing_to_learn_from_it_is_honest():
    assert fit_tail(np.zeros(0), np.zeros(0, np.int64), 0.03, 0, HONEST_SCALE, 5)[1:] == (HONEST_SCALE, 5)
    assert fit_tail(np.zeros(100), blocks_of(100, 10), 0.03, 0, HONEST_SCALE, 5)[1:] == (HONEST_SCALE, 5)


@given(
    st.floats(0.05, 8),
    st.floats(0.001, 0.5),
    st.floats(0.05, 8),
    st.floats(1, 60),
    st.lists(st.floats(0, 50), min_size=2),
)
def test_more_is_never_less_surprising(threshold, share, scale, peaks, values):
    told = Tail(threshold, share, scale, peaks).surprise(np.sort(np.array(values)))
    assert (np.diff(told) >= -1e-9).all()
    assert (told >= 0).all()
