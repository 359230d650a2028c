"""'Data or model?': by examples of what a person would want to be told, and by what holds of any archive."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.circumstances import (
    FACTOR,
    FEWEST,
    Circumstances,
    Refusals,
    circumstances,
    span_of,
)
from stream.inflow import Inflow, Portion, inflow

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)
SINCE = {"v1": datetime(2026, 5, 1, 8, 0, tzinfo=UTC), "v2": datetime(2026, 7, 3, 1, 10, tzinfo=UTC)}
USUAL = {"Baltic Wire": 40, "Tideline": 14, "Rhinegate": 20}


def came(
    sources: Mapping[str, int],
    models: Mapping[str, int] | None = None,
    *,
    confidence: float = 0.9,
    other_letters: float = 0.02,
) -> Inflow:
    by_model = {"v1": sum(sources.values())} if sources else {}
    return Inflow(dict(sources), models or by_model, confidence, other_letters)


WEEK = [came({**USUAL, "Tideline": 14 - day}, confidence=0.9 - day / 1_000) for day in range(7)]


def judged(now: Inflow, own: Mapping[str, int] | None = None) -> Circumstances:
    return circumstances(now, WEEK, own or {}, SINCE)


def kinds(found: Circumstances) -> list[tuple[str, str]]:
    return [(change.kind, change.name) for change in found.changes]


def test_where_nothing_else_changed_one_line_says_by_which_model_and_since_when() -> None:
    found = judged(came(USUAL))
    assert found.sentence == (
        "Nothing else changed: the same model v1 since 1 May 2026 08:00 UTC, the usual sources and volume"
    )
    assert (found.changes, found.days, found.model_since) == ([], 7, SINCE["v1"])


def test_a_squall_by_the_usual_sources_is_no_change_of_the_inputs() -> None:
    squall = {"Baltic Wire": 60, "Tideline": 50, "Rhinegate": 70}
    found = judged(came({name: USUAL[name] + count for name, count in squall.items()}), squall)
    assert found.changes == []


def test_a_feed_that_floods_is_named_with_its_numbers() -> None:
    found = judged(came({**USUAL, "Tideline": 29}))
    assert kinds(found) == [("source", "Tideline")]
    assert found.sentence == (
        "Also changed: Tideline sends 29 other headlines, at most 14 before (compared with the same hours of 7 days)"
    )
    assert (found.changes[0].now, found.changes[0].least, found.changes[0].most) == (29, 8, 14)
    assert judged(came({**USUAL, "Tideline": 28})).changes == [], "twice the most is not beyond it"


def test_a_new_feed_is_named_from_ten_headlines_on() -> None:
    found = judged(came({**USUAL, "Newcomer": 10}))
    assert "Newcomer sends 10 other headlines, none before" in found.sentence
    assert judged(came({**USUAL, "Newcomer": 9})).changes == []


def test_a_feed_that_fell_silent_is_named() -> None:
    found = judged(came({**USUAL, "Baltic Wire": 19}))
    assert "Baltic Wire sends 19 headlines, at least 40 before" in found.sentence
    gone = judged(came({name: count for name, count in USUAL.items() if name != "Baltic Wire"}))
    assert kinds(gone) == [("source", "Baltic Wire")], "and the volume that lacks with it is told once"


def test_one_source_that_tells_most_of_the_squall_and_little_of_the_rest_is_named() -> None:
    own = {"Newcomer": 8, "Tideline": 4}
    found = judged(came({**USUAL, "Newcomer": 8, "Tideline": 14}), own)
    assert "Newcomer alone tells 8 of its 12, at most 0% of all before" in found.sentence
    by_the_largest = {"Baltic Wire": 8, "Tideline": 4}
    assert judged(came({**USUAL, "Baltic Wire": 48}), by_the_largest).changes == []


def test_more_from_everybody_is_told_as_volume() -> None:
    found = judged(came({**USUAL, **{f"Small {number}": 9 for number in range(12)}}))
    assert kinds(found) == [("volume", "")]
    assert "182 other headlines came in, at most 74 before" in found.sentence
    quiet = judged(came({"Baltic Wire": 20, "Tideline": 3, "Rhinegate": 8}))
    assert kinds(quiet) == [("volume", ""), ("source", "Rhinegate")]


def test_a_new_model_is_told_with_the_one_before_it() -> None:
    found = judged(came(USUAL, {"v1": 30, "v2": 44}))
    assert "the model is v2 since 3 Jul 2026 01:10 UTC, before it was v1" in found.sentence
    assert found.model_since == SINCE["v2"]


def test_a_new_model_is_told_even_where_the_archive_is_too_young_for_all_else() -> None:
    found = circumstances(came({"New": 500}, {"v2": 500}), WEEK[:2], {}, SINCE)
    assert (kinds(found), found.days) == ([("model", "v2")], 0)
    assert "(compared" not in found.sentence
    young = circumstances(came(USUAL), WEEK[:2], {}, SINCE)
    assert young.sentence == (
        "The archive is too young to say which sources are usual; the same model v1 since 1 May 2026 08:00 UTC"
    )
    assert circumstances(came({}), [], {}, {}).sentence == "The archive is too young to say which sources are usual"


def test_other_letters_and_doubts_of_the_model_are_told_as_shares() -> None:
    found = judged(came(USUAL, other_letters=0.45, confidence=0.81))
    assert kinds(found) == [("letters", ""), ("confidence", "")]
    assert "45% of the titles are not in Latin letters, 2% to 2% before" in found.sentence
    assert "less sure of all headlines, 81% on average, at least 89% before" in found.sentence
    assert judged(came(USUAL, confidence=0.85)).changes == []
    few = kinds(judged(came({"Baltic Wire": 19}, other_letters=1.0, confidence=0.1)))
    assert {kind for kind, _ in few} == {"source"}, "19 headlines say nothing of shares"


@pytest.mark.parametrize(("now", "usual", "told"), [(40, 12, True), (24, 12, False), (9, 0, False), (10, 0, True)])
def test_a_surge_of_refusals_is_told(now: float, usual: float, told: bool) -> None:
    found = circumstances(came(USUAL), WEEK, {}, SINCE, Refusals(now, usual))
    assert bool(found.changes) == told
    if told:
        assert f"{now} headlines were refused in the last hour, usually {usual}" in found.sentence


def test_the_sentence_tells_three_and_counts_the_others() -> None:
    found = judged(came({**USUAL, **{f"Feed {number}": 50 + number for number in range(6)}}))
    assert kinds(found) == [("volume", ""), *(("source", f"Feed {number}") for number in range(5, -1, -1))]
    assert "389 other headlines came in, at most 74 before; Feed 5 sends 55 other headlines" in found.sentence
    assert "; and 4 more (compared" in found.sentence


def test_hours_in_which_nothing_came_bound_counts_and_no_shares() -> None:
    nights = [came({}), came({}), came({"Baltic Wire": 2}, other_letters=0.0, confidence=0.95)]
    assert circumstances(came({"Baltic Wire": 9}), nights, {}, SINCE).changes == []
    found = circumstances(came({"Baltic Wire": 30}, confidence=0.94), nights, {}, SINCE)
    assert kinds(found) == [("source", "Baltic Wire")]
    empty = circumstances(came({"Baltic Wire": 20}, other_letters=1.0), [came({})] * 3, {}, SINCE)
    assert kinds(empty) == [("source", "Baltic Wire")]


def test_a_span_is_the_squalls_within_bounds() -> None:
    assert span_of(None, NOW) == HOUR
    assert span_of(NOW - HOUR / 4, NOW) == HOUR
    assert span_of(NOW - 3 * HOUR, NOW) == 3 * HOUR
    assert span_of(NOW - 30 * HOUR, NOW) == 6 * HOUR


def test_portions_add_up() -> None:
    together = inflow([Portion("a", "v1", 3, 2.7, 0), Portion("a", "v2", 1, 0.5, 1), Portion("b", "v1", 4, 3.2, 0)])
    assert (together.sources, together.models, together.headlines) == ({"a": 4, "b": 4}, {"v1": 7, "v2": 1}, 8)
    assert together.confidence == pytest.approx(0.8)
    assert together.other_letters == pytest.approx(0.125)
    assert inflow([]) == Inflow({}, {}, 0.0, 0.0)


counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 200), max_size=8)
days = st.lists(counts.map(came), max_size=8)


@given(days, st.data())
def test_a_day_like_one_of_those_before_is_no_change(before: list[Inflow], data: st.DataObject) -> None:
    if before:
        assert circumstances(data.draw(st.sampled_from(before)), before, {}, SINCE).changes == []


@given(counts.map(came), days, counts)
def test_what_is_told_is_beyond_what_was(now: Inflow, before: list[Inflow], own: Mapping[str, int]) -> None:
    own = {name: min(count, now.sources[name]) for name, count in own.items() if name in now.sources}
    found = circumstances(now, before, own, SINCE)
    assert found.sentence
    for change in found.changes:
        assert change.least <= change.most
        assert change.now > FACTOR * change.most or change.now < change.least
    if not found.changes:
        for name, count in now.sources.items():
            most = max((day.sources.get(name, 0) for day in before), default=0)
            assert found.days == 0 or count - own.get(name, 0) <= max(FEWEST, FACTOR * most)
