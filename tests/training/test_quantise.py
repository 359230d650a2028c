"""Integer arithmetic: a range spans all channels but the few that reach far beyond the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("torch")

from training import quantise
from training.confidence import Interval
from training.evaluation import Predictions
from training.labels import LabelledText
from training.quantise import LEVELS, OUTLIERS, _range, is_shown

reaches = hnp.arrays(np.float32, st.integers(OUTLIERS + 1, 40), elements=st.floats(0, 100, width=32))


@pytest.mark.parametrize(
    ("loss", "shown"),
    [
        (Interval(0.006, -0.004, 0.016), False),
        (Interval(0.012, 0.003, 0.02), True),
        (Interval(0.004, 0.001, 0.007), False),
        (Interval(0.15, -0.02, 0.4), True),
        (Interval(-0.02, -0.03, -0.01), False),
    ],
)
def test_a_loss_is_shown_where_it_is_too_large_and_no_chance(loss, shown):
    assert is_shown(loss) == shown


def test_a_loss_is_what_integers_get_wrong_that_floats_do_not(scorer, monkeypatch):
    rows = tuple(LabelledText(f"Acme {at}", None, "negative", "f") for at in range(100))
    right = np.tile([0.8, 0.1, 0.1], (100, 1))
    wrong = right.copy()
    wrong[:30] = [0.1, 0.8, 0.1]
    topics = np.ones((100, 1))
    answers = iter([Predictions(scorer.taxonomy, rows, topics, each, ()) for each in (right, wrong)])
    monkeypatch.setattr(quantise, "predict", lambda _scorer, _rows: next(answers))
    losses = quantise._losses(scorer.bundle, scorer.bundle, rows)
    assert set(losses) == {"sentiment"}
    assert losses["sentiment"].low > 0.1
    assert is_shown(losses["sentiment"])


def bytes_of(values: np.ndarray, span) -> np.ndarray:
    """What the runtime makes of values: QuantizeLinear as ONNX has it."""
    return np.clip(np.round(values / span.scale) + float(span.zero), 0, LEVELS)


@given(reaches, st.floats(0, 1))
def test_what_is_no_outlier_is_within_half_a_step(reach, below):
    lowest, highest = -reach * np.float32(below), reach
    span = _range(lowest, highest, OUTLIERS)
    rest = np.setdiff1d(np.arange(len(reach)), span.outliers)
    for values in (lowest[rest], highest[rest]):
        back = (bytes_of(values, span) - float(span.zero)) * span.scale
        assert np.abs(back - values).max() <= 0.51 * span.scale + 1e-6 * np.abs(values).max()
    assert (bytes_of(np.zeros(1), span)[0] - float(span.zero)) * span.scale == 0.0


def test_the_channels_that_reach_furthest_do_not_coarsen_the_others():
    highest = np.array([1.0, 30.0, 1.5, 1.0, 25.0, 1.0, 20.0, 1.0, 28.0], dtype=np.float32)
    span = _range(-highest, highest, OUTLIERS)
    assert span.outliers.tolist() == [1, 4, 6, 8]
    assert span.scale == pytest.approx(3.0 / LEVELS)
    assert _range(-highest, highest, 0).scale == pytest.approx(60.0 / LEVELS)


@given(reaches, st.integers(0, 10**6))
def test_what_a_range_cuts_off_and_what_it_keeps_are_the_whole(reach, seed):
    span = _range(-reach, reach, OUTLIERS)
    values = np.random.default_rng(seed).uniform(-reach, reach)
    kept = np.clip(values, span.lowest, span.highest)
    beyond = values[span.outliers] - kept[span.outliers]
    whole = (bytes_of(values, span) - float(span.zero)) * span.scale
    whole[span.outliers] += beyond
    assert np.abs(whole - values).max() <= 0.51 * span.scale + 1e-5 * np.abs(values).max()
