"""The hourly counts are those of the headlines, on both databases, whoever archives and however often."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest
import sqlalchemy as sa

from model.errors import ArchiveError
from stream import database
from stream.archive import Archive, headlines, microseconds
from stream.database import AWAY
from stream.hourlycounts import HOUR, hourly_counts
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


def scored(id_, at=NOW, topic="earnings", sentiment="negative", entities=None):
    return scored_headline("Acme falls", at, sentiment, id=str(id_), topic=topic, entities=entities or {})


def drawn(seed, number, ids):
    """So many headlines of a few hours, some of them twice. What an id is called differs from draw to draw, as with
    another model."""
    chance = Random(seed)
    return [
        scored(
            chance.randrange(ids),
            NOW - timedelta(minutes=chance.randrange(300)),
            chance.choice(["earnings", "other", "macro_economy"]),
            chance.choice(["negative", "neutral", "positive"]),
        )
        for _ in range(number)
    ]


def counted(archive):
    with archive.engine.connect() as connection:
        return {(hour, topic, sentiment): n for hour, topic, sentiment, n in connection.execute(hourly_counts.select())}


def expected(archive):
    query = sa.select(headlines.c.published_at, headlines.c.topic, headlines.c.sentiment)
    with archive.engine.connect() as connection:
        return Counter((at - at % HOUR, topic, sentiment) for at, topic, sentiment in connection.execute(query))


def test_an_hour_is_from_its_first_microsecond_to_its_last(archive):
    first = datetime(2026, 7, 3, 2, tzinfo=UTC)
    last = first + timedelta(hours=1) - timedelta(microseconds=1)
    archive.keep([scored("a", first), scored("b", last), scored("c", first + timedelta(hours=1))])
    at = microseconds(first)
    assert counted(archive) == {(at, "earnings", "negative"): 2, (at + HOUR, "earnings", "negative"): 1}


def test_a_headline_that_comes_again_counts_once_and_as_it_was_scored_first(archive):
    archive.keep([scored("a", sentiment="negative")])
    archive.keep([scored("a", sentiment="positive"), scored("a", NOW - timedelta(hours=3)), scored("b")])
    archive.keep([scored("b")])
    assert list(counted(archive).values()) == [2]
    assert counted(archive) == expected(archive)


def test_of_two_scores_in_one_batch_the_first_counts(archive):
    archive.keep([scored("a", sentiment="negative"), scored("a", sentiment="positive")])
    assert {(topic, sentiment): n for (_, topic, sentiment), n in counted(archive).items()} == {
        ("earnings", "negative"): 1
    }


def test_what_several_workers_archive_of_the_same_headlines_at_once_is_counted_once(archive_url):
    def work(seed):
        own = Archive(archive_url)
        try:
            for batch in range(6):
                own.keep(drawn(100 * seed + batch, 40, 150))
        finally:
            own.close()

    Archive(archive_url).close()
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    archive = Archive(archive_url)
    assert sum(counted(archive).values()) == sum(expected(archive).values()) > 100
    assert counted(archive) == expected(archive)
    archive.close()


def test_a_batch_that_fails_counts_nothing(archive):
    archive.keep([scored("a")])
    before = counted(archive)
    with pytest.raises(sa.exc.SQLAlchemyError):
        archive.keep([scored("b"), scored("c", entities={"Acme": None})])
    assert counted(archive) == before == expected(archive)


def test_an_archive_that_lacks_the_counts_gets_them_when_it_is_opened_though_others_archive_meanwhile(archive_url):
    older = Archive(archive_url)
    older.keep(drawn(1, 500, 2_000))
    with older.engine.begin() as connection:
        hourly_counts.drop(connection)
    older.close()
    start = threading.Barrier(4)

    def work(seed):
        start.wait()
        own = Archive(archive_url)
        try:
            for batch in range(5):
                own.keep(drawn(100 * seed + batch, 20, 2_000))
        finally:
            own.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(2, 6)))
    archive = Archive(archive_url)
    assert counted(archive) == expected(archive)
    archive.close()


def test_counts_that_could_not_be_made_are_made_at_the_next_opening(archive_url, monkeypatch):
    older = Archive(archive_url)
    older.keep(drawn(1, 50, 2_000))
    with older.engine.begin() as connection:
        hourly_counts.drop(connection)
    older.close()

    def broken(*_arguments):
        raise sa.exc.OperationalError("INSERT", {}, RuntimeError("the disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr(type(hourly_counts.insert()), "from_select", broken)
        with pytest.raises(ArchiveError, match="the disk is full"):
            Archive(archive_url)
    archive = Archive(archive_url)
    assert counted(archive) == expected(archive) != {}
    archive.close()


def test_a_worker_that_is_frozen_in_a_transaction_does_not_keep_the_others_waiting_for_ever(postgres, monkeypatch):
    monkeypatch.setattr(database, "IDLE_SECONDS", 1)
    url = postgres.create("frozen")
    frozen, other = Archive(url), Archive(url)
    other.keep([scored("a")])
    with frozen.engine.connect() as connection, pytest.raises(AWAY) as told:  # noqa: PT012
        connection.execute(sa.update(hourly_counts).values(headlines=9))
        other.keep([scored("b")])
        assert list(counted(other).values()) == [2]
        connection.commit()
    assert isinstance(told.value.orig, psycopg.Error)
    assert counted(other) == expected(other)
    frozen.close()
    other.close()
