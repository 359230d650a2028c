"""The archive's database as it is opened: SQLite or PostgreSQL, each made to wait patiently and to lose nothing."""

import sqlite3
from typing import Any

import sqlalchemy as sa

LOCK_SECONDS = 10
# A worker that is frozen in the middle of a transaction keeps the others from counting for no longer.
IDLE_SECONDS = 30

# What says that a database which was well is locked, broken off, full or away: the same work may be done later.
AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.InternalError)

# How libpq finds out that a server is gone which says nothing any more; names of its connection parameters.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# How a server that refuses only for now words it; other refusals (a password, a name) do not pass.
_FOR_NOW = ("starting up", "shutting down", "in recovery mode", "too many clients", "connection slots")
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def open_engine(url: str) -> sa.Engine:
    """An SQLAlchemy URL's engine. Raises SQLAlchemyError, ImportError or ValueError for one that cannot be meant."""
    address = sa.engine.make_url(url)
    if address.get_backend_name() != "postgresql":
        engine = sa.create_engine(address)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _tune_sqlite)
        return engine
    patience = {name: value for name, value in _PATIENCE.items() if name not in address.query}
    engine = sa.create_engine(address, pool_pre_ping=True, connect_args=patience)
    sa.event.listen(engine, "connect", _tune_postgresql)
    return engine


def _tune_postgresql(connection: Any, _record: Any) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ValueError(f"the database keeps its text in {encoding}: make one with ENCODING 'UTF8'")
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    connection.commit()  # or the pool's first rollback would take it back


def may_pass(error: Exception) -> bool:
    """Whether a database that could not be opened may be later: nobody listens, or it starts, is full or locked."""
    if not isinstance(error, AWAY):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode & 0xFF in _SQLITE_BUSY
    said = str(error.orig)
    return "FATAL:" not in said or any(words in said for words in _FOR_NOW)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # WAL with NORMAL may lose the last transactions when the *machine* dies, not when a process does; the headlines
    # would come again only if their offsets were not committed yet. So each commit is synced.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
