"""From a squall's fifth story to the page at its receiver, on the real parts: Kafka, a worker, Prometheus, Alertmanager
and the relay, each a process of its own, and an HTTP server to which the relay posts.

Five stories from five sources are what a squall needs at least (`alerts.stories`), so the fifth is the first moment at
which a page could be due. Each run is another company's, all of one watchlist, so that one history serves all. A run's
squall goes on while the next ones come: Alertmanager then tells of a new one at the group's next interval and not after
its first wait, which is the slower way.
"""

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from queue import Empty
from tempfile import mkdtemp

import msgspec
import sqlalchemy as sa

from deploy.bench.scorer import percentile
from deploy.demo.board import Sample, scored_total
from deploy.demo.receiver import Received, Receiver
from deploy.demo.system import Pace, System
from deploy.demo.world import World
from model.errors import NewsquallError, ServerError
from stream.archive import Archive
from stream.publisher import Publisher
from stream.records import Headline

# The stages in their order, each from the end of the one before.
STAGES = ("score", "count", "scrape", "rule", "alertmanager", "relay")
STORIES = (
    "Police and financial regulators raid {} headquarters",
    "Banks freeze credit lines of {}, liquidity fears mount",
    "Biggest customer terminates turbine contract with {}",
    "Suppliers halt deliveries and demand payment up front from {}",
    "{} withdraws profit forecast, scraps dividend",
)
SOURCES = ("Baltic Wire", "Tideline Markets", "Rhinegate News", "Capital Ledger", "Quayside Financial")
WINDOW = "5m"
SEED = 11
HISTORY_TIMEOUT, RUN_TIMEOUT = 900.0, 120.0
BETWEEN_STORIES, LOOK = 0.2, 0.1  # seconds
MOST = 100  # companies that there are names for

_FIRST = "Ark Bel Cor Dal Eld Fen Gor Hal Ist Jor".split()
_SECOND = "avento umbria ostrand yvale icore amark essen orway untal ebrook".split()


class Stage(msgspec.Struct, frozen=True):
    """One stage's seconds over the runs, and its share of the whole way (of the means)."""

    p50: float
    p95: float
    share: float


class LatencyBench(msgspec.Struct, frozen=True):
    """What was measured, in seconds. `runs`: squalls; `paged`: those of which a page came. From the fifth story's being
    handed to the Kafka client to the page's arrival: `p50`, `p95`, `longest`; `first`: of the first run, before which
    nothing fired. `stages`: score, until the worker has scored it; count, until its gauges tell of it (looked at ten
    times a second); scrape, until Prometheus has it; rule, until the alert fires; alertmanager, until the relay takes
    it up; relay, until the page has arrived. `others`: pages that came about other subjects of the same headlines."""

    runs: int
    paged: int
    first: float | None
    p50: float
    p95: float
    longest: float
    stages: dict[str, Stage]
    others: int
    scrape_interval: float
    evaluation: float
    group_wait: float
    group_interval: float


def companies(count: int) -> list[dict[str, str]]:
    """So many invented companies.

    >>> [each["name"] for each in companies(2)]
    ['Arkavento', 'Belavento']
    """
    names = islice((first + second for second, first in product(_SECOND, _FIRST)), count)
    return [{"name": name, "ticker": name[:2].upper() + name[-2:].upper()} for name in names]


def measure(runs: int, pace: Pace, say: Callable[[str], None]) -> LatencyBench:
    """So many squalls, one after the other. Raises ServerError, BrokerError."""
    news = World(SEED, companies(max(runs, 10)))
    names = [each["name"] for each in companies(runs)]

    def prepare(folder: Path) -> None:
        (folder / "watchlist.csv").write_text("\n".join(("name", *names)) + "\n", encoding="utf-8")

    folder = Path(mkdtemp(prefix="newsquall-latency-"))
    try:
        with Receiver() as receiver, System(folder, receiver.url, prepare, pace) as system:
            bench = Latency(system, receiver, pace, say)
            bench.load(news.history(datetime.now(UTC) - timedelta(minutes=2)), names)
            found = [bench.run(number, name) for number, name in enumerate(names)]
            others = bench.others
    except NewsquallError:
        say(f"what the servers wrote is kept in {folder}")
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return summary(found, others, pace)


