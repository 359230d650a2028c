"""What is one event's and what contradicts it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.fingerprint import fingerprint, read, sketch_of
from stream.likeness import SAME_STORY, contradict, likeness

WORDS = "Acme Bolt $ACM profit falls rises not 12% 1.2bn May June bank recalls kettles Q1 denies week after 公司 亏损"
titles = st.lists(st.sampled_from(WORDS.split()), max_size=9).map(" ".join)
embeddings = st.integers(0, 50).map(lambda seed: np.random.default_rng(seed).normal(size=32).astype(np.float32))


def print_of(title, embedding=None, model="m"):
    return read(fingerprint(title, "" if embedding is None else sketch_of(embedding, model)))


def alike(first, second):
    return likeness(print_of(first), print_of(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Halloran Therapeutics inhaler fails key study", "$HLRN inhaler fails key study"),
        ("International Rail Freight train derails in Ohio, spilling acid", "IRF train derails in Ohio, spilling acid"),
        ("BRAMWELL STEEL TO SHUT OSTRAVA MILL", "Bramwell Steel closes its Ostrava factory"),
        ("Polish lender Wislabank raises 1.23 billion zlotys", "Poland's Wislabank raises 1.2 bn zlotys"),
        ("Zambian copper miner Kasanka halts output", "Kasanka suspends copper output in Zambia"),
        ("Corvane to buy Lonestar for $4.27 billion", "Corvane buys Lonestar in $4.3 bn deal"),
        ("Wexcombe calls in administrators", "Wexcombe calls in administrators, 900 jobs at risk"),
        ("Boss of Target leaves", "Target CEO departs"),
    ],
)
def test_names_words_and_figures_are_matched_however_they_are_written(first, second):
    assert alike(first, second) >= SAME_STORY


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Baltia Shipping cut to B3 by Moody's", "Corvina Shipping cut to B3 by Moody's"),
        ("CEO of Target resigns", "CEO of Gap resigns"),
        ("Soy prices slip on rain", "Coffee prices slip on rain"),
        ("Chile's peso weakens", "Peru's peso weakens"),
        ("Corvane cuts 900 jobs", "Corvane cuts 400 jobs"),
        ("Corvane's loss widens in Q1", "Corvane's loss widens in Q3"),
        ("Corvane shut until May", "Corvane shut until July"),
        ("Corvane shares rise", "Corvane shares fall"),
        ("Corvane to close Graz plant", "Corvane won't close Graz plant"),
        ("Corvane denies it plans to close Graz plant", "Corvane plans to close Graz plant"),
        ("Corvane denies it plans to close Graz plant", "Corvane confirms it plans to close Graz plant"),
        ("ECB holds rates", "ECB cuts rates"),
        ("Corvane names Lund chairman", "Corvane chairman Lund resigns"),
        ("Flood at Corvane's Bangkok plant", "Shortages weeks after flood at Corvane's Bangkok plant"),
        ("广誉能源债券违约", "华铭能源债券违约"),
        ("广誉能源否认拖欠工资", "广誉能源承认拖欠工资"),
    ],
)
def test_what_contradicts_is_another_story_however_alike_it_is(first, second):
    assert contradict(print_of(first), print_of(second))
    assert alike(first, second) == 0.0


def test_a_figure_or_a_date_that_one_leaves_out_does_not_contradict():
    assert not contradict(print_of("Corvane cuts 900 jobs in May"), print_of("Corvane cuts jobs"))


def test_the_sketches_speak_where_the_words_leave_it_open():
    first, second = "Marlstone auditors flag doubts on future", "Marlstone auditors warn on future losses"
    one = np.random.default_rng(1).normal(size=32).astype(np.float32)
    plain = alike(first, second)
    assert likeness(print_of(first, one), print_of(second, one)) == pytest.approx(plain + 0.15)
    assert likeness(print_of(first, one), print_of(second, -one)) < plain


def test_sketches_of_two_models_say_nothing_of_each_other():
    one = np.random.default_rng(1).normal(size=32).astype(np.float32)
    first, second = "Marlstone auditors flag doubts on future", "Marlstone auditors warn on future losses"
    assert likeness(print_of(first, one, "m1"), print_of(second, one, "m2")) == alike(first, second) > 0
    assert likeness(print_of(first, one, "m1"), print_of(first, -one, "m2")) >= SAME_STORY


@settings(max_examples=300)
@given(titles, titles, st.one_of(st.none(), embeddings), st.one_of(st.none(), embeddings))
def test_likeness_is_mutual_and_with_itself_complete(first, second, mine, theirs):
    one, other = print_of(first, mine), print_of(second, theirs)
    assert likeness(one, other) == likeness(other, one)
    assert contradict(one, other) == contradict(other, one)
    assert likeness(one, one) >= SAME_STORY
    assert not contradict(one, one)
    if contradict(one, other) and one[:-2] != other[:-2]:
        assert likeness(one, other) == 0.0


@settings(max_examples=200)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_can_be_compared(first, second):
    assert alike(first, second) == alike(second, first)
    assert alike(first, first) == 1.0
