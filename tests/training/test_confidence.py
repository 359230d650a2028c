"""Intervals hold the truth as often as they say, chance is called chance, and every draw is the same again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.confidence import (
    calibration_difference,
    chance_of_loss,
    difference,
    holm,
    macro_f1_interval,
)

CLASSES = 3


def answers(rng, truth, right: float):
    """Answers that are right so often, and otherwise any class."""
    lucky = rng.random(len(truth)) < right
    return np.where(lucky, truth, rng.integers(0, CLASSES, len(truth)))


def test_without_rows_nothing_can_be_said():
    nothing = np.array([], dtype=np.int64)
    for measure in (
        lambda: macro_f1_interval(nothing, nothing, CLASSES),
        lambda: difference(nothing, nothing, nothing, CLASSES),
        lambda: calibration_difference(nothing > 0, nothing * 1.0, nothing > 0, nothing * 1.0),
    ):
        with pytest.raises(ValueError, match="no rows"):
            measure()


def test_an_interval_of_macro_f1_holds_the_true_value_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    population = rng.integers(0, CLASSES, 60_000)
    said = answers(rng, population, 0.7)
    true = macro_f1_interval(population, said, CLASSES, resamples=10).estimate
    held = 0
    for _ in range(200):
        at = rng.integers(0, len(population), 300)
        interval = macro_f1_interval(population[at], said[at], CLASSES, resamples=300)
        held += interval.low <= true <= interval.high
    assert 180 <= held <= 200


def test_equal_models_seldom_differ_and_a_better_one_is_shown():
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(100):
        truth = rng.integers(0, CLASSES, 300)
        one, other = answers(rng, truth, 0.7), answers(rng, truth, 0.7)
        found = difference(truth, one, other, CLASSES, resamples=300)
        shown += found.low > 0 or found.high < 0
    assert shown <= 12
    truth = rng.integers(0, CLASSES, 600)
    better = difference(truth, answers(rng, truth, 0.6), answers(rng, truth, 0.9), CLASSES)
    assert better.low > 0.05


def test_the_first_and_the_second_changed_about_is_the_same_with_the_other_sign():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, CLASSES, 200)
    one, other = answers(rng, truth, 0.6), answers(rng, truth, 0.8)
    for options in ({}, {"statistic": "accuracy"}, {"only": 1}):
        there, back = (difference(truth, *pair, CLASSES, **options) for pair in ((one, other), (other, one)))
        assert there.estimate == pytest.approx(-back.estimate)


def test_a_loss_that_may_be_chance_is_probable_and_a_large_one_is_not():
    rng = np.random.default_rng(6)
    probable = []
    for _ in range(60):
        truth = rng.integers(0, CLASSES, 200)
        probable.append(
            chance_of_loss(truth, answers(rng, truth, 0.7), answers(rng, truth, 0.7), CLASSES, resamples=1_000)
        )
    assert sum(each < 0.05 for each in probable) <= 8
    truth = rng.integers(0, CLASSES, 300)
    assert chance_of_loss(truth, answers(rng, truth, 0.95), answers(rng, truth, 0.6), CLASSES) < 0.001
    assert chance_of_loss(truth, truth, truth, CLASSES) == 1


def test_an_answer_outside_the_classes_is_wrong_and_no_more():
    truth = np.array([0, 0, 1, 1])
    nothing = np.full(4, -1)
    assert macro_f1_interval(truth, nothing, CLASSES).estimate == 0
    assert difference(truth, nothing, truth, CLASSES).estimate == 1


def test_worse_calibration_is_shown():
    rng = np.random.default_rng(7)
    right = rng.random(2_000) < 0.7
    honest, boastful = np.full(2_000, 0.7), np.full(2_000, 0.95)
    assert calibration_difference(right, honest, right, boastful).low > 0.15
    same = calibration_difference(right, honest, right, honest)
    assert (same.low, same.estimate, same.high) == (0, 0, 0)


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, CLASSES - 1)] * 3), min_size=1, max_size=40))
def test_an_interval_holds_its_estimate_and_is_the_same_again(rows):
    truth, one, other = np.array(rows, dtype=np.int64).T
    found = difference(truth, one, other, CLASSES, resamples=100)
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert difference(truth, one, other, CLASSES, resamples=100) == found
    order = np.random.default_rng(0).permutation(len(rows))
    assert difference(truth[order], one[order], other[order], CLASSES, resamples=100) == found


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_probabilities_grow_and_keep_their_order(probabilities):
    adjusted = holm(probabilities)
    assert all(before <= after <= 1 for before, after in zip(probabilities, adjusted, strict=True))
    order = np.argsort(probabilities, kind="stable")
    assert [adjusted[at] for at in order] == sorted(adjusted)
