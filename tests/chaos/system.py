"""A whole system of real processes that a plan is done to: broker, one to four workers, archive, and a load."""

import heapq
import os
import signal
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import msgspec
import psycopg
from kafka import KafkaProducer

from deploy.bench.load import Load
from deploy.bench.scorer import texts_of
from deploy.stack.kafka import Kafka
from deploy.stack.postgres import Postgres
from deploy.stack.records import records_of
from stream.archive import Archive
from stream.hourlycounts import hourly_counts
from stream.ledger import Page, day_of, decode_record
from stream.publisher import Publisher
from stream.records import DAY_MINUTES, Headline, RejectedHeadline, ScoredHeadline, minute_of
from stream.settings import KafkaSettings, Settings, TrendSettings
from stream.topics import HEADLINES, REJECTED, SCORED, ensure_topics
from tests.chaos.audit import Books, Findings, Place, audit
from tests.chaos.faults import MOST_WORKERS, Fault, Plan
from tests.integration.conftest import WorkerProcess, scored

CHANGELOG = "newsquall-ledger-changelog"
WIDEST = "1d"
START_SECONDS = 300.0
LOCK_TIMEOUT = "2s"
# Books that do not agree are given up when nothing has moved in them for so long.
SETTLE_SECONDS = 300.0
# Some come when their day has long been closed.
LATE_SHARE = 0.02
RETENTION_MINUTES = int(TrendSettings().retention.total_seconds()) // 60
WATCHLIST = "name,aliases,ticker\nFed,Federal Reserve,\nECB,European Central Bank,\nChina,,\n"
GARBAGE = (
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[]",
    b'{"id": 7}',
    b'{"id": "x", "title": "", "published_at": "2026-01-01T00:00:00Z"}',
)


def hourly_of(archive: Archive) -> dict[tuple[int, str, str], int]:
    """An archive's own counts, by hour, topic and sentiment."""
    with archive.engine.connect() as connection:
        return {tuple(key): headlines for *key, headlines in connection.execute(hourly_counts.select())}


class PlannedLoad(Load):
    """Sends a plan's headlines at its pace, each with an id of its own."""

    def __init__(self, bootstrap: str, plan: Plan) -> None:
        super().__init__(bootstrap)
        self._plan = plan
        self._chance = Random(plan.seed)
        self._began = datetime.now(UTC)
        self._known: list[Headline] = []
        self._again: list[Headline] = []

    def send(self, publisher: Publisher) -> None:
        """Send all of it."""
        titles = cycle(texts_of(None, None))
        for _ in range(self._chance.randrange(1_000)):
            next(titles)
        pause = self._plan.seconds / self._plan.headlines
        began = time.monotonic()
        for number, title in enumerate(islice(titles, self._plan.headlines)):
            late = self._chance.random() < LATE_SHARE
            ago = 2 * RETENTION_MINUTES * 60 if late else self._chance.uniform(0, 6 * 3600)
            published = self._began - timedelta(seconds=ago)
            headline = Headline(f"{self._plan.seed}-{number}", title, published, source=f"wire {number % 7}")
            publisher.send(headline)
            self._known.append(headline)
            self.sent += 1
            while self._again:
                publisher.send(self._again.pop())
            time.sleep(max(0.0, began + number * pause - time.monotonic()))

    def again(self) -> None:
        """Send some that were sent before."""
        known = list(self._known)
        self._again += self._chance.sample(known, min(len(known), 200))


