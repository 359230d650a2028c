"""`make hostile N=100000`: hostile records through a real worker, each accounted for; the last line is JSON."""

import argparse
import json
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import msgspec
from kafka import KafkaProducer

from deploy.stack.kafka import Kafka
from deploy.stack.postgres import Postgres
from deploy.stack.records import records_of
from model.masking import Masker
from stream.archive import Archive
from stream.ledger import Page, day_of, decode_record
from stream.records import DAY_MINUTES, REASONS, Headline, RejectedHeadline, ScoredHeadline, minute_of
from stream.settings import KafkaSettings, Settings, TrendSettings
from stream.topics import HEADLINES, REJECTED, SCORED, ensure_topics
from tests.chaos.audit import Books, Findings, Place, audit
from tests.chaos.system import hourly_of
from tests.hostile.inputs import Input, inputs
from tests.integration.conftest import WorkerProcess, scored

CHANGELOG = "newsquall-ledger-changelog"
WATCHLIST = "name,aliases,ticker\nAcme,,ACME\nFed,Federal Reserve,\n恒运集团,,\n"
# A worker that reads nothing for so long is stuck.
STUCK_SECONDS = 180.0
SETTLE_SECONDS = 60.0
STOP_SECONDS = 60.0
SEND_SECONDS = 900
RETENTION_MINUTES = int(TrendSettings().retention.total_seconds()) // 60
WIDEST = "1d"


@dataclass
class Report:
    """What became of the records. `seconds`: from the first sent to the last acknowledged; `resident`: the worker's
    memory at the end, bytes."""

    findings: Findings
    archived: int
    reasons: dict[str, int]
    seconds: float
    resident: int


def put_through(folder: Path, records: Sequence[Input]) -> Report:
    """Send the records to a worker of its own, with a PostgreSQL as its archive, and audit what became of each."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "watchlist.csv").write_text(WATCHLIST, encoding="utf-8")
    with Kafka(folder / "kafka") as kafka, Postgres(folder / "postgres") as postgres:
        ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
        url = postgres.create("archive")
        worker = WorkerProcess(
            folder / "worker",
            kafka.bootstrap,
            url,
            NEWSQUALL_TRENDS__WATCHLIST=str(folder / "watchlist.csv"),
            NEWSQUALL_SCORER__THREADS="1",
        ).start()
        archive = Archive(url)
        try:
            began = time.monotonic()
            _send(kafka.bootstrap, records)
            findings = Findings()
            if not _all_read(worker):
                findings.found([f"the worker has stopped reading, or has ended: {worker.log()[-500:]}"])
            seconds = time.monotonic() - began
            books, reasons = _settled(kafka.bootstrap, archive, worker)
            found = audit(books)
            findings.found(found.lines, found.lost, found.doubled)
            _beside_the_books(records, books, reasons, worker, findings)
            resident = int(worker.samples().get(("process_resident_memory_bytes", ()), 0))
            if worker.process.stop(STOP_SECONDS) != 0:
                findings.found([f"the worker ended with code {worker.process.exit_code}"])
            return Report(findings, len(books.archived), dict(reasons), seconds, resident)
        finally:
            worker.process.kill()
            archive.close()


def _send(bootstrap: str, records: Sequence[Input]) -> None:
    # A machine with other work is slow, not wrong.
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_request_size=1_048_000, delivery_timeout_ms=SEND_SECONDS * 1000
    )
    failures: list[Exception] = []
    for each in records:
        producer.send(HEADLINES, each.value, each.key, headers=list(each.headers)).add_errback(failures.append)
    producer.flush()
    producer.close()
    if failures:
        raise failures[0]


def _all_read(worker: WorkerProcess) -> bool:
    """Wait until the worker has acknowledged everything; false if it stands still."""
    last, since, zeros = -1.0, time.monotonic(), 0
    while worker.process.running and time.monotonic() - since < STUCK_SECONDS:
        samples = worker.samples()
        lag = [value for (name, _), value in samples.items() if name == "newsquall_consumer_lag"]
        if sum(lag) != last or not lag:
            last = sum(lag)
            since = time.monotonic() if lag else since
        # Twice: the first may have been told before the end was known.
        zeros = zeros + 1 if len(lag) == Settings().kafka.partitions and not last else 0
        if zeros == 2:
            return True
        time.sleep(1.0)
    return False


def _settled(bootstrap: str, archive: Archive, worker: WorkerProcess) -> tuple[Books, Counter[str]]:
    """The books, once they agree or as they are when the time is up: what is read is not counted at once."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        books, reasons = _books(bootstrap, archive, worker)
        if audit(books).well or time.monotonic() > deadline:
            return books, reasons
        time.sleep(1.0)


