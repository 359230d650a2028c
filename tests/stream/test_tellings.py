"""Which tellings of a story are news."""

from hypothesis import given
from hypothesis import strategies as st

from stream.records import DAY_MINUTES
from stream.tellings import NEWS_A_DAY, Tellings


def test_forty_copies_are_news_three_times() -> None:
    tellings = Tellings()
    assert sum(tellings.is_news(1, minute) for minute in range(40)) == NEWS_A_DAY


def test_each_story_is_news_for_itself() -> None:
    tellings = Tellings()
    assert all(tellings.is_news(story, 5) for story in range(40))


def test_what_is_told_again_on_another_day_is_news_again() -> None:
    tellings = Tellings()
    assert [tellings.is_news(1, day * DAY_MINUTES) for day in range(9)] == [True] * 9


def test_a_story_that_is_forgotten_is_a_new_one() -> None:
    tellings = Tellings()
    for minute in range(4):
        tellings.is_news(1, minute)
    tellings.forget_before(2)
    assert not tellings.is_news(1, 3)
    tellings.forget_before(3)
    assert tellings.is_news(1, 3)


@given(st.lists(st.integers(0, 4 * DAY_MINUTES), max_size=60))
def test_in_whatever_order_no_day_holds_more_than_twice_that(minutes: list[int]) -> None:
    """A day's both halves may each have been filled from outside it."""
    tellings = Tellings()
    news = [minute for minute in minutes if tellings.is_news(1, minute)]
    for begin in news:
        assert sum(begin <= minute < begin + DAY_MINUTES for minute in news) <= NEWS_A_DAY
