"""`newsquall replay` and the topics on a real broker: all rows, once each, in order, whatever happens to it."""

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from deploy.doctor import broker as broker_findings
from deploy.stack.kafka import Kafka
from deploy.stack.ports import free_port
from deploy.stack.records import records_of
from model.errors import BrokerError
from stream import topics
from stream.settings import KafkaSettings, Settings
from stream.topics import HEADLINES, TOPICS, ensure_topics

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 3


@pytest.fixture
def empty(kafka: Kafka) -> Kafka:
    """The broker without any of our topics."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        if ours := [name for name in admin.list_topics() if name in TOPICS]:
            admin.delete_topics(ours)
        deadline = time.monotonic() + 20
        while set(admin.list_topics()) & set(TOPICS) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        admin.close()
    return kafka


def settings(bootstrap: str, **fields: Any) -> Settings:
    return Settings(kafka=KafkaSettings(**{"bootstrap": bootstrap, "partitions": PARTITIONS, **fields}))


def command(bootstrap: str, *arguments: str) -> list[str]:
    Path("nq.toml").write_text(f'[kafka]\nbootstrap = "{bootstrap}"\npartitions = {PARTITIONS}\n')
    code = "from deploy.cli import main; main()"
    return [sys.executable, "-c", code, "--settings", "nq.toml", "replay", *arguments]


def replay(bootstrap: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(bootstrap, *arguments), capture_output=True, text=True, timeout=120, check=False, **options
    )


def received(bootstrap: str) -> list[Any]:
    """All records of news.headlines."""
    return list(records_of(bootstrap, HEADLINES))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def written(*rows: dict[str, Any] | str) -> str:
    Path("rows.jsonl").write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return "rows.jsonl"


def at(seconds: float) -> str:
    return (datetime(2024, 1, 2, 9, 0, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


# ------------------------------------------------------------------ topics


def test_topics_are_made_once_with_the_partitions_of_the_settings(empty: Kafka) -> None:
    said: list[str] = []
    assert sorted(ensure_topics(settings(empty.bootstrap), say=said.append)) == sorted(TOPICS)
    assert ensure_topics(settings(empty.bootstrap), say=said.append) == []
    with topics.admin_client(empty.bootstrap) as client:
        assert topics.partition_counts(client) == dict.fromkeys(TOPICS, PARTITIONS)
    assert said == []


def test_two_that_start_at_once_both_find_the_topics(empty: Kafka) -> None:
    made: list[list[str]] = []
    threads = [threading.Thread(target=lambda: made.append(ensure_topics(settings(empty.bootstrap)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(name for names in made for name in names) == sorted(TOPICS)
    assert len(made) == 3


def test_another_number_of_partitions_is_refused_unless_one_only_produces(empty: Kafka) -> None:
    ensure_topics(settings(empty.bootstrap))
    other = settings(empty.bootstrap, partitions=5)
    with pytest.raises(BrokerError, match=r"has 3 partitions, the settings say 5: set kafka\.partitions to 3"):
        ensure_topics(other)
    assert ensure_topics(other, any_layout=True) == []
    assert [each.level for each in broker_findings(other)] == ["ok", "fail"]
    assert [each.level for each in broker_findings(settings(empty.bootstrap))] == ["ok", "ok"]


def test_more_copies_than_brokers_is_waited_for_and_then_refused(empty: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "REPLICATION_GRACE_SECONDS", 2.0)
    said: list[str] = []
    with pytest.raises(BrokerError, match=r"kafka\.replication is 3, more than there are brokers: start the others"):
        ensure_topics(settings(empty.bootstrap, replication=3), say=said.append)
    assert len(said) == 1


# ------------------------------------------------------------------ replay


def test_all_good_rows_arrive_once_keyed_by_id_and_the_bad_ones_are_told(empty: Kafka) -> None:
    rows = [{"id": f"n{number}", "title": f"Headline {number}", "published_at": at(number)} for number in range(500)]
    file = written(*rows[:250], "not json", {"title": ""}, {"title": "b", "body": "x" * 1_100_000}, *rows[250:])
    done = replay(empty.bootstrap, "--speed", "max", file)
    assert done.returncode == 0
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(result) == {"sent", "bad", "seconds"}
    assert (result["sent"], result["bad"]) == (500, 3)
    told = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in told[:3]] == [f"rows.jsonl:{line}" for line in (251, 252, 253)]
    assert told[-1].startswith("500 headlines sent, 3 bad rows, ")
    records = received(empty.bootstrap)
    values = {record.key.decode(): json.loads(record.value) for record in records}
    assert len(records) == len(values) == 500
    assert {key: value["title"] for key, value in values.items()} == {row["id"]: row["title"] for row in rows}
    for part in range(PARTITIONS):
        numbers = [int(record.key[1:]) for record in records if record.partition == part]
        assert numbers == sorted(numbers)
        assert numbers


def test_the_files_rhythm_is_kept_and_shifted_to_now(empty: Kafka) -> None:
    file = written(*({"id": str(each), "title": "t", "published_at": at(each)} for each in (0, 20, 40)))
    started = datetime.now(UTC)
    done = replay(empty.bootstrap, "--speed", "20", "--shift-to-now", file)
    assert done.returncode == 0
    assert 2.0 <= json.loads(done.stdout.splitlines()[-1])["seconds"] < 6
    records = sorted(received(empty.bootstrap), key=lambda record: int(record.key))
    times = [datetime.fromisoformat(json.loads(record.value)["published_at"]) for record in records]
    assert started < times[0] < datetime.now(UTC)
    assert [(each - times[0]).total_seconds() for each in times] == pytest.approx([0, 1, 2], abs=0.01)
    # Each is dated the moment at which it is sent.
    for record, published in zip(records, times, strict=True):
        assert record.timestamp / 1000 == pytest.approx(published.timestamp(), abs=0.5)


@pytest.mark.parametrize("source", ["file", "standard input"])
def test_a_history_at_full_speed_ends_now(empty: Kafka, source: str) -> None:
    # The latest row need not be the last.
    file = written(*({"id": str(each), "title": "t", "published_at": at(each)} for each in (0, 86_400, 3_600)))
    before = datetime.now(UTC)
    if source == "file":
        done = replay(empty.bootstrap, "--speed", "max", "--shift-to-now", file)
    else:
        done = replay(empty.bootstrap, "--speed", "max", "--shift-to-now", "-", input=Path(file).read_text())
    assert done.returncode == 0
    values = [json.loads(record.value) for record in received(empty.bootstrap)]
    times = {value["id"]: datetime.fromisoformat(value["published_at"]) for value in values}
    assert before <= times["86400"] <= datetime.now(UTC)
    assert times["86400"] - times["0"] == timedelta(days=1)
    assert times["86400"] - times["3600"] == timedelta(hours=23)


def test_strict_stops_at_the_first_bad_row(empty: Kafka) -> None:
    done = replay(empty.bootstrap, "--strict", "--speed", "max", written({"title": "a"}, "worse", {"title": "b"}))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("newsquall: rows.jsonl:2: not JSON")
    assert len(received(empty.bootstrap)) <= 1


def test_ctrl_c_ends_it_with_its_counts_and_without_a_traceback(empty: Kafka) -> None:
    file = written({"title": "a", "published_at": at(0)}, {"title": "b", "published_at": at(86_400)})
    # A shell's background run ignores it, and a child would inherit that; a handler is not inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command(empty.bootstrap, file), stderr=subprocess.PIPE, text=True) as process:
        signal.signal(signal.SIGINT, before)
        deadline = time.monotonic() + 30
        while not _has_one(empty.bootstrap) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told.strip().startswith("1 headline sent, 0 bad rows")
    assert "Traceback" not in told


def _has_one(bootstrap: str) -> bool:
    try:
        return bool(received(bootstrap))
    except Exception:  # the topic may not be there yet
        return False


# ------------------------------------------------------------------ a broker of its own, that comes and goes


def test_a_broker_that_is_down_is_waited_for(tmp_path: Path) -> None:
    server = Kafka(tmp_path / "late", port=free_port())
    file = written({"title": "a"}, {"title": "b"})
    with subprocess.Popen(
        command(server.bootstrap, "--speed", "max", file), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("Connection refused): still trying\n")
        with server:
            out, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"Kafka at {server.bootstrap} is ready\n" in told
    assert json.loads(out)["sent"] == 2


def test_a_broker_that_dies_in_the_middle_costs_no_row_and_doubles_none(tmp_path: Path) -> None:
    server = Kafka(tmp_path / "dies")
    rows = [{"id": str(each), "title": "t", "published_at": at(each / 100)} for each in range(600)]
    with server:
        with subprocess.Popen(
            command(server.bootstrap, written(*rows)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            deadline = time.monotonic() + 30
            while not _has_one(server.bootstrap) and time.monotonic() < deadline:
                time.sleep(0.2)
            server.kill()
            time.sleep(1)
            server.start()
            out, told = process.communicate(timeout=90)
        assert process.returncode == 0, told
        assert json.loads(out)["sent"] == 600
        ids = [record.key.decode() for record in received(server.bootstrap)]
    assert sorted(ids, key=int) == [str(each) for each in range(600)]


def test_what_the_broker_refuses_is_an_error_with_counts(tmp_path: Path) -> None:
    with Kafka(tmp_path / "small", settings={"message.max.bytes": "2000"}) as server:
        file = written({"title": "fits"}, {"title": "large", "body": "x" * 5_000})
        done = replay(server.bootstrap, "--speed", "max", file)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "of 2 headlines, refused or lost" in done.stderr
    assert "Traceback" not in done.stderr
