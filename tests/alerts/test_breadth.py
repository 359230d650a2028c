"""How many different things a window holds."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.breadth import distinct


def test_a_thing_told_again_within_a_window_is_one_and_stays_for_longer() -> None:
    assert distinct([(0, "a"), (2, "a")], steps=6, window=3).tolist() == [1, 1, 1, 1, 1, 0]


def test_nothing_told_is_nothing() -> None:
    assert distinct([], steps=3, window=2).tolist() == [0, 0, 0]


@given(
    told=st.lists(st.tuples(st.integers(0, 19), st.sampled_from("abcd")), max_size=30).map(sorted),
    window=st.integers(1, 25),
)
def test_it_is_what_counting_by_hand_gives(told: list[tuple[int, str]], window: int) -> None:
    by_hand = [len({thing for at, thing in told if end - window < at <= end}) for end in range(20)]
    assert distinct(told, steps=20, window=window).tolist() == by_hand
