"""What Alertmanager posts, and what it must not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.circumstances import Refusals
from alerts.notification import Reading, decode_notification, most_surprising, readings, refusals
from model.errors import InputError
from stream.settings import Settings

ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "NegativeNewsSquall", "subject": "entity/Acme", "entity": "Acme"},
    "annotations": {"summary": "..."},
    "startsAt": "2026-07-03T04:40:00+02:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus",
    "fingerprint": "0a1b2c",
}
PAYLOAD: dict[str, Any] = {"version": "4", "groupKey": "{}", "receiver": "newsquall", "alerts": [ALERT]}
ALERTS = Settings().alerts


def test_a_payload_of_version_4_is_read_with_times_in_utc() -> None:
    (alert,) = decode_notification(msgspec.json.encode(PAYLOAD)).alerts
    assert (alert.subject, alert.is_squall, alert.fingerprint) == ("entity/Acme", True, "0a1b2c")
    assert alert.starts_at == datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
    assert alert.starts_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "5"}, "version '5'; this relay reads '4'"),
        ({"alerts": [ALERT | {"status": "odd"}]}, "status"),
        ({"alerts": [ALERT | {"startsAt": "yesterday"}]}, "startsAt"),
        ({"alerts": [ALERT | {"startsAt": "0001-01-01T00:00:00Z"}]}, "which cannot be"),
        ({"alerts": [ALERT | {"endsAt": "9999-12-31T23:59:59-14:00"}]}, "cannot be read"),
        ({"alerts": [ALERT | {"fingerprint": "x" * 65}]}, "fingerprint"),
        ({"alerts": None}, "alerts"),
    ],
)
def test_what_is_no_payload_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        decode_notification(msgspec.json.encode(PAYLOAD | change))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        decode_notification(body)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InputError):
        decode_notification(b'{"version":"4","alerts":' + b"[" * 100_000)


def test_an_alert_about_the_monitor_is_no_squall() -> None:
    labels = {"alertname": "NewsquallWorkerDown", "instance": "w:9108", "subject": "entity/Acme"}
    (alert,) = decode_notification(msgspec.json.encode(PAYLOAD | {"alerts": [ALERT | {"labels": labels}]})).alerts
    assert not alert.is_squall
    assert alert.subject == "alert/NewsquallWorkerDown/w:9108"


def test_windows_are_read_in_the_order_of_their_length_and_rubbish_is_left_out() -> None:
    text = (
        "1h surprise 3;15m headlines 20;15m surprise 2;x;5m;5m headlines many;5m odd 3;0m headlines 1;"
        "15m baseline NaN;15m stories +Inf;15m sources -1;99999999999d headlines 1;"
    )
    assert readings({"windows": text}) == [
        Reading(window="15m", headlines=20, surprise=2),
        Reading(window="1h", surprise=3),
    ]
    assert readings({}) == []


@given(st.text(alphabet="5m1h dheadlines surpe.;-+NaIf0", max_size=80))
def test_any_annotation_gives_only_numbers_to_reckon_with(text: str) -> None:
    for reading in readings({"windows": text}):
        assert reading.length > timedelta(0)
        assert 0 <= reading.headlines < float("inf")


@pytest.mark.parametrize(
    "said", ["", "now 12;", "usual 1;", "now 12;usual NaN;", "now -1;usual 1;", "now 1 2;usual 1;"]
)
def test_what_was_refused_is_told_with_both_numbers_or_not_at_all(said: str) -> None:
    assert refusals({"rejected": said}) is None
    assert refusals({"rejected": f"rubbish;{said}now 30;usual 0.25;"}) == Refusals(30, 0.25)


def test_a_page_is_about_the_most_surprising_window_that_passes_all_thresholds() -> None:
    short = Reading("5m", headlines=40, surprise=60, stories=1, sources=40)
    middle = Reading("15m", headlines=44, surprise=9, stories=5, sources=40)
    equal = Reading("1h", headlines=44, surprise=9, stories=5, sources=40)
    assert most_surprising([short, middle, equal], ALERTS, "topic/earnings") == middle
    assert most_surprising([short], ALERTS, "topic/earnings") == short
    assert most_surprising([], ALERTS, "topic/earnings") is None


def test_a_page_about_all_topics_is_about_a_window_that_has_enough_stories_for_all() -> None:
    few = Reading("5m", 9.0, 0.1, ALERTS.surprise + 9, ALERTS.stories_all - 1.0, ALERTS.sources)
    many = Reading("1h", 40.0, 0.1, ALERTS.surprise, ALERTS.stories_all, ALERTS.sources)
    assert most_surprising([few, many], ALERTS, "topic/all") == many
    assert most_surprising([few, many], ALERTS, "topic/earnings") == few
