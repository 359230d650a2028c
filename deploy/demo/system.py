"""The whole local system: Kafka, PostgreSQL, Prometheus, Alertmanager, a worker, the relay, the desk, and ingest where
there are feeds: each a process of its own."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from alerts.operations import INGEST_JOB, JOB, RELAY_JOB
from alerts.routing import alertmanager_config
from alerts.rules import render
from deploy.commands.desk import missing_packages
from deploy.demo.board import Sample, read_metrics
from deploy.probe import ask
from deploy.stack.alertmanager import Alertmanager
from deploy.stack.kafka import Kafka
from deploy.stack.ports import free_port
from deploy.stack.postgres import USER, Postgres
from deploy.stack.process import Process
from deploy.stack.prometheus import Prometheus
from stream.duration import format_duration
from stream.settings import SETTINGS_FILE, Settings, load_settings

# Settings in which a person can wait for a page.
_SETTINGS = """\
# Written by `newsquall demo`; `newsquall --settings THIS_FILE ...` reaches the running demo.
[kafka]
bootstrap = "{bootstrap}"

[archive]
url = "{archive}"

[worker]
metrics_port = {metrics_port}
linger = "20ms"
data = "{folder}/worker"

[trends]
windows = [{windows}]
refit = "2s"
watchlist = "{folder}/watchlist.csv"

[alerts]
stories_all = 40
calm_window = "{calm_window}"
keep_firing_for = "{keep_firing_for}"
evaluation = "{evaluation}"
group_wait = "{group_wait}"
group_interval = "{group_interval}"
runbooks = "{runbooks}"

[relay]
port = {relay_port}
webhooks = ["{webhook}"]
terminal = false
prometheus = "{prometheus}"
alertmanager = "{alertmanager}"

[desk]
port = {desk_port}

[feeds]
file = "{folder}/feeds.toml"
state = "{folder}/feeds.db"
every = "5s"
allow = ["127.0.0.1"]
metrics_port = {ingest_port}
"""


class Pace(NamedTuple):
    """How often Prometheus scrapes and evaluates, over which windows, how long Alertmanager gathers, and when a squall
    is over: what a person waits for."""

    scrape: timedelta
    evaluation: timedelta
    group_wait: timedelta
    group_interval: timedelta
    windows: tuple[timedelta, ...]
    calm_window: timedelta
    keep_firing_for: timedelta

    @classmethod
    def of(cls, settings: Settings, scrape: timedelta) -> Self:
        """That of settings, which say nothing of the scrapes."""
        alerts = settings.alerts
        return cls(
            scrape=scrape,
            evaluation=alerts.evaluation,
            group_wait=alerts.group_wait,
            group_interval=alerts.group_interval,
            windows=settings.trends.windows,
            calm_window=alerts.calm_window,
            keep_firing_for=alerts.keep_firing_for,
        )


_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
# A shorter window than production's tells when a squall is over.
DEMO_PACE = Pace(
    scrape=_SECOND,
    evaluation=_SECOND,
    group_wait=_SECOND,
    group_interval=5 * _SECOND,
    windows=(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE, 360 * _MINUTE, 1440 * _MINUTE),
    calm_window=_MINUTE,
    keep_firing_for=5 * _SECOND,
)
START_SECONDS = 90.0
RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "oncall.md"


def newsquall(*arguments: str) -> list[str]:
    """This installation's command as an argument list."""
    return [str(Path(sys.executable).with_name("newsquall")), *arguments]


