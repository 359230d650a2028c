"""Cohen's kappa, and who it is said of."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.records import Label
from training.agreement import agreements, cohen_kappa

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), max_size=40)


def test_the_worked_example_of_the_textbooks():
    # 20 both yes, 15 both no, 5 and 10 apart: observed 0.7, by chance 0.5.
    told = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert cohen_kappa(told) == pytest.approx(0.4)


@given(pairs)
def test_kappa_is_the_same_from_both_sides_and_one_only_for_full_agreement(told):
    kappa = cohen_kappa(told)
    assert kappa == pytest.approx(cohen_kappa([(second, first) for first, second in told])) if told else kappa is None
    if kappa is not None:
        assert kappa <= 1
        assert (kappa == pytest.approx(1)) == all(first == second for first, second in told)


def label(title: str, annotator: str, topic: str | None, sentiment: str | None) -> Label:
    return Label(title, title, annotator, NOW, "review", topic=topic, sentiment=sentiment)


def test_only_what_both_have_labelled_counts_for_each_two_and_head():
    found = agreements(
        [
            label("Bolt falls", "anna", "earnings", "negative"),
            label("BOLT falls", "berta", "earnings", "positive"),  # the same text
            label("Acme rises", "anna", None, "positive"),
            label("Acme rises", "berta", "earnings", "positive"),
            label("Acme rises", "carl", None, "neutral"),
            label("alone", "anna", "other", "neutral"),
        ]
    )
    assert [(each.first, each.second, each.head, each.texts, each.same) for each in found] == [
        ("anna", "berta", "sentiment", 2, 1),
        ("anna", "berta", "topic", 1, 1),
        ("anna", "carl", "sentiment", 1, 0),
        ("berta", "carl", "sentiment", 1, 0),
    ]
