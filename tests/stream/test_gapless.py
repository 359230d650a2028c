"""Every record once, in its order, whatever the consumer passes over in a rebalance."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any, NamedTuple

from aiokafka.errors import IllegalStateError
from hypothesis import given
from hypothesis import strategies as st

from stream.gapless import SILENT_SECONDS, GaplessReader


class TP(NamedTuple):
    topic: str
    partition: int


HERE = TP("news.headlines", 2)


class Consumer:
    """A partition's log, and a read position that a rebalance may move on without a word."""

    def __init__(self, length: int, committed: int | None) -> None:
        self.length = length
        self.at = committed or 0
        self.sought: list[int] = []
        self._gap: dict[TP, object] = {HERE: object()}
        self._committed_offset: dict[TP, int | None] = defaultdict(lambda: committed)

    def assignment(self) -> set[TP]:
        return {HERE}

    def highwater(self, _tp: TP) -> int:
        return self.length

    async def position(self, _tp: TP) -> int:
        return self.at

    async def earliest_offsets(self, tp: TP) -> dict[TP, int]:
        return {tp: 0}

    async def seek(self, _tp: TP, offset: int) -> None:
        self.sought.append(offset)
        self.at = offset


class Stream:
    """What the agent is given: the records from the read position on, of which `skips` are passed over."""

    def __init__(self, consumer: Consumer, skips: dict[int, int]) -> None:
        self.consumer, self.skips = consumer, dict(skips)

    def noack(self) -> "Stream":
        return self

    async def events(self) -> Any:
        while self.consumer.at < self.consumer.length:
            offset = self.consumer.at
            offset += self.skips.pop(offset, 0)
            self.consumer.at = min(offset + 1, self.consumer.length)
            if offset >= self.consumer.length:
                return
            yield SimpleNamespace(message=SimpleNamespace(tp=HERE, offset=offset))


def reader_of(consumer: Consumer, now: list[float]) -> GaplessReader:
    app = SimpleNamespace(consumer=consumer, rebalancing=False, in_recovery=False)
    return GaplessReader(app, HERE.topic, clock=lambda: now[0])


@given(st.integers(0, 20), st.dictionaries(st.integers(0, 40), st.integers(1, 15), max_size=4))
async def test_an_agent_sees_every_record_in_order_whatever_is_passed_over(committed, skips):
    consumer = Consumer(60, committed)
    reader = reader_of(consumer, [0.0])
    seen = [event.message.offset async for event in reader.events(Stream(consumer, skips))]
    assert seen == list(range(committed, 60))


async def test_what_is_passed_over_is_not_taken_for_a_gap_to_commit():
    consumer = Consumer(20, 5)
    reader = reader_of(consumer, [0.0])
    _ = [event async for event in reader.events(Stream(consumer, {8: 4}))]
    assert consumer.sought == [8]
    assert HERE not in consumer._gap


async def test_the_end_of_a_log_that_was_passed_over_is_read_once_nothing_more_comes():
    consumer, now = Consumer(20, 5), [0.0]
    reader = reader_of(consumer, now)
    seen = [event.message.offset async for event in reader.events(Stream(consumer, {12: 50}))]
    assert seen == list(range(5, 12))
    await reader.check()
    assert consumer.sought == []  # it may still be on its way
    now[0] += SILENT_SECONDS
    await reader.check()
    assert consumer.sought == [12]


async def test_records_that_have_not_been_read_yet_are_waited_for():
    consumer, now = Consumer(20, 5), [0.0]
    reader = reader_of(consumer, now)
    consumer.length = 12
    assert [event.message.offset async for event in reader.events(Stream(consumer, {}))] == list(range(5, 12))
    consumer.length = 20  # the broker has more, and another topic's are read first
    now[0] += SILENT_SECONDS
    await reader.check()
    assert consumer.sought == []


async def test_a_partition_that_moves_while_it_is_looked_at_is_left_alone():
    consumer, now = Consumer(20, 5), [0.0]
    reader = reader_of(consumer, now)
    _ = [event async for event in reader.events(Stream(consumer, {12: 50}))]
    now[0] += SILENT_SECONDS

    async def moved(_tp: TP) -> int:
        raise IllegalStateError("Partition is not assigned")

    consumer.position = moved  # type: ignore[method-assign]
    await reader.check()
    assert consumer.sought == []


async def test_after_a_rebalance_reading_begins_at_the_committed_offset_again():
    consumer = Consumer(20, 5)
    reader = reader_of(consumer, [0.0])
    _ = [event async for event in reader.events(Stream(consumer, {}))]
    consumer._committed_offset[HERE], consumer.at = 15, 17
    reader.reset()
    seen = [event.message.offset async for event in reader.events(Stream(consumer, {}))]
    assert seen == [15, 16, 17, 18, 19]


async def test_records_of_a_partition_that_moves_are_left_to_its_next_owner():
    consumer = Consumer(20, 5)
    reader = reader_of(consumer, [0.0])
    reader._app.rebalancing = True
    assert [event async for event in reader.events(Stream(consumer, {}))] == []
