"""What Grafana makes of a dashboard's queries before it asks them: variables and macros filled in, as its documentation
says."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deploy.dashboards.queries import POSTGRESQL, PROMETHEUS


@dataclass(frozen=True)
class View:
    """What a person looks at: the values chosen, the time shown (seconds since 1970), and the panel's width. `least`:
    the data source's own least step, in seconds."""

    chosen: Mapping[str, str]
    since: float
    until: float
    points: int = 1_000
    least: float = 15.0

    def step(self, interval: str | None, points: int | None) -> float:
        """Seconds between two points of a course."""
        asked = (self.until - self.since) / (points or self.points)
        return max(asked, _seconds(interval) if interval else self.least, 1.0)


class Query(NamedTuple):
    """A panel's question to one of the two sources."""

    panel: str
    ref: str
    source: str
    text: str
    instant: bool
    interval: str | None
    points: int | None


def queries(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """All of a dashboard's, those of closed rows too."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield Query(
                panel["title"],
                target["refId"],
                target["datasource"]["type"],
                target["expr"] if target["datasource"]["type"] == PROMETHEUS else target["rawSql"],
                bool(target.get("instant")),
                panel.get("interval"),
                panel.get("maxDataPoints"),
            )


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All panels but the rows' headings."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels") or []
        else:
            yield panel


def filled_in(query: Query, view: View) -> str:
    """The text that is sent."""
    step = view.step(query.interval, query.points)
    # At least four scrapes, so that a rate always finds two.
    rate = max(step + view.least, 4 * view.least)
    built_in = {
        "__interval": f"{step:.0f}s",
        "__rate_interval": f"{rate:.0f}s",
        "__range": f"{view.until - view.since:.0f}s",
    }
    text = query.text
    if query.source == POSTGRESQL:
        text = text.replace("$__unixEpochFrom()", str(int(view.since))).replace(
            "$__unixEpochTo()", str(int(view.until))
        )

    def value(match: re.Match[str]) -> str:
        name, shape = match[1] or match[3], match[2]
        if name.isdecimal():  # of a regular expression; Grafana leaves what it does not know
            return match[0]
        found = built_in.get(name) or view.chosen[name]
        return _SHAPES[shape or "raw"](found)

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)", value, text)


_SHAPES: Mapping[str, Callable[[str], str]] = {
    "raw": str,
    "doublequote": lambda text: '"' + text.replace('"', '\\"') + '"',
    "sqlstring": lambda text: "'" + text.replace("'", "''").replace('"', '\\"') + "'",
}


def _seconds(interval: str) -> float:
    return float(interval[:-1]) * {"s": 1, "m": 60, "h": 3600}[interval[-1]]