class System:
    """Started as a context manager, stopped in the opposite order at its end, whatever ends it.

    `folder`: an empty one, which everything is written to. `webhook`: where the relay posts its pages. `prepare`:
    called with the folder before the worker starts; where it writes a feeds.toml, ingest follows that. `pace`: that of
    a demo by default.
    """

    def __init__(self, folder: Path, webhook: str, prepare: Callable[[Path], None], pace: Pace = DEMO_PACE) -> None:
        self.folder = folder
        self._exits = ExitStack()
        ports = {name: free_port() for name in ("prometheus", "alertmanager", "metrics", "relay", "desk", "ingest")}
        self.kafka = Kafka(folder / "kafka", port=free_port())
        # Grafana, and so the dashboards, read no SQLite.
        self.postgres = Postgres(folder / "postgres", port=free_port())
        self.metrics_url = f"http://127.0.0.1:{ports['metrics']}/metrics"
        self.relay_url = f"http://127.0.0.1:{ports['relay']}"
        self.desk_url = f"http://127.0.0.1:{ports['desk']}"
        self.settings_file = folder / SETTINGS_FILE
        self.settings_file.write_text(
            _SETTINGS.format(
                bootstrap=self.kafka.bootstrap,
                folder=folder,
                archive=self.postgres.url(),
                metrics_port=ports["metrics"],
                relay_port=ports["relay"],
                desk_port=ports["desk"],
                ingest_port=ports["ingest"],
                runbooks=RUNBOOKS,
                webhook=webhook,
                prometheus=f"http://127.0.0.1:{ports['prometheus']}",
                alertmanager=f"http://127.0.0.1:{ports['alertmanager']}",
                evaluation=format_duration(pace.evaluation),
                group_wait=format_duration(pace.group_wait),
                group_interval=format_duration(pace.group_interval),
                windows=", ".join(f'"{format_duration(window)}"' for window in pace.windows),
                calm_window=format_duration(pace.calm_window),
                keep_firing_for=format_duration(pace.keep_firing_for),
            ),
            encoding="utf-8",
        )
        prepare(folder)
        self.settings: Settings = load_settings(self.settings_file)
        rules = folder / "rules.yml"
        rules.write_text(render(self.settings), encoding="utf-8")
        jobs = {JOB: "metrics", RELAY_JOB: "relay"}
        if has_feeds := (folder / "feeds.toml").exists():
            jobs[INGEST_JOB] = "ingest"
        self.alertmanager = Alertmanager(
            folder / "alertmanager",
            alertmanager_config(self.settings, f"{self.relay_url}/alerts"),
            port=ports["alertmanager"],
        )
        self.prometheus = Prometheus(
            folder / "prometheus",
            {job: [f"127.0.0.1:{ports[name]}"] for job, name in jobs.items()},
            rules=[rules],
            alertmanager=f"127.0.0.1:{ports['alertmanager']}",
            scrape_interval=pace.scrape.total_seconds(),
            evaluation_interval=pace.evaluation.total_seconds(),
            port=ports["prometheus"],
        )
        self.worker = Process("the worker")
        self.relay = Process("the relay")
        # What it needs is an extra, which `make demo` installs.
        self.desk = None if missing_packages() else Process("the desk")
        self.processes = {"worker": self.worker, "relay": self.relay}
        if self.desk is not None:
            self.processes["desk"] = self.desk
        if has_feeds:
            self.processes["ingest"] = Process("ingest")

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def _start(self) -> None:
        """All at once, for the worker waits for the broker by itself; but the archive first, for which not all do."""
        servers = (self.kafka, self.prometheus, self.alertmanager)
        for server in (self.postgres, *servers):
            self._exits.callback(server.stop)
        with ThreadPoolExecutor(len(servers)) as pool:
            starting = [pool.submit(server.start) for server in servers]
            self.postgres.start()
            self.postgres.create(USER)
            for command, process in self.processes.items():
                self._start_own(process, command)
            for each in starting:
                each.result()
        self.relay.wait_ready(self._relay_ready, START_SECONDS, f"{self.relay_url}/-/ready")
        if self.desk is not None:
            self.desk.wait_ready(lambda: ask(f"{self.desk_url}/login").status != 0, START_SECONDS, self.desk_url)
        self.worker.wait_ready(self._worker_ready, START_SECONDS, f"subjects on {self.metrics_url}")

    def _start_own(self, process: Process, command: str) -> None:
        self._exits.callback(process.stop)
        process.start(
            newsquall("--settings", str(self.settings_file), command),
            self.folder / f"{command}.log",
            cwd=self.folder,
        )

    def _relay_ready(self) -> bool:
        return ask(f"{self.relay_url}/-/ready").ok

    def _worker_ready(self) -> bool:
        """It owns every topic: the subjects' gauges are there."""
        return ("newsquall_history_seconds", (("topic", "all"),)) in self.samples()

    def samples(self) -> dict[Sample, float]:
        """The worker's metrics now. Raises OSError while it does not answer."""
        answer = ask(self.metrics_url, 5.0)
        if not answer.ok:
            raise ConnectionError(answer.trouble)
        return read_metrics(answer.body.decode())
