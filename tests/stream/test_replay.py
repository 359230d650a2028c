"""Headlines are due when the file says, divided by the speed, whatever the clock and the sender do."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.records import Headline
from stream.replay import ending_at, from_now_on, rhythm

THEN = datetime(2018, 3, 20, 9, 0, tzinfo=UTC)
NOW = datetime(2025, 3, 3, 9, 30, tzinfo=UTC)

offsets = st.lists(st.integers(-86_400, 30 * 86_400), min_size=1, max_size=40)
speeds = st.floats(0.01, 10_000)


def headlines(seconds: Iterable[float]) -> list[Headline]:
    return [
        Headline(id=str(at), title="t", published_at=THEN + timedelta(seconds=each)) for at, each in enumerate(seconds)
    ]


def offsets_of(moved: Iterable[Headline], start: datetime) -> list[float]:
    return [(each.published_at - start).total_seconds() for each in moved]


class Sender:
    """A clock, and somebody who sends: waiting moves it on, and so does sending."""

    def __init__(self, costs: Iterator[float] | None = None) -> None:
        self.now = 1_000.0
        self.costs = costs

    def clock(self) -> float:
        return self.now

    def send_all(self, paced: Iterable[tuple[float, Headline]]) -> list[float]:
        times = []
        for wait, _ in paced:
            assert wait >= 0
            self.now += wait
            times.append(self.now - 1_000.0)
            self.now += next(self.costs, 0.0) if self.costs else 0.0
        return times


def test_the_files_rhythm_divided_by_the_speed() -> None:
    sender = Sender()
    assert sender.send_all(rhythm(headlines([0, 60, 90]), 2.0, sender.clock)) == [0.0, 30.0, 45.0]


def test_a_headline_that_goes_back_in_time_is_sent_at_once_and_delays_nothing() -> None:
    sender = Sender()
    assert sender.send_all(rhythm(headlines([0, 60, 10, -500, 70]), 1.0, sender.clock)) == [0, 60, 60, 60, 70]


def test_max_waits_for_nothing() -> None:
    assert [wait for wait, _ in rhythm(headlines([0, 60, 3600]), None, Sender().clock)] == [0.0, 0.0, 0.0]


def test_the_clock_starts_with_the_first_headline() -> None:
    sender = Sender()
    paced = rhythm(headlines([0, 10]), 1.0, sender.clock)
    sender.now += 500  # the broker was down
    assert next(paced)[0] == 0.0
    assert next(paced)[0] == 10.0


def test_an_empty_file_sends_nothing() -> None:
    assert list(rhythm([], 1.0, Sender().clock)) == []


@given(offsets, speeds)
def test_every_headline_is_sent_in_order_and_never_before_it_is_due(seconds: list[int], speed: float) -> None:
    sender = Sender()
    given_headlines = headlines(seconds)
    paced = list(zip(sender.send_all(rhythm(given_headlines, speed, sender.clock)), given_headlines, strict=True))
    for sent, each in paced:
        due = (each.published_at - given_headlines[0].published_at).total_seconds() / speed
        assert sent >= due - 1e-6
    times = [sent for sent, _ in paced]
    assert times == sorted(times)


@given(st.lists(st.integers(0, 86_400), min_size=1, max_size=40).map(sorted), speeds)
def test_a_prompt_sender_keeps_the_files_rhythm_to_the_end(seconds: list[int], speed: float) -> None:
    sender = Sender()
    times = sender.send_all(rhythm(headlines(seconds), speed, sender.clock))
    assert times == pytest.approx([(each - seconds[0]) / speed for each in seconds], rel=1e-6, abs=1e-3)


@given(
    st.lists(st.integers(0, 3_600), min_size=2, max_size=40).map(sorted),
    st.lists(st.floats(0, 50), min_size=40, max_size=40),
)
def test_a_slow_sender_catches_up_and_drifts_no_further_than_its_own_delay(
    seconds: list[int], costs: list[float]
) -> None:
    sender = Sender(iter(costs))
    times = sender.send_all(rhythm(headlines(seconds), 1.0, sender.clock))
    for at, sent in enumerate(times):
        due = float(seconds[at] - seconds[0])
        assert sent == pytest.approx(due if at == 0 else max(due, times[at - 1] + costs[at - 1]), abs=1e-3)


@given(offsets, speeds)
def test_times_that_start_now_are_the_moments_of_sending(seconds: list[int], speed: float) -> None:
    seconds = sorted(seconds)
    sender = Sender()
    moved = list(from_now_on(headlines(seconds), speed, lambda: NOW))
    sent = sender.send_all(rhythm(moved, 1.0, sender.clock))
    assert moved[0].published_at == NOW
    assert sent == pytest.approx([(each - seconds[0]) / speed for each in seconds], rel=1e-6, abs=1e-3)
    assert offsets_of(moved, NOW) == pytest.approx(sent, rel=1e-6, abs=1e-3)


@given(offsets)
def test_a_history_that_ends_now_keeps_its_distances_and_has_no_future(seconds: list[int]) -> None:
    given_headlines = headlines(seconds)
    latest = max(each.published_at for each in given_headlines)
    moved = list(ending_at(given_headlines, latest, NOW))
    assert max(each.published_at for each in moved) == NOW
    assert offsets_of(moved, moved[0].published_at) == offsets_of(given_headlines, given_headlines[0].published_at)
    assert [each.id for each in moved] == [each.id for each in given_headlines]


def test_now_is_when_the_first_headline_is_asked_for() -> None:
    times = iter([NOW])
    moved = list(from_now_on(headlines([0, 60, -60]), 2.0, lambda: next(times)))
    assert offsets_of(moved, NOW) == [0.0, 30.0, -30.0]
