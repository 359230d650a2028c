"""Refused headlines sent again: each once, by a book in the archive's database of what has been."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

import sqlalchemy as sa

from stream.archive import archive_errors, create_tables, from_microseconds, microseconds
from stream.rejected import Refused

_tables = sa.MetaData()

_retries = sa.Table(
    "retries",
    _tables,
    sa.Column("digest", sa.String(32), primary_key=True),
    # Microseconds since 1970 in UTC, as in the archive.
    sa.Column("retried_at", sa.BigInteger, primary_key=True),
)

# Headlines that are sent before the broker is waited for and the book written: so many are sent twice if we are killed
# between the two, which the archive sees through.
AT_ONCE = 200


def digest(payload: bytes) -> str:
    """What a refused headline is known by in the book. Not its place on the topic: one that is sent again and refused
    again has another place, and a topic that was made anew has the same ones."""
    return hashlib.blake2b(payload, digest_size=16).hexdigest()


class RetryBook:
    """What was sent again, and when. Raises ArchiveError when it cannot be read or written."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with archive_errors("the book of retries cannot be made"):
            create_tables(engine, _tables)

    def find(self, digests: Collection[str]) -> dict[str, datetime]:
        """When those of the digests that were sent again last were."""
        latest = sa.func.max(_retries.c.retried_at)
        query = sa.select(_retries.c.digest, latest).where(_retries.c.digest.in_(digests)).group_by(_retries.c.digest)
        with archive_errors("the book of retries cannot be read"), self._engine.connect() as connection:
            return {each: from_microseconds(at) for each, at in connection.execute(query)}

    def mark(self, digests: Collection[str], now: datetime) -> None:
        """Write down that these were sent again."""
        rows = [{"digest": each, "retried_at": microseconds(now)} for each in dict.fromkeys(digests)]
        if rows:
            with archive_errors("the book of retries cannot be written"), self._engine.begin() as connection:
                connection.execute(_retries.insert(), rows)


@dataclass
class Retried:
    """What became of the refused headlines that were meant. `before`: left out, since they were sent again before."""

    sent: int = 0
    before: int = 0
    cut: int = 0
    empty: int = 0


class Sender(Protocol):
    """Sends records to news.headlines, as stream.publisher does."""

    def send_record(self, key: bytes | None, value: bytes) -> None:
        """Send one."""

    def flush(self) -> None:
        """Return when all have arrived."""


def send_again(
    refused: Iterable[Refused],
    book: RetryBook,
    sender: Sender | None,
    clock: Callable[[], datetime],
    again: bool = False,
) -> Retried:
    """Send refused headlines, and write them down once they have arrived; without a sender only count.

    Left out are those that are cut or empty, which no longer are what was sent; and of like ones all but one, and those
    that were sent again before, unless `again`.
    """
    result = Retried()
    seen: set[str] = set()
    for portion in _portions(refused):
        digests = [digest(each.payload) for each in portion]
        known = {} if again else book.find(set(digests))
        sent = []
        for each, key in zip(portion, digests, strict=True):
            if each.cut:
                result.cut += 1
            elif not each.payload:
                result.empty += 1
            elif key in known or key in seen:
                result.before += 1
            else:
                name = each.id
                if sender is not None:
                    sender.send_record(name.encode() if name else None, each.payload)
                sent.append(key)
                seen.add(key)
        if sender is not None:
            sender.flush()
            book.mark(sent, clock())
        result.sent += len(sent)
    return result


def _portions(refused: Iterable[Refused]) -> Iterator[list[Refused]]:
    rest = iter(refused)
    while portion := list(islice(rest, AT_ONCE)):
        yield portion
