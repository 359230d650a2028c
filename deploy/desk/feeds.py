"""The feeds' health: each source's newest headline, its last good look, and what fails; by Prometheus, from ingest."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from deploy.desk.desk import Desk
from deploy.desk.visit import Visit

_PREFIX = "newsquall_feed_"
_SELECTOR = (
    '{__name__=~"newsquall_feed_(last_headline_timestamp_seconds|last_success_timestamp_seconds|failing|'
    'silent_after_seconds|headlines_total|fetches_total)"}'
)


@dataclass(frozen=True)
class Source:
    """A source. `newest`: its newest item's date, `looked`: the last good look; None before the first."""

    name: str
    newest: datetime | None
    looked: datetime | None
    failing: int
    silent_after: timedelta
    headlines: int
    fetches: int

    def silent(self, now: datetime) -> bool:
        """Whether it has had no headline for longer than it may."""
        return self.newest is not None and bool(self.silent_after) and now - self.newest > self.silent_after

    def rank(self, now: datetime) -> tuple[bool, bool, str]:
        """Those with a trouble first."""
        return not self.failing, not self.silent(now), self.name.casefold()


def sources_of(samples: list[tuple[dict[str, str], float]]) -> list[Source]:
    """The sources that metrics tell of."""
    values: dict[str, dict[str, float]] = {}
    for labels, value in samples:
        name = labels.get("__name__", "").removeprefix(_PREFIX)
        values.setdefault(labels.get("source", ""), {})[name] = value

    def moment(seconds: float) -> datetime | None:
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 4e9 else None

    return [
        Source(
            name,
            moment(told.get("last_headline_timestamp_seconds", 0.0)),
            moment(told.get("last_success_timestamp_seconds", 0.0)),
            int(told.get("failing", 0)),
            timedelta(seconds=min(told.get("silent_after_seconds", 0.0), 4e9)),
            int(told.get("headlines_total", 0)),
            int(told.get("fetches_total", 0)),
        )
        for name, told in values.items()
        if name
    ]


def show(desk: Desk, visit: Visit) -> Response:
    """The page."""
    answer = desk.readings.query(_SELECTOR)
    trouble = answer if isinstance(answer, str) else ""
    sources = [] if isinstance(answer, str) else sources_of(answer)
    sources.sort(key=lambda source: source.rank(visit.now))
    return desk.page(visit, "feeds.html", sources=sources, trouble=trouble)
