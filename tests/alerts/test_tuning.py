"""What a budget would have meant."""

import random
from itertools import pairwise

import pytest

from alerts.backtest import back_test, past_of
from alerts.tuning import Choice, tune
from tests.alerts.test_backtest import BEGIN, FEW, TWO_A_MONTH, ordinary, squall


@pytest.fixture(scope="module")
def choices() -> list[Choice]:
    chance = random.Random(3)
    past = past_of([*ordinary(chance, 4.0), *squall(chance, BEGIN, 40, 50_000)])
    assert past is not None
    return tune(past, TWO_A_MONTH, FEW, budgets=(0.5, 4.0, 30.0), samples=60)


def test_a_larger_budget_pages_no_less_and_tells_no_later(choices: list[Choice]) -> None:
    for less, more in pairwise(choices):
        assert less.pages_a_month <= more.pages_a_month
        for slower, sooner in zip(less.squalls, more.squalls, strict=True):
            assert slower.share <= sooner.share
            assert (sooner.minutes or 1e9) <= (slower.minutes or 1e9)


def test_a_larger_squall_is_told_of_more_often(choices: list[Choice]) -> None:
    for choice in choices:
        by_size = {each.size: each.share for each in choice.squalls}
        assert by_size[2.0] < by_size[8.0]
        assert by_size[4.0] < by_size[16.0]
    assert choices[-1].squalls[-1].share > 0.5
    assert choices[-1].squalls[-1].minutes is not None


def test_pages_are_those_of_the_back_test(choices: list[Choice]) -> None:
    chance = random.Random(3)
    past = past_of([*ordinary(chance, 4.0), *squall(chance, BEGIN, 40, 50_000)])
    assert past is not None
    pages = back_test(past, TWO_A_MONTH, FEW)
    [choice] = tune(past, TWO_A_MONTH, FEW, budgets=(TWO_A_MONTH.budget.pages_a_month,), sizes=(8.0,), samples=1)
    assert choice.pages_a_month == pytest.approx(len(pages) / (past.steps * past.step / 43_200), abs=0.01)


def test_the_same_history_gives_the_same_table() -> None:
    past = past_of(ordinary(random.Random(9)))
    assert past is not None
    tables = [tune(past, TWO_A_MONTH, FEW, budgets=(2.0,), sizes=(4.0,), samples=10) for _ in range(2)]
    assert tables[0] == tables[1]
