"""Workers whose archive is a real PostgreSQL that goes away: they wait, go on, and nothing is lost."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaProducer

from deploy.demo.world import World
from deploy.stack.kafka import Kafka
from deploy.stack.postgres import Postgres
from stream.archive import Archive
from stream.records import Headline, encode
from stream.settings import KafkaSettings, Settings
from stream.topics import HEADLINES, ensure_topics
from tests.integration.conftest import WorkerProcess, eventually, scored
from tests.integration.test_worker import MODEL_SECONDS, archived

UP = ("newsquall_archive_up", ())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Postgres]:
    """A server that the test may kill."""
    with Postgres(tmp_path / "postgres") as server:
        yield server


def send(kafka: Kafka, news: list[Headline]) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for headline in news:
        producer.send(HEADLINES, key=headline.id.encode(), value=encode(headline))
    producer.flush()
    producer.close()


def lock(url: str, begun: threading.Event, let_go: threading.Event) -> None:
    """Keep everybody from the headlines."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("LOCK TABLE headlines IN ACCESS EXCLUSIVE MODE")
        begun.set()
        let_go.wait(60)


def waits_for_lock(url: str) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        (count,) = connection.execute(query).fetchone() or (0,)
        return int(count) > 0


def test_workers_lose_and_double_nothing_though_the_database_is_killed_and_a_table_locked(
    database: Postgres, tmp_path: Path
) -> None:
    news = World(5).history(datetime.now(UTC) - timedelta(hours=1))[:900]
    url = database.create("news")
    with Kafka(tmp_path / "kafka") as kafka:
        ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
        workers = [
            WorkerProcess(tmp_path / name, kafka.bootstrap, url, NEWSQUALL_WORKER__BATCH="16").start()
            for name in ("first", "second")
        ]
        archive = Archive(url)
        try:
            pids = [worker.process.pid for worker in workers]
            send(kafka, news)
            eventually(lambda: sum(archived(archive).values()) >= 0.2 * len(news), 120, "a fifth archived")
            begun, let_go = threading.Event(), threading.Event()
            locker = threading.Thread(target=lock, args=(url, begun, let_go))
            locker.start()
            assert begun.wait(30)
            eventually(lambda: waits_for_lock(url), 30, "a worker waits for the table")
            let_go.set()
            locker.join()

            eventually(lambda: sum(archived(archive).values()) >= 0.5 * len(news), 120, "half archived")
            database.kill()
            eventually(lambda: any(each.samples().get(UP) == 0 for each in workers), 30, "a worker tells that it waits")
            database.start()
            eventually(lambda: sum(archived(archive).values()) == len(news), 120, "all archived")
            eventually(lambda: scored(*workers) == archived(archive), 60, "counts equal the archive's")
            assert all(worker.samples()[UP] == 1 for worker in workers)
            assert [worker.process.pid for worker in workers] == pids
            assert all(worker.process.running for worker in workers)
        finally:
            for worker in workers:
                worker.process.stop()
            archive.close()
    told = [line for worker in workers for line in worker.log().splitlines() if "the archive is" in line]
    assert any("still trying" in line for line in told)
    assert sum("still trying" in line for line in told) < 12, "said once for each reason, not at each try"
    assert told[-1].rstrip().endswith("the archive is ready")
    assert not any("Traceback" in worker.log() for worker in workers)


def test_a_worker_waits_for_an_archive_that_is_down_when_it_starts_and_stops_in_order_while_it_is(
    database: Postgres, tmp_path: Path, kafka: Kafka
) -> None:
    ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
    news = World(6).history(datetime.now(UTC) - timedelta(hours=1))[:40]
    url = database.create("news")
    database.kill()
    worker = WorkerProcess(tmp_path / "w", kafka.bootstrap, url).start()
    try:
        eventually(lambda: "still trying" in worker.log(), MODEL_SECONDS, "it says that it waits")
        assert worker.samples()[UP] == 0
        assert url in worker.log()
        database.start()
        eventually(lambda: worker.samples().get(UP) == 1, 30, "it has its archive")
        send(kafka, news[:20])
        eventually(lambda: sum(scored(worker).values()) == 20, MODEL_SECONDS, "20 counted")
        database.kill()
        send(kafka, news[20:])
        eventually(lambda: worker.samples().get(UP) == 0, 30, "it waits again")
        assert worker.process.stop(20) == 0, worker.log()
        database.start()
        worker.start()
        eventually(lambda: sum(scored(worker).values()) == 40, MODEL_SECONDS, "all counted")
    finally:
        worker.process.stop()
    assert "Traceback" not in worker.log()
