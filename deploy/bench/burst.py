"""A minute in which a hundred times as much news comes as is usual, through one worker on a real broker.

Said afterwards: whether a headline was lost, whether the worker was thrown out of its group, how far it fell behind and
how long it took to catch up, what that did to its memory, and whether the old waited behind the new.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from deploy.bench.load import Load
from deploy.bench.site import CONSTANT, Site
from deploy.bench.stream import RESIDENT, SOURCES, books_of
from deploy.demo.board import Sample, scored_total
from model.errors import ServerError
from stream.publisher import Publisher
from stream.records import Headline, ScoredHeadline

CALM_SECONDS = 10.0
TICK_SECONDS = 0.05
LOOK_SECONDS = 1.0
# Without a further headline counted for so long, the worker does not catch up.
STUCK_SECONDS = 60.0
REBALANCES = ("newsquall_rebalances_total", ())
DELAY = "newsquall_publication_to_score_seconds"


class Delay(msgspec.Struct, frozen=True):
    """Seconds from a headline's publication to its score. `told_mean`: what the worker's metric makes of it; the others
    are by the archive."""

    told_mean: float
    mean: float
    p50: float
    max: float


class Resident(msgspec.Struct, frozen=True):
    """The worker's resident memory in MB: before the burst, at most, and when it has caught up."""

    before: float
    peak: float
    after: float


class BurstBench(msgspec.Struct, frozen=True):
    """What was measured. `lag_peak`: headlines sent and not counted yet. `caught_up_seconds`: from the end of the burst
    until all of it is counted, while the ordinary rate goes on. `out_of_order`: headlines that were scored before one
    that stood before them in their partition. `behind_turn_seconds`: how much later a headline was scored, at
    most, than if the oldest of all partitions always came first."""

    ordinary_per_second: float
    burst_per_second: float
    seconds: float
    scorer: str
    headlines: int
    lost: int
    doubled: int
    rebalances: int
    lag_peak: int
    caught_up_seconds: float
    out_of_order: int
    behind_turn_seconds: float
    delay: Delay
    rss_mb: Resident


class Paced(Load):
    """Sends headlines at `per_second`, which may be changed at any time, until stopped."""

    def __init__(self, bootstrap: str, titles: Sequence[str], per_second: float) -> None:
        super().__init__(bootstrap)
        self.per_second = per_second
        self._titles = titles

    def send(self, publisher: Publisher) -> None:
        """Send what is due, twenty times a second."""
        due, before = 0.0, time.monotonic()
        while not self._ended.wait(TICK_SECONDS):
            now = time.monotonic()
            due += (now - before) * self.per_second
            before = now
            while due >= 1.0:
                due -= 1.0
                title = self._titles[self.sent % len(self._titles)]
                source = f"wire {self.sent % SOURCES}"
                publisher.send(Headline(f"bench-{self.sent}", title, datetime.now(UTC), source))
                self.sent += 1


