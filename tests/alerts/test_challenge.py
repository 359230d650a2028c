"""Which pages another model adds, loses or moves."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.backtest import PastPage
from alerts.challenge import challenge

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def page(hours: float, subject: str = "topic/earnings", lasts: float = 2.0, also: tuple[str, ...] = ()) -> PastPage:
    at = NOON + timedelta(hours=hours)
    return PastPage(
        subject=subject,
        fired_at=at,
        resolved_at=at + timedelta(hours=lasts),
        surprise=5.0,
        threshold=4.0,
        stories=6,
        sources=4,
        evidence=[],
        window="1h",
        count=7,
        baseline=1.0,
        peak=6.0,
        also_subjects=list(also),
    )


def test_a_page_at_the_same_moment_is_the_same() -> None:
    result = challenge([page(0)], [page(0)])
    assert (result.same, result.moved, result.added, result.lost) == (1, [], [], [])


def test_a_page_that_comes_sooner_has_moved() -> None:
    [moved] = challenge([page(1)], [page(0.5)]).moved
    assert moved.minutes == -30.0


def test_a_page_may_have_gone_to_a_company_of_the_topic() -> None:
    result = challenge([page(0)], [page(0.5, "entity/Kestrovan", also=("topic/earnings",))])
    assert [each.subject for each in result.moved] == ["entity/Kestrovan"]
    assert not result.added
    assert not result.lost


def test_other_subjects_and_other_times_are_other_squalls() -> None:
    before, after = [page(0), page(30)], [page(0, "topic/macro_economy"), page(10)]
    result = challenge(before, after)
    assert result.same == 0
    assert result.lost == before
    assert result.added == after


def test_of_two_the_nearer_is_the_one_that_moved() -> None:
    result = challenge([page(0, lasts=9)], [page(1), page(4)])
    assert [each.minutes for each in result.moved] == [60.0]
    assert result.added == [page(4)]


PAGES = st.lists(st.builds(page, st.integers(0, 40), st.sampled_from(["topic/a", "topic/b"])), max_size=8)


@given(champion=PAGES, challenger=PAGES)
def test_every_page_is_accounted_for(champion: list[PastPage], challenger: list[PastPage]) -> None:
    result = challenge(champion, challenger)
    matched = result.same + len(result.moved)
    assert matched + len(result.lost) == len(champion)
    assert matched + len(result.added) == len(challenger)
