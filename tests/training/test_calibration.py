"""Temperatures: found back where they are known, and never a label changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.scorer import softmax
from training.calibration import FEWEST, HIGHEST, LOWEST, temperature
from training.evaluation import head_scores


def drawn(rows: int, sharpness: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `sharpness` times too sure, and the classes that came of the honest ones."""
    chance = np.random.default_rng(seed)
    honest = chance.normal(0, 1.5, (rows, 4))
    truth = np.array([chance.choice(4, p=each) for each in softmax(honest)])
    return honest * sharpness, truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_logits_that_are_too_sure_or_too_shy_are_set_right(sharpness):
    logits, truth = drawn(4000, sharpness)
    assert temperature(logits, truth) == pytest.approx(sharpness, rel=0.1)


def test_the_calibration_error_falls():
    logits, truth = drawn(4000, 3.0, seed=1)
    other, held_back = drawn(4000, 3.0, seed=2)
    names = ["a", "b", "c", "d"]
    before = head_scores(held_back, softmax(other), names)
    after = head_scores(held_back, softmax(other / temperature(logits, truth)), names)
    assert after.ece < 0.03 < before.ece
    assert after.macro_f1 == before.macro_f1


def test_too_few_rows_change_nothing():
    logits, truth = drawn(FEWEST - 1, 3.0)
    assert temperature(logits, truth) == 1.0


@given(st.integers(0, 50), st.floats(0.01, 50))
def test_it_stays_within_its_bounds(seed, sharpness):
    logits, truth = drawn(80, sharpness, seed)
    assert LOWEST <= temperature(logits, truth) <= HIGHEST
