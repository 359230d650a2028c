"""Real servers for tests: a broker a module, and workers as processes."""

import json
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo.board import Sample, read_metrics
from deploy.stack.kafka import Kafka
from deploy.stack.ports import free_port
from deploy.stack.process import Process


def eventually(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


class WorkerProcess:
    """A worker of its own settings, which can be killed and started again."""

    def __init__(self, folder: Path, bootstrap: str, archive: str, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.process = Process("a worker")
        self.environment = {
            "NEWSQUALL_KAFKA__BOOTSTRAP": bootstrap,
            "NEWSQUALL_ARCHIVE__URL": archive,
            "NEWSQUALL_WORKER__METRICS_PORT": str(self.port),
            "NEWSQUALL_WORKER__DATA": str(folder / "data"),
            **settings,
        }

    def start(self) -> "WorkerProcess":
        argv = [Path(sys.executable).with_name("newsquall"), "worker"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process.start(argv, self.folder / "log", env=self.environment, cwd=self.folder)
        return self

    def samples(self) -> dict[Sample, float]:
        """Its metrics; none while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                return read_metrics(answer.read().decode())
        except OSError:
            return {}

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def scored(*workers: WorkerProcess) -> dict[tuple[str, str], int]:
    """Headlines by topic and sentiment over the workers' metrics, without those at 0."""
    totals: dict[tuple[str, str], int] = {}
    for worker in workers:
        for (name, labels), value in worker.samples().items():
            if name == "newsquall_headlines_scored_total" and value:
                of = dict(labels)
                key = (of["topic"], of["sentiment"])
                totals[key] = totals.get(key, 0) + int(value)
    return totals


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with Kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
