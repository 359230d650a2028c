"""The audit log, in the archive's database: who logged in, labelled, judged, trained, promoted, sent again. Rows are
only ever added."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from stream.archive import archive_errors, create_tables, from_microseconds, microseconds

LONGEST = 500  # characters of what was done to what

_tables = sa.MetaData()

_audit = sa.Table(
    "desk_audit",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),  # microseconds since 1970 in UTC, as in the archive
    sa.Column("who", sa.String(128), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("desk_audit_by_person", "who", "number"),
)


class Deed(NamedTuple):
    """What somebody did. `action`: a word such as labelled; `detail`: to what, and how."""

    at: datetime
    who: str
    address: str
    action: str
    detail: str = ""
    number: int = 0


class AuditBook:
    """The log. Raises ArchiveError when the database fails: what cannot be written down is not done."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with archive_errors("the audit log cannot be opened"):
            create_tables(engine, _tables)

    def write(self, deed: Deed) -> None:
        """Add a row."""
        row = {
            "at": microseconds(deed.at),
            "who": deed.who[:128],
            "address": deed.address[:64],
            "action": deed.action,
            "detail": deed.detail[:LONGEST],
        }
        with archive_errors("the audit log cannot be written"), self._engine.begin() as connection:
            connection.execute(_audit.insert().values(row))

    def newest(self, limit: int, before: int | None = None, who: str = "") -> Sequence[Deed]:
        """The newest rows, those before a number if it is given."""
        query = sa.select(_audit).order_by(_audit.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(_audit.c.number < before)
        if who:
            query = query.where(_audit.c.who == who)
        with archive_errors("the audit log cannot be read"), self._engine.connect() as connection:
            return [
                Deed(from_microseconds(row.at), row.who, row.address, row.action, row.detail, row.number)
                for row in connection.execute(query)
            ]
