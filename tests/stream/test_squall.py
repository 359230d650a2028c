"""When a squall begins, goes on and is over."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.squall import Gust, Policy, Squall, Watch

LIMIT = 4.0


def gusts(surprise: float, count: float = 20.0, window: int = 5) -> list[Gust]:
    """A window that shows it, and the calm one beside it."""
    shown = Gust(window, count, 2.0, surprise)
    return sorted([shown, Gust(15, count, 6.0, 1.0 if count > 6 else 0.99)], key=lambda gust: gust.window)


def run(watch: Watch, moments: dict[int, list[Gust]]) -> list[Squall]:
    return [squall for now, held in sorted(moments.items()) if (squall := watch.step(now, held, LIMIT))]


def test_it_begins_at_its_threshold_and_is_one_event_however_long_it_lasts():
    watch = Watch(Policy())
    moments = {now: gusts(4.0 if now else 3.99) for now in range(0, 3 * 1440, 5)}
    (squall,) = run(watch, moments)
    assert squall.fired_at == 5
    assert squall.resolved_at is None


def test_it_is_over_when_it_has_been_calm_for_ten_minutes():
    watch = Watch(Policy())
    moments = {0: gusts(5), 5: gusts(9, count=30), 10: gusts(4)} | {now: gusts(0, count=1) for now in range(15, 60, 5)}
    (squall,) = run(watch, moments)
    assert (squall.fired_at, squall.peak_at, squall.resolved_at) == (0, 5, 20)
    assert (squall.peak.surprise, squall.peak.count) == (9, 30)


def test_what_only_a_day_shows_may_pause_for_hours():
    watch = Watch(Policy())
    calm = {now: gusts(3, count=1, window=1440) for now in range(5, 355, 5)}
    (squall,) = run(watch, {0: gusts(5, window=1440)} | calm | {355: gusts(5, window=1440)})
    assert squall.resolved_at is None
    assert not run(watch, {now: gusts(3, count=1, window=1440) for now in range(360, 720, 5)})
    assert squall.resolved_at == 715


@pytest.mark.parametrize(
    ("after", "surprise", "begins"), [(120, 5.9, False), (120, 6.0, True), (719, 5.0, False), (721, 5.0, True)]
)
def test_in_half_a_day_after_it_another_one_must_be_ten_times_rarer(after, surprise, begins):
    watch = Watch(Policy())
    run(watch, {0: gusts(5)} | {now: gusts(0, count=1) for now in range(5, 15, 5)})
    assert bool(run(watch, {10 + after: gusts(surprise)})) is begins


def test_a_window_that_still_holds_the_last_one_begins_nothing():
    watch = Watch(Policy())
    run(watch, {0: gusts(5)} | {now: gusts(0, count=1) for now in range(5, 15, 5)})
    assert not run(watch, {10 + 721: gusts(5, window=1440)})
    assert run(watch, {10 + 1441: gusts(5, window=1440)})


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0, 12), st.integers(0, 30)), max_size=60))
def test_squalls_follow_one_another_and_their_peak_is_at_least_their_threshold(drawn):
    watch, now, squalls = Watch(Policy()), 0, []
    for pause, surprise, count in drawn:
        now += pause
        if squall := watch.step(now, gusts(surprise, float(count)), LIMIT):
            squalls.append(squall)
    for squall, later in pairwise(squalls):
        assert squall.resolved_at is not None
        assert squall.fired_at <= squall.peak_at <= squall.resolved_at <= later.fired_at
    assert all(squall.peak.surprise >= LIMIT for squall in squalls)
