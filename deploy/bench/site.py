"""Where a bench runs: a real broker, an archive in SQLite and one worker process, in a folder gone at the end."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.demo.board import Sample, read_metrics, scored_total
from deploy.demo.system import newsquall
from deploy.probe import ask
from deploy.stack.kafka import Kafka
from deploy.stack.ports import free_port
from deploy.stack.process import Process
from model.errors import ServerError
from stream.archive import Archive
from stream.settings import KafkaSettings, Settings
from stream.topics import ensure_topics

START_SECONDS = 180.0
QUIET_SECONDS = 60.0
CONSTANT = [sys.executable, "-m", "deploy.bench.constant"]
"""A worker whose scorer costs nothing."""

READY = ("newsquall_history_seconds", (("topic", "all"),))


class Site:
    """The servers, and the worker once it is started. All is stopped and closed by `exits`."""

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        self.folder = folder
        self._exits = exits
        self._port = free_port()
        self.kafka = exits.enter_context(Kafka(folder / "kafka"))
        self.settings = Settings(kafka=KafkaSettings(bootstrap=self.kafka.bootstrap))
        ensure_topics(self.settings)
        self.archive = Archive(f"sqlite:///{folder}/archive.db")
        exits.callback(self.archive.close)
        self.worker = Process("the worker")

    def start(self, environment: Mapping[str, str], command: Sequence[str] | None = None) -> None:
        """Start the worker, and wait until it owns its subjects. `command`: what runs it, `newsquall worker` if not
        given. Raises ServerError if that takes too long, or if it ends."""
        self._exits.callback(self.worker.stop)
        own = {
            "NEWSQUALL_KAFKA__BOOTSTRAP": self.kafka.bootstrap,
            "NEWSQUALL_ARCHIVE__URL": f"sqlite:///{self.folder}/archive.db",
            "NEWSQUALL_WORKER__METRICS_PORT": str(self._port),
            "NEWSQUALL_WORKER__DATA": str(self.folder / "worker"),
        }
        log = self.folder / "worker.log"
        self.worker.start(command or newsquall("worker"), log, env={**own, **environment}, cwd=self.folder)
        self.worker.wait_ready(lambda: READY in self.samples(), START_SECONDS, "the worker's subjects")

    def samples(self) -> dict[Sample, float]:
        """The worker's metrics now; none while it does not answer."""
        answer = ask(f"http://127.0.0.1:{self._port}/metrics", 10.0)
        return read_metrics(answer.body.decode()) if answer.ok else {}

    def resident(self) -> float:
        """The worker's resident memory in MB."""
        return round(self.samples()["process_resident_memory_bytes", ()] / 1e6, 1)

    def archived(self) -> int:
        """Headlines in the archive."""
        return sum(count for by in self.archive.totals().values() for count in by.values())

    def wait(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something. Raises ServerError after so many seconds, or if the worker has ended."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline or not self.worker.running:
                raise ServerError(f"not within {seconds:g} s: {what}; the worker said: {self.worker.tail(3)}")
            time.sleep(0.05)

    def drained(
        self, sent: int, pause: float = 0.05, look: Callable[[Mapping[Sample, float]], None] | None = None
    ) -> int:
        """How many headlines the worker has counted when it has all that were sent, or no more come: what is missing
        then is lost, which is for the bench to say. `pause`: seconds between two looks at its metrics. `look`: is
        shown each. Raises ServerError if the worker has ended."""
        counted, since = -1, time.monotonic()
        while counted < sent and time.monotonic() < since + QUIET_SECONDS:
            if not self.worker.running:
                raise ServerError(f"the worker ended before all was counted; it said: {self.worker.tail(3)}")
            samples = self.samples()
            if look:
                look(samples)
            if (now := scored_total(samples)) > counted:
                counted, since = now, time.monotonic()
            time.sleep(pause)
        return counted
