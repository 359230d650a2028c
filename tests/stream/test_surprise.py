"""Surprise against exact tails, summed in a hundred digits."""

from decimal import Decimal, getcontext, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.surprise import LARGEST, surprise, surprises

DIGITS = 100


def exact(count: int, mean: float, dispersion: float) -> float:
    """-log10 P(Y >= count), every term by its recurrence from P(Y = 0), upwards to where nothing is left."""
    with localcontext() as context:
        context.prec = DIGITS
        context.Emin, context.Emax = -999_999_999, 999_999_999
        mu, alpha = Decimal(mean), Decimal(dispersion)
        term = ((1 + alpha * mu).ln() * (-1 / alpha)).exp() if alpha else (-mu).exp()
        tail, number = Decimal(0), 0
        while number < count or number <= mu or term > tail * Decimal("1e-25"):
            if number >= count:
                tail += term
            term *= (1 + alpha * number) * mu / ((1 + alpha * mu) * (number + 1))
            number += 1
        return float(-tail.log10())


means = st.floats(1e-6, 200)
dispersions = st.one_of(st.just(0.0), st.floats(1e-6, 3))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), means, dispersions)
def test_it_is_the_tail_of_the_negative_binomial_to_all_digits_that_matter(count, mean, dispersion):
    assert surprise(count, mean, dispersion) == pytest.approx(
        min(LARGEST, exact(count, mean, dispersion)), rel=1e-9, abs=1e-7
    )


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("mean", [0.01, 4.9, 39.0])
def test_a_dispersion_that_is_nearly_none_is_nearly_the_poisson(count, mean):
    for dispersion in (1e-8, 1.1e-9, 0.9e-9, 1e-12):
        assert surprise(count, mean, dispersion) == pytest.approx(exact(count, mean, 0.0), abs=2e-4)


@pytest.mark.parametrize(
    ("count", "mean", "dispersion"), [(10_000, 9_700.0, 0.0), (10_000, 8_000.0, 0.02), (10_000, 10_300.0, 0.001)]
)
def test_counts_of_ten_thousand_are_as_exact_as_small_ones(count, mean, dispersion):
    assert surprise(count, mean, dispersion) == pytest.approx(exact(count, mean, dispersion), rel=1e-6, abs=1e-6)


def test_one_headline_where_one_in_a_thousand_windows_has_one_has_surprise_three():
    assert surprise(1, 1e-3, 0.0) == pytest.approx(3.0, abs=1e-3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 500), st.floats(1e-9, 400), st.one_of(st.just(0.0), st.floats(1e-7, 2)))
def test_one_more_headline_is_never_less_surprising(count, mean, dispersion):
    assert surprise(count + 1, mean, dispersion) >= surprise(count, mean, dispersion) - 1e-9


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 500), st.floats(1e-9, 300), st.floats(1.001, 3), dispersions)
def test_the_same_count_is_less_surprising_where_more_is_usual(count, mean, factor, dispersion):
    assert surprise(count, mean * factor, dispersion) <= surprise(count, mean, dispersion) + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 200), st.floats(0.01, 20), st.floats(0.01, 1), st.floats(1.01, 4))
def test_a_spike_is_less_surprising_where_counts_scatter_more(above, mean, dispersion, factor):
    count = int(mean) + above + int(20 * mean * dispersion)
    assert surprise(count, mean, dispersion * factor) <= surprise(count, mean, dispersion) + 1e-9 or (
        surprise(count, mean, dispersion) < 2  # near the middle a wider spread moves mass both ways
    )


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 20_000),
    st.one_of(st.just(0.0), st.floats(5e-324, 1e-200), st.floats(1e-200, 5_000)),
    st.one_of(st.just(0.0), st.floats(1e-12, 0.5)),
)
def test_it_stays_within_its_bounds_whatever_it_is_given(count, mean, dispersion):
    assert 0.0 <= surprise(count, mean, dispersion) <= LARGEST


def test_no_headline_is_never_surprising():
    assert surprise(0, 0.0, 0.0) == surprise(0, 1e4, 0.0) == surprise(0, 1e-300, 5.0) == 0.0


def test_any_headline_where_none_can_be_is_as_surprising_as_it_gets():
    assert surprise(1, 0.0, 0.0) == surprise(10_000, 0.0, 1.0) == LARGEST


def test_a_tail_beyond_the_floats_is_cut_at_the_largest_surprise():
    assert surprise(10_000, 0.001, 0.0) == LARGEST
    assert surprise(1, 1e-299, 0.0) == pytest.approx(299, abs=1e-9)
    assert surprise(2, 1e-299, 0.0) == LARGEST


def test_the_check_itself_has_more_digits_than_a_float():
    assert getcontext().prec < DIGITS
    assert exact(1, 1e-3, 0.0) == pytest.approx(3.000217, abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-3, 2_000), st.one_of(st.just(0.0), st.floats(1e-3, 3)), st.floats(1.0, 12.0))
def test_those_of_a_whole_history_are_within_a_tenth_of_the_exact_ones(mean, dispersion, deviations):
    count = int(mean + deviations * (mean + dispersion * mean**2) ** 0.5) + 1
    told = float(surprises(np.array([float(count)]), np.array([mean]), dispersion)[0])
    assert told == pytest.approx(surprise(count, mean, dispersion), rel=0.02, abs=0.1)


def test_those_of_a_whole_history_are_nothing_at_the_mean_and_never_beyond_the_largest():
    told = surprises(np.array([0.0, 3.0, 5.0, 1e6]), np.array([1.0, 3.0, 9.0, 1e-3]), 0.0)
    assert told.tolist() == [0.0, 0.0, 0.0, LARGEST]
