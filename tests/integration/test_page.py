"""From a firing rule to the page: real Prometheus, real Alertmanager, a real relay process, a real archive.

They need what deploy/setup.sh installs; without it these tests fail and say so.
"""

import contextlib
import http.client
import http.server
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.pagebook import PageBook
from alerts.receivers.roster import receivers_of
from alerts.routing import alertmanager_config
from alerts.rules import render
from deploy.stack.alertmanager import Alertmanager
from deploy.stack.ports import free_port
from deploy.stack.prometheus import Prometheus
from stream.archive import Archive
from stream.settings import Settings
from tests.scoredheadlines import scored_headline

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "surprise": 5.0,
    "stories": 5,
    "sources": 3,
    "calm_window": "5m",
    "keep_firing_for": "1s",
    "evaluation": "0.5s",
    "group_wait": "0.3s",
    "group_interval": "0.5s",
    "repeat_interval": "1s",
}
EVENTS = (
    "auditor resigns and withdraws its opinion",
    "headquarters raided by police and regulators",
    "banks freeze all credit lines as liquidity fears mount",
    "finance chief arrested on suspicion of forging invoices",
    "suppliers halt deliveries, demand payment up front",
    "pension fund dumps its entire stake at a loss",
    "plants stop work, unions fear mass layoffs",
    "bonds collapse to a record low",
)
COMPANY, TOPIC, ALL = "entity/Kestrovan", "topic/fraud_governance", "topic/all"


