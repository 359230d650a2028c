"""The book of feeds, in a SQLite file of its own: where each stands, and what of it was seen.

Written after the broker has acknowledged a document's headlines, in one transaction: a process that is killed at any
moment sends again, under the same ids, what one document brought, and loses nothing. It holds no text, only digests.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from model.errors import FeedStateError
from stream.archive import create_tables, from_microseconds, microseconds, reason_of

# What has left a feed's document is remembered so long: documents come back older than they were, from a cache.
REMEMBERED = timedelta(days=30)
# And no more than this of one feed, whatever it does; a document has three keys an item at most.
MOST_KEYS = 50_000
_LOOKUP = 500

_tables = sa.MetaData()

# Times are microseconds since 1970 in UTC, as in the archive; 0 for never.
_feeds = sa.Table(
    "feeds",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("url", sa.Text, nullable=False, unique=True),
    sa.Column("moved_to", sa.Text, nullable=False),
    sa.Column("validators_url", sa.Text, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("modified", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("succeeded_at", sa.BigInteger, nullable=False),
    sa.Column("headline_at", sa.BigInteger, nullable=False),
)

_seen = sa.Table(
    "seen",
    _tables,
    sa.Column("feed", sa.Integer, primary_key=True),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Index("seen_by_time", "feed", "seen_at"),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True)
class FeedState:
    """Where a feed stands. `moved_to`: by a permanent redirect, empty if by none. `validators_url`, `etag`,
    `modified`: of the document in hand, `digest` of its bytes. `failures`: in a row. `succeeded_at`: the last fetch
    that did not fail; `headline_at`: the newest date of an item that was to be believed; both None before the first."""

    url: str
    added_at: datetime
    due_at: datetime
    moved_to: str = ""
    validators_url: str = ""
    etag: str = ""
    modified: str = ""
    digest: bytes = b""
    failures: int = 0
    succeeded_at: datetime | None = None
    headline_at: datetime | None = None


_TIMES = ("added_at", "due_at", "succeeded_at", "headline_at")


class FeedBook:
    """The book, for one process at a time. Raises FeedStateError if it cannot be opened, read or written, or if
    another process has it. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FeedStateError(f"feeds.state {path} cannot be made: {error.strerror}") from error
        # One connection, kept: it holds the lock by which a second process is told.
        self._engine = sa.create_engine(
            f"sqlite:///{path}", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
        )
        sa.event.listen(self._engine, "connect", _tune)
        with self._errors("opened"):
            create_tables(self._engine, _tables)
            with self._engine.begin() as connection:
                connection.execute(sa.text("PRAGMA user_version = 1"))

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            reason = reason_of(error)
            taken = ": another ingest has it; give each a feeds.state of its own" if "locked" in reason else ""
            raise FeedStateError(
                f"feeds.state {self._path} cannot be {doing} ({reason}){taken or ': see the disk'}"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._errors("read or written"), self._engine.begin() as connection:
            yield connection

    def follow(self, urls: Sequence[str], now: datetime) -> dict[str, FeedState]:
        """Where each of these feeds stands. One that is not known is due now; if another feed, which is not among
        them, has moved there for good, it is that one. What is followed no more is forgotten after a while."""
        with self._transaction() as connection:
            known = {row["url"]: row for row in connection.execute(sa.select(_feeds)).mappings()}
            moved = {row["moved_to"]: url for url, row in known.items() if row["moved_to"] and url not in urls}
            for url in dict.fromkeys(urls):
                if url not in known and url in moved:
                    where = _feeds.c.url == moved.pop(url)
                    connection.execute(_feeds.update().where(where).values(url=url, moved_to=""))
                elif url not in known:
                    state = FeedState(url=url, added_at=now, due_at=now)
                    connection.execute(_feeds.insert().values(_to_row(state)))
            self._forget_feeds(connection, urls, now - REMEMBERED)
            rows = connection.execute(sa.select(_feeds)).mappings()
            return {row["url"]: _from_row(row) for row in rows if row["url"] in set(urls)}

    def _forget_feeds(self, connection: sa.Connection, urls: Collection[str], before: datetime) -> None:
        rows = connection.execute(sa.select(_feeds.c.number, _feeds.c.url, _feeds.c.due_at)).all()
        old = [number for number, url, due in rows if url not in urls and due < microseconds(before)]
        for number in old:
            connection.execute(_seen.delete().where(_seen.c.feed == number))
            connection.execute(_feeds.delete().where(_feeds.c.number == number))

    def known(self, url: str, keys: Collection[bytes]) -> set[bytes]:
        """Those of the keys that were seen in the feed before."""
        wanted = list(dict.fromkeys(keys))
        found: set[bytes] = set()
        with self._transaction() as connection:
            number = self._number(connection, url)
            for start in range(0, len(wanted), _LOOKUP):
                part = wanted[start : start + _LOOKUP]
                query = sa.select(_seen.c.key).where(_seen.c.feed == number, _seen.c.key.in_(part))
                found.update(connection.execute(query).scalars())
        return found

    def write(self, state: FeedState, keys: Collection[bytes] = (), now: datetime | None = None) -> None:
        """Where a feed stands now, and all keys of the document that was taken: all of it, or nothing.

        Keys that are in the document stay; of the others the oldest go (REMEMBERED, MOST_KEYS).
        """
        with self._transaction() as connection:
            connection.execute(_feeds.update().where(_feeds.c.url == state.url).values(_to_row(state)))
            if keys and now is not None:
                number = self._number(connection, state.url)
                self._mark(connection, number, keys, now)
                self._forget_keys(connection, number, now)

    def _mark(self, connection: sa.Connection, number: int, keys: Collection[bytes], now: datetime) -> None:
        rows = [{"feed": number, "key": key, "seen_at": microseconds(now)} for key in dict.fromkeys(keys)]
        statement = insert(_seen)
        seen_again = {"seen_at": statement.excluded.seen_at}
        connection.execute(statement.on_conflict_do_update(index_elements=["feed", "key"], set_=seen_again), rows)

    def _forget_keys(self, connection: sa.Connection, number: int, now: datetime) -> None:
        of_feed = _seen.c.feed == number
        connection.execute(_seen.delete().where(of_feed, _seen.c.seen_at < microseconds(now - REMEMBERED)))
        newest = sa.select(_seen.c.seen_at).where(of_feed).order_by(_seen.c.seen_at.desc())
        # What is as new as the last that may stay stays too: it may be of the same document.
        limit = connection.execute(newest.offset(MOST_KEYS - 1).limit(1)).scalar()
        if limit is not None:
            connection.execute(_seen.delete().where(of_feed, _seen.c.seen_at < limit))

    def _number(self, connection: sa.Connection, url: str) -> int:
        return int(connection.execute(sa.select(_feeds.c.number).where(_feeds.c.url == url)).scalar_one())


def _tune(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=2000")
    cursor.execute("PRAGMA locking_mode=EXCLUSIVE")
    cursor.execute("PRAGMA journal_mode=WAL")
    # A machine that dies may lose the last transactions; their headlines are sent again, under the same ids.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _to_row(state: FeedState) -> dict[str, Any]:
    row = {field.name: getattr(state, field.name) for field in fields(state)}
    for name in _TIMES:
        row[name] = microseconds(row[name]) if row[name] else 0
    return row


def _from_row(row: Any) -> FeedState:
    values = {field.name: row[field.name] for field in fields(FeedState)}
    for name in _TIMES:
        values[name] = from_microseconds(values[name]) if values[name] else None
    return FeedState(**values)


def moved_back(state: FeedState) -> FeedState:
    """The state of a feed whose new address does not serve it: back to the one that was subscribed to."""
    return replace(state, moved_to="", validators_url="", etag="", modified="")
