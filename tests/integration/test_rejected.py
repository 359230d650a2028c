"""`newsquall rejected` on a real broker: what was refused is shown, sent again, and then scored by a real worker."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer

from deploy import cli
from deploy.stack.kafka import Kafka
from deploy.stack.ports import free_port
from deploy.stack.records import records_of
from stream.archive import Archive
from stream.records import Origin, RejectedHeadline, encode
from stream.rejected import WINDOW
from stream.settings import KafkaSettings, Settings
from stream.topics import HEADLINES, REJECTED, ensure_topics
from tests.integration.conftest import WorkerProcess, as_json, eventually, scored

MODEL_SECONDS = 60


class Done(NamedTuple):
    """What a call came to."""

    status: int
    out: str
    err: str


class Desk:
    """The command line with settings of its own, in this process: another would take a second to start each time."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.archive = f"sqlite:///{folder}/archive.db"
        self._settings = folder / "newsquall.toml"
        self._capsys = capsys

    def at(self, bootstrap: str) -> "Desk":
        self._settings.write_text(f'[kafka]\nbootstrap = "{bootstrap}"\n[archive]\nurl = "{self.archive}"\n')
        return self

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        return Done(cli.run(["--settings", str(self._settings), "rejected", *arguments]), *self._capsys.readouterr())

    def json(self, *arguments: str) -> dict[str, Any]:
        done = self(*arguments, "--json")
        assert done.status == 0, done.err
        result: dict[str, Any] = json.loads(done.out)
        return result


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.fixture
def producer(kafka: Kafka) -> Iterator[KafkaProducer]:
    ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
    sender = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    yield sender
    sender.close()


def refuse(producer: KafkaProducer, at: datetime, partition: int, offset: int, payload: bytes, reason: str) -> None:
    """What a worker writes of a refused record."""
    record = RejectedHeadline(reason, "why", at, Origin(partition, offset), b64encode(payload).decode(), len(payload))
    key = f"{partition}-{offset}".encode()
    producer.send(REJECTED, key=key, value=encode(record), timestamp_ms=int(at.timestamp() * 1000))


def at_once() -> str:
    return datetime.now(UTC).isoformat()


def headlines(bootstrap: str) -> list[tuple[bytes | None, bytes]]:
    """Keys and values on news.headlines."""
    return [(record.key, record.value) for record in records_of(bootstrap, HEADLINES)]


