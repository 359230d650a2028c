"""The archive on SQLite and PostgreSQL: the first score of a headline is the one that counts."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Barrier

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.postgres import Postgres
from model.errors import ArchiveAwayError, ArchiveError
from stream import database
from stream.archive import Archive, from_microseconds, microseconds
from stream.records import Origin, ScoredHeadline

NOW = datetime(2026, 3, 4, 9, 30, 0, 1, tzinfo=UTC)
GOOD = {"negative": 0.05, "neutral": 0.25, "positive": 0.7}
BAD = {"negative": 0.8, "neutral": 0.15, "positive": 0.05}


def scored(id_, sentiment="negative", topic="earnings", published=NOW, entities=None, model="m1", **changes):
    fields = {
        "id": str(id_),
        "title": f"Acme “falls” {id_} 恒运",
        "source": "Wire",
        "url": "https://example.com",
        "published_at": published,
        "scored_at": NOW + timedelta(seconds=1.5),
        "topic": topic,
        "topic_probability": 0.912345,
        "sentiment": sentiment,
        "probabilities": {"negative": 0.712345, "neutral": 0.2, "positive": 0.087655},
        "polarity": -0.62469,
        "entities": entities or {},
        "fingerprint": "00010002.0003",
        "model": model,
        "origin": Origin(3, 2**40),
    }
    return ScoredHeadline(**fields | changes)


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


def test_what_comes_out_is_what_went_in(archive):
    headlines = [
        scored("a", entities={"Acme Corp": "negative", "Bolt": "positive"}),
        scored("b", source="", url="", origin=None),
        scored("m", entities={"Acme": "positive", "Bolt": "negative"}, entity_probabilities={"Acme": GOOD}),
        scored("c", published=datetime(1990, 1, 1, tzinfo=UTC)),
    ]
    archive.keep(headlines)
    assert archive.find(["a", "b", "m", "c", "d"]) == {each.id: each for each in headlines}


def test_the_first_score_of_a_headline_wins_for_ever(archive):
    first, second = scored("a", "negative", model="m1"), scored("a", "positive", model="m2")
    assert archive.keep([first]) == {"a": first}
    assert archive.keep([second, scored("b")]) == {"a": first, "b": scored("b")}
    assert archive.find(["a"]) == {"a": first}


def test_of_two_scores_in_one_batch_the_first_wins(archive):
    assert archive.keep([scored("a", "negative"), scored("a", "positive")])["a"].sentiment == "negative"


def test_a_later_score_leaves_the_first_ones_mentions(archive):
    archive.keep([scored("a", entities={"Acme": "negative"})])
    archive.keep([scored("a", "negative", entities={"Bolt": "negative"})])
    assert [each.id for each in archive.negatives("entity/Acme", NOW, NOW)] == ["a"]
    assert archive.negatives("entity/Bolt", NOW, NOW) == []


def test_two_archives_on_one_database_agree(archive_url, archive):
    other = Archive(archive_url)
    try:
        archive.keep([scored("a", "negative")])
        assert other.keep([scored("a", "positive")])["a"].sentiment == "negative"
        other.keep([scored("b")])
        assert set(archive.find(["a", "b"])) == {"a", "b"}
    finally:
        other.close()


def test_an_archive_opened_again_still_has_everything(archive_url):
    first = Archive(archive_url)
    first.keep([scored("a", entities={"Acme": "negative"})])
    first.close()
    again = Archive(archive_url)
    assert again.find(["a"])["a"].entities == {"Acme": "negative"}
    assert len(again.negatives("entity/Acme", NOW, NOW)) == 1
    again.close()


def test_more_ids_than_one_statement_takes_are_found_all(archive):
    headlines = [scored(number) for number in range(1203)]
    assert len(archive.keep(headlines)) == 1203
    assert set(archive.find([str(number) for number in range(2000)])) == {str(number) for number in range(1203)}


def test_all_that_was_published_is_read_in_portions_newest_first(archive):
    archive.keep([scored(number, published=NOW - timedelta(seconds=number)) for number in range(4_100)])
    read = [each.id for each in archive.published(NOW - timedelta(seconds=4_098), NOW)]
    assert read == [str(number) for number in range(4_099)]


def test_workers_that_score_the_same_headlines_at_once_all_give_back_the_same_scores(archive_url):
    # As after a rebalance: four at a time, each with an order and scores of its own.
    ids = list(range(600))
    archives = [Archive(archive_url) for _ in range(4)]
    together = Barrier(4, timeout=60)

    def work(number):
        batches = Random(number).sample(ids, len(ids))
        kept = {}
        for start in range(0, len(ids), 50):
            some = [scored(id_, model=f"m{number}", entities={"B": "negative", "A": "positive"})
                    for id_ in batches[start : start + 50]]  # fmt: skip
            together.wait()
            kept |= archives[number].keep(some)
        return kept

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(work, range(4))
    assert len(first) == len(ids)
    assert all(other == first for other in others)
    assert len({each.model for each in first.values()}) == 4
    assert len(archives[0].negatives("entity/B", NOW, NOW)) == len(ids)
    for each in archives:
        each.close()


def test_four_that_open_an_empty_database_at_once_all_find_their_tables(archive_url):
    with ThreadPoolExecutor(4) as pool:
        archives = list(pool.map(Archive, [archive_url] * 4))
    for number, each in enumerate(archives):
        each.keep([scored(number)])
    assert len(archives[0].find(map(str, range(4)))) == 4
    for each in archives:
        each.close()


def test_nothing_asked_is_nothing_answered(archive):
    assert archive.keep([]) == {}
    assert archive.find([]) == {}
    assert archive.totals() == {}


@pytest.mark.parametrize("subject", ["topic/earnings", "topic/all", "entity/Acme/Foods"])
def test_negatives_are_those_published_from_the_first_to_the_last_microsecond(archive, subject):
    tick = timedelta(microseconds=1)
    since, until = NOW, NOW + timedelta(minutes=5)
    times = {"before": since - tick, "last": until, "first": since, "after": until + tick}
    archive.keep([scored(name, published=time, entities={"Acme/Foods": "negative"}) for name, time in times.items()])
    assert [each.id for each in archive.negatives(subject, since, until)] == ["first", "last"]


def test_negatives_are_of_the_subject_alone_oldest_first(archive):
    archive.keep(
        [
            scored("late", published=NOW + timedelta(seconds=2)),
            scored("early", published=NOW),
            scored("other", topic="other", published=NOW + timedelta(seconds=1)),
            scored("good", "positive"),
            scored("mixed", "positive", entities={"Acme": "negative"}, entity_probabilities={"Acme": BAD}),
            scored("spared", "negative", topic="other", entities={"Acme": "neutral"}),
        ]
    )
    until = NOW + timedelta(hours=1)

    def ids(subject):
        return [each.id for each in archive.negatives(subject, NOW, until)]

    assert ids("topic/earnings") == ["early", "late"]
    assert ids("topic/all") == ["early", "spared", "other", "late"]
    (mixed,) = archive.negatives("entity/Acme", NOW, until)
    assert (mixed.id, mixed.sentiment, mixed.probabilities, mixed.polarity) == ("mixed", "negative", BAD, -0.75)
    assert ids("entity/Bolt") == ids("topic/nothing") == []


def test_totals_are_headlines_by_topic_and_sentiment(archive):
    archive.keep([scored("a"), scored("b"), scored("c", "positive"), scored("d", "neutral", topic="other")])
    archive.keep([scored("a", "positive", topic="other")])
    assert archive.totals() == {"earnings": {"negative": 2, "positive": 1}, "other": {"neutral": 1}}


def test_the_inflow_is_what_was_published_from_the_first_microsecond_to_before_the_last(archive):
    until = NOW + timedelta(hours=1)
    unsure = {"negative": 0.2, "neutral": 0.45, "positive": 0.35}
    archive.keep(
        [
            scored("first", published=NOW, title="Café Übersee warns on profit"),
            scored("sure", "positive", probabilities=GOOD, source="Tideline", model="m2", title="恒运康采恩盈利预警"),
            scored("unsure", "neutral", probabilities=unsure, source="Tideline", model="m2", title="Газпром"),
            scored("late", published=until),
            scored("early", published=NOW - timedelta(microseconds=1)),
        ]
    )
    came, later = archive.inflows([(NOW, until), (until + timedelta(days=1), until + timedelta(days=2))])
    assert came.sources == {"Wire": 1, "Tideline": 2}
    assert came.models == {"m1": 1, "m2": 2}
    assert came.confidence == pytest.approx((0.712345 + 0.7 + 0.45) / 3)
    assert came.other_letters == pytest.approx(2 / 3)
    assert later.headlines == 0


def test_a_models_first_headline_is_the_one_that_was_scored_first(archive):
    archive.keep([scored(number, scored_at=NOW + timedelta(hours=hour)) for number, hour in enumerate((5, 2, 9))])
    archive.keep([scored("other", model="m2")])
    assert archive.first_scored(["m1", "m3"]) == {"m1": NOW + timedelta(hours=2)}


def test_whether_a_time_has_any_headline(archive):
    archive.keep([scored("a")])
    assert archive.holds_any(NOW, NOW)
    assert not archive.holds_any(NOW + timedelta(microseconds=1), NOW + timedelta(days=1))


def test_an_archive_of_before_gets_the_indexes_that_it_lacks(archive_url):
    first = Archive(archive_url)
    first.keep([scored("a")])
    with first.engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX headlines_by_model"))
    first.close()
    again = Archive(archive_url)
    names = {index["name"] for index in sa.inspect(again.engine).get_indexes("headlines")}
    assert names == {"headlines_by_model", "headlines_by_time", "headlines_by_topic"}
    assert again.find(["a"])
    again.close()


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001  (hypothesis wants bare bounds)
def test_times_keep_their_microseconds(moment):
    moment = moment.replace(tzinfo=UTC)
    assert from_microseconds(microseconds(moment)) == moment
    assert microseconds(moment + timedelta(microseconds=1)) == microseconds(moment) + 1


@pytest.mark.parametrize(
    "url",
    [
        "nothing at all",
        "://",
        "oracle9://user:secret@host/db",
        "postgresql+psycopg://user:secret@host:port/db",
        "sqlite:////nowhere/at/all/archive.db",
    ],
)
def test_what_cannot_be_opened_is_refused_without_telling_the_password(url):
    with pytest.raises(ArchiveError, match="cannot be opened") as refused:
        Archive(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_archive_that_may_be_there_later_is_told_from_one_that_never_will_be(tmp_path, postgres):
    def refused(url):
        with pytest.raises(ArchiveError, match="cannot be opened") as error:
            Archive(url)
        return error.value

    assert isinstance(refused("postgresql+psycopg://user:secret@127.0.0.1:1/db"), ArchiveAwayError)
    assert not isinstance(refused(postgres.url("there_is_none")), ArchiveAwayError)
    assert not isinstance(refused("sqlite:////nowhere/at/all/archive.db"), ArchiveAwayError)
    stranger = Postgres(tmp_path / "other")
    with stranger:
        url = stranger.create("news")
    assert isinstance(refused(url), ArchiveAwayError)


def test_a_locked_file_is_away_and_the_same_file_later_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    file = tmp_path / "archive.db"
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ArchiveAwayError, match="locked"):
        Archive(f"sqlite:///{file}")
    lock.close()
    Archive(f"sqlite:///{file}").close()


def test_a_database_that_cannot_keep_every_script_is_refused_at_once(postgres):
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(ArchiveError, match="LATIN1: make one with ENCODING 'UTF8'") as refused:
        Archive(postgres.url("latin"))
    assert not isinstance(refused.value, ArchiveAwayError)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "a.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(ArchiveError, match=r"a\.db"):
        Archive(f"sqlite:///{tmp_path / 'a.db'}")


def test_the_nearest_headlines_of_a_topic_or_entity_to_both_sides(archive):
    minute = timedelta(minutes=1)
    told = [
        scored(number, topic="other" if number == 5 else "earnings", published=NOW + number * minute)
        for number in range(-9, 10)
    ]
    named = scored("named", topic="other", published=NOW + 2 * minute, entities={"Acme": "positive"})
    archive.keep([*told, named])

    def near(subject, reach, limit):
        return {each.id for each in archive.near(subject, NOW, reach, limit)}

    assert near("topic/earnings", 3 * minute, 50) == {"-3", "-2", "-1", "0", "1", "2", "3"}
    assert near("topic/earnings", 9 * minute, 2) == {"-1", "0", "1", "2"}
    assert near("topic/other", 5 * minute, 50) == {"named", "5"}
    assert archive.near("entity/Acme", NOW, 5 * minute, 50) == [named]  # negative by itself, positive for Acme
    assert archive.near("entity/Acme", NOW, minute, 50) == []
