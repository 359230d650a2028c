"""The trend agent: news.tallies in; each owned subject's trend, gauges and news.trends out.

A tally is acknowledged when the ledger pages that hold it are confirmed by the broker. Faust's own table writes queue
the changelog record and commit the source offset without waiting for it: a kill in between loses the count. So the
agent writes the changelog itself, to the partition of the tally, and leaves to Faust what reads it back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from stream.budget import Limits
from stream.gapless import GaplessReader
from stream.gauges import Gauges
from stream.history import WEEK_HOURS, Array
from stream.ledger import Record, decode_record
from stream.metrics import Metrics
from stream.records import Tally, encode, minute_of
from stream.settings import Settings
from stream.subjects import ALL, entity_subject, topic_subject
from stream.topics import TALLIES, TRENDS
from stream.trends import Counted, SubjectTrend

log = logging.getLogger(__name__)

EVENTS_A_FLUSH = 64
IDLE_FLUSH_SECONDS = 0.2
TICK_SECONDS = 1.0
# A minute is told when it is so long over: a feed that is polled every minute delivers that late.
GRACE_MINUTES = 2
OLDEST_TOLD_MINUTES = 5
# Learning baselines shares the loop with everything else: a tick gives it this long, the most stale first.
FIT_BUDGET_SECONDS = 0.05
# ... but as long while some have not been learnt, as after a start or a back-fill: they are not judged until then.
FIRST_FIT_BUDGET_SECONDS = 0.4
# Between two ticks: beyond it the process was paused, or has no time for anything.
LONGEST_TICK = timedelta(seconds=5)

# Events that make a week which others may lean on: three an hour of it.
_FEWEST_EVENTS = 500

PartitionOf = Callable[[str], int]


class TrendKeeper:
    """The trends of the subjects whose partitions this worker owns."""

    def __init__(
        self,
        settings: Settings,
        topics: Iterable[str],
        entities: Iterable[str],
        writer: str,
        partition_of: PartitionOf,
    ) -> None:
        self._settings = settings
        self.partition_of = partition_of
        self._writer = writer
        # These exist from the start, at 0; any other subject that a tally names comes into being with it.
        self._topics = [ALL, *map(topic_subject, topics)]
        self._entities = [entity_subject(entity) for entity in entities]
        self.owned: frozenset[int] = frozenset()
        self.trends: dict[str, SubjectTrend] = {}
        self._ownerships = 0

    def learn(self, topics: Iterable[str]) -> None:
        """Topics that a new model brings stand at 0 from now on, where they are owned; those that are known stay."""
        for subject in map(topic_subject, topics):
            if subject not in self._topics:
                self._topics.append(subject)
                self._begin(subject)

    def watch(self, entities: Iterable[str]) -> None:
        """Watch these entities from now on and no others: new ones stand at 0, and of those that are watched no more
        nothing is told, though what was counted of them stays, should they be watched again."""
        self._entities = [entity_subject(entity) for entity in entities]
        for subject in self._entities:
            self._begin(subject)

    def told(self) -> list[SubjectTrend]:
        """The trends that are told of: of the topics, and of the entities that are watched."""
        watched = set(self._entities)
        return [
            trend
            for subject, trend in self.trends.items()
            if subject in watched or not subject.startswith(entity_subject(""))
        ]

    def paged_from(self, trend: SubjectTrend) -> Limits | None:
        """The surprise from which a subject is paged, and is critical: what ordinary times pass as often as its part of
        the budget says, or the settings' numbers; None while it is not judged."""
        if trend.judge is None:
            return None
        # Of all subjects there are, whoever owns them.
        part = self._settings.alerts.pages.shared(len(self._topics) + len(self._entities))
        return part.limits(trend.judge.pages)

    def _begin(self, subject: str) -> None:
        if self.partition_of(subject) in self.owned:
            self._trend(subject)

    def own(self, partitions: Iterable[int], records: Iterable[bytes], now: datetime) -> None:
        """Take over the subjects of these partitions, and no other, from the table's records. Raises MsgspecError, and
        owns nothing then, if one cannot be read."""
        self.disown()
        owned = frozenset(partitions)
        by_subject: dict[str, list[Record]] = {subject: [] for subject in (*self._topics, *self._entities)}
        for payload in records:
            record = decode_record(payload)
            by_subject.setdefault(record.subject, []).append(record)
        # No page of an earlier ownership is gone on with: a number that was dropped would come again.
        self._ownerships += 1
        for subject, part in by_subject.items():
            if self.partition_of(subject) in owned:
                self._trend(subject).load(part, now)
        self.owned = owned

    def disown(self) -> None:
        """Let go of everything, until partitions are assigned anew."""
        self.owned = frozenset()
        self.trends = {}

    def count(self, tally: Tally, now: datetime) -> Counted | None:
        """Count a tally; gives back the pages to be written and how many headlines were late.

        None if its subject is not owned (its event was on its way when the partition moved): then it must not be
        acknowledged, so that whoever is the next owner counts it.
        """
        if self.partition_of(tally.subject) not in self.owned:
            return None
        return self._trend(tally.subject).count(tally, now)

    def _trend(self, subject: str) -> SubjectTrend:
        trend = self.trends.get(subject)
        if trend is None:
            trend = self.trends[subject] = SubjectTrend(
                subject, f"{self._writer}.{self._ownerships}", self._settings.trends
            )
        return trend

    def fit(self, now: datetime, budget_seconds: float, first_seconds: float) -> None:
        """Learn baselines anew where it is time, the most stale first, within a budget; within the other one those
        that have never been learnt, or not with all their past."""
        due = sorted((t for t in self.trends.values() if t.needs_fit(now)), key=lambda trend: trend.fitted_at)
        likes = self._likes() if due else None
        started = time.perf_counter()
        for trend in due:
            budget = first_seconds if trend.fitted_at == float("-inf") or trend.stale else budget_seconds
            if time.perf_counter() - started > budget:
                break
            trend.fit(now, likes)

    def _likes(self) -> Array | None:
        """The week of all subjects that are judged here, by their headlines; None while those are few."""
        seasons = [trend.judge.season for trend in self.trends.values() if trend.judge is not None]
        events = sum(season.events for season in seasons)
        if events < _FEWEST_EVENTS:
            return None
        week: Array = sum((season.shape * season.events for season in seasons), np.zeros(WEEK_HOURS)) / events
        return week


