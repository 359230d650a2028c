"""Scores against examples counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.evaluation import ClassScores, head_scores, predict
from training.labels import LabelledText

CLASSES = ("a", "b", "c")


def certain(chosen, confidence=1.0) -> np.ndarray:
    rest = (1 - confidence) / 2
    return np.array([[confidence if number == each else rest for number in range(3)] for each in chosen])


def test_four_rows_counted_by_hand():
    scores = head_scores(np.array([0, 0, 1, 1]), certain([0, 1, 1, 1]), CLASSES)
    # a: one of two found, and the one claim right; b: both found, two of three claims right; c: not in the set.
    assert scores.n == 4
    assert scores.accuracy == 0.75
    assert scores.per_class == {"a": ClassScores(1.0, 0.5, 0.6667, 2), "b": ClassScores(0.6667, 1.0, 0.8, 2)}
    assert scores.macro_f1 == round((2 / 3 + 0.8) / 2, 4)
    assert scores.ece == 0.25


def test_a_class_that_is_never_found_has_zeros_and_counts_in_the_mean():
    scores = head_scores(np.array([0, 1]), certain([0, 0]), CLASSES)
    assert scores.per_class["b"] == ClassScores(0.0, 0.0, 0.0, 1)
    assert scores.macro_f1 == round((2 / 3) / 2, 4)


def test_calibration_is_the_gap_between_confidence_and_accuracy_in_each_bin():
    # Ten rows at 0.8 of which six are right, ten at 0.95 all right: 0.5 * 0.2 + 0.5 * 0.05.
    truth = np.array([0] * 6 + [1] * 4 + [0] * 10)
    probabilities = np.concatenate([certain([0] * 10, 0.8), certain([0] * 10, 0.95)])
    assert head_scores(truth, probabilities, CLASSES).ece == pytest.approx(0.125)


def test_certainty_falls_into_the_last_bin_and_being_right_there_is_no_error():
    assert head_scores(np.array([0, 1, 2]), certain([0, 1, 2]), CLASSES).ece == 0.0


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 40))
def test_scores_stay_within_their_bounds_and_do_not_depend_on_the_rows_order(data, n):
    truth = data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, 2)))
    raw = data.draw(hnp.arrays(np.float64, (n, 3), elements=st.floats(0.01, 1)))
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    scores = head_scores(truth, probabilities, CLASSES)
    assert scores.accuracy == round(float((probabilities.argmax(1) == truth).mean()), 4)
    for value in (scores.accuracy, scores.macro_f1, scores.ece):
        assert 0 <= value <= 1
    order = np.random.default_rng(0).permutation(n)
    again = head_scores(truth[order], probabilities[order], CLASSES)
    assert (again.accuracy, again.macro_f1) == (scores.accuracy, scores.macro_f1)
    assert again.ece == pytest.approx(scores.ece, abs=2e-4)


def row(text, topic=None, sentiment=None) -> LabelledText:
    return LabelledText(text, topic, sentiment, "f")


def test_a_head_without_labels_is_absent_and_what_cannot_be_read_is_counted_apart(scorer):
    found = predict(scorer, [row("Shares plunge", sentiment="negative"), row("🚀", sentiment="negative")])
    assert set(found.scores()) == {"sentiment"}
    assert (found.scores()["sentiment"].n, found.scores()["sentiment"].accuracy) == (1, 1.0)
    assert [each.text for each in found.unscorable] == ["🚀"]


def test_labels_that_the_model_does_not_know_are_left_out(scorer):
    unknown = row("Shares plunge", topic="sports")
    assert set(predict(scorer, [unknown, row("Shares plunge", sentiment="negative")]).scores()) == {"sentiment"}
    assert predict(scorer, [unknown]).scores() == predict(scorer, []).scores() == {}


def test_the_shipped_model_knows_the_projects_own_headlines_of_its_held_back_part(scorer):
    from pathlib import Path

    from training.labels import read_labels, split

    files = sorted(str(path) for path in (Path(__file__).parents[2] / "training" / "corpus").glob("*.csv"))
    held_back = split(read_labels(files, scorer.taxonomy).rows)["test"]
    result = predict(scorer, held_back).scores()
    assert result["sentiment"].macro_f1 > 0.8
    assert result["topic"].macro_f1 > 0.8
