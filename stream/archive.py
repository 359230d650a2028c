"""The archive of scored headlines: the first score of a headline is the one that counts, for ever.

A headline that comes again (a redelivery after a crash, a feed polled twice) is answered from here, so all that is
counted downstream is the same however often it is scored, by whichever model.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from model.errors import ArchiveAwayError, ArchiveError
from stream.database import may_pass, open_engine
from stream.hourlycounts import count_by_hour, make_hourly_counts
from stream.inflow import Inflow, Portion, inflow
from stream.records import Origin, ScoredHeadline, Sentiment, chosen, polarity_of

_tables = sa.MetaData()
_entities = msgspec.json.Decoder(dict[str, Sentiment | dict[str, float]])

headlines = sa.Table(
    "headlines",
    _tables,
    sa.Column("id", sa.String(256), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("source", sa.String(256), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    # Times are microseconds since 1970 in UTC: compared and indexed alike by every database.
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("scored_at", sa.BigInteger, nullable=False),
    sa.Column("topic", sa.String(64), nullable=False),
    sa.Column("topic_probability", sa.Float, nullable=False),
    sa.Column("sentiment", sa.String(16), nullable=False),
    sa.Column("p_negative", sa.Float, nullable=False),
    sa.Column("p_neutral", sa.Float, nullable=False),
    sa.Column("p_positive", sa.Float, nullable=False),
    sa.Column("entities", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("origin_partition", sa.Integer),
    sa.Column("origin_offset", sa.BigInteger),
    sa.Index("headlines_by_topic", "topic", "sentiment", "published_at"),
    sa.Index("headlines_by_time", "published_at"),
    # When a model's first headline was scored, which a page tells.
    sa.Index("headlines_by_model", "model", "scored_at"),
)

# A headline's watched entities, so that an entity's headlines are found without reading all.
mentions = sa.Table(
    "mentions",
    _tables,
    sa.Column("entity", sa.String(256), primary_key=True),
    sa.Column("headline_id", sa.String(256), primary_key=True),
    sa.Column("sentiment", sa.String(16), nullable=False),
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Index("mentions_by_entity", "entity", "sentiment", "published_at"),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# SQLite allows 32,766 parameters a statement; a lookup stays well below.
_LOOKUP = 500
# Rows that are held at once where all of them are gone through.
_PORTION = 2_000


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def from_microseconds(value: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def create_tables(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Make the tables and indexes that are not there yet."""
    # Two processes that start at once both find no table: the loser's second look finds them.
    for attempt in range(3):
        try:
            tables.create_all(engine)
            # Of a table that is there create_all makes no index.
            there = sa.inspect(engine)
            for table in tables.sorted_tables:
                known = {each["name"] for each in there.get_indexes(table.name)}
                for index in sorted(table.indexes, key=lambda each: str(each.name)):
                    if index.name not in known:
                        index.create(engine)
            return
        except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
            if attempt == 2:
                raise
            time.sleep(0.2)