class System:
    """Everything in one folder, gone at the end but for its logs. `postgresql`: the archive is a server of its own, not
    SQLite."""

    def __init__(self, folder: Path, plan: Plan, postgresql: bool = False) -> None:
        self.folder, self.plan = folder, plan
        self._sqlite = folder / "archive.db"
        self._postgres = Postgres(folder / "postgres") if postgresql else None
        self._url = f"sqlite:///{self._sqlite}"
        self._exits = ExitStack()
        self._workers: dict[int, WorkerProcess] = {}
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.done: list[str] = []

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "watchlist.csv").write_text(WATCHLIST, encoding="utf-8")
        self.kafka = self._exits.enter_context(Kafka(self.folder / "kafka"))
        ensure_topics(Settings(kafka=KafkaSettings(bootstrap=self.kafka.bootstrap)))
        if self._postgres:
            self._exits.enter_context(self._postgres)
            self._url = self._postgres.create("archive")
        self.archive = Archive(self._url)
        self._exits.callback(self.archive.close)
        for number in range(self.plan.workers):
            self._start(number)
        ready = ("newsquall_history_seconds", (("topic", "all"),))
        self._wait(lambda: any(ready in each.samples() for each in self._workers.values()), "the workers' subjects")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            worker.process.kill()
        self._exits.close()

    def run(self) -> tuple[Findings, Books, float]:
        """Do the plan; what was found, the books, and the seconds from the last fault or headline, whichever was later,
        until all agreed (or it was given up)."""
        load = PlannedLoad(self.kafka.bootstrap, self.plan)
        began = time.monotonic()
        load.start()
        for fault in self.plan.faults:
            self._until(began + fault.at)
            self._do(fault, load)
        self._until(time.monotonic(), everything=True)
        load.finish()
        if not any(worker.process.running for worker in self._workers.values()):
            self._start(0)
        since = moved = time.monotonic()
        before: Books | None = None
        while True:
            books = self.books()
            findings = audit(books)
            now = time.monotonic()
            if books != before:  # a machine with other work is slow, not wrong
                before, moved = books, now
            if findings.well or now - moved > SETTLE_SECONDS:
                return findings, books, now - since
            time.sleep(0.5)

    def _until(self, moment: float, everything: bool = False) -> None:
        """Wait, and undo meanwhile what has lasted long enough; `everything`: all that is still to be undone."""
        while self._later and (everything or self._later[0][0] <= moment):
            due, _, undo = heapq.heappop(self._later)
            time.sleep(max(0.0, due - time.monotonic()))
            undo()
        time.sleep(max(0.0, moment - time.monotonic()))

    def _after(self, seconds: float, undo: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), undo))

    def _do(self, fault: Fault, load: PlannedLoad) -> None:
        worker = self._workers.get(fault.who)
        running = worker is not None and worker.process.running
        if fault.kind == "kill" and worker and running:
            worker.process.kill()
            self._after(fault.lasts, lambda: self._start(fault.who))
        elif fault.kind == "stop" and worker and running:
            threading.Thread(target=worker.process.stop, daemon=True).start()
            self._after(fault.lasts + 1.0, lambda: self._start(fault.who))
        elif fault.kind == "pause" and worker and running:
            os.kill(worker.process.pid or 0, signal.SIGSTOP)
            self._after(fault.lasts, lambda: self._wake(worker))
        elif fault.kind == "another worker":
            absent = [number for number in range(MOST_WORKERS) if number not in self._workers]
            if absent:
                self._start(absent[0])
        elif fault.kind == "one worker less" and worker and running and len(self._workers) > 1:
            del self._workers[fault.who]
            worker.process.stop()
        elif fault.kind == "broker killed":
            self.kafka.kill()
            time.sleep(min(3.0, fault.lasts))
            self.kafka.start()
        elif fault.kind.startswith("archive"):
            self._harm_archive(fault)
        elif fault.kind == "sent again":
            load.again()
        elif fault.kind == "garbage":
            self._send_garbage()
        else:
            return
        self.done.append(fault.kind)

    def _lock(self, seconds: float) -> None:
        """Keep everybody from the archive. Somebody else may be quicker: then it is locked, or away, as it is."""
        if self._postgres:
            with suppress(psycopg.OperationalError):
                held = psycopg.connect(self._url.replace("+psycopg", ""), options=f"-c lock_timeout={LOCK_TIMEOUT}")
                held.execute("LOCK TABLE headlines IN ACCESS EXCLUSIVE MODE")
                self._after(seconds, held.close)
        else:
            lock = sqlite3.connect(self._sqlite, isolation_level=None, check_same_thread=False)
            with suppress(sqlite3.OperationalError):
                lock.execute("BEGIN EXCLUSIVE")
            self._after(seconds, lock.close)

    def _harm_archive(self, fault: Fault) -> None:
        if fault.kind == "archive locked":
            self._lock(fault.lasts)
        elif self._postgres and self._postgres.running:
            self._postgres.kill()
            self._after(fault.lasts, self._postgres.start)

    def _send_garbage(self) -> None:
        with KafkaProducer(bootstrap_servers=self.kafka.bootstrap) as producer:
            for payload in GARBAGE:
                producer.send(HEADLINES, value=payload)
            producer.flush()

    def _start(self, number: int) -> None:
        worker = self._workers.get(number)
        if worker is None:
            worker = self._workers[number] = WorkerProcess(
                self.folder / f"worker-{number}",
                self.kafka.bootstrap,
                self._url,
                NEWSQUALL_TRENDS__WATCHLIST=str(self.folder / "watchlist.csv"),
                NEWSQUALL_SCORER__THREADS="1",
            )
        if not worker.process.running:
            worker.start()

    @staticmethod
    def _wake(worker: WorkerProcess) -> None:
        if worker.process.running:
            os.kill(worker.process.pid or 0, signal.SIGCONT)

    def _wait(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {START_SECONDS:g} s: {what}")
            time.sleep(0.1)

    def books(self) -> Books:
        """All books as they are now."""
        received: dict[Place, str | None] = {}
        for record in self._records(HEADLINES):
            received[record.partition, record.offset] = _id_of(record.value)
        rejected = {
            (each.origin.partition, each.origin.offset)
            for each in (msgspec.json.decode(record.value, type=RejectedHeadline) for record in self._records(REJECTED))
        }
        models: dict[str, set[str]] = defaultdict(set)
        for record in self._records(SCORED):
            headline = msgspec.json.decode(record.value, type=ScoredHeadline)
            models[headline.id].add(headline.model)
        table = {record.key: record.value for record in self._records(CHANGELOG)}
        ledger = [decode_record(value) for value in table.values() if value is not None]
        negatives: dict[str, list[int]] = defaultdict(list)
        for worker in self._workers.values():
            for (name, labels), value in worker.samples().items():
                of = dict(labels)
                if name == "newsquall_negative_headlines" and of["window"] == WIDEST:
                    negatives[f"topic/{of['topic']}"].append(int(value))
        return Books(
            received,
            self.archive.find(id_ for id_ in received.values() if id_ is not None)
            | {each.id: each for each in self.archive.published(datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC))},
            frozenset(rejected),
            {id_: frozenset(each) for id_, each in models.items()},
            tuple(record for record in ledger if isinstance(record, Page)),
            scored(*self._workers.values()),
            {subject: tuple(values) for subject, values in negatives.items()},
            hourly_of(self.archive),
            day_of(minute_of(datetime.now(UTC)) - RETENTION_MINUTES) * DAY_MINUTES,
        )

    def _records(self, topic: str) -> Iterator[Any]:
        return records_of(self.kafka.bootstrap, topic)


def _id_of(value: bytes | None) -> str | None:
    try:
        return msgspec.json.decode(value or b"", type=Headline).id if value not in GARBAGE else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
