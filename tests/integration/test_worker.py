"""The worker on a real broker, with the real model: what goes in is archived, counted and sent on, or rejected."""

import base64
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from deploy.demo.world import World
from deploy.stack.kafka import Kafka
from deploy.stack.records import records_of
from stream.archive import Archive
from stream.records import Headline, RejectedHeadline, ScoredHeadline, Tally, encode
from stream.settings import KafkaSettings, Settings
from stream.topics import HEADLINES, REJECTED, SCORED, TALLIES, ensure_topics
from tests.integration.conftest import WorkerProcess, as_json, eventually, scored

MODEL_SECONDS = 60


def archived(archive: Archive) -> dict[tuple[str, str], int]:
    return {(topic, s): n for topic, by in archive.totals().items() for s, n in by.items()}


def read_all(kafka: Kafka, topic: str) -> list[bytes]:
    """The values of everything on a topic now."""
    return [record.value for record in records_of(kafka.bootstrap, topic)]


@pytest.fixture
def producer(kafka: Kafka) -> Iterator[KafkaProducer]:
    ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
    sender = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    yield sender
    sender.close()


def hostile(now: datetime) -> list[tuple[bytes | None, bytes | None, str]]:
    """Records that are no headline, each with the reason it must be rejected for."""
    at = now.isoformat()
    return [
        (b"a", b"not json at all", "not_json"),
        (b"b", b"\xff\xfe\x00", "not_json"),
        (b"c", b"[1, 2]", "not_a_headline"),
        (b"d", None, "empty"),
        (b"e", as_json(id="e", title=7, published_at=at), "title"),
        (b"f", as_json(id="f", title="", published_at=at), "title"),
        (b"g", as_json(id="g", title="x" * 1_000_000, published_at=at), "title"),
        (b"h", as_json(id="h", title="Profit falls", published_at="yesterday"), "published_at"),
        (
            b"i",
            as_json(id="i", title="Profit falls", published_at=(now + timedelta(days=2)).isoformat()),
            "in_the_future",
        ),
        (b"j", as_json(id="j", title="Profit falls", published_at="1970-01-01T00:00:00Z"), "too_old"),
        (b"k", as_json(title="Profit falls", published_at=at), "id"),
        (b"l", as_json(id="l", title="\U0001f680\U0001f680", published_at=at), "no_words"),
        (b"m", as_json(id="m", title="Der Gewinn bricht ein", published_at=at, language="de"), "language"),
        (b"n", b'{"title": "Profit falls", "id": ' + b"[" * 5000, "id"),
    ]