@contextmanager
def archive_errors(doing: str) -> Iterator[None]:
    """Turns the database's errors into ArchiveError: one line that says what could not be done."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise ArchiveError(f"{doing}: {reason_of(error)}") from error


class Archive:
    """Scored headlines in SQLite or PostgreSQL, by SQLAlchemy URL. Safe to use from several processes.

    Raises ArchiveError when the database cannot be opened, and of these ArchiveAwayError when it may be later.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = open_engine(url)
            try:
                create_tables(self.engine, _tables)
                make_hourly_counts(self.engine, headlines)
            except sa.exc.SQLAlchemyError:
                self.engine.dispose()
                raise
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            kind = ArchiveAwayError if may_pass(error) else ArchiveError
            raise kind(f"the archive {shown(url)} cannot be opened: {reason_of(error)}") from error
        self._insert = postgresql_insert if self.engine.dialect.name == "postgresql" else sqlite_insert

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def find(self, ids: Iterable[str]) -> dict[str, ScoredHeadline]:
        """The archived headlines among ids."""
        wanted = list(dict.fromkeys(ids))
        with self.engine.connect() as connection:
            return self._find(connection, wanted)

    def _find(self, connection: sa.Connection, wanted: Sequence[str]) -> dict[str, ScoredHeadline]:
        found = {}
        for start in range(0, len(wanted), _LOOKUP):
            part = wanted[start : start + _LOOKUP]
            for row in connection.execute(sa.select(headlines).where(headlines.c.id.in_(part))).mappings():
                found[row["id"]] = from_row(row)
        return found

    def keep(self, scored: Sequence[ScoredHeadline]) -> dict[str, ScoredHeadline]:
        """Archive headlines that are not there yet, in one transaction, and give back what the archive now says of
        each: for a headline that was there before (or that another worker was quicker with), the earlier score."""
        if not scored:
            return {}
        # In one order, whatever the batch's: two workers that hold what the other waits for would be a deadlock.
        rows = [_to_row(each) for each in sorted(scored, key=lambda each: each.id)]
        with self.engine.connect() as connection:
            added = self._add(connection, rows)
            if len(added) == len(rows):
                kept = {each.id: each for each in scored}  # none was there before
            else:
                kept = self._find(connection, list(dict.fromkeys(each.id for each in scored)))
            # Only of the rows that are ours: an earlier score has its own mentions.
            named = [
                dict(zip(mentions.c.keys(), (entity, each.id, sentiment, microseconds(each.published_at)), strict=True))
                for each in sorted(kept.values(), key=lambda each: each.id)
                for entity, sentiment in sorted(each.entities.items())
            ]
            if named:
                connection.execute(self._insert(mentions).on_conflict_do_nothing(), named)
            # Last, since other workers count into the same hours and wait until this is committed.
            kinds = ((microseconds(kept[id_].published_at), kept[id_].topic, kept[id_].sentiment) for id_ in added)
            count_by_hour(connection, self._insert, kinds)
            connection.commit()
        return kept

    def _add(self, connection: sa.Connection, rows: list[dict[str, Any]]) -> set[str]:
        """Begin a transaction with the headlines that are not there yet; their ids."""
        adding = self._insert(headlines).on_conflict_do_nothing()
        # Without the option PostgreSQL's driver is not asked, and the number is always -1.
        if connection.execute(adding, rows, execution_options={"preserve_rowcount": True}).rowcount == len(rows):
            return {row["id"] for row in rows}
        # Some were there before. Which ones only a slower statement tells, so it is begun anew.
        connection.rollback()
        return set(connection.execute(adding.returning(headlines.c.id), rows).scalars())

    def negatives(self, subject: str, since: datetime, until: datetime) -> list[ScoredHeadline]:
        """A subject's negative headlines published in [since, until], oldest first; an entity's as they are for it.

        `subject`: topic/NAME, topic/all or entity/NAME.
        """
        query = _negatives(sa.select(headlines), subject, since, until)
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(headlines.c.published_at, headlines.c.id)).mappings()
            found = [from_row(row) for row in rows]
        kind, _, name = subject.partition("/")
        return [each.towards(name) for each in found] if kind == "entity" else found

    def negative_times(self, subject: str, since: datetime, until: datetime) -> list[datetime]:
        """When they were published, in order: all that a chart needs of them."""
        query = _negatives(sa.select(headlines.c.published_at), subject, since, until)
        with self.engine.connect() as connection:
            return sorted(map(from_microseconds, connection.execute(query).scalars()))

    def near(self, subject: str, at: datetime, reach: timedelta, limit: int) -> list[ScoredHeadline]:
        """A topic's or entity's headlines published within `reach` of a moment, of both sides the nearest `limit`; an
        entity's, too, as they were archived."""
        moment, wide = microseconds(at), int(reach.total_seconds() * 1_000_000)
        kind, _, name = subject.partition("/")
        query, when = sa.select(headlines), headlines.c.published_at
        if kind == "entity":
            query, when = query.join(mentions, mentions.c.headline_id == headlines.c.id), mentions.c.published_at
        query = query.where(mentions.c.entity == name if kind == "entity" else headlines.c.topic == name)
        sides = (
            query.where(when >= moment - wide, when <= moment).order_by(when.desc(), headlines.c.id),
            query.where(when > moment, when <= moment + wide).order_by(when, headlines.c.id),
        )
        with self.engine.connect() as connection:
            return [from_row(row) for side in sides for row in connection.execute(side.limit(limit)).mappings()]

    def inflows(self, spans: Sequence[tuple[datetime, datetime]]) -> list[Inflow]:
        """What came in over each span, published in [since, until)."""
        sentiment, columns = headlines.c.sentiment, headlines.c
        chosen_probability = sa.case(
            (sentiment == "negative", columns.p_negative),
            (sentiment == "neutral", columns.p_neutral),
            else_=columns.p_positive,
        )
        # UTF-8 has a byte for a letter of ours and two to four for others; a title with an é or two is ours.
        octets = (
            sa.func.octet_length(columns.title)
            if self.engine.dialect.name == "postgresql"
            else sa.func.length(sa.cast(columns.title, sa.LargeBinary))
        )
        other_letters = sa.case((2 * octets >= 3 * sa.func.length(columns.title), 1), else_=0)
        query = (
            sa.select(
                columns.source,
                columns.model,
                sa.func.count(),
                sa.func.sum(chosen_probability),
                sa.func.sum(other_letters),
            )
            .where(columns.published_at >= sa.bindparam("since"), columns.published_at < sa.bindparam("until"))
            .group_by(columns.source, columns.model)
        )
        with self.engine.connect() as connection:
            return [
                inflow(
                    Portion(*row)
                    for row in connection.execute(query, {"since": microseconds(since), "until": microseconds(until)})
                )
                for since, until in spans
            ]

    def holds_any(self, since: datetime, until: datetime) -> bool:
        """Whether a headline was published in [since, until]."""
        query = sa.select(headlines.c.id).where(
            headlines.c.published_at.between(microseconds(since), microseconds(until))
        )
        with self.engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def first_scored(self, models: Iterable[str]) -> dict[str, datetime]:
        """When each of these models scored its first headline, of those that have one."""
        found = {}
        with self.engine.connect() as connection:
            for model in models:
                query = sa.select(sa.func.min(headlines.c.scored_at)).where(headlines.c.model == model)
                first = connection.execute(query).scalar()
                if first is not None:
                    found[model] = from_microseconds(first)
        return found

    def published(self, since: datetime, until: datetime) -> Iterator[ScoredHeadline]:
        """All headlines published in [since, until], newest first, read in portions: no more than one is held."""
        query = (
            sa.select(headlines)
            .where(headlines.c.published_at.between(microseconds(since), microseconds(until)))
            .order_by(headlines.c.published_at.desc(), headlines.c.id)
            .execution_options(yield_per=_PORTION)
        )
        with self.engine.connect() as connection:
            for row in connection.execute(query).mappings():
                yield from_row(row)

    def totals(self) -> dict[str, dict[str, int]]:
        """Headlines by topic and sentiment."""
        query = sa.select(headlines.c.topic, headlines.c.sentiment, sa.func.count()).group_by(
            headlines.c.topic, headlines.c.sentiment
        )
        result: dict[str, dict[str, int]] = {}
        with self.engine.connect() as connection:
            for topic, sentiment, count in connection.execute(query):
                result.setdefault(topic, {})[sentiment] = count
        return result


