"""The scoring agent: news.headlines in; the archive, news.scored, news.tallies and news.rejected out.

At-least-once. A micro-batch is acknowledged when all that came of it is archived and confirmed by the broker. What
comes again is answered from the archive, so its tallies are the same as the first time.
"""

import asyncio
import logging
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from model.masking import Masker
from model.scorer import Scorer
from stream.archive import Archive, reason_of
from stream.assessment import assess
from stream.database import AWAY
from stream.drift import DriftWatch
from stream.gapless import GaplessReader
from stream.metrics import Metrics
from stream.outage import Outage
from stream.payload import masked_payload
from stream.records import (
    Headline,
    Origin,
    RejectedHeadline,
    Rejection,
    ScoredHeadline,
    decode_headline,
    encode,
)
from stream.settings import Settings
from stream.subjects import tallies
from stream.topics import HEADLINES, REJECTED, SCORED, TALLIES
from stream.watchlist import Watchlist

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Between two tries of an archive that is away; the first comes soon, since most locks are short.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
# Between two log lines while it is.
REMIND_SECONDS = 60.0


@dataclass
class Batch:
    """What became of a micro-batch of events."""

    fresh: list[ScoredHeadline] = field(default_factory=list)
    known: dict[str, ScoredHeadline] = field(default_factory=dict)
    rejected: list[RejectedHeadline] = field(default_factory=list)