def test_every_record_is_archived_or_rejected_with_a_reason(
    kafka: Kafka, producer: KafkaProducer, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    url = f"sqlite:///{tmp_path}/archive.db"
    worker = WorkerProcess(tmp_path / "w", kafka.bootstrap, url).start()
    try:
        bad = hostile(now)
        for key, value, _ in bad:
            producer.send(HEADLINES, key=key, value=value)
        good = as_json(id="ok", title="Acme profit\x07 falls\n sharply", published_at=now.isoformat(), extra=[1])
        producer.send(HEADLINES, key=None, value=good)
        for _ in range(3):
            producer.send(
                HEADLINES,
                key=b"ok2",
                value=as_json(id="ok2", title="Acme profit soars", published_at=now.isoformat()),
            )
        producer.flush()
        archive = Archive(url)
        eventually(lambda: sum(scored(worker).values()) == 2, MODEL_SECONDS, "two headlines counted")
        eventually(lambda: len(read_all(kafka, REJECTED)) >= len(bad), 20, "all bad records rejected")

        kept = archive.find(["ok", "ok2"])
        assert kept["ok"].sentiment == "negative"
        assert kept["ok2"].sentiment == "positive"
        assert archived(archive) == scored(worker)

        rejected = [msgspec.json.decode(each, type=RejectedHeadline) for each in read_all(kafka, REJECTED)]
        assert Counter(each.reason for each in rejected) == Counter(reason for _, _, reason in bad)
        originals = {value[:100] for _, value, _ in bad if value}
        assert {base64.b64decode(each.payload)[:100] for each in rejected if each.payload} == originals
        samples = worker.samples()
        for reason, count in Counter(reason for _, _, reason in bad).items():
            assert samples["newsquall_headlines_rejected_total", (("reason", reason),)] == count

        sent = [msgspec.json.decode(each, type=ScoredHeadline) for each in read_all(kafka, SCORED)]
        assert {each.id for each in sent} == {"ok", "ok2"}
        tallies = [msgspec.json.decode(each, type=Tally) for each in read_all(kafka, TALLIES)]
        assert {entry.id for tally in tallies for entry in tally.entries if tally.subject == "topic/all"} == {
            "ok",
            "ok2",
        }
        assert worker.process.running
    finally:
        worker.process.stop()
    assert worker.process.exit_code == 0


def test_gauges_exist_at_zero_and_fall_back_to_zero_without_new_headlines(
    kafka: Kafka, producer: KafkaProducer, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/archive.db"
    worker = WorkerProcess(
        tmp_path / "w",
        kafka.bootstrap,
        url,
        NEWSQUALL_KAFKA__GROUP="gauges",
        NEWSQUALL_TRENDS__WINDOWS='["1m", "5m"]',
        NEWSQUALL_ALERTS__CALM_WINDOW="1m",
    ).start()
    gauge = ("newsquall_negative_headlines", (("topic", "all"), ("window", "1m")))
    try:
        eventually(lambda: gauge in worker.samples(), MODEL_SECONDS, "the label set exists")
        # Published so that the minute is nearly over: it leaves the shortest window within seconds.
        at = datetime.now(UTC) - timedelta(seconds=30)
        for number in range(3):
            title = f"Acme quarterly profit plunges {number + 20} percent, missing forecasts"
            producer.send(HEADLINES, value=as_json(id=f"g{number}", title=title, published_at=at.isoformat()))
        producer.flush()
        five = ("newsquall_negative_headlines", (("topic", "all"), ("window", "5m")))
        eventually(lambda: worker.samples().get(five, 0) >= 3, 30, "three negatives in five minutes")
        eventually(lambda: worker.samples().get(gauge) == 0, 70, "none in the last minute")
    finally:
        worker.process.stop()


def test_two_workers_count_each_headline_once_though_one_is_killed(tmp_path: Path) -> None:
    news: list[Headline] = World(3).history(datetime.now(UTC) - timedelta(hours=1))[:1500]
    url = f"sqlite:///{tmp_path}/archive.db"
    with Kafka(tmp_path / "kafka") as kafka:
        ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
        workers = [
            WorkerProcess(tmp_path / name, kafka.bootstrap, url, NEWSQUALL_WORKER__BATCH="32").start()
            for name in ("first", "second")
        ]
        archive = Archive(url)
        try:
            producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
            for headline in news:
                producer.send(HEADLINES, key=headline.id.encode(), value=encode(headline))
            producer.flush()
            producer.close()

            def done() -> int:
                return sum(archived(archive).values())

            for share in (0.25, 0.55):
                eventually(lambda share=share: done() >= share * len(news), 120, f"{share:.0%} archived")
                workers[0].process.kill()
                workers[0].start()
            eventually(lambda: done() == len(news), 120, "all archived")
            eventually(lambda: scored(*workers) == archived(archive), 60, "counts equal the archive's")
            assert sum(scored(*workers).values()) == len(news)
        finally:
            for worker in workers:
                worker.process.stop()


def test_a_worker_waits_for_a_broker_that_is_down(tmp_path: Path) -> None:
    kafka = Kafka(tmp_path / "kafka")
    worker = WorkerProcess(tmp_path / "w", kafka.bootstrap, f"sqlite:///{tmp_path}/archive.db").start()
    try:
        eventually(lambda: "still trying" in worker.log(), MODEL_SECONDS, "it says that it waits")
        with kafka:
            ready = ("newsquall_history_seconds", (("topic", "all"),))
            eventually(lambda: ready in worker.samples(), 60, "it owns its subjects")
            worker.process.stop()
    finally:
        worker.process.stop()


@pytest.mark.parametrize("name", ["weights.bin", "tokenizer.json", "graph.int8.onnx"])
def test_a_worker_refuses_a_damaged_model_and_names_the_file(tmp_path: Path, bundle, name: str) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for file in bundle.folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    content = bytearray((broken / name).read_bytes())
    content[len(content) // 2] ^= 1
    (broken / name).write_bytes(content)
    worker = WorkerProcess(
        tmp_path / "w", "127.0.0.1:1", f"sqlite:///{tmp_path}/archive.db", NEWSQUALL_SCORER__MODEL=str(broken)
    ).start()
    try:
        eventually(lambda: not worker.process.running, 30, "it ends")
    finally:
        worker.process.stop()
    assert worker.process.exit_code == 1
    assert str(broken / name) in worker.log()
    assert "make model" in worker.log()
    assert "Traceback" not in worker.log()


def test_a_watchlist_that_is_written_anew_is_taken_into_use(
    kafka: Kafka, producer: KafkaProducer, tmp_path: Path
) -> None:
    # Names of its own: the broker holds the other tests' headlines too.
    watched = tmp_path / "watch.csv"
    watched.write_text("name\nZenwick\nBrumsel\n")
    worker = WorkerProcess(
        tmp_path / "w",
        kafka.bootstrap,
        f"sqlite:///{tmp_path}/archive.db",
        NEWSQUALL_KAFKA__GROUP="watching",
        NEWSQUALL_TRENDS__WATCHLIST=str(watched),
    ).start()

    def gauge(entity: str) -> float | None:
        name = "newsquall_entity_negative_headlines"
        return worker.samples().get((name, (("entity", entity), ("window", "1d"))))

    def send(id_: str) -> None:
        title = f"Zenwick and Coil Works quarterly profits plunge 20 percent, missing forecasts, says {id_}"
        producer.send(HEADLINES, value=as_json(id=id_, title=title, published_at=datetime.now(UTC).isoformat()))
        producer.flush()

    try:
        eventually(lambda: gauge("Zenwick") == 0, MODEL_SECONDS, "the label set exists")
        assert gauge("Coil Works") is None
        send("one")
        eventually(lambda: gauge("Zenwick") == 1, 30, "it is counted")
        watched.write_text("name,lei\nBrumsel,no lei\n")
        failures = ("newsquall_watchlist_failures_total", ())
        eventually(lambda: worker.samples().get(failures) == 1, 30, "the bad one is told")
        assert gauge("Zenwick") == 1
        current = ("newsquall_watchlist_current", ())
        assert worker.samples()[current] == 0
        watched.write_text("name\nBrumsel\nCoil Works\n")
        eventually(lambda: gauge("Coil Works") == 0, 30, "a new entity stands at 0")
        assert gauge("Zenwick") is None
        assert worker.samples()[current] == 1
        send("two")
        eventually(lambda: gauge("Coil Works") == 1, 30, "it is counted")
        watched.write_text("name\nBrumsel\nCoil Works\nZenwick\n")
        eventually(lambda: gauge("Zenwick") == 1, 30, "what was counted is told again")
        assert gauge("Brumsel") == 0
    finally:
        worker.process.stop()
    assert "Traceback" not in worker.log()
