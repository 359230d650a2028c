"""The project's own headlines: every row usable, every label there."""

import json
from collections import Counter
from pathlib import Path

import pytest

from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS, Taxonomy
from stream.rows import Row, read_rows
from training.labels import read_labels, story_key
from training.neardup import near_duplicates

CORPUS = Path(__file__).parents[2] / "training" / "corpus"
FILES = sorted(CORPUS.glob("*.csv"))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for path in FILES for row in read_rows(str(path)) if isinstance(row, Row)]


def test_there_is_a_file_for_every_topic():
    assert {path.stem for path in FILES} == set(DEFAULT_TOPICS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_row_of_a_file_is_usable_and_of_its_topic(path):
    found = read_labels([str(path)], Taxonomy())
    assert found.problems == []
    assert {row.topic for row in found.rows} == {path.stem}
    assert all(row.sentiment for row in found.rows)
    # What is about no company, asset or market is good or bad for no holder of one.
    wanted = {"neutral"} if path.stem == "other" else set(SENTIMENTS)
    assert {row.sentiment for row in found.rows} == wanted


def test_no_title_stands_twice(rows):
    exact = Counter(row.fields["title"].strip().lower() for row in rows)
    assert [title for title, count in exact.items() if count > 1] == []
    keys = Counter(story_key(row.fields["title"]) for row in rows)
    assert [key for key, count in keys.items() if count > 1] == []


def test_there_is_enough_of_it(rows):
    assert len(rows) >= 8500
    for field, classes in (("topic", DEFAULT_TOPICS), ("sentiment", SENTIMENTS)):
        counts = Counter(row.fields[field] for row in rows)
        assert set(counts) == set(classes)
        assert min(counts.values()) >= 300


def test_no_headline_is_another_one_in_other_words(rows):
    titles = [row.fields["title"] for row in rows]
    first = near_duplicates(titles, titles, 0.7)  # itself, where there is none before it
    assert [(titles[at], titles[copy]) for at, copy in enumerate(first) if copy != at] == []


def test_the_chinese_headlines_are_usable_and_of_all_topics():
    path = CORPUS / "zh" / "headlines.csv"
    found = read_labels([str(path)], Taxonomy())
    assert found.problems == []
    assert len(found.rows) >= 200
    assert {row.topic for row in found.rows} == set(DEFAULT_TOPICS)
    assert {row.sentiment for row in found.rows} == set(SENTIMENTS)
    assert all(name in row.text for row in found.rows for name in row.entities)


def test_entities_are_named_in_their_title_with_a_sentiment(rows):
    with_entities = [row for row in rows if "entities" in row.fields]
    assert with_entities
    for row in with_entities:
        for name, sentiment in json.loads(row.fields["entities"]).items():
            assert sentiment in SENTIMENTS
            assert name in row.fields["title"], row
