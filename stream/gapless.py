"""Every record of a partition, one after the other: a guard between Faust's consumer and an agent.

During a rebalance Faust 0.15 drops what its buffers hold and seeks back to the committed offset; records that were on
their way from the broker at that moment can move its read position forward again, and what lies between is then passed
over as read already, and sooner or later committed as a gap of the log. Our source topics are neither compacted nor
written in transactions, so their offsets have no gaps: one that does not follow on the last is such a loss, and is
mended by seeking back. (Seen with two workers and three kill -9: 394 of 32,770 headlines; docs/LOG.md.)
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from aiokafka.errors import IllegalStateError

log = logging.getLogger(__name__)

# Without a record for so long, though the broker has some: what was to come has been passed over.
SILENT_SECONDS = 5.0


class GaplessReader:
    """Lets an agent's events through in order, and fetches again what was passed over.

    `clock`: seconds, monotonic.
    """

    def __init__(self, app: Any, topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._topic = topic
        self._clock = clock
        self._next: dict[Any, int] = {}
        self._assigned: set[Any] = set()  # of those that have been looked up since partitions moved last
        self._sought: dict[Any, tuple[int, float]] = {}
        self._waiting_since: float | None = None

    def reset(self) -> None:
        """Partitions move: what follows is read from the committed offsets on."""
        self._next.clear()
        self._assigned.clear()
        self._sought.clear()

    async def events(self, stream: Any) -> Any:
        """The stream's events, for manual acknowledgement, without those that came too early; these come again.

        What has been there before is let through: it may never have been processed.
        """
        self._waiting_since = self._clock()
        async for event in stream.noack().events():
            self._waiting_since = None
            if await self._follows(event.message.tp, event.message.offset):
                yield event
            self._waiting_since = self._clock()

    async def _follows(self, tp: Any, offset: int) -> bool:
        if self._app.rebalancing or not self._is_assigned(tp):
            return False  # whoever owns the partition next reads it from the committed offset
        expected = self._next.get(tp)
        if expected is None:
            expected = await self._expected(tp)
        if offset > expected:
            await self._seek(tp, expected)
            return False
        self._next[tp] = max(expected, offset + 1)
        return True

    def _is_assigned(self, tp: Any) -> bool:
        # Faust makes the assignment anew each time that it is asked.
        if tp not in self._assigned:
            if tp not in self._app.consumer.assignment():
                return False
            self._assigned.add(tp)
        return True

    async def _expected(self, tp: Any) -> int:
        """The offset that has to come next: after the last, or else the committed one, or else the first."""
        if tp not in self._next:
            committed = self._app.consumer._committed_offset[tp]
            if committed is None:
                committed = (await self._app.consumer.earliest_offsets(tp))[tp]
            self._next.setdefault(tp, committed)
        return self._next[tp]

    async def _seek(self, tp: Any, offset: int) -> None:
        """Read on at an offset, unless that was asked for just now and is still under way."""
        now = self._clock()
        before = self._sought.get(tp)
        if before is not None and before[0] == offset and now - before[1] < SILENT_SECONDS:
            return
        self._sought[tp] = (offset, now)
        log.warning("%s[%s] was read on beyond offset %d: reading it again from there", tp.topic, tp.partition, offset)
        # Faust takes what it passed over for a gap of the log, and would commit it.
        self._app.consumer._gap.pop(tp, None)
        await self._app.consumer.seek(tp, offset)

    async def check(self) -> None:
        """Look for records that were passed over without a later one having come; call it every second or so."""
        waiting = self._waiting_since
        if waiting is None or self._clock() - waiting < SILENT_SECONDS:
            return  # the agent is at work, or has not waited for long
        if self._app.rebalancing or self._app.in_recovery:
            return
        for tp in [tp for tp in self._app.consumer.assignment() if tp.topic == self._topic]:
            end = self._app.consumer.highwater(tp)
            expected = await self._expected(tp)
            if end is not None and end > expected and await self._read_beyond(tp, expected):
                await self._seek(tp, expected)

    async def _read_beyond(self, tp: Any, expected: int) -> bool:
        """Whether the consumer has gone past an offset: what it has not read yet waits for its turn behind another
        topic's records, and comes."""
        try:
            position: int = await self._app.consumer.position(tp)
        except IllegalStateError:
            return False  # the partition has just moved
        return position > expected
