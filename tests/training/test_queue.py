"""What to label next: of interest, unlike one another, nothing twice; and each with its reason."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import UnscorableText
from model.scorer import Score
from model.taxonomy import Taxonomy
from stream.records import ScoredHeadline
from tests.scoredheadlines import scored_headline
from training.queue import (
    ALIKE,
    PageSpan,
    Shortlist,
    jensen_shannon,
    next_to_label,
    page_of,
    shortlist,
    spread,
    unsureness,
)

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
PAGE = PageSpan("p1", "topic/earnings", NOW - timedelta(hours=1), NOW + timedelta(hours=1))
WIDTH = 16
TITLES = (
    "Acme cuts its dividend after a loss",
    "Oil rises as producers hold back",
    "Regulator fines Bolt Bank over outage",
    "Strike closes two northern ports",
)


def headline(title, negative=0.3, topic="earnings", sure=0.6, at=NOW, **changes) -> ScoredHeadline:
    rest = (1 - negative) / 2
    return scored_headline(
        title,
        at,
        topic=topic,
        topic_probability=sure,
        probabilities={"negative": negative, "neutral": rest, "positive": rest},
        **changes,
    )


class Reader:
    """A scorer that gives every title probabilities of our choice and an embedding of its own."""

    def __init__(self, sure=None, unread=(), topics=("earnings", "other")) -> None:
        self.taxonomy = Taxonomy(topics)
        self._sure, self._unread = sure or {}, unread

    def score(self, texts):
        return [self._one(text) for text in texts]

    def _one(self, text):
        if text in self._unread:
            return UnscorableText("unknown_script", "")
        sure = self._sure.get(text, 0.9)
        rest = (1 - sure) / (len(self.taxonomy.topics) - 1)
        topics = (sure, *[rest] * (len(self.taxonomy.topics) - 1))
        embedding = np.random.default_rng(sum(text.encode())).normal(size=WIDTH).astype(np.float32)
        return Score("earnings", topics, "negative", (sure, (1 - sure) / 2, (1 - sure) / 2), embedding, 5, 0.0)


def listed(*titles) -> Shortlist:
    return Shortlist([headline(title) for title in titles], len(titles), 0)


@pytest.mark.parametrize("labelled", [[], ["Something that is labelled"]])
def test_where_there_is_nothing_to_choose_from_nothing_is_suggested(labelled):
    assert next_to_label(listed(), labelled, [], Reader(), None, 5) == []
    assert next_to_label(listed(), labelled, [], Reader(), Reader(), 5) == []
    assert next_to_label(listed(TITLES[0]), labelled, [], Reader(unread=TITLES), None, 5) == []


def test_the_least_sure_comes_first_and_says_so():
    found = next_to_label(listed(*TITLES), [], [], Reader({TITLES[2]: 0.55}), None, 2)
    assert found[0].headline.title == TITLES[2]
    assert found[0].why.startswith("model unsure: earnings 0.55 / other 0.45, negative 0.55 / ")
    assert len(found) == 2
    assert found[1].why.startswith("unlike what is labelled (earnings 0.90 / other 0.10")


def test_what_two_models_differ_about_comes_first_and_says_so():
    other = Reader({TITLES[1]: 0.05}, topics=("earnings", "other", "climate"))
    found = next_to_label(listed(*TITLES), [], [], Reader(), other, 4)
    assert found[0].headline.title == TITLES[1]
    assert found[0].disagreement > 0.5
    assert "champion says earnings, challenger" in found[0].why


def test_what_one_of_two_models_cannot_read_is_left_out():
    found = next_to_label(listed(*TITLES), [], [], Reader(), Reader(unread=TITLES[:1]), 9)
    assert {each.headline.title for each in found} == set(TITLES[1:])


def test_a_headline_in_a_page_comes_before_its_equals_and_says_so():
    candidates = Shortlist([headline(TITLES[0], topic="other"), headline(TITLES[1])], 2, 0)
    (first, _) = next_to_label(candidates, [], [PAGE], Reader(), None, 2)
    assert first.page == "p1"
    assert "in page p1 of topic/earnings" in first.why


def test_what_made_a_false_alarm_comes_before_what_made_a_real_page_and_says_so():
    real = PAGE._replace(page="p2", subject="topic/legal_regulatory", verdict="real")
    false = PAGE._replace(verdict="false_alarm")
    open_ = PAGE._replace(page="p3", subject="topic/macro_economy")
    told = [
        headline(TITLES[0], topic="legal_regulatory"),
        headline(TITLES[1], topic="macro_economy"),
        headline(TITLES[2]),
    ]
    found = next_to_label(Shortlist(told, 3, 0), [], [real, open_, false], Reader(), None, 3)
    assert [each.page for each in found] == ["p1", "p3", "p2"]
    assert "in page p1 of topic/earnings, said to be false alarm" in found[0].why
    assert page_of(headline("Acme falls"), [PAGE._replace(verdict="real"), false]) is false


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({}, True),
        ({"topic": "other"}, False),
        ({"at": NOW - timedelta(hours=2)}, False),
        ({"negative": 0.1}, False),
    ],
)
def test_a_page_has_the_headlines_of_its_time_and_subject_that_were_nearly_negative(changes, inside):
    assert (page_of(headline("Acme falls", **changes), [PAGE]) is PAGE) == inside


def test_a_shortlist_has_nothing_labelled_no_copy_and_a_story_once():
    told = [
        headline("Acme recalls 300 electric kettles over overheating fault", id="a"),
        headline("ACME RECALLS 300 ELECTRIC KETTLES OVER OVERHEATING FAULT", id="b"),
        headline("UPDATE 1-Acme recalls 300 electric kettles over overheating fault", id="c"),
        headline("Oil rises as producers hold back", id="d"),
        headline("Oil rises as producers hold back!", id="e"),
        headline("🚀", id="f"),
    ]
    found = shortlist(told, ["Oil rises as producers hold back"], [])
    assert len(found.headlines) == 1
    assert found.headlines[0].id in ("a", "c")
    assert (found.seen, found.labelled) == (6, 1)


def test_a_shortlist_keeps_the_most_promising_and_with_a_challenger_some_of_the_others():
    words = "acme bolt corvane dunmore elbe fjord grange hanse iron juno".split()
    many = [headline(f"{word} {other} reports", sure=0.99, negative=0.98) for word in words for other in words]
    doubtful = headline("Nobody knows what the board wants", sure=0.3, negative=0.4)
    assert shortlist([*many, doubtful], [], [], size=1).headlines == [doubtful]
    explored = shortlist([*many, doubtful], [], [], size=10, explore=True)
    assert doubtful in explored.headlines
    assert len(explored.headlines) <= 10


VECTORS = st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any), max_size=9)


@given(VECTORS, VECTORS, st.integers(1, 9))
def test_what_is_spread_is_alike_neither_a_centre_nor_another(rows, centres, count):
    embeddings = np.array(rows, dtype=np.float32).reshape(-1, 3)
    known = np.array(centres, dtype=np.float32).reshape(-1, 3)
    chosen = spread(np.ones(len(rows)), embeddings, known, count)
    assert len(chosen) == len(set(chosen)) <= count
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-9)
    others = known / np.maximum(np.linalg.norm(known, axis=1, keepdims=True), 1e-9)
    for number, at in enumerate(chosen):
        assert all(1 - unit[at] @ unit[before] >= ALIKE - 1e-5 for before in chosen[:number])
        assert all(1 - unit[at] @ centre >= ALIKE - 1e-5 for centre in others)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5), st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_divergence_and_doubt_lie_between_nothing_and_one(first, second):
    one = np.array([first]) / sum(first)
    other = np.array([second[: len(first)]]) / sum(second[: len(first)])
    assert 0 <= jensen_shannon(one, other)[0] <= 1
    assert jensen_shannon(one, other) == pytest.approx(jensen_shannon(other, one))
    assert jensen_shannon(one, one)[0] == pytest.approx(0, abs=1e-9)
    assert 0 <= unsureness(one)[0] <= 1
