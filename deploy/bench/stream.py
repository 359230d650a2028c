"""One worker's rate on a real broker, archive, trends and metrics included, beside that of scoring alone.

The headlines lie on news.headlines before the worker starts, so nothing but itself holds it up. With a scorer that
costs nothing the rate is that of all the rest: what binds where a GPU scores.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from deploy.bench.profiling import Profiler, Shares
from deploy.bench.site import CONSTANT, Site
from deploy.demo.board import Sample, scored_total
from deploy.stack.records import records_of
from model.bundle import Bundle
from model.masking import Masker
from model.scorer import Scorer
from stream.assessment import assess
from stream.clock import utc_now
from stream.ledger import Page, decode_record
from stream.publisher import Publisher
from stream.records import Headline, Rejection, ScoredHeadline, encode
from stream.settings import Settings
from stream.subjects import ALL
from stream.watchlist import Watchlist

CHANGELOG = "newsquall-ledger-changelog"
SOURCES = 40
# Texts a call of `newsquall score` (deploy/commands/score.py).
CHUNK = 2_048
LOOK_SECONDS = 1.0
IDLE_SECONDS = 5.0
CPU = ("process_cpu_seconds_total", ())
RESIDENT = ("process_resident_memory_bytes", ())
SCORED_SUM = ("newsquall_batch_size_sum", ())


class Rate(msgspec.Struct, frozen=True):
    """Headlines a second by the clock, and what a headline costs in CPU time of the process, all its threads."""

    per_second: float
    cpu_ms: float


class StreamBench(msgspec.Struct, frozen=True):
    """What was measured. `stream`: from the first batch's score to the last ledger page on the broker. `score`: what
    `newsquall score` does, in one process with as many threads, before the worker and after it. `share`: the stream's
    rate of that; `cpu_share`: the same by CPU time, which a busy machine does not change. None with a scorer that
    costs nothing. `idle_share`: of a core, what the worker takes when nothing comes: where other programs slow the
    stream down, that much more of it is in `cpu_ms`. `lost`, `doubled`: by the archive and the ledger."""

    headlines: int
    titles: int
    scorer: str
    threads: int
    lost: int
    doubled: int
    stream: Rate
    score: Rate | None
    share: float | None
    cpu_share: float | None
    idle_share: float
    peak_rss_mb: float
    profile: Shares | None


def worker_environment(settings: Settings, bundle: Bundle, threads: int | None) -> dict[str, str]:
    """The worker's settings, where they are not a site's own or the defaults."""
    watchlist = settings.trends.watchlist
    return {
        "NEWSQUALL_SCORER__MODEL": str(bundle.folder.absolute()),
        "NEWSQUALL_WORKER__BATCH": str(settings.worker.batch),
        **({"NEWSQUALL_SCORER__THREADS": str(threads)} if threads else {}),
        **({"NEWSQUALL_TRENDS__WATCHLIST": str(watchlist.absolute())} if watchlist else {}),
    }


def headlines_of(titles: Sequence[str], count: int, until: datetime, over: timedelta) -> Iterator[Headline]:
    """So many headlines, each with an id of its own, their dates evenly over the time until `until`."""
    for number in range(count):
        published = until - over * (1 - number / count)
        yield Headline(f"bench-{number}", titles[number % len(titles)], published, f"wire {number % SOURCES}")


def send(bootstrap: str, headlines: Iterator[Headline]) -> int:
    """Send at full speed; how many were sent, all acknowledged."""
    with Publisher(bootstrap) as publisher:
        for headline in headlines:
            publisher.send(headline)
        publisher.flush()
        return publisher.sent


def score_alone(headlines: Sequence[Headline], scorer: Scorer, watched: Watchlist, masker: Masker) -> Rate:
    """What `newsquall score` does with headlines that are read already."""
    wall, cpu = time.perf_counter(), time.process_time()
    todo = iter(headlines)
    while chunk := list(islice(todo, CHUNK)):
        for result in assess(chunk, scorer, utc_now(), watched.named_in, masker=masker):
            if not isinstance(result, Rejection):
                encode(result)
    seconds = time.perf_counter() - wall
    return Rate(round(len(headlines) / seconds, 1), round(1000 * (time.process_time() - cpu) / len(headlines), 3))


class Watch:
    """Looks at the worker's metrics while it works: CPU time from its first look on, and its largest memory."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def look(self, samples: Mapping[Sample, float]) -> None:
        """Take one look."""
        if CPU not in samples:
            return
        self.peak = max(self.peak, samples[RESIDENT])
        self._last = (samples[SCORED_SUM], samples[CPU])
        if self._first is None:
            self._first = self._last

    @property
    def cpu_ms(self) -> float:
        """CPU time a headline between the first look and the last one, in ms."""
        first = self._first or (0.0, 0.0)
        return 1000 * (self._last[1] - first[1]) / max(1.0, self._last[0] - first[0])


