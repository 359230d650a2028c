"""Two models timed side by side: in turn, each as often, and no surer than so few rounds can be."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.confidence import Interval
from training.pace import SINGLES, TEXTS, Seconds, median_interval, side_by_side, slowdown


class Stopwatch:
    """A clock that goes on only while a model works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[tuple[str, int]] = []

    def __call__(self) -> float:
        return self.now

    def model(self, name: str, a_text: float):
        def score(texts):
            self.asked.append((name, len(texts)))
            self.now += a_text * len(texts)

        return score


def test_each_is_asked_for_the_same_texts_as_often_and_who_begins_changes():
    clock = Stopwatch()
    pace = side_by_side(clock.model("one", 0.01), clock.model("other", 0.03), ["a", "b", "c"], rounds=4, clock=clock)
    assert pace.together.first == pytest.approx([0.01 * TEXTS] * 4)
    assert pace.together.second == pytest.approx([0.03 * TEXTS] * 4)
    assert pace.alone.second == pytest.approx([0.03 * SINGLES] * 4)
    assert slowdown(pace.together).estimate == pytest.approx(3)
    together = [name for name, texts in clock.asked if texts == TEXTS]
    assert together[:2] == ["one", "other"]  # warm, and not counted
    assert [together[at] for at in range(2, 10, 2)] == ["other", "one", "other", "one"]
    assert together.count("one") == together.count("other") == 5


def test_what_slows_both_slows_neither_beside_the_other():
    busy = [1.0, 1.0, 5.0, 1.0, 9.0, 1.0]
    assert slowdown(Seconds(busy, [2 * each for each in busy])) == Interval(2.0, 2.0, 2.0)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40))
def test_the_interval_holds_the_median_and_narrows_only_with_enough_values(values):
    found = median_interval(values)
    ordered = sorted(values)
    assert found.estimate == statistics.median(values)
    assert found.low <= found.estimate <= found.high
    assert {found.low, found.high} <= set(values)
    if len(values) < 9:
        assert (found.low, found.high) == (ordered[0], ordered[-1])


def test_of_nothing_there_is_no_median():
    with pytest.raises(ValueError, match="no values"):
        median_interval([])