class Course:
    """What is seen of the worker, second by second."""

    def __init__(self, at: Site, load: Load, report: Callable[[str], None]) -> None:
        self._at, self._load, self._report = at, load, report
        self.lag_peak = 0
        self.rss_peak = 0.0
        self.samples: Mapping[Sample, float] = {}

    def look(self) -> int:
        """Look once; headlines that are counted. Raises ServerError if the worker has ended."""
        if not self._at.worker.running:
            raise ServerError(f"the worker ended; it said: {self._at.worker.tail(3)}")
        self.samples = self._at.samples() or self.samples
        counted, sent = scored_total(self.samples), self._load.sent
        self.lag_peak = max(self.lag_peak, sent - counted)
        self.rss_peak = max(self.rss_peak, self.resident)
        self._report(f"{sent:,} sent, {counted:,} counted, {self.resident:.0f} MB")
        return counted

    def go_on(self, seconds: float) -> None:
        """Look each second for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            time.sleep(LOOK_SECONDS)

    def until(self, headlines: int) -> None:
        """Look until so many are counted. Raises ServerError if no more are for a while."""
        best, since = -1, time.monotonic()
        while (counted := self.look()) < headlines:
            if counted > best:
                best, since = counted, time.monotonic()
            if time.monotonic() > since + STUCK_SECONDS:
                raise ServerError(f"{counted:,} of {headlines:,} headlines are counted, and no more come")
            time.sleep(LOOK_SECONDS)

    @property
    def resident(self) -> float:
        """Memory in MB."""
        return self.samples.get(RESIDENT, 0.0) / 1e6


def measure(
    titles: Sequence[str],
    ordinary: float,
    times: float,
    seconds: float,
    scorer: str,
    environment: Mapping[str, str],
    report: Callable[[str], None],
    *,
    constant: bool = False,
) -> BurstBench:
    """The ordinary rate, `times` as much for so many seconds, then the ordinary one until all is counted. `scorer`:
    what the result calls it. Raises ServerError if the worker ends or does not catch up."""
    with TemporaryDirectory(prefix="newsquall-burst-") as folder, ExitStack() as exits:
        at = Site(Path(folder), exits)
        at.start(environment, CONSTANT if constant else None)
        load = Paced(at.kafka.bootstrap, titles, ordinary)
        course = Course(at, load, report)
        load.start()
        course.go_on(CALM_SECONDS)
        before, rebalances = course.resident, course.samples[REBALANCES]
        load.per_second = ordinary * times
        course.go_on(seconds)
        load.per_second = ordinary
        began, in_burst = time.monotonic(), load.sent
        course.until(in_burst)
        caught_up = time.monotonic() - began
        course.go_on(CALM_SECONDS)
        sent = load.stop()
        counted = at.drained(sent)
        course.look()
        books = books_of(at, sent, counted)
        return BurstBench(
            ordinary_per_second=ordinary,
            burst_per_second=ordinary * times,
            seconds=seconds,
            scorer=scorer,
            headlines=sent,
            lost=books.lost,
            doubled=books.doubled,
            rebalances=int(course.samples[REBALANCES] - rebalances),
            lag_peak=course.lag_peak,
            caught_up_seconds=round(caught_up, 1),
            out_of_order=out_of_order(books.scored.values()),
            behind_turn_seconds=round(behind_turn(books.scored.values()), 2),
            delay=delay_of(books.scored.values(), course.samples),
            rss_mb=Resident(round(before, 1), round(course.rss_peak, 1), round(course.resident, 1)),
        )


def delay_of(headlines: Iterable[ScoredHeadline], samples: Mapping[Sample, float]) -> Delay:
    """From publication to score, by the archive and as the worker tells it."""
    delays = sorted((each.scored_at - each.published_at).total_seconds() for each in headlines)
    told = samples[f"{DELAY}_sum", ()] / max(1.0, samples[f"{DELAY}_count", ()])
    mean, middle = statistics.fmean(delays), statistics.median(delays)
    return Delay(round(told, 2), round(mean, 2), round(middle, 2), round(delays[-1], 2))


def out_of_order(headlines: Iterable[ScoredHeadline]) -> int:
    """Headlines of a partition of news.headlines that were scored before one that stood before them."""
    by_partition: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for each in headlines:
        if each.origin is not None:
            by_partition[each.origin.partition].append((each.origin.offset, each.scored_at))
    return sum(later < earlier for each in by_partition.values() for (_, earlier), (_, later) in pairwise(sorted(each)))


def behind_turn(headlines: Iterable[ScoredHeadline]) -> float:
    """How much later, at most, a headline was scored than it would have been in the order of publication, with the same
    scores at the same moments; in seconds."""
    scored = sorted(headlines, key=lambda each: each.scored_at)
    in_turn = sorted(scored, key=lambda each: each.published_at)
    return max(
        ((late.scored_at - due.scored_at).total_seconds() for late, due in zip(in_turn, scored, strict=True)),
        default=0.0,
    )
