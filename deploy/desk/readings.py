"""What Prometheus knows of the subjects now: the workers' gauges of what is usual and how surprising a count is.

One address for any number of workers, and the very numbers that the rules page by.
"""

import math
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from deploy.probe import ask

_KINDS = {"topic": "newsquall_negative_", "entity": "newsquall_entity_negative_"}
_MEASURES = ("headlines", "stories", "sources", "baseline", "surprise")
_THRESHOLD = re.compile(r"newsquall_(entity_)?surprise_threshold")
# Of the thresholds those of a page; nothing else here has a severity.
_SELECTOR = (
    '{__name__=~"newsquall_(entity_)?(negative_(' + "|".join(_MEASURES) + ')|surprise_threshold)", severity=~"page|"}'
)
# Every visitor asks for the same: Prometheus is asked once in so long, and a page does not wait long for it.
FRESH = timedelta(seconds=2)
# One that does not answer is left alone for longer: each try may take all of the patience.
AWAY = timedelta(seconds=15)
PATIENCE = 2.0  # seconds


class Window(NamedTuple):
    """A subject's window now."""

    headlines: float = 0.0
    stories: float = 0.0
    sources: float = 0.0
    baseline: float = 0.0
    surprise: float = 0.0


@dataclass(frozen=True)
class Reading:
    """The windows by subject and length (such as 5m), and the surprise that pages each subject that is judged.
    `trouble`: why there are none, in plain words."""

    windows: dict[str, dict[str, Window]] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    trouble: str = ""

    def of(self, subject: str, window: str) -> Window | None:
        """A subject's window, if it is known."""
        return self.windows.get(subject, {}).get(window)

    def loudest(self, subject: str) -> tuple[str, Window] | None:
        """The most surprising window."""
        known = self.windows.get(subject)
        return max(known.items(), key=lambda each: each[1].surprise) if known else None


class Readings:
    """The newest reading, taken when it is asked for."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._lock = threading.Lock()
        self._newest = Reading(trouble="not asked yet")
        self._taken: datetime | None = None

    def now(self, now: datetime) -> Reading:
        """The newest reading; asks Prometheus unless it was just asked."""
        with self._lock:
            good_for = AWAY if self._newest.trouble else FRESH
            if self._taken is None or not timedelta(0) <= now - self._taken < good_for:
                self._newest, self._taken = self._take(), now
            return self._newest

    def _take(self) -> Reading:
        answer = self.query(_SELECTOR)
        if isinstance(answer, str):
            return Reading(trouble=f"Prometheus at {self._url}: {answer}")
        found: dict[str, dict[str, dict[str, float]]] = {}
        thresholds: dict[str, float] = {}
        for labels, value in answer:
            name = labels.get("__name__", "")
            for kind, prefix in _KINDS.items():
                if _THRESHOLD.fullmatch(name) and kind in labels and not math.isnan(value):
                    judged = f"{kind}/{labels[kind]}"
                    thresholds[judged] = max(thresholds.get(judged, 0.0), value)
                if name.startswith(prefix) and kind in labels:
                    subject = found.setdefault(f"{kind}/{labels[kind]}", {})
                    window = subject.setdefault(labels.get("window", ""), {})
                    measure = name.removeprefix(prefix)
                    # For a moment after a rebalance two workers may tell of a subject.
                    window[measure] = max(window.get(measure, 0.0), value)
        windows = {
            subject: {length: Window(**values) for length, values in each.items()} for subject, each in found.items()
        }
        return Reading(windows, thresholds, "" if windows else f"Prometheus at {self._url} knows no worker")

    def query(self, promql: str) -> list[tuple[dict[str, str], float]] | str:
        """The samples that an instant query gives; why there are none, in words."""
        answer = ask(f"{self._url}/api/v1/query?{urlencode({'query': promql})}", PATIENCE)
        if not answer.ok:
            return answer.trouble
        try:
            return [
                ({str(key): str(value) for key, value in each["metric"].items()}, float(each["value"][1]))
                for each in answer.json()["data"]["result"]
            ]
        except (KeyError, TypeError, ValueError, IndexError):
            return "it answers something else"
