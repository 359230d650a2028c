"""When a feed and a host are asked again."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.feeds.pace import (
    LONGEST_PAUSE,
    LONGEST_RETRY,
    HostPace,
    after_failure,
    after_success,
    parse_retry_after,
    resumed,
)

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INTERVALS = st.timedeltas(timedelta(seconds=1), timedelta(days=2))


@given(INTERVALS, st.integers())
def test_a_feed_that_is_well_is_due_after_its_interval_give_or_take_a_tenth(every: timedelta, seed: int) -> None:
    assert every * 0.899 <= after_success(NOW, every, Random(seed)) - NOW <= every * 1.101


@given(INTERVALS, st.integers(1, 10_000), st.integers())
def test_failures_are_ever_farther_apart_up_to_a_bound(every: timedelta, failures: int, seed: int) -> None:
    pause = after_failure(NOW, every, failures, Random(seed)) - NOW
    full = min(max(LONGEST_PAUSE, every), every * 2.0 ** min(failures, 20))
    assert full * 0.499 <= pause <= full
    assert pause >= every * 0.499


def test_feeds_that_fail_together_do_not_come_back_together() -> None:
    assert len({after_failure(NOW, MINUTE, 3, Random(seed)) for seed in range(50)}) == 50


@given(st.integers(1, 50), st.timedeltas(timedelta(0), LONGEST_RETRY), st.integers())
def test_a_server_that_asks_for_peace_gets_it(failures: int, asked: timedelta, seed: int) -> None:
    assert after_failure(NOW, MINUTE, failures, Random(seed), asked) >= NOW + asked


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("0", timedelta(0)),
        (" 120 ", timedelta(minutes=2)),
        ("999999999999", LONGEST_RETRY),
        ("Wed, 04 Mar 2026 09:40:00 GMT", timedelta(minutes=10)),
        ("Wed, 04 Mar 2026 11:30:00 +0200", timedelta(0)),
        ("Wed, 04 Mar 2020 09:40:00 GMT", timedelta(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("", None),
        (None, None),
        ("Wed, 99 Mar 2026 09:40:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, pause: timedelta | None) -> None:
    assert parse_retry_after(header, NOW) == pause


@given(st.text(max_size=40))
def test_any_retry_after_is_bounded_or_nothing(header: str) -> None:
    pause = parse_retry_after(header, NOW)
    assert pause is None or timedelta(0) <= pause <= LONGEST_RETRY


def test_a_restart_keeps_what_was_due_but_not_for_ever() -> None:
    soon, far = NOW + timedelta(seconds=20), NOW + timedelta(days=400)
    assert resumed(soon, 0, NOW, MINUTE) == soon
    assert resumed(NOW - MINUTE, 0, NOW, MINUTE) == NOW - MINUTE
    assert resumed(far, 0, NOW, MINUTE) == NOW + MINUTE
    assert resumed(NOW + timedelta(hours=5), 4, NOW, MINUTE) == NOW + timedelta(hours=5)
    assert resumed(far, 4, NOW, MINUTE) == NOW + LONGEST_RETRY


def test_a_host_is_left_alone_between_two_requests_and_while_it_asks_for_it() -> None:
    pace = HostPace(1.0)
    assert pace.wait("a", 100.0) == 0
    pace.asked("a", 100.0)
    assert pace.wait("a", 100.4) == pytest.approx(0.6)
    assert pace.wait("b", 100.4) == 0
    pace.hold("a", 60.0, 100.5)
    pace.asked("a", 100.6)
    assert pace.wait("a", 101.0) == pytest.approx(59.5)
    assert pace.wait("a", 160.5) == 0


def test_hosts_that_may_be_asked_are_forgotten() -> None:
    pace = HostPace(1.0)
    for number in range(10_000):
        pace.asked(f"host{number}", float(number))
    assert len(pace._free_at) <= 2