def _negatives(query: sa.Select[Any], subject: str, since: datetime, until: datetime) -> sa.Select[Any]:
    between = (microseconds(since), microseconds(until))
    kind, _, name = subject.partition("/")
    if kind == "entity":
        return query.join(mentions, mentions.c.headline_id == headlines.c.id).where(
            mentions.c.entity == name,
            mentions.c.sentiment == "negative",
            mentions.c.published_at.between(*between),
        )
    query = query.where(headlines.c.sentiment == "negative", headlines.c.published_at.between(*between))
    return query if name == "all" else query.where(headlines.c.topic == name)


def shown(url: str) -> str:
    """The URL without its password; only its beginning if it cannot be told apart into parts."""
    try:
        return sa.engine.make_url(url).render_as_string(hide_password=True)
    except (sa.exc.SQLAlchemyError, ValueError):
        return url.partition(":")[0] + ":..."


def reason_of(error: BaseException) -> str:
    """A database's own words for an error, their first line."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _to_row(scored: ScoredHeadline) -> dict[str, Any]:
    return {
        "id": scored.id,
        "title": scored.title,
        "source": scored.source,
        "url": scored.url,
        "published_at": microseconds(scored.published_at),
        "scored_at": microseconds(scored.scored_at),
        "topic": scored.topic,
        "topic_probability": scored.topic_probability,
        "sentiment": scored.sentiment,
        "p_negative": scored.probabilities["negative"],
        "p_neutral": scored.probabilities["neutral"],
        "p_positive": scored.probabilities["positive"],
        # With the probabilities where there are any: each is either a sentiment or all that is known of it.
        "entities": msgspec.json.encode(scored.entities | scored.entity_probabilities).decode(),
        "fingerprint": scored.fingerprint,
        "model": scored.model,
        "origin_partition": scored.origin.partition if scored.origin else None,
        "origin_offset": scored.origin.offset if scored.origin else None,
    }


def from_row(row: Any) -> ScoredHeadline:
    """A row of the table of headlines, as a record."""
    entities = _entities.decode(row["entities"])
    origin = None
    if row["origin_partition"] is not None:
        origin = Origin(row["origin_partition"], row["origin_offset"])
    return ScoredHeadline(
        id=row["id"],
        title=row["title"],
        source=row["source"],
        url=row["url"],
        published_at=from_microseconds(row["published_at"]),
        scored_at=from_microseconds(row["scored_at"]),
        topic=row["topic"],
        topic_probability=row["topic_probability"],
        sentiment=row["sentiment"],
        probabilities={
            "negative": row["p_negative"],
            "neutral": row["p_neutral"],
            "positive": row["p_positive"],
        },
        polarity=polarity_of({"negative": row["p_negative"], "positive": row["p_positive"]}),
        entities={name: each if isinstance(each, str) else chosen(each) for name, each in entities.items()},
        entity_probabilities={name: each for name, each in entities.items() if not isinstance(each, str)},
        fingerprint=row["fingerprint"],
        model=row["model"],
        origin=origin,
    )
