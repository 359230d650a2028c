"""Copies and light rewrites are one story; other figures and other events are another."""

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream import stories
from stream.fingerprint import fingerprint, sketch_of
from stream.likeness import likeness
from stream.records import DAY_MINUTES
from stream.stories import COMPARED, COUNTED, TELLINGS, StoryBook, group, same_story

TEXTS = Path(__file__).parents[2] / "deploy" / "demo" / "texts"
# Tellings of an event, each of which is like every other one of it and like none of another event.
EVENTS = (
    (
        "Corvex Pipelines to buy Lonestar Midstream for $4.27 billion",
        "UPDATE 2-Corvex Pipelines buys Lonestar Midstream for $4.3 bn",
        "CORVEX PIPELINES TO BUY LONESTAR MIDSTREAM IN $4.3 BLN DEAL",
        "Lonestar Midstream bought by Corvex Pipelines for $4.27bn - Baltic Wire",
    ),
    (
        "Corvex Pipelines to sell Lonestar Midstream's gas storage",
        "Corvex Pipelines sells gas storage of Lonestar Midstream",
        "RPT-Corvex Pipelines to sell gas storage of Lonestar Midstream | Capital Ledger",
    ),
    (
        "Halvard Shipping's loss widens in Q1",
        "Halvard Shipping's first-quarter loss widens...",
        "HALVARD SHIPPING Q1 LOSS WIDENS",
    ),
    ("Halvard Shipping's loss widens in Q3", "Halvard Shipping third-quarter loss widened"),
    ("恒运航运董事长辞职", "恒运航运董事长离任 - 海港日报"),
)
BASE = "Pellwick recalls 300 electric kettles over overheating fault, warns of burns"


def titles_of(name: str) -> list[str]:
    with (TEXTS / name).open(encoding="utf-8", newline="") as file:
        return [row["title"] for row in csv.DictReader(file)]


def same(first: str, second: str) -> bool:
    return same_story(fingerprint(first), fingerprint(second))


def stories_in(titles) -> int:
    return len(group((title, fingerprint(title), minute) for minute, title in enumerate(titles)))


@pytest.mark.parametrize("seed", range(20))
def test_a_syndicated_release_is_one_story_in_whatever_order_its_copies_come(seed):
    titles = titles_of("syndicated.csv")
    random.Random(seed).shuffle(titles)
    assert len(titles) == 40
    assert stories_in(titles) == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_squall_of_eighteen_events_at_one_company_is_eighteen_stories(seed):
    titles = titles_of("squall.csv")
    random.Random(seed).shuffle(titles)
    assert len(titles) == stories_in(titles) == 18


@pytest.mark.parametrize(
    "copy",
    [
        "LONDON, " + BASE,
        "(LONDON) " + BASE,
        "RPT-" + BASE,
        "Pellwick recalls 300 electric kettles over overheating fault",
        "Pellwick recalls electric kettles over overheating fault, warns of burns",
        "Pellwick to recall 300 electric kettles over overheating fault, warning of burns",
    ],
)
def test_a_light_rewrite_is_the_same_story(copy):
    assert same(BASE, copy)
    assert same(copy, BASE)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("300", "4,000"),
        "Pellwick names new finance chief",
        "Halvard Shipping recalls lifeboats",
        "Kettles sell well in winter",
    ],
)
def test_other_figures_or_another_event_are_another_story(other):
    assert not same(BASE, other)
    assert stories_in([BASE, other]) == 2


def test_chinese_copies_are_one_story_and_another_event_is_another():
    title = "恒运航运发布盈利预警 预计全年净利润下跌四成"
    assert same(title, title + " - 海港财经")
    assert same(title, "恒运航运发布盈利预警,预计全年净利润下跌四成!")
    assert not same(title, "恒运航运宣布回购股份 最多斥资十亿元")


def test_titles_of_numbers_alone_are_one_story_only_if_they_are_equal():
    assert same("3,000", "3000")
    assert not same("3,000", "4,000")
    assert not same("3,000", "!")


@settings(max_examples=200)
@given(st.text(max_size=80), st.text(max_size=80))
def test_being_one_story_is_mutual(first, second):
    assert same(first, second) == same(second, first)
    assert same(first, first)


@settings(max_examples=60, deadline=None)
@given(st.permutations([title for title in titles_of("squall.csv") for _ in range(3)]))
def test_exact_copies_fall_into_the_same_groups_in_any_order(titles):
    found = group((title, fingerprint(title), 0) for title in titles)
    assert sorted(each[0] for each in found) == sorted(set(titles))
    assert all(len(each) == 3 and len(set(each)) == 1 for each in found)


def test_groups_keep_the_order_given():
    assert group([("a", "00010002.", 5), ("b", "00030004.", 1), ("c", "00010002.", 0)]) == [["a", "c"], ["b"]]


