"""Days that are closed, on a real broker: their pages go, their totals stay, and what comes for them is late."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kafka import KafkaProducer

from deploy.stack.kafka import Kafka
from deploy.stack.records import records_of
from stream.ledger import Closed, Page, decode_record
from stream.settings import KafkaSettings, Settings
from stream.topics import HEADLINES, ensure_topics
from tests.integration.conftest import WorkerProcess, as_json, eventually, scored

READY = ("newsquall_history_seconds", (("topic", "all"),))
LATE = ("newsquall_headlines_late_total", ())
SHORT = {
    "NEWSQUALL_TRENDS__HISTORY": "1d",
    "NEWSQUALL_TRENDS__SHORTEST_HISTORY": "1h",
    "NEWSQUALL_TRENDS__RETENTION": "2d",
}


def changelog(kafka: Kafka, group: str) -> dict[bytes, bytes | None]:
    """The ledger's table as the broker has it; a record that was deleted is None."""
    return {record.key: record.value for record in records_of(kafka.bootstrap, f"{group}-ledger-changelog")}


def test_closed_days_keep_their_totals_over_kills_and_restarts(kafka: Kafka, tmp_path: Path) -> None:
    ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    now = datetime.now(UTC)

    def send(names: range, ago: timedelta) -> None:
        for number in names:
            title = f"Acme quarterly profit plunges {number + 20} percent, missing forecasts"
            at = (now - ago).isoformat()
            producer.send(HEADLINES, value=as_json(id=f"r{number}", title=title, published_at=at))
        producer.flush()

    url, group = f"sqlite:///{tmp_path}/archive.db", "retention"
    worker = WorkerProcess(tmp_path / "w", kafka.bootstrap, url, NEWSQUALL_KAFKA__GROUP=group).start()
    try:
        eventually(lambda: READY in worker.samples(), 60, "it owns its subjects")
        send(range(70), timedelta(days=20))
        eventually(lambda: sum(scored(worker).values()) == 70, 60, "the old ones are counted")
        send(range(70, 80), timedelta(minutes=3))
        eventually(lambda: sum(scored(worker).values()) == 80, 60, "the new ones are counted")
        counts = scored(worker)
        worker.process.kill()

        # Another retention closes the old day at the first look.
        worker.environment |= SHORT
        worker.start()
        eventually(lambda: any(value is None for value in changelog(kafka, group).values()), 60, "pages are deleted")
        eventually(lambda: scored(worker) == counts, 30, "and all is still counted")
        worker.process.kill()
        table = [decode_record(value) for value in changelog(kafka, group).values() if value is not None]
        closed = [record for record in table if isinstance(record, Closed)]
        assert {record.subject for record in closed} >= {"topic/all"}
        minutes = {entry.id: entry.minute for page in table if isinstance(page, Page) for entry in page.entries}
        assert {f"r{number}" for number in range(70, 80)} <= minutes.keys()
        assert len(minutes) < 80

        worker.start()
        eventually(lambda: scored(worker) == counts, 60, "it is read back alike")
        send(range(70), timedelta(days=20))
        send(range(80, 83), timedelta(days=20))
        send(range(83, 84), timedelta(minutes=3))
        eventually(lambda: sum(scored(worker).values()) == 81, 60, "the one in time is counted")
        eventually(lambda: worker.samples().get(LATE, 0) >= 3, 30, "the others are late")
        assert sum(scored(worker).values()) == 81
    finally:
        worker.process.stop()
        producer.close()
