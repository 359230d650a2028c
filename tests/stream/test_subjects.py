"""What a headline counts for."""

from datetime import UTC, datetime

from stream.fingerprint import fingerprint
from stream.records import ScoredHeadline, TallyEntry, encode
from stream.subjects import subjects_of, tallies
from tests.scoredheadlines import scored_headline

THEN = datetime(2026, 3, 4, 9, 30, 59, 999999, tzinfo=UTC)


def scored(id_="a", topic="earnings", model="m1", entities=None, towards=None) -> ScoredHeadline:
    given = {"entities": entities or {}, "entity_probabilities": towards or {}, "model": model}
    return scored_headline(id_, THEN, topic=topic, **given)


def test_a_headline_counts_for_its_topic_for_all_and_for_its_entities_each_with_its_own_sentiment():
    found = subjects_of(scored(entities={"Acme": "positive"}))
    assert [(subject, seen.sentiment) for subject, seen in found] == [
        ("topic/earnings", "negative"),
        ("topic/all", "negative"),
        ("entity/Acme", "positive"),
    ]


def test_a_batch_makes_one_tally_a_subject_and_model_with_entries_in_order_and_the_polarity_towards_each():
    towards = {"Acme": {"negative": 0.1, "neutral": 0.2, "positive": 0.7}}
    named = scored("d", entities={"Acme": "positive"}, towards=towards)
    made = tallies([scored("a"), scored("b", "other"), scored("c", model="m2"), named])
    assert {(tally.subject, tally.model): [entry.id for entry in tally.entries] for tally in made} == {
        ("topic/earnings", "m1"): ["a", "d"],
        ("topic/other", "m1"): ["b"],
        ("topic/all", "m1"): ["a", "b", "d"],
        ("topic/earnings", "m2"): ["c"],
        ("topic/all", "m2"): ["c"],
        ("entity/Acme", "m1"): ["d"],
    }
    entity = next(tally for tally in made if tally.subject == "entity/Acme")
    assert entity.entries == [TallyEntry("d", 29_543_610, "positive", 0.6, fingerprint("d"), "Wire")]


def test_no_headlines_make_no_tally():
    assert tallies([]) == []


def test_a_tally_that_would_be_too_large_for_a_record_is_several_and_loses_none():
    batch = [scored(f"{number:04}" + "\x01" * 252, topic="earnings") for number in range(1000)]
    made = [tally for tally in tallies(batch) if tally.subject == "topic/all"]
    assert len(made) > 1
    assert max(len(encode(tally)) for tally in made) < 1_000_000
    assert [entry.id for tally in made for entry in tally.entries] == [headline.id for headline in batch]