def test_a_refused_headline_is_masked_shown_sent_again_once_and_scored(
    kafka: Kafka, producer: KafkaProducer, tmp_path: Path, desk: Desk
) -> None:
    desk.at(kafka.bootstrap)
    archive = Archive(desk.archive)
    strict = WorkerProcess(tmp_path / "strict", kafka.bootstrap, desk.archive)
    lenient = WorkerProcess(
        tmp_path / "lenient", kafka.bootstrap, desk.archive, NEWSQUALL_TRENDS__FUTURE_TOLERANCE="1d"
    )
    title = "Acme profit plunges, call 212-555-0143"
    early = as_json(id="early", title=title, published_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    try:
        strict.start()
        producer.send(HEADLINES, value=b"no JSON, says jane@wire.example").get(30)
        eventually(lambda: len(desk.json("list")["rejected"]) == 1, MODEL_SECONDS, "the first is refused")
        producer.send(HEADLINES, key=b"early", value=early).get(30)
        eventually(lambda: len(desk.json("list")["rejected"]) == 2, 30, "the second is refused")

        second, first = desk.json("list")["rejected"]
        assert (second["reason"], second["id"]) == ("in_the_future", "early")
        assert second["begins"] == "Acme profit plunges, call [phone]"
        assert (first["reason"], first["id"], first["begins"]) == ("not_json", None, "no JSON, says [email]")
        assert (second["retried_at"], second["cut"]) == (None, False)
        shown = desk("list", "--reason", "in_the_future", "--limit", "1")
        assert "Acme profit plunges, call [phone]" in shown.out
        assert shown.err == "1 refused headline\n"

        # What is refused again is not sent a third time.
        dry = {"sent": 2, "before": 0, "cut": 0, "empty": 0, "dry_run": True}
        assert desk.json("retry", "--all", "--dry-run") == dry
        assert desk("retry", "--all") == Done(0, "2 headlines sent again\n", "")
        eventually(lambda: len(desk.json("list")["rejected"]) == 4, 30, "both are refused again")
        assert all(each["retried_at"] for each in desk.json("list")["rejected"])
        none = {"sent": 0, "before": 4, "cut": 0, "empty": 0, "dry_run": False}
        assert desk.json("retry", "--all") == none

        # A worker that takes it scores it; sent once more it is not counted twice.
        strict.process.stop()
        lenient.start()
        assert desk.json("retry", "--id", "early", "--again")["sent"] == 1
        eventually(lambda: archive.find(["early"]) != {}, MODEL_SECONDS, "it is scored")
        assert archive.find(["early"])["early"].title == "Acme profit plunges, call [phone]"
        assert desk.json("retry", "--id", "early", "--again")["sent"] == 1
        producer.send(HEADLINES, value=as_json(id="ok", title="Acme soars", published_at=at_once())).get(30)
        eventually(lambda: sum(scored(lenient).values()) == 2, 30, "it and a later one are counted, once each")
        again = [value for key, value in headlines(kafka.bootstrap) if key == b"early"][1:]
        assert len(again) == 3
        assert {json.loads(value)["title"] for value in again} == {"Acme profit plunges, call [phone]"}
    finally:
        strict.process.stop()
        lenient.process.stop()
        archive.close()


def test_many_are_read_from_the_newest_back_and_sent_from_the_oldest_on(tmp_path: Path, desk: Desk) -> None:
    with Kafka(tmp_path / "kafka") as kafka:
        desk.at(kafka.bootstrap)
        assert desk.json("list") == {"rejected": [], "more": False}  # before there is a topic
        ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        now = datetime.now(UTC)
        many = 6 * WINDOW
        for number in range(many):
            at = now - timedelta(seconds=many - number)
            reason = "title" if number % 3 else "url"
            refuse(producer, at, number % 4, number, b'{"id": "n%d"}' % number, reason)
        producer.send(REJECTED, key=b"0-0", value=b"not ours")
        producer.send(REJECTED, key=b"0-0", value=None)
        refuse(producer, now - timedelta(days=9), 0, many, b"old", "title")
        producer.flush()
        producer.close()

        done = desk("list", "--limit", "1000", "--json")
        found = json.loads(done.out)
        assert [each["id"] for each in found["rejected"]] == [f"n{many - 1 - number}" for number in range(1000)]
        assert found["more"] is True
        assert done.err.count("is no refused headline: passed over") == 2
        recent = desk.json("list", "--since", "90s", "--reason", "url", "--limit", "1000")["rejected"]
        assert 25 <= len(recent) <= 31
        assert {each["reason"] for each in recent} == {"url"}
        assert desk.json("list", "--origin", "1-5")["rejected"][0]["id"] == "n5"

        assert desk.json("retry", "--reason", "url")["sent"] == many // 3
        assert desk.json("retry", "--origin", "1-5", "--origin", "2-6")["sent"] == 1, "the other was of the first"
        sent_before = many // 3 + 1
        assert desk.json("retry", "--all")["sent"] == many + 1 - sent_before, "the old one is not too old for this"
        sent = headlines(kafka.bootstrap)
        assert len(sent) == len(set(sent)) == many + 1
        assert (b"n7", b'{"id": "n7"}') in sent
        assert (None, b"old") in sent

        missing = desk("retry", "--id", "nobody")
        assert (missing.status, missing.out) == (1, "0 headlines sent again\n")
        assert missing.err.splitlines()[-1] == "newsquall: no such refused headline on news.rejected: nobody"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["list"], 1, "cannot be reached (127.0.0.1:{port} Connection refused): start it, or set kafka.bootstrap"),
        (["retry"], 2, "say which: --all, or one or more of --reason, --origin and --id"),
        (["retry", "--all", "--reason", "title"], 2, "say which"),
        (["retry", "--origin", "here"], 2, "'here' is no origin: write partition-offset, such as 2-1041"),
        (["list", "--reason", "whim"], 2, "'whim' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(desk: Desk, arguments: list[str], status: int, told: str) -> None:
    port = free_port()
    done = desk.at(f"127.0.0.1:{port}")(*arguments)
    assert (done.status, done.out) == (status, "")
    assert told.format(port=port) in done.err
    assert done.err.count("\n") == 1