def until(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true answer, or the last one when the time is up."""
    deadline = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


class Site:
    """A web site of this test: /metrics tells what `metrics` says, what is posted is kept."""

    def __init__(self) -> None:
        self.metrics = ""
        self.posted: queue.Queue[dict[str, Any]] = queue.Queue()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(site.metrics.encode())

            def do_POST(self) -> None:
                site.posted.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def got(self) -> list[tuple[str, str]]:
        """Subject and status of each page that came, in order."""
        pages = list(self.posted.queue)
        return [(page["subject"], page["status"]) for page in pages]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Relay:
    """`newsquall relay`'s process, started from its module, so that only the relay is tested here."""

    CODE = (
        "import sys; from pathlib import Path; from stream.settings import load_settings; "
        "from alerts.relay import run_relay; "
        "run_relay(load_settings(Path(sys.argv[1])), lambda line: print(line, flush=True))"
    )

    def __init__(self, folder: Path, webhook: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.archive = f"sqlite:///{folder / 'archive.db'}"
        self._file = folder / "newsquall.toml"
        self._file.write_text(
            f'[archive]\nurl = "{self.archive}"\n[relay]\nport = {self.port}\nwebhooks = ["{webhook}"]\n'
        )
        self._log = folder / "relay.log"
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [sys.executable, "-c", self.CODE, str(self._file)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEWSQUALL_")}
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(argv, stdout=log, stderr=log, cwd=ROOT, env=environment)
        assert until(self._ready), self.said()

    def _ready(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("GET", "/-/ready")[0] == 200
        return False

    def end(self, how: signal.Signals) -> int:
        assert self._popen is not None
        self._popen.send_signal(how)
        return self._popen.wait(20)

    def close(self) -> None:
        if self._popen is not None and self._popen.poll() is None:
            self.end(signal.SIGKILL)

    def said(self) -> str:
        return self._log.read_text()

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kind = answer.headers.get_content_type()
        return answer.status, json.loads(content) if kind == "application/json" else content.decode()

    def pages(self) -> list[dict[str, Any]]:
        status, answer = self.ask("GET", "/pages")
        assert status == 200
        pages: list[dict[str, Any]] = answer["pages"]
        return pages


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def relay(tmp_path: Path, site: Site) -> Iterator[Relay]:
    relay = Relay(tmp_path, f"http://{site.address}/hook")
    relay.start()
    yield relay
    relay.close()


@pytest.fixture
def archive(relay: Relay) -> Iterator[Archive]:
    archive = Archive(relay.archive)
    yield archive
    archive.close()


@pytest.fixture
def alertmanager(tmp_path: Path, relay: Relay) -> Iterator[Alertmanager]:
    settings = Settings(alerts=QUICK)  # type: ignore[arg-type]
    config = alertmanager_config(settings, f"{relay.url}/alerts")
    with Alertmanager(tmp_path / "alertmanager", config) as alertmanager:
        yield alertmanager


def now() -> datetime:
    return datetime.now(UTC)


def tell(archive: Archive, company: str = "Kestrovan") -> None:
    """A squall about a company in the last half minute, one event a headline, three sources."""
    rows = []
    for number, event in enumerate(EVENTS):
        title = f"{company} {event}"
        at = now() - timedelta(seconds=30 - number)
        rows.append(
            scored_headline(
                title,
                at,
                id=f"{company}-{number}",
                source=("Baltic Wire", "Tideline", "Rhinegate")[number % 3],
                url=f"https://news.example/{number}",
                topic="fraud_governance",
                entities={company: "negative"},
            )
        )
    archive.keep(rows)


def alert(subject: str, headlines: int = 8, **times: str) -> dict[str, Any]:
    kind, _, name = subject.partition("/")
    return {
        "labels": {"alertname": "NegativeNewsSquall", kind: name, "subject": subject, "severity": "page"},
        "annotations": {
            "windows": f"5m headlines {headlines};5m baseline 0.01;5m surprise 20;5m stories 8;5m sources 3;"
        },
        **times,
    }


def send(alertmanager: Alertmanager, *alerts: dict[str, Any]) -> None:
    status, said = alertmanager.ask("POST", "/api/v2/alerts", json.dumps(alerts))
    assert status == 200, said


def test_one_squall_is_one_page_however_often_it_is_told_and_one_resolve(
    alertmanager: Alertmanager, relay: Relay, archive: Archive, site: Site
) -> None:
    tell(archive)
    started = now().isoformat()
    subjects = (ALL, TOPIC, COMPANY)
    send(alertmanager, *(alert(subject, startsAt=started) for subject in subjects))
    page = site.posted.get(timeout=30)
    assert (page["version"], page["subject"], page["status"]) == (1, COMPANY, "firing")
    assert page["sentence"] == "8 negative headlines about Kestrovan in 5 minutes, usually 0.01"
    assert (page["headlines"], page["story_count"], page["source_count"]) == (8, 8, 3)
    assert len(page["stories"]) == 5
    assert page["models"] == ["m"]

    # Killed once the delivery is written down, started again; Alertmanager reminds every second.
    book = PageBook(archive.engine, [])
    (hook,) = receivers_of(Settings(relay={"webhooks": [f"http://{site.address}/hook"], "terminal": False}))  # type: ignore[arg-type]
    assert until(lambda: not book.pending(hook.name))
    relay.end(signal.SIGKILL)
    relay.start()
    reminders = alertmanager_notifications(alertmanager)
    assert until(lambda: alertmanager_notifications(alertmanager) >= reminders + 2)
    assert site.got() == []
    (known,) = relay.pages()
    assert (known["id"], known["also_subjects"]) == (page["id"], [TOPIC, ALL])

    ended = now().isoformat()
    send(alertmanager, *(alert(each, startsAt=started, endsAt=ended) for each in subjects[:2]))
    reminders = alertmanager_notifications(alertmanager)
    assert until(lambda: alertmanager_notifications(alertmanager) >= reminders + 2)
    assert site.got() == [], "the company's alert still fires"
    send(alertmanager, alert(COMPANY, startsAt=started, endsAt=now().isoformat()))
    over = site.posted.get(timeout=30)
    assert (over["id"], over["status"], over["headlines"]) == (page["id"], "resolved", 8)
    # The terminal is another receiver, which may have it later.
    assert until(lambda: "RESOLVED" in relay.said())
    assert relay.end(signal.SIGTERM) == 0
    assert site.got() == []
    said = relay.said()
    assert said.count(f"relay listens on {relay.url}/alerts\n") == 2
    assert "PAGE" in said


def alertmanager_notifications(alertmanager: Alertmanager) -> float:
    """How many messages Alertmanager has sent to its webhook."""
    _, text = alertmanager.ask("GET", "/metrics")
    (line,) = (
        line for line in text.splitlines() if line.startswith('alertmanager_notifications_total{integration="webhook"')
    )
    return float(line.split()[1])


def test_while_the_relay_is_down_alertmanager_keeps_the_alert(
    alertmanager: Alertmanager, relay: Relay, archive: Archive, site: Site
) -> None:
    tell(archive)
    assert relay.end(signal.SIGINT) == 0
    send(alertmanager, alert(COMPANY))
    time.sleep(1)
    assert site.got() == []
    relay.start()
    assert site.posted.get(timeout=30)["subject"] == COMPANY


def test_a_page_that_was_not_delivered_is_delivered_after_a_restart(relay: Relay, archive: Archive, site: Site) -> None:
    tell(archive)
    address = site.address
    site.close()
    payload = {
        "version": "4",
        "alerts": [alert(COMPANY) | {"status": "firing", "startsAt": now().isoformat(), "fingerprint": "0a1b"}],
    }
    assert relay.ask("POST", "/alerts", json.dumps(payload).encode())[0] == 200
    assert until(lambda: "is not delivered yet: 127.0.0.1 cannot be reached" in relay.said()), relay.said()
    relay.end(signal.SIGKILL)
    returned: queue.Queue[bytes] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            returned.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    host, _, port = address.partition(":")
    with http.server.ThreadingHTTPServer((host, int(port)), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        relay.start()
        page = json.loads(returned.get(timeout=30))
        server.shutdown()
        thread.join()
    assert (page["subject"], page["status"]) == (COMPANY, "firing")


BAD = [
    (b"", 400, "no webhook payload"),
    (b"not json", 400, "no webhook payload"),
    (b"[]", 400, "no webhook payload"),
    (b'{"version": "3", "alerts": []}', 400, "version '3'"),
    (b'{"version": "4", "alerts": [{"status": "firing"}]}', 400, "required field"),
    (b'{"version": "4", "alerts": "' + b"x" * 10_000_000 + b'"}', 413, "more than 10000000 bytes"),
]


def test_what_is_no_payload_is_refused_and_logged(relay: Relay, site: Site) -> None:
    for number, (body, status, reason) in enumerate(BAD, start=1):
        answered, said = relay.ask("POST", "/alerts", body)
        assert (answered, reason in said["error"]) == (status, True), said
        assert relay.said().count("refused from 127.0.0.1") == number
    assert relay.ask("GET", "/-/ready") == (200, "ready\n")
    assert relay.ask("GET", "/pages?limit=none")[0] == 400
    assert relay.ask("GET", "/alerts")[0] == 405
    assert relay.pages() == []
    assert site.got() == []


def test_a_port_that_is_taken_is_told_in_a_line(relay: Relay, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", Relay.CODE, str(tmp_path / "newsquall.toml")]
    ended = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"the relay cannot listen on 127.0.0.1:{relay.port}" in ended.stderr.strip().splitlines()[-1]


def test_from_the_metrics_to_the_page_and_to_its_end(
    tmp_path: Path, alertmanager: Alertmanager, relay: Relay, archive: Archive, site: Site
) -> None:
    """All of it: the rendered rules in Prometheus, with the numbers of the windows in their annotation."""
    rules = tmp_path / "newsquall.rules.yml"
    rules.write_text(render(Settings(alerts=QUICK)))  # type: ignore[arg-type]
    site.metrics = gauges(surprise=0)
    worker = {"newsquall": [site.address]}
    quick = {"scrape_interval": 0.5, "evaluation_interval": 0.5}
    with Prometheus(tmp_path / "p", worker, [rules], alertmanager.url, **quick) as prometheus:
        assert until(lambda: prometheus.query("newsquall_entity_negative_surprise"))
        assert prometheus.query('ALERTS{alertname="NegativeNewsSquall"}') == []
        tell(archive)
        site.metrics = gauges(surprise=9.5)
        began = time.monotonic()
        page = site.posted.get(timeout=30)
        seconds = time.monotonic() - began
        assert page["sentence"] == "8 negative headlines about Kestrovan in 5 minutes, usually 0.01"
        assert (page["window"], page["baseline"], page["surprise"]) == ("5m", 0.012, 9.5)
        assert page["severity"] == "page"
        assert seconds < 15
        assert until(lambda: {TOPIC, ALL} == set(relay.pages()[0]["also_subjects"]))
        site.metrics = gauges(surprise=31.5)
        worse = site.posted.get(timeout=30)
        assert (worse["id"], worse["severity"], worse["surprise"]) == (page["id"], "critical", 31.5)
        assert worse["sentence"] == "Now critical: 8 negative headlines about Kestrovan in 5 minutes, usually 0.01"
        site.metrics = gauges(surprise=0)
        over = site.posted.get(timeout=30)
        assert (over["id"], over["status"]) == (page["id"], "resolved")
    assert site.got() == []
    print(f"from the gauges to the page: {seconds:.1f} s")


def gauges(*, surprise: float) -> str:
    """What a worker exports of a squall about a company that shows in its topic and in all topics, and of one story
    that forty outlets copied, which is none. Critical from 25, and only where it is about the company."""
    lines = []
    blowing = surprise > 0
    for kind, prefix, name in (
        ("entity", "newsquall_entity_negative", "Kestrovan"),
        ("topic", "newsquall_negative", "fraud_governance"),
        ("topic", "newsquall_negative", "all"),
    ):
        own = prefix.removesuffix("_negative")
        for severity, limit in (("page", 5.2), ("critical", 25 if kind == "entity" else 99)):
            lines.append(f'{own}_surprise_threshold{{{kind}="{name}",severity="{severity}"}} {limit}')
        for window in ("5m", "15m"):
            many = 20 if name == "all" else 8  # all topics together page for what is broad
            shown = (
                (many, 0.012, surprise if window == "5m" else surprise - 1, many, 3) if blowing else (0, 0.012, 0, 0, 0)
            )
            for number, value in zip(("headlines", "baseline", "surprise", "stories", "sources"), shown, strict=True):
                lines.append(f'{prefix}_{number}{{{kind}="{name}",window="{window}"}} {value}')
    lines.append('newsquall_entity_surprise_threshold{entity="Pellwick",severity="page"} 5.2')
    for number, value in (("headlines", 40), ("baseline", 0.1), ("surprise", 60), ("stories", 1), ("sources", 40)):
        lines.append(f'newsquall_entity_negative_{number}{{entity="Pellwick",window="5m"}} {value if blowing else 0}')
    return "\n".join(lines) + "\n"
