"""How often pages were right, and which threshold that suggests."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.precision import FEWEST, Judged, Suggestion, report

MAY = datetime(2026, 5, 31, 23, 30, tzinfo=UTC)
KESTROVAN, ALL = "entity/Kestrovan", "topic/all"


def pages(verdict: str | None, *surprises: float | None, subject: str = KESTROVAN, at: datetime = MAY) -> list[Judged]:
    return [Judged(subject, at, surprise, verdict) for surprise in surprises]


def for_all(found: Sequence[Suggestion]) -> Suggestion | None:
    return next((each for each in found if each.subject is None), None)


def test_precision_is_by_subject_and_month_with_its_interval() -> None:
    june = MAY + timedelta(hours=1)
    found = report(
        [
            *pages("real", 9, 9, 9),
            *pages("false_alarm", 6),
            *pages("duplicate", 9),
            *pages(None, 9, 9),
            *pages("false_alarm", 6, 6, at=june),
            *pages("real", 20, subject=ALL, at=june),
        ],
        5.0,
    )
    assert (found.together.pages, found.together.unjudged, found.together.duplicate) == (10, 2, 1)
    assert [(each.subject, each.pages) for each in found.subjects] == [(KESTROVAN, 9), (ALL, 1)]
    assert [(each.month, each.real, each.false_alarm) for each in found.months] == [
        ("2026-06", 1, 2),
        ("2026-05", 3, 1),
    ]
    by_both = {(each.subject, each.month): each for each in found.subject_months}
    may = by_both[KESTROVAN, "2026-05"].precision
    assert may is not None
    assert may.estimate == 0.75
    assert may.low < 0.5 < may.estimate < may.high
    june_precision = by_both[KESTROVAN, "2026-06"].precision
    assert june_precision is not None
    assert june_precision.estimate == 0


def test_pages_that_nobody_judged_have_no_precision() -> None:
    found = report(pages(None, 5, 6), 5.0)
    assert (found.together.precision, found.together.unjudged, found.suggestions) == (None, 2, [])
    assert report([], 5.0).together.pages == 0


def test_a_threshold_keeps_the_false_alarms_away_that_lie_below_all_real_pages() -> None:
    found = report([*pages("false_alarm", 5.2, 5.5, 6.14, 30), *pages("real", 8, 12, 40)], 5.0)
    suggested = for_all(found.suggestions)
    assert suggested is not None
    assert (suggested.surprise, suggested.present) == (pytest.approx(6.2), 5.0)
    assert (suggested.dropped, suggested.false_alarms, suggested.lost, suggested.real) == (3, 4, 0, 3)
    assert 0.5 < suggested.may_lose < 0.6, "three real pages say little of those to come"


def test_a_real_page_between_false_alarms_bounds_it_unless_it_may_be_lost() -> None:
    history = [*pages("false_alarm", 5.1, 5.2, 5.3, 7, 8, 9), *pages("real", 5.25, *range(10, 20))]
    assert report(history, 5.0).suggestions == [], "two false alarms below it are too few"
    suggested = for_all(report(history, 5.0, lose=0.1).suggestions)
    assert suggested is not None
    assert (suggested.dropped, suggested.lost) == (6, 1)
    assert suggested.surprise == pytest.approx(9.1)


def test_a_threshold_just_below_a_real_page_is_that_pages_surprise() -> None:
    suggested = for_all(report([*pages("false_alarm", 5.1, 5.2, 6.01), *pages("real", 6.05)], 5.0).suggestions)
    assert suggested is not None
    assert (suggested.surprise, suggested.dropped, suggested.lost) == (6.05, 3, 0)


def test_no_threshold_is_suggested_from_few_false_alarms_or_where_none_helps() -> None:
    assert report(pages("false_alarm", 6, 7), 5.0).suggestions == []
    assert report([*pages("false_alarm", 20, 21, 22), *pages("real", 6)], 5.0).suggestions == []
    assert report(pages("false_alarm", 5.1, 5.2, 5.3), 9.0).suggestions == [], "the present one is higher already"
    assert report(pages("false_alarm", None, None, None, None), 5.0).suggestions == []


def test_a_subject_has_a_suggestion_of_its_own() -> None:
    history = [*pages("false_alarm", 6, 7, 8), *pages("real", 6, subject=ALL)]
    assert [(each.subject, each.surprise) for each in report(history, 5.0).suggestions] == [
        (KESTROVAN, pytest.approx(8.1))
    ]


judged = st.builds(
    Judged,
    st.sampled_from([KESTROVAN, ALL]),
    st.integers(0, 365).map(lambda day: MAY + timedelta(days=day)),
    st.none() | st.floats(0, 300),
    st.sampled_from(["real", "false_alarm", "duplicate", None]),
)


@given(st.lists(judged, max_size=60), st.floats(0, 20), st.floats(0, 1))
def test_every_page_is_counted_once_and_suggestions_keep_their_word(
    history: list[Judged], present: float, lose: float
) -> None:
    found = report(history, present, lose)
    for parts in (found.subjects, found.months, found.subject_months):
        assert sum(each.pages for each in parts) == len(history)
        for each in parts:
            assert each.pages == each.real + each.false_alarm + each.duplicate + each.unjudged
    for suggested in found.suggestions:
        assert suggested.surprise > present - 0.001
        assert suggested.dropped >= FEWEST
        assert suggested.lost <= lose * suggested.real