class CountingAgent:
    """A Faust agent with the table that its ledger pages live in."""

    def __init__(
        self,
        app: Any,
        table: Any,
        keeper: TrendKeeper,
        gauges: Gauges,
        metrics: Metrics,
        clock: Callable[[], datetime],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._app = app
        self.reader = GaplessReader(app, TALLIES)
        self._table = table
        self._keeper = keeper
        self._gauges = gauges
        self._metrics = metrics
        self._ticked = clock()
        self._clock = clock
        self._fail = fail
        self._changelog = table.changelog_topic.get_topic_name()
        self._pending: list[Any] = []
        self._sent: list[Any] = []
        self._flushing = asyncio.Lock()
        self._last_minute = minute_of(clock()) - GRACE_MINUTES

    async def __call__(self, stream: Any) -> None:
        """Consume events until the worker stops."""
        idle = asyncio.create_task(self._flush_when_idle())
        idle.add_done_callback(self._watch)
        try:
            async for event in self.reader.events(stream):
                await self._count(event)
                if len(self._pending) >= EVENTS_A_FLUSH:
                    await self._flush()
        except Exception as error:
            # Faust would start the agent again and never commit past this tally.
            self._fail(error)
            raise
        finally:
            idle.cancel()

    async def _count(self, event: Any) -> None:
        partition = event.message.partition
        try:
            tally = msgspec.json.decode(event.message.value or b"", type=Tally)
        except msgspec.MsgspecError as error:
            log.error("%s[%d]@%d is no tally, passed over: %s", TALLIES, partition, event.message.offset, error)
            self._pending.append(event)
            return
        counted = self._keeper.count(tally, self._clock())
        if counted is None:
            return
        for page in counted.pages:
            self._sent.append(await self._write(page, partition))
        if tally.subject == ALL:
            self._metrics.headlines_late.inc(counted.late)
        self._pending.append(event)

    async def _write(self, record: Record, partition: int) -> Any:
        """Write a record of the table; what is given back is to be waited for."""
        key, value = record.key.encode(), encode(record)
        self._table.data[key] = value
        # The producer itself: Faust's own table write queues the record, and nobody can wait for that one.
        return await self._app.producer.send(self._changelog, key, value, partition, None, None)

    def _watch(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _flush_when_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_FLUSH_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        """Have the pages confirmed, then acknowledge what they count."""
        # One at a time: what a later flush acknowledges may stand on a page that an earlier one still waits for.
        async with self._flushing:
            events, self._pending = self._pending, []
            sent, self._sent = self._sent, []
            await asyncio.gather(*sent)
            for event in events:
                event.ack()

    def recovered(self) -> None:
        """The table is complete for the partitions that are assigned now."""
        partitions = {tp.partition for tp in self._app.consumer.assignment() if tp.topic == TALLIES}
        self._keeper.own(partitions, list(self._table.data.values()), self._clock())
        log.info("owns partitions %s, %d subjects", sorted(partitions), len(self._keeper.trends))

    def revoked(self) -> None:
        """Partitions are about to move: until they are assigned anew, this worker speaks for no subject."""
        self._keeper.disown()
        self._gauges.clear()

    async def tick_for_ever(self) -> None:
        """Every second: learn, export, close the minutes that are over, and drop what is kept no longer."""
        while not self._app.should_stop:
            now = self._clock()
            self._keeper.fit(now, FIT_BUDGET_SECONDS, FIRST_FIT_BUDGET_SECONDS)
            self._gauges.export(self._keeper.told(), now, self._keeper.paged_from)
            await self._close_minutes(now)
            await self._drop_days(now)
            await asyncio.sleep(TICK_SECONDS)

    async def _drop_days(self, now: datetime) -> None:
        """Write the totals of the days that are closed, have them confirmed, and delete their pages: in this order, so
        that a kill in between leaves pages that are dropped at the next try."""
        # A process that was paused may have been superseded without knowing it, and its totals may be old.
        awake = now - self._ticked < LONGEST_TICK
        self._ticked = now
        if not awake or self._app.rebalancing:
            return
        for trend in list(self._keeper.trends.values()):
            dropped = trend.drop(now)
            if dropped is None:
                continue
            closed, keys = dropped
            partition = self._keeper.partition_of(trend.subject)
            await (await self._write(closed, partition))
            for key in keys:
                self._table.data.pop(key.encode(), None)
                await self._app.producer.send(self._changelog, key.encode(), None, partition, None, None)

    async def _close_minutes(self, now: datetime) -> None:
        current = minute_of(now) - GRACE_MINUTES
        # After a pause (a laptop's sleep, a stopped process) only the last minutes are worth telling.
        first = max(self._last_minute, current - OLDEST_TOLD_MINUTES)
        for minute in range(first, current):
            for trend in self._keeper.told():
                point = trend.point(minute)
                if point is not None:
                    await self._app.producer.send(TRENDS, trend.subject.encode(), encode(point), None, None, None)
        self._last_minute = current
