"""The archive's headlines counted by hour, topic and sentiment, in a small table beside them: so a month is read at
once, however many millions it holds.

Counted is what the database says that it added, in the transaction that adds it: a headline that comes again, from
whichever worker, adds nothing to either, and neither is ever without the other.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

HOUR = 3_600_000_000  # microseconds

_tables = sa.MetaData()
hourly_counts = sa.Table(
    "hourly_counts",
    _tables,
    # The hour's beginning: microseconds since 1970 in UTC, as in the archive.
    sa.Column("hour", sa.BigInteger, primary_key=True),
    sa.Column("topic", sa.String(64), primary_key=True),
    sa.Column("sentiment", sa.String(16), primary_key=True),
    sa.Column("headlines", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

Kind = tuple[int, str, str]
"""When a headline was published (microseconds since 1970), its topic and its sentiment."""


def make_hourly_counts(engine: sa.Engine, headlines: sa.Table) -> None:
    """Make the table where it is not there, and count all headlines into it: of millions this takes seconds, in which
    nobody archives. Where it is there, it is complete."""
    if sa.inspect(engine).has_table(hourly_counts.name):
        return
    hour = (headlines.c.published_at - headlines.c.published_at % sa.literal_column(str(HOUR))).label("hour")
    counted = sa.select(hour, headlines.c.topic, headlines.c.sentiment, sa.func.count()).group_by(
        sa.text("hour"), headlines.c.topic, headlines.c.sentiment
    )
    with engine.begin() as connection:
        # Who archives, or makes the table too, waits until all is there or nothing.
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"LOCK TABLE {headlines.name} IN SHARE ROW EXCLUSIVE MODE")
        if not sa.inspect(connection).has_table(hourly_counts.name):
            hourly_counts.create(connection)
            connection.execute(hourly_counts.insert().from_select(list(hourly_counts.columns), counted))


def count_by_hour(connection: sa.Connection, insert: Callable[[sa.Table], Any], added: Iterable[Kind]) -> None:
    """Count headlines that this transaction has added. `insert`: of the database's dialect."""
    counts = Counter((at - at % HOUR, topic, sentiment) for at, topic, sentiment in added)
    if not counts:
        return
    statement = insert(hourly_counts)
    statement = statement.on_conflict_do_update(
        index_elements=list(hourly_counts.primary_key),
        set_={"headlines": hourly_counts.c.headlines + statement.excluded.headlines},
    )
    # In one order, whatever the batch's: two workers that hold what the other waits for would be a deadlock.
    rows = [
        {"hour": hour, "topic": topic, "sentiment": sentiment, "headlines": number}
        for (hour, topic, sentiment), number in sorted(counts.items())
    ]
    connection.execute(statement, rows)


def whole_hours(since: datetime, until: datetime, step: timedelta) -> bool:
    """Whether a span and its steps are of whole hours, so that these counts can tell of them.

    >>> from datetime import UTC
    >>> two, three = datetime(2026, 7, 3, 2, tzinfo=UTC), datetime(2026, 7, 3, 3, tzinfo=UTC)
    >>> whole_hours(two, three, timedelta(hours=1)), whole_hours(two, three, timedelta(minutes=15))
    (True, False)
    """
    hour = timedelta(hours=1)
    return not (step % hour or any(moment.minute or moment.second or moment.microsecond for moment in (since, until)))
