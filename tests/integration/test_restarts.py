"""One page, not two and not none: the rendered rules in real Prometheus, real Alertmanager with our configuration, a
real relay, and each of them ended in the middle of what fires.

They need what deploy/setup.sh installs; without it these tests fail and say so.
"""

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.operations import JOB, RELAY_DOWN, RELAY_JOB
from alerts.routing import alertmanager_config
from alerts.rules import rule_file
from deploy.stack.alertmanager import Alertmanager
from deploy.stack.prometheus import Prometheus
from stream.archive import Archive
from stream.duration import format_duration, parse_duration
from stream.settings import Settings
from tests.integration.test_page import (
    COMPANY,
    QUICK,
    Relay,
    Site,
    alertmanager_notifications,
    gauges,
    tell,
    until,
)

# Prometheus gives an alert four times its sending interval to live: longer than any restart here takes.
RESEND_SECONDS = 5.0
# What is waited for in minutes is waited for in seconds here.
FASTER = 60
WELL = "newsquall_archive_up 1\nnewsquall_oldest_unscored_seconds 0\nnewsquall_watchlist_current 1\n"


class Line:
    """Everything between a worker's metrics and the page; `workers` are two, and `desk` is who is paged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers = [Site(), Site()]
        self.desk, self.switch = Site(), Site()
        self.sites = [*self.workers, self.desk, self.switch]
        self.relay = Relay(folder, f"http://{self.desk.address}/hook")
        self.archive = Archive(self.relay.archive)
        settings = Settings(alerts=QUICK | {"watchdog": f"http://{self.switch.address}/beat"})  # type: ignore[arg-type]
        rules = rule_file(settings)
        for rule in rules["groups"][0]["rules"]:
            # But a relay that is restarted is back before anybody is told.
            if "for" in rule and rule["alert"] != RELAY_DOWN:
                rule["for"] = format_duration(parse_duration(rule["for"]) / FASTER)
        file = folder / "newsquall.rules.yml"
        file.write_text(yaml.safe_dump(rules))
        self.alertmanager = Alertmanager(
            folder / "alertmanager", alertmanager_config(settings, f"{self.relay.url}/alerts")
        )
        self.prometheus = Prometheus(
            folder / "prometheus",
            {
                JOB: [worker.address for worker in self.workers],
                RELAY_JOB: [self.relay.url.removeprefix("http://")],
            },
            [file],
            self.alertmanager.url,
            scrape_interval=0.5,
            evaluation_interval=0.5,
            resend_seconds=RESEND_SECONDS,
        )

    def start(self) -> None:
        for worker in self.workers:
            worker.metrics = WELL + gauges(surprise=0)
        self.relay.start()
        self.alertmanager.start()
        self.prometheus.start()
        assert until(lambda: len(self.prometheus.query("up == 1")) == 3, 60)

    def close(self) -> None:
        self.prometheus.kill()
        self.alertmanager.kill()
        self.relay.close()
        self.archive.close()
        for site in self.sites:
            site.close()

    def paged(self) -> Counter[tuple[str, str]]:
        return Counter(self.desk.got())

    def known(self, alert: str) -> list[dict[str, Any]]:
        """What Alertmanager has of an alert."""
        _, answer = self.alertmanager.ask("GET", "/api/v2/alerts")
        return [each for each in json.loads(answer) if each["labels"]["alertname"] == alert]

    def reminded(self, times: int = 2) -> None:
        """Alertmanager has told again what fires, so often: each is a chance to page twice."""
        before = alertmanager_notifications(self.alertmanager)
        assert until(lambda: alertmanager_notifications(self.alertmanager) >= before + times, 60)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    try:
        line.start()
        yield line
    finally:
        line.close()


def test_what_fires_is_paged_once_whatever_is_restarted_meanwhile(line: Line) -> None:
    first, second = line.workers
    assert line.switch.posted.get(timeout=60)["alerts"][0]["labels"]["alertname"] == "NewsquallWatchdog"
    assert line.paged() == Counter()

    # A silence, before anything fires.
    ends = datetime.now(UTC) + timedelta(hours=1)
    silence = {
        "matchers": [{"name": "alertname", "value": "NewsquallWatchlistNotTaken", "isRegex": False}],
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": ends.isoformat(),
        "createdBy": "a test",
        "comment": "an edit",
    }
    assert line.alertmanager.ask("POST", "/api/v2/silences", json.dumps(silence))[0] == 200

    # A squall, an archive that is away for both workers, and a watchlist that cannot be read.
    tell(line.archive)
    away = WELL.replace("archive_up 1", "archive_up 0").replace("watchlist_current 1", "watchlist_current 0")
    first.metrics, second.metrics = away + gauges(surprise=31.5), away
    expected = Counter({(COMPANY, "firing"): 1})
    expected.update((f"alert/NewsquallArchiveDown/{each.address}", "firing") for each in line.workers)
    assert until(lambda: line.paged() == expected, 60), line.paged()
    _, answer = line.alertmanager.ask("GET", "/api/v2/alerts/groups")
    groups = [group for group in json.loads(answer) if group["labels"] == {"alertname": "NewsquallArchiveDown"}]
    assert [len(group["alerts"]) for group in groups] == [2], "one group, told in one message"

    # What follows from it is not told, and what is silenced is known and not told.
    old = away.replace("unscored_seconds 0", "unscored_seconds 400")
    first.metrics, second.metrics = old + gauges(surprise=31.5), old
    assert until(lambda: line.prometheus.query("newsquall_oldest_unscored_seconds > 300"), 60)
    assert until(lambda: len(line.known("NewsquallWatchlistNotTaken")) == 2, 60)
    assert all(each["status"]["silencedBy"] for each in line.known("NewsquallWatchlistNotTaken"))

    def restart_prometheus() -> None:
        line.prometheus.kill()
        line.prometheus.start()
        assert until(lambda: line.prometheus.query('ALERTS{alertname="NewsquallArchiveDown", alertstate="firing"}'), 60)

    def restart_relay() -> None:
        line.relay.end(signal.SIGKILL)
        line.relay.start()

    def restart_alertmanager() -> None:
        # In order: what it has told and the silence are on its disk.
        line.alertmanager.stop()
        line.alertmanager.start()
        assert until(lambda: len(line.known("NewsquallArchiveDown")) == 2, 60)

    restarts: list[Callable[[], None]] = [restart_relay, restart_alertmanager, restart_prometheus]
    for restart in restarts:
        restart()
        line.reminded()
        assert line.paged() == expected, restart.__name__

    # All is well again: each page ends once; what was never told does not end either.
    for worker in line.workers:
        worker.metrics = WELL + gauges(surprise=0)
    expected.update((subject, "resolved") for subject, _ in list(expected))
    assert until(lambda: line.paged() == expected, 60), line.paged()
    assert line.paged() == expected
