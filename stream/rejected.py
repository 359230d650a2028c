"""Refused headlines, as they stand on news.rejected: read from the newest back, or from the oldest on."""

import heapq
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from types import TracebackType
from typing import Self

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from model.errors import BrokerError
from stream.payload import named, readable
from stream.records import Origin, RejectedHeadline
from stream.topics import REJECTED, unreachable

# Records that are held at once of each partition; of the largest that is 20 MB.
WINDOW = 200
ANSWER_SECONDS = 30.0
POLL_MILLISECONDS = 500

_decoder = msgspec.json.Decoder(RejectedHeadline)


@dataclass(frozen=True)
class Refused:
    """A refused headline. `payload`: what is kept of its bytes, which is all of them unless `cut`."""

    record: RejectedHeadline
    payload: bytes

    @property
    def cut(self) -> bool:
        """Whether only the beginning is kept."""
        return len(self.payload) < self.record.payload_bytes

    def begins(self, characters: int) -> str:
        """What a person reads of it: the beginning of its title, or of all of it where it has none."""
        return readable(self.payload)[:characters]

    @property
    def id(self) -> str | None:
        """The headline's id, where one can be read."""
        return named(self.payload)


@dataclass(frozen=True)
class Selection:
    """Which refused headlines are meant: those to which each set that is not empty applies."""

    reasons: Collection[str] = ()
    origins: Collection[Origin] = ()
    ids: Collection[str] = ()

    def __contains__(self, refused: Refused) -> bool:
        return (
            (not self.reasons or refused.record.reason in self.reasons)
            and (not self.origins or refused.record.origin in self.origins)
            and (not self.ids or refused.id in self.ids)
        )


class RejectedReader:
    """Reads news.rejected as it is when the reader is opened; what comes later is not seen. A context manager.

    `say`: told of a record there that is none. Raises BrokerError if the broker cannot be reached or stops answering.
    """

    def __init__(self, bootstrap: str, say: Callable[[str], None]) -> None:
        self._bootstrap = bootstrap
        self._say = say
        # A client that cannot connect would try for half a minute before it says so.
        if reason := unreachable(bootstrap):
            raise BrokerError(f"Kafka at {bootstrap} cannot be reached ({reason}): start it, or set kafka.bootstrap")
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap.replace(" ", "").split(","),
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
            parts = sorted(self._consumer.partitions_for_topic(REJECTED) or ())
            self._parts = [TopicPartition(REJECTED, number) for number in parts]
            self._ends = self._consumer.end_offsets(self._parts) if self._parts else {}
        except KafkaError as error:
            raise self._failed(error) from error

    def newest(self, since: datetime | None = None) -> Iterator[Refused]:
        """From the newest back to those refused at `since`; all if None. Read as they are asked for."""
        starts = self._starts(since)
        parts = [self._backward(part, starts[part]) for part in self._parts]
        for _, refused in heapq.merge(*parts, key=itemgetter(0), reverse=True):
            if since is None or refused.record.rejected_at >= since:
                yield refused

    def oldest(self, since: datetime | None = None) -> Iterator[Refused]:
        """From the oldest on, one partition after the other."""
        starts = self._starts(since)
        for part in self._parts:
            for begin in range(starts[part], self._ends[part], WINDOW):
                yield from self._window(part, begin, min(begin + WINDOW, self._ends[part]))

    def _backward(self, part: TopicPartition, start: int) -> Iterator[tuple[datetime, Refused]]:
        """A partition's from its end back, each with a time that never rises: its own, or that of an older one which
        was refused later, by a worker whose clock is ahead."""
        for end in range(self._ends[part], start, -WINDOW):
            window = self._window(part, max(start, end - WINDOW), end)
            times = accumulate((refused.record.rejected_at for refused in window), max)
            yield from reversed(list(zip(times, window, strict=True)))

    def _starts(self, since: datetime | None) -> dict[TopicPartition, int]:
        """The first offset of each partition that is looked at."""
        if not self._parts:
            return {}
        try:
            starts: dict[TopicPartition, int] = self._consumer.beginning_offsets(self._parts)
            if since is not None:
                found = self._consumer.offsets_for_times(dict.fromkeys(self._parts, int(since.timestamp() * 1000)))
                for part, at in found.items():
                    starts[part] = self._ends[part] if at is None else at.offset
        except KafkaError as error:
            raise self._failed(error) from error
        return starts

    def _window(self, part: TopicPartition, begin: int, end: int) -> list[Refused]:
        """The records of a partition in [begin, end)."""
        records: list[Refused] = []
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            self._consumer.assign([part])
            self._consumer.seek(part, begin)
            while self._consumer.position(part) < end:
                batch = self._consumer.poll(timeout_ms=POLL_MILLISECONDS).get(part, ())
                if batch:
                    deadline = time.monotonic() + ANSWER_SECONDS
                elif time.monotonic() > deadline:
                    raise BrokerError(f"Kafka at {self._bootstrap} does not answer any more: try again")
                for record in batch:
                    if record.offset < end and (refused := self._read(record.value, part, record.offset)):
                        records.append(refused)
        except KafkaError as error:
            raise self._failed(error) from error
        return records

    def _read(self, value: bytes | None, part: TopicPartition, offset: int) -> Refused | None:
        try:
            record = _decoder.decode(value or b"")
            return Refused(record, b64decode(record.payload, validate=True))
        except (msgspec.DecodeError, UnicodeDecodeError, NotBase64):
            self._say(f"{REJECTED}[{part.partition}]@{offset} is no refused headline: passed over")
            return None

    def _failed(self, error: Exception) -> BrokerError:
        return BrokerError(f"{REJECTED} of Kafka at {self._bootstrap} cannot be read: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close(autocommit=False)
