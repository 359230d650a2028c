"""The broker's addresses, and what is said while there is no broker. On a real one: tests/integration."""

import socket
import time
from datetime import timedelta

import pytest

from model.errors import BrokerError
from stream import topics
from stream.settings import KafkaSettings, Settings
from stream.topics import addresses, ensure_topics, unreachable


@pytest.fixture
def closed() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def settings(bootstrap: str) -> Settings:
    return Settings(kafka=KafkaSettings(bootstrap=bootstrap))


@pytest.mark.parametrize(
    ("bootstrap", "expected"),
    [
        ("broker:9092", [("broker", 9092)]),
        ("one:1, two:2,", [("one", 1), ("two", 2)]),
        ("broker", [("broker", 9092)]),
        ("[::1]:9093", [("::1", 9093)]),
        ("[::1]", [("::1", 9092)]),
    ],
)
def test_addresses(bootstrap: str, expected: list[tuple[str, int]]) -> None:
    assert addresses(bootstrap) == expected


@pytest.mark.parametrize("bootstrap", ["", " , ", ":9092", "broker:x", "broker:0", "broker:65536", "broker:-1"])
def test_what_is_no_address_is_refused_at_once(bootstrap: str) -> None:
    with pytest.raises(BrokerError, match=r"kafka\.bootstrap"):
        ensure_topics(settings(bootstrap))


def test_one_broker_that_listens_is_enough(closed: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = f"127.0.0.1:{server.getsockname()[1]}"
        assert unreachable(f"{closed},{listening}") is None
    assert unreachable(closed) == f"{closed} Connection refused"


def test_a_host_without_a_name_is_told() -> None:
    reason = unreachable("no-such-host.invalid:9092")
    assert reason is not None
    assert reason.startswith("no-such-host.invalid:9092 ")


def test_a_broker_that_is_down_is_told_once_and_waited_for(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "RETRY_SECONDS", 0.05)
    said: list[str] = []
    started = time.monotonic()
    with pytest.raises(BrokerError, match=r"is not ready after 1 s .*: start the broker, or set kafka\.bootstrap"):
        ensure_topics(settings(closed), timedelta(seconds=1), said.append)
    assert 0.8 < time.monotonic() - started < 5
    assert said == [f"Kafka at {closed} is not ready ({closed} Connection refused): still trying"]


def test_it_is_said_again_after_a_while(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(topics, "REMIND_SECONDS", 0.2)
    said: list[str] = []
    with pytest.raises(BrokerError):
        ensure_topics(settings(closed), timedelta(seconds=1), said.append)
    assert 2 <= len(said) <= 6