class Books(msgspec.Struct, frozen=True):
    """What became of headlines. `seconds`: from the first one's score to the last ledger page."""

    lost: int
    doubled: int
    seconds: float
    scored: dict[str, ScoredHeadline]


def books_of(at: Site, sent: int, counted: int) -> Books:
    """Look for every headline, in the archive and in the ledger."""
    scored = at.archive.find(f"bench-{number}" for number in range(sent))
    pages: dict[bytes, bytes | None] = {}
    last = 0
    for record in records_of(at.kafka.bootstrap, CHANGELOG):
        pages[record.key] = record.value
        last = max(last, record.timestamp)
    ledger = [decode_record(value) for value in pages.values() if value is not None]
    ids = [entry.id for page in ledger if isinstance(page, Page) and page.subject == ALL for entry in page.entries]
    began = min((each.scored_at for each in scored.values()), default=utc_now())
    return Books(
        lost=sent - len(scored.keys() & set(ids)),
        doubled=max(len(ids) - len(set(ids)), counted - len(scored)),
        seconds=last / 1000 - began.timestamp(),
        scored=scored,
    )


def measure(
    titles: Sequence[str],
    count: int,
    scorer: Scorer,
    watched: Watchlist,
    environment: Mapping[str, str],
    report: Callable[[str], None],
    *,
    constant: bool = False,
    profiler: Profiler | None = None,
) -> StreamBench:
    """Score alone, then in the stream, then alone again. `environment`: settings of the worker's, on top of the
    defaults. `constant`: the stream's scorer costs nothing, and scoring alone is not measured. Raises ServerError if
    the worker ends."""
    alone: list[Rate] = []
    sample = list(headlines_of(titles, min(count, len(titles)), datetime.now(UTC), timedelta(hours=1)))

    def score() -> None:
        if not constant:
            alone.append(score_alone(sample, scorer, watched, Masker()))
            report(
                f"scoring alone: {alone[-1].per_second:,.0f} headlines a second, {alone[-1].cpu_ms:.2f} ms of CPU each"
            )

    if not constant:
        scorer.score(titles[:64])  # the first call pays for what later ones have
    score()
    with TemporaryDirectory(prefix="newsquall-stream-") as folder, ExitStack() as exits:
        at = Site(Path(folder), exits)
        sent = send(at.kafka.bootstrap, headlines_of(titles, count, datetime.now(UTC), timedelta(hours=1)))
        report(f"{sent:,} headlines on the topic")
        watch = Watch()
        at.start(environment, CONSTANT if constant else None)
        if profiler:
            profiler.start(at.worker.pid or 0, Path(folder))

        def look(samples: Mapping[Sample, float]) -> None:
            watch.look(samples)
            report(f"{scored_total(samples):,} counted")

        counted = at.drained(sent, LOOK_SECONDS, look)
        shares = profiler.stop() if profiler else None
        idle = idle_share(at)
        books = books_of(at, sent, counted)
        at.worker.stop()
    score()
    stream = Rate(round(sent / books.seconds, 1), round(watch.cpu_ms, 3))
    beside = _mean(alone)
    return StreamBench(
        headlines=sent,
        titles=len(set(titles[:sent])),
        scorer="constant" if constant else scorer.version,
        threads=scorer.threads,
        lost=books.lost,
        doubled=books.doubled,
        stream=stream,
        score=beside,
        share=round(stream.per_second / beside.per_second, 3) if beside else None,
        cpu_share=round(beside.cpu_ms / stream.cpu_ms, 3) if beside else None,
        idle_share=round(idle, 3),
        peak_rss_mb=round(watch.peak / 1e6, 1),
        profile=shares,
    )


def idle_share(at: Site) -> float:
    """The share of a core that the worker takes while nothing comes."""
    before, began = at.samples().get(CPU, 0.0), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return max(0.0, at.samples().get(CPU, 0.0) - before) / (time.monotonic() - began)


def _mean(rates: Sequence[Rate]) -> Rate | None:
    if not rates:
        return None
    per_second, cpu_ms = (
        sum(values) / len(rates) for values in zip(*((r.per_second, r.cpu_ms) for r in rates), strict=True)
    )
    return Rate(round(per_second, 1), round(cpu_ms, 3))
