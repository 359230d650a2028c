"""Copies and light rewrites are one story; other figures and other events are another."""

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.fingerprint import fingerprint
from stream.records import DAY_MINUTES
from stream.stories import StoryBook, group, same_story

TEXTS = Path(__file__).parents[2] / "deploy" / "demo" / "texts"
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
    assert not any((book._words, book._last_minute, book._by_word, book._by_print))


def test_a_rewrite_is_found_among_hundreds_of_stories_on_the_same_company():
    words = [f"w{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a in range(8) for b in range(10) for c in range(10)]
    titles = ["Acme " + " ".join(words[at : at + 4]) for at in range(0, 800, 4)]
    book = StoryBook()
    numbers = [book.story_of(fingerprint(title), 0) for title in titles]
    assert len(set(numbers)) == 200
    assert [book.story_of(fingerprint("RPT " + title), 1) for title in titles] == numbers
