"""Search in the archive, on both databases: what is found, in which order, and that portions join without a seam."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from stream.archive import Archive
from stream.records import ScoredHeadline
from stream.search import MOST_TERMS, Query, SearchIndex, Term, place_of, terms_of
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)


def scored(id_: str, title: str, at: datetime = NOW, **given_) -> ScoredHeadline:
    return scored_headline(title, at, id=id_, scored_at=NOW, **given_)


@pytest.fixture
def archive(archive_url: str) -> Iterator[Archive]:
    opened = Archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def index(archive: Archive) -> SearchIndex:
    made = SearchIndex(archive.engine)
    made.prepare()
    return made


def ids(index: SearchIndex, **query) -> list[str]:
    return [each.id for each in index.find(Query(**query), 50).headlines]


def test_words_phrases_and_what_is_to_be_left_out(archive, index):
    archive.keep(
        [
            scored("a", "Bolt issues profit warning after weak quarter", NOW - timedelta(minutes=1)),
            scored("b", "Profit at Bolt rises, warning lifted", NOW - timedelta(minutes=2)),
            scored("c", "Insolvent: Carto files for insolvency", NOW - timedelta(minutes=3)),
            scored("d", "贵州茅台业绩大增", NOW - timedelta(minutes=4)),
            scored("e", "Société Générale's 100% owned unit", NOW - timedelta(minutes=5)),
        ]
    )
    assert ids(index, words="profit warning") == ["a", "b"]
    assert ids(index, words='"profit warning"') == ["a"]
    assert ids(index, words="warnings -rising") == ["a"]
    assert ids(index, words="insolv*") == ["c"]
    assert ids(index, words="茅台") == ["d"]
    assert ids(index, words="茅台 -业绩") == []
    assert ids(index, words="Bolt 茅台") == []
    assert ids(index, words="100%") == ["e"]
    assert ids(index, words="générale") == ["e"]
    assert ids(index, words="!!! &") == ["a", "b", "c", "d", "e"]
    assert ids(index, words="nothing like it") == []


@pytest.mark.parametrize(
    "words", ['"', '" OR "', "a' OR 1=1 --", "title:x", "NEAR(a b)", "%", "*", "a:* & b", "\\", "^x", "(("]
)
def test_what_means_something_to_a_database_means_nothing_here(archive, index, words):
    archive.keep([scored("a", "Bolt falls")])
    assert set(ids(index, words=words)) <= {"a"}


@given(st.text(max_size=60))
def test_any_text_has_terms_or_is_refused_in_words(words):
    try:
        terms = terms_of(words)
    except InputError:
        return
    assert len(terms) <= MOST_TERMS
    assert not terms or not all(term.excluded for term in terms)
    assert all(term.text.strip() for term in terms)


def test_terms_are_read_as_people_write_them():
    assert terms_of('Bolt -"profit warning" insol*') == [
        Term("Bolt"),
        Term("profit warning", excluded=True),
        Term("insol", beginning=True),
    ]
    with pytest.raises(InputError, match="words to leave out alone"):
        terms_of("-bolt")


def test_filters_narrow_alone_and_together_with_words(archive, index):
    archive.keep(
        [
            scored("a", "Bolt falls", NOW, topic="earnings", source="Wire"),
            scored("b", "Bolt falls again", NOW - timedelta(days=1), topic="markets_general", source="Post"),
            scored("c", "Bolt soars", NOW - timedelta(days=2), sentiment="positive"),
            scored(
                "d",
                "Acme gains as Bolt slumps",
                NOW - timedelta(days=3),
                entities={"Acme": "positive", "Bolt": "negative"},
            ),
        ]
    )
    for words in ("", "bolt"):
        assert ids(index, words=words, topic="markets_general") == ["b"]
        assert ids(index, words=words, source="Post") == ["b"]
        assert ids(index, words=words, sentiment="positive") == ["c"]
        assert ids(index, words=words, entity="Acme") == ["d"]
        assert ids(index, words=words, entity="Acme", sentiment="positive") == ["d"]
        assert ids(index, words=words, entity="Acme", sentiment="negative") == []
        assert ids(index, words=words, since=NOW - timedelta(days=2), until=NOW) == ["b", "c"]
    found = index.find(Query(entity="Acme"), 5).headlines
    assert found[0].sentiment == "positive"  # as it is for Acme


def test_portions_join_without_a_seam_however_many_share_a_time(archive, index):
    random.seed(3)
    # Midnights, as files with dates alone have them, and times between.
    times = [NOW.replace(hour=0, minute=0) - timedelta(days=random.randint(0, 3)) for _ in range(120)]
    times += [NOW - timedelta(seconds=random.randint(0, 10)) for _ in range(80)]
    all_ = [
        scored(f"h{number:03}", f"Bolt falls {number}", at, entities={"Bolt": "negative"})
        for number, at in enumerate(times)
    ]
    for start in range(0, 200, 40):
        archive.keep(all_[start : start + 40])
    for query in (Query(), Query(words="bolt"), Query(entity="Bolt"), Query(topic="earnings", words="falls")):
        got, after = [], None
        while True:
            found = index.find(query, 7, after)
            got += found.headlines
            if found.next is None:
                break
            after = place_of(str(found.next))
        assert sorted(each.id for each in got) == sorted(each.id for each in all_)
        seconds = [each.published_at.replace(microsecond=0) for each in got]
        assert seconds == sorted(seconds, reverse=True)
        assert [each.id for each in index.all(query, 33)] == [each.id for each in got]


def test_what_was_archived_before_the_index_is_found_and_nothing_twice(archive):
    archive.keep([scored(f"h{number}", "Bolt falls", NOW) for number in range(30)])
    index = SearchIndex(archive.engine)
    index.prepare()
    archive.keep([scored(f"n{number}", "Bolt falls anew", NOW) for number in range(30)])
    archive.keep([scored("h1", "Bolt falls", NOW)])
    assert index.prepare() == 0
    assert len(ids(index, words="bolt falls anew")) == 30
    assert len(index.find(Query(words="bolt"), 100).headlines) == 60


def test_the_archive_says_what_it_kept_with_an_index_beside_it(archive, index):
    kept = archive.keep([scored("a", "Bolt falls"), scored("b", "Bolt soars", sentiment="positive")])
    again = archive.keep([scored("a", "Another title"), scored("c", "New")])
    assert kept["a"].title == again["a"].title == "Bolt falls"
    assert ids(index, words="another") == []


def test_a_place_that_is_none_is_refused():
    for text in ("", "x", "-1", "9" * 40, "1e5-a"):
        with pytest.raises(InputError):
            place_of(text)


def test_an_index_that_was_interrupted_is_made_anew(postgres):
    archive = Archive(postgres.create(uuid.uuid4().hex))
    index = SearchIndex(archive.engine)
    index.prepare()
    which = "indexrelid = 'headlines_by_words'::regclass"
    with archive.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE pg_index SET indisvalid = false WHERE {which}"))
    index.prepare()
    with archive.engine.connect() as connection:
        assert connection.execute(sa.text(f"SELECT indisvalid FROM pg_index WHERE {which}")).scalar() is True
    archive.close()


def test_words_are_found_in_their_order_however_far_back_they_are_and_wherever_a_portion_ends(archive, index):
    at = [NOW + timedelta(hours=1) - timedelta(hours=7 * number) for number in range(400)]  # to 116 days ago
    words = [("bank " * (number % 2 == 0) + "rate " * (number % 3 == 0) + "x").strip() for number in range(400)]
    archive.keep([scored(f"h{number:03}", words[number], at[number]) for number in range(400)])
    both = [f"h{number:03}" for number in range(0, 400, 6)]
    assert [each.id for each in index.all(Query(words="bank rate"), 7)] == both
    # What nothing more is found after is found to the end.
    assert index.find(Query(words="bank rate"), len(both)).next is None
    early, late = NOW - timedelta(days=100), NOW - timedelta(days=10)
    meant = [f"h{number:03}" for number in range(0, 400, 2) if early <= at[number] < late]
    assert [each.id for each in index.all(Query(words="bank", since=early, until=late), 9)] == meant
    assert ids(index, words="bank", until=datetime(1, 1, 2, tzinfo=UTC)) == []
    assert ids(index, words="bank", since=datetime(9999, 1, 1, tzinfo=UTC)) == []