def _books(bootstrap: str, archive: Archive, worker: WorkerProcess) -> tuple[Books, Counter[str]]:
    refused = [msgspec.json.decode(each.value, type=RejectedHeadline) for each in records_of(bootstrap, REJECTED)]
    rejected = frozenset((each.origin.partition, each.origin.offset) for each in refused)
    received: dict[Place, str | None] = {}
    for record in records_of(bootstrap, HEADLINES):
        place = record.partition, record.offset
        received[place] = None if place in rejected else _id_of(record.value, place)
    models: dict[str, set[str]] = defaultdict(set)
    for record in records_of(bootstrap, SCORED):
        headline = msgspec.json.decode(record.value, type=ScoredHeadline)
        models[headline.id].add(headline.model)
    table = {record.key: record.value for record in records_of(bootstrap, CHANGELOG)}
    ledger = [decode_record(value) for value in table.values() if value is not None]
    negatives = {
        f"topic/{dict(labels)['topic']}": (int(value),)
        for (name, labels), value in worker.samples().items()
        if name == "newsquall_negative_headlines" and dict(labels)["window"] == WIDEST
    }
    now = datetime.now(UTC)
    # A headline may be dated up to the tolerance ahead.
    archived = archive.published(datetime(1980, 1, 1, tzinfo=UTC), now + timedelta(hours=1))
    books = Books(
        received,
        {each.id: each for each in archived},
        rejected,
        {id_: frozenset(each) for id_, each in models.items()},
        tuple(record for record in ledger if isinstance(record, Page)),
        scored(worker),
        negatives,
        hourly_of(archive),
        day_of(minute_of(now) - RETENTION_MINUTES) * DAY_MINUTES,
    )
    return books, Counter(each.reason for each in refused)


def _id_of(value: bytes | None, place: Place) -> str:
    """The id of a record that was not rejected. One that has none is accounted for nowhere: the audit misses it."""
    try:
        return msgspec.json.decode(value or b"", type=Headline).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return f"unreadable, at {place}"


def _beside_the_books(
    records: Sequence[Input], books: Books, reasons: Counter[str], worker: WorkerProcess, findings: Findings
) -> None:
    """What the books do not say: ordinary headlines as they were written, every reason known and told, no trouble."""

    def require(true: bool, line: Callable[[], str]) -> None:
        if not true:
            findings.found([line()])

    mask = Masker().mask
    changed = [
        each.id
        for each in records
        if each.id is not None
        and (each.id not in books.archived or books.archived[each.id].title != mask(each.title or "").text)
    ]
    require(
        not changed, lambda: f"{len(changed)} ordinary headlines are not as they were written, such as {changed[0]}"
    )
    require(sum(reasons.values()) == len(books.rejected), lambda: "a record was rejected twice")
    require(reasons.keys() <= set(REASONS), lambda: f"unknown reasons: {reasons.keys() - set(REASONS)}")
    both = [each.id for each in books.archived.values() if each.origin and _place(each) in books.rejected]
    require(not both, lambda: f"{len(both)} headlines are archived and rejected, such as {both[0]!r}")
    told = {
        dict(labels)["reason"]: int(value)
        for (name, labels), value in worker.samples().items()
        if name == "newsquall_headlines_rejected_total" and value
    }
    require(told == dict(reasons), lambda: f"/metrics tells {told} rejected, there are {dict(reasons)}")
    require("Traceback" not in worker.log(), lambda: f"there is a traceback in {worker.folder / 'log'}")
    require(len(books.received) == len(records), lambda: f"{len(books.received)} of {len(records)} records arrived")


def _place(headline: ScoredHeadline) -> Place | None:
    return (headline.origin.partition, headline.origin.offset) if headline.origin else None


def main() -> None:
    """Make the records, put them through, report; exit status 1 if one is not accounted for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    asked = parser.parse_args()
    records = list(inputs(asked.records, asked.seed, datetime.now(UTC)))
    print(f"{len(records)} records, {sum(len(each.value or b'') for each in records) / 1e6:.0f} MB", file=sys.stderr)
    folder = Path(mkdtemp(prefix="newsquall-hostile-"))
    report = put_through(folder, records)
    if report.findings.well:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print("\n".join([*report.findings.lines, f"the logs are in {folder}"]), flush=True)
    print(
        json.dumps(
            {
                "records": len(records),
                "archived": report.archived,
                "rejected": dict(sorted(report.reasons.items())),
                "lost": report.findings.lost,
                "doubled": report.findings.doubled,
                "well": report.findings.well,
                "seconds": round(report.seconds),
                "resident_bytes": report.resident,
            }
        )
    )
    sys.exit(not report.findings.well)


if __name__ == "__main__":
    main()