class Latency:
    """Runs squalls on a started system."""

    def __init__(self, system: System, receiver: Receiver, pace: Pace, say: Callable[[str], None]) -> None:
        self._system = system
        self._receiver = receiver
        self._say = say
        self._chance = random.Random(SEED)  # noqa: S311  (when a squall comes, not a secret)
        self._cycle = max(pace.scrape, pace.evaluation, pace.group_interval).total_seconds()
        self.others = 0

    def load(self, history: Sequence[Headline], names: Sequence[str]) -> None:
        """Send the history, and wait until every company's baseline is learnt from it."""
        with Publisher(self._system.kafka.bootstrap) as publisher:
            for headline in history:
                publisher.send(headline)
            publisher.flush()
        self._say(f"{len(history):,} headlines of history are sent")
        keys = [("newsquall_entity_history_seconds", (("entity", name),)) for name in names]
        least = self._system.settings.trends.shortest_history.total_seconds()
        deadline = time.monotonic() + HISTORY_TIMEOUT
        while True:
            samples = self._samples()
            if scored_total(samples) >= len(history) and all(samples.get(key, 0.0) >= least for key in keys):
                break
            if time.monotonic() > deadline:
                waits = sum(samples.get(key, 0.0) < least for key in keys)
                raise ServerError(
                    f"after {HISTORY_TIMEOUT:g} s {scored_total(samples):,} of {len(history):,} headlines are counted, "
                    f"and {waits} companies have too little history"
                )
            time.sleep(1.0)
        self._say("they are counted, and every baseline is learnt")

    def run(self, number: int, name: str) -> dict[str, float] | None:
        """One company's squall; the seconds of each stage, None if no page of it came in time."""
        # Not in step with what the last page was in step with.
        time.sleep(self._chance.uniform(0, self._cycle))
        with Publisher(self._system.kafka.bootstrap) as publisher:
            for story, (title, source) in enumerate(zip(STORIES, SOURCES, strict=True)):
                now = datetime.now(UTC)
                last = f"latency-{number}-{story}"
                sent = time.time()
                publisher.send(Headline(last, title.format(name), now, source, f"https://news.example/{last}"))
                if story < len(STORIES) - 1:
                    publisher.flush()
                    time.sleep(BETWEEN_STORIES)
            counted = self._counted(name)
            received = self._page(name)
        if received is None:
            self._say(f"{name}: no page within {RUN_TIMEOUT:g} s")
            return None
        stages = self._stages(name, last, sent, counted, received)
        told = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items())
        self._say(f"{name}: {received.at - sent:.2f} s ({told})")
        return stages

    def _samples(self) -> Mapping[Sample, float]:
        for process in (self._system.worker, self._system.relay):
            if not process.running:
                raise ServerError(f"{process.name} ended: {process.tail(3)}")
        # A busy worker answers the next time.
        with suppress(OSError):
            return self._system.samples()
        return {}

    def _counted(self, name: str) -> float:
        """When the worker's gauges told of all its stories."""
        key = ("newsquall_entity_negative_stories", (("entity", name), ("window", WINDOW)))
        deadline = time.monotonic() + RUN_TIMEOUT
        while self._samples().get(key, 0.0) < len(STORIES) and time.monotonic() < deadline:
            time.sleep(LOOK)
        return time.time()

    def _page(self, name: str) -> Received | None:
        deadline = time.monotonic() + RUN_TIMEOUT
        while (left := deadline - time.monotonic()) > 0:
            try:
                received = self._receiver.arrived.get(timeout=left)
            except Empty:
                return None
            if received.page["status"] != "firing" or received.page["revision"]:
                continue
            if received.page["subject"] == f"entity/{name}":
                return received
            self.others += 1
        return None

    def _stages(self, name: str, last: str, sent: float, counted: float, received: Received) -> dict[str, float]:
        archive = Archive(self._system.settings.archive.url)
        try:
            scored = archive.find([last])[last].scored_at.timestamp()
            with archive.engine.connect() as connection:
                # The pager takes the time before it decides; what it gathers and posts comes after.
                query = sa.text("SELECT min(written_at) FROM page_deliveries WHERE page_id = :page")
                taken = connection.execute(query, {"page": received.page["id"]}).scalar_one() / 1e6
        finally:
            archive.close()
        fired = datetime.fromisoformat(received.page["fired_at"]).timestamp()
        scraped = min(self._scraped(name), fired)
        moments = (sent, scored, min(counted, scraped), scraped, fired, taken, received.at)
        return {stage: after - before for stage, before, after in zip(STAGES, moments[:-1], moments[1:], strict=True)}

    def _scraped(self, name: str) -> float:
        """When Prometheus scraped the gauge that told of all stories."""
        gauge = f'newsquall_entity_negative_stories{{entity="{name}",window="{WINDOW}"}}[5m]'
        return min(
            float(at)
            for series in self._system.prometheus.query(gauge)
            for at, value in series["values"]
            if float(value) >= len(STORIES)
        )


def summary(found: Sequence[Mapping[str, float] | None], others: int, pace: Pace) -> LatencyBench:
    """The quantiles of the runs' stages. Raises ServerError if no run came to a page."""
    paged = [each for each in found if each is not None]
    if not paged:
        raise ServerError("no squall came to a page")
    totals = [sum(each.values()) for each in paged]
    return LatencyBench(
        runs=len(found),
        paged=len(paged),
        first=None if found[0] is None else round(sum(found[0].values()), 3),
        p50=_quantile(totals, 50),
        p95=_quantile(totals, 95),
        longest=round(max(totals), 3),
        stages=dict(_stages_of(paged, sum(totals))),
        others=others,
        scrape_interval=pace.scrape.total_seconds(),
        evaluation=pace.evaluation.total_seconds(),
        group_wait=pace.group_wait.total_seconds(),
        group_interval=pace.group_interval.total_seconds(),
    )


def _stages_of(paged: Sequence[Mapping[str, float]], together: float) -> Iterator[tuple[str, Stage]]:
    for stage in STAGES:
        seconds = [each[stage] for each in paged]
        yield stage, Stage(_quantile(seconds, 50), _quantile(seconds, 95), round(sum(seconds) / together, 3))


def _quantile(values: Sequence[float], percent: float) -> float:
    """To a millisecond."""
    return round(percentile(values, percent), 3)
