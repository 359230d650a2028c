"""What the archive counted of a subject, by time and sentiment: what a chart is drawn of. Topics' whole hours are read
off the hourly counts, all else off indexes alone."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from model.taxonomy import SENTIMENTS
from stream.archive import archive_errors, from_microseconds, headlines, mentions, microseconds
from stream.hourlycounts import hourly_counts, whole_hours
from stream.subjects import ALL


class Count(NamedTuple):
    """A subject's headlines published in [at, at + step)."""

    at: datetime
    negative: int
    neutral: int
    positive: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.negative + self.neutral + self.positive


class ArchivedCounts:
    """The archive's counts. Raises ArchiveError when the database fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def topics(self) -> list[str]:
        """The topics that the archive knows, sorted. Goes from one to the next in the index, past all that is between
        (a loose index scan)."""
        first = sa.select(sa.func.min(headlines.c.topic).label("topic")).cte("topics", recursive=True)
        later = sa.select(sa.func.min(headlines.c.topic)).where(headlines.c.topic > first.c.topic).scalar_subquery()
        known = first.union_all(sa.select(later).where(first.c.topic.is_not(None)))
        with archive_errors("the archive cannot be read"), self._engine.connect() as connection:
            return [topic for topic in connection.execute(sa.select(known.c.topic)).scalars() if topic is not None]

    def counts(self, subject: str, since: datetime, until: datetime, step: timedelta) -> list[Count]:
        """A subject's counts in each step of [since, until), empty ones too; an entity's as they are for it.

        `subject`: topic/NAME, topic/all or entity/NAME. The first step begins at `since`.
        """
        wide, start = int(step.total_seconds() * 1_000_000), microseconds(since)
        if not subject.startswith("entity/") and whole_hours(since, until, step):
            found = self._by_hour(subject, start, microseconds(until), wide)
        else:
            found = self._grouped(self._of(subject), start, microseconds(until), wide)
        steps = -(-(microseconds(until) - start) // wide)
        rows = [[0, 0, 0] for _ in range(steps)]
        for number, sentiment, count in found:
            rows[number][SENTIMENTS.index(sentiment)] += count
        return [Count(from_microseconds(start + number * wide), *row) for number, row in enumerate(rows)]

    def _by_hour(self, subject: str, start: int, end: int, wide: int) -> list[tuple[int, str, int]]:
        number = _step(hourly_counts.c.hour, start, wide)
        query = (
            sa.select(number.label("number"), hourly_counts.c.sentiment, sa.func.sum(hourly_counts.c.headlines))
            .where(hourly_counts.c.hour >= start, hourly_counts.c.hour < end)
            .group_by(sa.text("number"), hourly_counts.c.sentiment)
        )
        if subject != ALL:
            query = query.where(hourly_counts.c.topic == subject.partition("/")[2])
        return self._read(query)

    def _of(self, subject: str) -> tuple[sa.Table, sa.ColumnElement[bool]]:
        kind, _, name = subject.partition("/")
        if kind == "entity":
            return mentions, mentions.c.entity == name
        # Named one by one, so that the index is used that begins with them.
        return headlines, headlines.c.topic.in_(self.topics() if subject == ALL else [name])

    def _grouped(
        self, of: tuple[sa.Table, sa.ColumnElement[bool]], start: int, end: int, wide: int
    ) -> list[tuple[int, str, int]]:
        table, is_subjects = of
        number = _step(table.c.published_at, start, wide)
        query = (
            sa.select(number.label("number"), table.c.sentiment, sa.func.count())
            .where(
                is_subjects,
                table.c.sentiment.in_(SENTIMENTS),
                table.c.published_at >= start,
                table.c.published_at < end,
            )
            .group_by(sa.text("number"), table.c.sentiment)
        )
        return self._read(query)

    def _read(self, query: sa.Select[Any]) -> list[tuple[int, str, int]]:
        with archive_errors("the archive cannot be read"), self._engine.connect() as connection:
            return [(int(at), sentiment, int(count)) for at, sentiment, count in connection.execute(query)]

    def negatives_by_subject(
        self, since: datetime, until: datetime, step: timedelta, entities: Collection[str]
    ) -> dict[str, list[int]]:
        """The negative headlines in each step, of all topics, of them together and of these entities."""
        wide, start, end = int(step.total_seconds() * 1_000_000), microseconds(since), microseconds(until)
        steps = -(-(end - start) // wide)
        result = {subject: [0] * steps for subject in (ALL, *(f"entity/{name}" for name in entities))}
        queries = [("topic", headlines, headlines.c.topic, headlines.c.topic.in_(self.topics()))]
        if entities:
            queries.append(("entity", mentions, mentions.c.entity, mentions.c.entity.in_(list(entities))))
        for kind, table, name, which in queries:
            number = _step(table.c.published_at, start, wide)
            query = (
                sa.select(name, number.label("number"), sa.func.count())
                .where(
                    which,
                    table.c.sentiment == "negative",
                    table.c.published_at >= start,
                    table.c.published_at < end,
                )
                .group_by(name, sa.text("number"))
            )
            with archive_errors("the archive cannot be read"), self._engine.connect() as connection:
                for of, at, count in connection.execute(query):
                    result.setdefault(f"{kind}/{of}", [0] * steps)[int(at)] += count
                    if kind == "topic":
                        result[ALL][int(at)] += count
        return result


def _step(column: sa.ColumnElement[int], start: int, wide: int) -> sa.ColumnElement[Any]:
    """In which step a time lies, in microseconds."""
    return (column - start) // wide
