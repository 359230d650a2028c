"""Drift is told when headlines change, and not when there are only few of them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.reference import describe
from model.scorer import Score
from stream.drift import FEWEST, UNJUDGED, WINDOW, DriftWatch, stability_index

NOTHING = np.zeros(4, np.float32)
TOPICS = 17
SMALL = 0.1  # by custom, an index below it is no drift to speak of
LARGE = 0.25


def score(topic: str = "earnings", sentiment: str = "neutral", sure: float = 0.8, length: int = 15, unknown=0.0):
    rest = (1 - sure) / 2
    return Score(topic, (sure, 1 - sure), sentiment, (rest, sure, rest), NOTHING, length, unknown)


def stream(chance: np.random.Generator, count: int, **changes) -> list[Score]:
    """Headlines of a stream like any: topics of very different size, lengths around 16, now and then an odd word."""
    shares = 1 / np.arange(1, TOPICS + 1)
    topics = chance.choice([f"t{number}" for number in range(TOPICS)], count, p=shares / shares.sum())
    sentiments = chance.choice(["negative", "neutral", "positive"], count, p=[0.25, 0.5, 0.25])
    lengths = np.maximum(1, chance.normal(16, 6, count)).astype(int)
    sure = chance.beta(8, 2, count) * 0.5 + 0.5
    unknown = np.where(chance.random(count) < 0.01, 0.05, 0.0)
    made = zip(topics, sentiments, sure, lengths, unknown, strict=True)
    fields = ("topic", "sentiment", "sure", "length", "unknown")
    return [score(**(dict(zip(fields, each, strict=True)) | changes)) for each in made]


def watched(reference: list[Score], live: list[Score], **options) -> DriftWatch:
    watch = DriftWatch(describe(reference), **options)
    for each in live:
        watch.add(each)
    return watch


@pytest.fixture(scope="module")
def reference() -> list[Score]:
    return stream(np.random.default_rng(1), 6_000)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("count", [50, FEWEST, 500, WINDOW])
def test_headlines_of_the_same_kind_are_no_drift(reference, seed, count):
    found = watched(reference, stream(np.random.default_rng(100 + seed), count)).drift()
    assert max(found.prediction.values()) < SMALL
    assert max(found.input.values()) < SMALL


def test_even_fifty_headlines_would_seldom_look_like_a_drift(reference):
    chance = np.random.default_rng(5)
    found = [watched(reference, stream(chance, 50), fewest=1).drift() for _ in range(100)]
    for name in ("topic", "sentiment"):
        assert sum(each.prediction[name] > SMALL for each in found) <= 5, name
    for name in ("length", "unknown_words", "confidence"):
        assert sum(each.input[name] > SMALL for each in found) <= 5, name


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"topic": "t3"}, {"topic"}),
        ({"topic": "climate"}, {"topic"}),
        ({"sentiment": "negative"}, {"sentiment"}),
        ({"length": 60}, {"length"}),
        ({"unknown": 0.3}, {"unknown_words"}),
        ({"sure": 0.51}, {"confidence"}),
    ],
)
def test_what_moved_is_told_and_nothing_else(reference, change, moved):
    chance = np.random.default_rng(7)
    live = stream(chance, WINDOW // 2) + stream(chance, WINDOW // 2, **change)
    found = watched(reference, live).drift()
    index = {**found.prediction, **found.input}
    assert {name for name, value in index.items() if value > LARGE} == moved
    assert {name for name, value in index.items() if value > SMALL} == moved


def test_below_the_fewest_nothing_is_judged(reference):
    changed = stream(np.random.default_rng(7), FEWEST, topic="climate")
    watch = watched(reference, changed[:-1])
    assert watch.drift().headlines == FEWEST - 1
    assert watch.drift().prediction == UNJUDGED.prediction
    assert watch.drift().input == UNJUDGED.input
    watch.add(changed[-1])
    assert watch.drift().prediction["topic"] > LARGE


def test_the_window_slides(reference):
    chance = np.random.default_rng(7)
    watch = watched(reference, stream(chance, WINDOW, topic="climate", length=90))
    assert watch.drift().prediction["topic"] > LARGE
    for each in stream(chance, WINDOW):
        watch.add(each)
    fresh = watched(reference, stream(np.random.default_rng(8), 10))
    assert watch.drift().headlines == WINDOW
    assert watch.drift().prediction["topic"] < SMALL
    assert watch.drift().input["length"] < SMALL
    assert fresh.drift().headlines == 10


@settings(max_examples=60)
@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 8))
def test_a_window_says_the_same_as_its_last_headlines_alone(topics, window):
    reference = [score(f"t{number}", length=number + 1) for number in range(4)]
    live = [score(f"t{number}", length=number * 9 + 1) for number in topics]
    assert (
        watched(reference, live, window=window, fewest=1).drift()
        == watched(reference, live[-window:], window=window, fewest=1).drift()
    )


def test_without_a_reference_there_is_no_drift_and_no_headline():
    watch = DriftWatch(None)
    for _ in range(FEWEST + 1):
        watch.add(score())
    assert watch.drift() == UNJUDGED


shares = st.lists(st.integers(0, 50), min_size=2, max_size=12).filter(any)


@given(shares, st.lists(st.integers(0, 400), min_size=2, max_size=12), st.integers(1, 100_000))
def test_the_index_is_finite_and_not_negative_whatever_is_empty(parts, live, n):
    expected = {number: part / sum(parts) for number, part in enumerate(parts)}
    index = stability_index(Counter(dict(enumerate(live))), expected, n)
    assert np.isfinite(index)
    assert index >= 0


def test_the_index_is_the_published_one_where_there_is_plenty():
    # Siddiqi's sum worked by hand: (0.2 - 0.1) ln 2 + (0.8 - 0.9) ln(8 / 9).
    index = stability_index({"a": 2_000_000, "b": 8_000_000}, {"a": 0.1, "b": 0.9}, 10_000_000)
    assert index == pytest.approx(0.1 * np.log(2) - 0.1 * np.log(8 / 9), abs=1e-5)