class ScoringAgent:
    """A Faust agent. While one batch is archived and sent, the next is scored: the model never waits for a disk.

    `fail` is called with an exception that the worker must not survive. `clock` gives the time in UTC.
    """

    def __init__(
        self,
        app: Any,
        settings: Settings,
        scorer: Scorer,
        archive: Archive,
        watchlist: Watchlist,
        metrics: Metrics,
        clock: Callable[[], datetime],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._app = app
        self.reader = GaplessReader(app, HEADLINES)
        self._settings = settings
        self._scorer = scorer
        self._drift = DriftWatch(scorer.bundle.reference())
        self._masker = Masker(settings.masking.handles)
        self._archive = archive
        self._outage = Outage("the archive", log.warning, REMIND_SECONDS)
        self._watchlist = watchlist
        self._metrics = metrics
        self._clock = clock
        self._fail = fail
        # When each event that is not acknowledged yet came into Kafka (seconds since 1970), in their order.
        self._unscored: deque[float] = deque()
        # Asked for when it is scraped: it grows even while the loop is blocked.
        metrics.oldest_unscored.set_function(self._oldest_unscored)
        self._stopping = threading.Event()
        self._finishing: asyncio.Task[None] | None = None
        self._scoring = ThreadPoolExecutor(1, thread_name_prefix="newsquall-scoring")
        self._archiving = ThreadPoolExecutor(1, thread_name_prefix="newsquall-archiving")

    async def __call__(self, stream: Any) -> None:
        """Consume events until the worker stops."""
        queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=2 * self._settings.worker.batch)
        self._unscored.clear()
        work = asyncio.create_task(self._work(queue))
        work.add_done_callback(self._watch)
        try:
            async for event in self.reader.events(stream):
                self._unscored.append(self._came(event))
                await queue.put(event)
        finally:
            self._stopping.set()
            for task in (work, self._finishing):
                if task is not None:
                    task.cancel()

    def watch(self, watchlist: Watchlist) -> None:
        """Look for other entities from the next batch on."""
        self._watchlist = watchlist

    def swap(self, scorer: Scorer) -> Scorer:
        """Score with another model from the next batch on; gives back the one that has scored its last.

        Waits for the batch that is being scored: one thread does both, so that no batch has two models. What is in the
        archive keeps the score that it has. Call it from any thread but the loop's.
        """
        return self._scoring.submit(self._take, scorer).result()

    def _take(self, scorer: Scorer) -> Scorer:
        drift = DriftWatch(scorer.bundle.reference())  # may raise: then nothing has been taken
        before, self._scorer, self._drift = self._scorer, scorer, drift
        self._tell_drift()
        return before

    def _tell_drift(self) -> None:
        drift = self._drift.drift()
        self._metrics.drift_headlines.set(drift.headlines)
        for head, index in drift.prediction.items():
            self._metrics.prediction_drift.labels(head).set(index)
        for feature, index in drift.input.items():
            self._metrics.input_drift.labels(feature).set(index)

    def _came(self, event: Any) -> float:
        """When an event came into Kafka, as the broker or its producer says; now if neither does."""
        told: float | None = event.message.timestamp
        return told if told is not None and told > 0 else self._clock().timestamp()

    def _oldest_unscored(self) -> float:
        try:
            came = self._unscored[0]
        except IndexError:
            return 0.0
        return max(0.0, self._clock().timestamp() - came)

    def _tell_masked(self, kind: str) -> None:
        self._metrics.personal_data_masked.labels(kind).inc()

    def _watch(self, task: "asyncio.Task[None]") -> None:
        if self._stopping.is_set() or task.cancelled():
            return  # what was under way comes again: it was not acknowledged
        if (error := task.exception()) is not None:
            self._fail(error)

    async def _work(self, queue: "asyncio.Queue[Any]") -> None:
        loop = asyncio.get_running_loop()
        while True:
            events = await self._gather(queue)
            batch = await loop.run_in_executor(self._scoring, self._assess, events)
            if self._finishing is not None:
                await self._finishing
            self._finishing = asyncio.create_task(self._finish(events, batch))
            self._finishing.add_done_callback(self._watch)

    async def _gather(self, queue: "asyncio.Queue[Any]") -> list[Any]:
        """The next events: all that are there, and what comes within the linger time, up to a batch."""
        events = [await queue.get()]
        deadline = time.monotonic() + self._settings.worker.linger.total_seconds()
        while len(events) < self._settings.worker.batch:
            if queue.empty():
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                try:
                    events.append(await asyncio.wait_for(queue.get(), left))
                except TimeoutError:
                    break
            else:
                events.append(queue.get_nowait())
        return events

    def _assess(self, events: Sequence[Any]) -> Batch:
        """Decode and score, in the scoring thread. Headlines that the archive has are not scored again."""
        batch = Batch()
        came: dict[str, deque[tuple[Headline, Any]]] = {}
        for event in events:
            try:
                headline = decode_headline(event.message.value, self._clock(), self._settings.trends.future_tolerance)
            except Rejection as rejection:
                batch.rejected.append(self._rejected(event, rejection))
            else:
                came.setdefault(headline.id, deque()).append((headline, event))
        batch.known = self._patiently(lambda: self._archive.find(came))
        waiting = [each for id_, each in came.items() if id_ not in batch.known]
        while waiting:
            self._score([each.popleft() for each in waiting], batch)
            # Of like ones the first counts; where that one is refused, the next is no copy of anything.
            taken = {each.id for each in batch.fresh}
            waiting = [each for each in waiting if each and each[0][0].id not in taken]
        return batch

    def _score(self, headlines: Sequence[tuple[Headline, Any]], batch: Batch) -> None:
        """Add headlines of distinct ids, each with its event, to what the batch has scored or refused."""
        started = time.perf_counter()
        results = assess(
            [headline for headline, _ in headlines],
            self._scorer,
            self._clock(),
            self._watchlist.named_in,
            self._drift.add,
            self._masker,
            self._tell_masked,
        )
        self._metrics.scoring_seconds.observe(time.perf_counter() - started)
        self._tell_drift()
        self._metrics.batch_size.observe(len(headlines))
        for (_, event), result in zip(headlines, results, strict=True):
            if isinstance(result, Rejection):
                batch.rejected.append(self._rejected(event, result))
            else:
                batch.fresh.append(msgspec.structs.replace(result, origin=_origin(event)))

    async def _finish(self, events: Sequence[Any], batch: Batch) -> None:
        """Archive, send, have it confirmed, acknowledge: in this order."""
        loop = asyncio.get_running_loop()
        kept = batch.known | await loop.run_in_executor(
            self._archiving, lambda: self._patiently(lambda: self._archive.keep(batch.fresh))
        )
        headlines = list(kept.values())
        sent = [await self._send(SCORED, headline.id, encode(headline)) for headline in headlines]
        sent += [await self._send(TALLIES, tally.subject, encode(tally)) for tally in tallies(headlines)]
        sent += [
            await self._send(REJECTED, f"{rejected.origin.partition}-{rejected.origin.offset}", encode(rejected))
            for rejected in batch.rejected
        ]
        await self._app.producer.flush()
        await asyncio.gather(*sent)
        for event in events:
            event.ack()
            self._unscored.popleft()
        for rejected in batch.rejected:
            self._metrics.headlines_rejected.labels(rejected.reason).inc()
            log.info("rejected %s: %s", rejected.reason, rejected.detail)
        for headline in batch.fresh:
            delay = (headline.scored_at - headline.published_at).total_seconds()
            self._metrics.publication_to_score.observe(max(0.0, delay))

    async def _send(self, topic: str, key: str, value: bytes) -> Any:
        # The producer itself, not Faust's topic: its bookkeeping for each message costs more than the sending.
        return await self._app.producer.send(topic, key.encode(), value, None, None, None)

    def _patiently(self, work: Callable[[], Result]) -> Result:
        """Do archive work, however long the archive is locked or away: nothing is acknowledged meanwhile."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                result = work()
            except AWAY as error:
                self._metrics.archive_up.set(0)
                self._outage.now(reason_of(error), time.monotonic())
                if self._stopping.wait(pause):
                    raise
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
            else:
                self._metrics.archive_up.set(1)
                self._outage.over()
                return result

    def _rejected(self, event: Any, rejection: Rejection) -> RejectedHeadline:
        payload, length = masked_payload(event.message.value or b"", self._masker)
        return RejectedHeadline(
            reason=rejection.reason,
            # It may quote the record, as may the log line that tells it.
            detail=self._masker.mask(rejection.detail).text[:500],
            rejected_at=self._clock(),
            origin=_origin(event),
            payload=b64encode(payload).decode(),
            payload_bytes=length,
        )


def _origin(event: Any) -> Origin:
    return Origin(event.message.partition, event.message.offset)