def test_the_same_words_two_days_later_are_a_new_story():
    book = StoryBook()
    first = book.story_of(fingerprint(BASE), 0)
    assert book.story_of(fingerprint(BASE), DAY_MINUTES) == first
    assert book.story_of(fingerprint(BASE), 2 * DAY_MINUTES) == first, "the day slides with each telling"
    assert book.story_of(fingerprint(BASE), 3 * DAY_MINUTES + 1) != first


def test_a_telling_that_comes_late_joins_its_story():
    book = StoryBook()
    first = book.story_of(fingerprint(BASE), DAY_MINUTES)
    assert book.story_of(fingerprint("RPT-" + BASE), 0) == first


def test_what_was_last_told_before_a_minute_is_forgotten_whole():
    book = StoryBook()
    old = book.story_of(fingerprint(BASE), 100)
    kept = book.story_of(fingerprint("Halvard Shipping warns of profit fall"), 200)
    book.forget_before(200)
    assert book.story_of(fingerprint("Halvard Shipping warns of profit fall"), 201) == kept
    new = book.story_of(fingerprint(BASE), 201)
    assert new not in (old, kept)


def test_forgetting_everything_leaves_nothing_behind():
    book = StoryBook()
    for number in range(50):
        book.story_of(fingerprint(f"company{'x' * number} falls"), number)
    book.forget_before(1000)
    assert not any((book._stories, book._by_key, book._by_text))


def test_a_rewrite_is_found_among_hundreds_of_stories_on_the_same_company():
    words = [f"w{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(8) for b in range(10) for c in range(10)]
    titles = ["Acme " + " ".join(words[at : at + 4]) for at in range(0, 800, 4)]
    book = StoryBook()
    numbers = [book.story_of(fingerprint(title), 0) for title in titles]
    assert len(set(numbers)) == 200
    assert [book.story_of(fingerprint("RPT " + title), 1) for title in titles] == numbers


@settings(max_examples=200, deadline=None)
@given(
    st.permutations([(number, title) for number, event in enumerate(EVENTS) for title in event]),
    st.lists(st.integers(0, DAY_MINUTES), min_size=14, max_size=14),
)
def test_where_likeness_is_transitive_the_order_within_a_day_does_not_matter(tellings, minutes):
    found = group(
        (number, fingerprint(title), minute) for (number, title), minute in zip(tellings, minutes, strict=True)
    )
    assert sorted(map(sorted, found)) == [[number] * len(event) for number, event in enumerate(EVENTS)]


def test_the_events_of_these_tests_are_alike_within_and_unlike_between():
    for mine in EVENTS:
        for theirs in EVENTS:
            assert all(same(first, second) is (mine is theirs) for first in mine for second in theirs)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_two_figures_are_two_stories_even_if_a_telling_without_one_could_be_either(order):
    titles = ("Acme cuts jobs in Leeds", "Acme cuts 900 jobs in Leeds", "Acme cuts 400 jobs in Leeds")
    assert stories_in([titles[at] for at in order]) == 2


def test_a_new_model_in_the_middle_of_the_day_makes_no_new_story():
    draw = np.random.default_rng(1)
    book = StoryBook()
    numbers = {
        book.story_of(fingerprint(title, sketch_of(draw.normal(size=16).astype(np.float32), model)), minute)
        for minute, (title, model) in enumerate([(BASE, "m1"), (BASE, "m2"), ("RPT-" + BASE, "m3"), (BASE[:60], "m4")])
    }
    assert len(numbers) == 1


def test_fingerprints_of_another_form_are_stories_of_their_own():
    assert group([("a", "00010002.", 0), ("b", fingerprint(BASE), 0), ("c", "00010003.", 0)]) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    "titles",
    [
        [f"Acme shares fall after profit warning, cuts {number} jobs" for number in range(1000, 4000)],
        [f"Acme {'abcdefghij'[at % 10] * 4} {'klmnopqrst'[at // 10 % 10] * 4} {at * 7919}x" for at in range(3000)],
        ["Acme falls"] * 3000,
    ],
    ids=["the same words", "one word shared by all", "copies"],
)
def test_what_a_headline_costs_is_bounded_however_alike_all_are(titles, monkeypatch):
    compared = 0

    def counted(first, second):
        nonlocal compared
        compared += 1
        return likeness(first, second)

    monkeypatch.setattr(stories, "likeness", counted)
    counted_stories = 0

    class Counted(stories.Counter):
        def update(self, numbers):
            nonlocal counted_stories
            numbers = list(numbers or ())
            counted_stories += len(numbers)
            super().update(numbers)

    monkeypatch.setattr(stories, "Counter", Counted)
    book = StoryBook()
    for minute, title in enumerate(titles):
        before = (compared, counted_stories)
        book.story_of(fingerprint(title), minute % DAY_MINUTES)
        assert compared - before[0] <= COMPARED * TELLINGS
        assert counted_stories - before[1] <= COUNTED
