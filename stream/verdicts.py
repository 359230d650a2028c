"""What people say of pages, in the archive's database: whether each was right. Kept for ever, the newest one counts."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from msgspec import Struct

from stream.archive import archive_errors, create_tables, from_microseconds, microseconds

# What may be said of a page, in the order in which it is offered.
VERDICTS = ("real", "false_alarm", "duplicate")
LONGEST_NAME = 100
# A statement has a limit of parameters, in SQLite 32,766.
_LOOKUP = 500

_tables = sa.MetaData()

_verdicts = sa.Table(
    "verdicts",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("page_id", sa.String(32), nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("who", sa.String(LONGEST_NAME), nullable=False),
    sa.Column("given_at", sa.BigInteger, nullable=False),  # microseconds since 1970 in UTC, as in the archive
    sa.Index("verdicts_by_page", "page_id", "number"),
)


class Verdict(Struct, frozen=True):
    """One verdict. `who`: as far as it is known; empty otherwise."""

    verdict: str
    who: str
    given_at: datetime


class VerdictBook:
    """Verdicts on pages. Raises ArchiveError when the database fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with archive_errors("the verdicts cannot be opened"):
            create_tables(engine, _tables)

    def give(self, page_id: str, verdict: Verdict) -> Verdict | None:
        """Write a verdict. The one that stands already if it is the same: then nothing is written."""
        stands = self.newest([page_id]).get(page_id)
        if stands is not None and stands.verdict == verdict.verdict:
            return stands
        row = {
            "page_id": page_id,
            "verdict": verdict.verdict,
            "who": verdict.who[:LONGEST_NAME],
            "given_at": microseconds(verdict.given_at),
        }
        with archive_errors("the verdict cannot be written"), self._engine.begin() as connection:
            connection.execute(_verdicts.insert().values(row))
        return None

    def newest(self, page_ids: Collection[str]) -> dict[str, Verdict]:
        """The verdict that stands, of those pages that have one."""
        wanted, found = list(page_ids), {}
        with archive_errors("the verdicts cannot be read"), self._engine.connect() as connection:
            for start in range(0, len(wanted), _LOOKUP):
                newest = (
                    sa.select(sa.func.max(_verdicts.c.number))
                    .where(_verdicts.c.page_id.in_(wanted[start : start + _LOOKUP]))
                    .group_by(_verdicts.c.page_id)
                )
                for row in connection.execute(sa.select(_verdicts).where(_verdicts.c.number.in_(newest))):
                    found[row.page_id] = Verdict(row.verdict, row.who, from_microseconds(row.given_at))
        return found

    def all(self, page_id: str) -> list[Verdict]:
        """Every verdict on a page, the newest first."""
        query = sa.select(_verdicts).where(_verdicts.c.page_id == page_id).order_by(_verdicts.c.number.desc())
        with archive_errors("the verdicts cannot be read"), self._engine.connect() as connection:
            return [Verdict(row.verdict, row.who, from_microseconds(row.given_at)) for row in connection.execute(query)]
