"""A Prometheus server whose targets can change while it runs."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import yaml

from deploy.stack.errors import ServerRefusedError
from deploy.stack.server import HttpServer, program, write_whole

_JOB = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST_SCRAPE = 10.0  # seconds; Prometheus's own default


class Prometheus(HttpServer):
    """A Prometheus server on this machine, ready when it answers queries.

    folder: its settings, data and log. targets: for each job the "host:port" addresses to scrape at /metrics.
    rules: rule files. alertmanager: the address that alerts go to, a URL or "host:port"; None sends none.
    scrape_interval, evaluation_interval: seconds. resend_seconds: after which it tells Alertmanager again what fires;
    four times that an alert lives there without it. retention_days: how long it keeps its data. port: a free one by
    default.

    Prometheus takes up targets at its own pace: the first scrape of one may come 10 s late.
    """

    NAME: ClassVar[str] = "Prometheus"

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, Sequence[str]],
        rules: Sequence[Path] = (),
        alertmanager: str | None = None,
        *,
        scrape_interval: float = 5.0,
        evaluation_interval: float = 5.0,
        resend_seconds: float = 60.0,
        retention_days: int = 15,
        port: int | None = None,
    ) -> None:
        super().__init__(folder, port)
        self._targets = {_checked(job): list(addresses) for job, addresses in targets.items()}
        self._rules = [rule.absolute() for rule in rules]
        self._alertmanager = alertmanager
        self._scrape_interval = scrape_interval
        self._evaluation_interval = evaluation_interval
        self._resend_seconds = resend_seconds
        self._retention_days = retention_days

    def set_targets(self, job: str, addresses: Sequence[str]) -> None:
        """Scrape these "host:port" addresses under this job from now on, and no others.

        A job that did not exist is added. Raises ServerRefusedError when the running server does not take it.
        """
        new = job not in self._targets
        self._targets[_checked(job)] = list(addresses)
        self._write_targets(job)
        if new and self.running:
            self.reload()

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The results of an instant query: [{"metric": {labels}, "value": [seconds, "text"]}, ...].

        A scalar is one result without labels. at: seconds since 1970; now by default.
        Raises ServerRefusedError when the query is wrong or there is no answer.
        """
        parameters = {"query": promql} if at is None else {"query": promql, "time": repr(at)}
        _, body = self.ask("GET", f"/api/v1/query?{urlencode(parameters)}")
        answer = _parsed(body)
        if answer.get("status") != "success":
            raise ServerRefusedError(f"Prometheus refused the query {promql!r}: {answer.get('error') or body.strip()}")
        data = answer["data"]
        if data["resultType"] in ("scalar", "string"):
            return [{"metric": {}, "value": data["result"]}]
        results: list[dict[str, Any]] = data["result"]
        return results

    def reload(self) -> None:
        """Read the settings and the rule files again.

        Raises ServerRefusedError, with Prometheus's reason, when they are wrong; the old ones stay in force.
        """
        self._write_settings()
        status, body = self.ask("POST", "/-/reload")
        if status != 200:
            raise ServerRefusedError(f"Prometheus refused its new settings: {' '.join(body.split())}")

    def _prepare(self) -> list[str]:
        prometheus = program("prometheus")
        self._write_settings()
        return [
            prometheus,
            f"--config.file={self._settings}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--storage.tsdb.retention.time={self._retention_days}d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.external-url={self.url}",
            f"--rules.alert.resend-delay={_duration(self._resend_seconds)}",
            "--web.enable-lifecycle",
        ]

    @property
    def _settings(self) -> Path:
        return self.folder / "prometheus.yml"

    def _targets_file(self, job: str) -> Path:
        return self.folder / "targets" / f"{job}.json"

    def _write_targets(self, job: str) -> None:
        write_whole(self._targets_file(job), json.dumps([{"targets": self._targets[job]}]))

    def _write_settings(self) -> None:
        for job in self._targets:
            self._write_targets(job)
        settings: dict[str, Any] = {
            "global": {
                "scrape_interval": _duration(self._scrape_interval),
                "scrape_timeout": _duration(min(self._scrape_interval, _LONGEST_SCRAPE)),
                "evaluation_interval": _duration(self._evaluation_interval),
            },
            "rule_files": [str(rule) for rule in self._rules],
            "scrape_configs": [
                {
                    "job_name": job,
                    "file_sd_configs": [{"files": [str(self._targets_file(job))], "refresh_interval": "5s"}],
                }
                for job in self._targets
            ],
        }
        if self._alertmanager:
            address = self._alertmanager.split("://")[-1].rstrip("/")
            settings["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [address]}]}]}
        write_whole(self._settings, yaml.safe_dump(settings, sort_keys=False))


def _checked(job: str) -> str:
    if not _JOB.fullmatch(job):
        raise ValueError(f"a job's name is letters, digits, '_', '.' and '-', not {job!r}")
    return job


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _parsed(body: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
