"""What a fingerprint keeps of a title, and what it does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.fingerprint import fingerprint, words_of

TITLE = "Halvard Shipping warns of 40% profit fall after port strike"


@pytest.mark.parametrize(
    "copy",
    [
        TITLE.upper(),
        f"UPDATE 2-{TITLE}",
        f"BRIEF-{TITLE}",
        f"Breaking: {TITLE}",
        f"EXCLUSIVE | {TITLE}",
        f"UPDATE 1 - CORRECTED - {TITLE}",
        f"{TITLE} - Baltic Wire",
        f"{TITLE} | Capital Ledger",
        f"{TITLE} https://example.com/a?b=1",
        TITLE.replace(" ", "\u00a0 "),
        TITLE.replace("Halvard", "H\u200balvard".replace("\u200b", "")) + "!",
        f"“{TITLE}”",
    ],
)
def test_prefixes_suffixes_case_and_punctuation_leave_it_the_same(copy):
    assert fingerprint(copy) == fingerprint(TITLE)


def test_curly_and_straight_quotes_are_the_same():
    assert fingerprint("Bank's ‘dirty’ money: “worst ever”") == fingerprint("Bank's 'dirty' money: \"worst ever\"")


def test_numbers_stand_apart_and_thousands_separators_do_not_count():
    words, numbers = words_of(fingerprint("Acme cuts 1,200 jobs"))
    assert len(words) == 3
    assert len(numbers) == 1
    assert fingerprint("Acme cuts 1,200 jobs") == fingerprint("Acme cuts 1200 jobs")
    assert fingerprint("Acme cuts 1.2 jobs") != fingerprint("Acme cuts 12 jobs")


def test_a_short_title_does_not_lose_its_end_as_if_it_were_an_outlet():
    assert fingerprint("Acme sinks - Bolt rises") != fingerprint("Acme sinks")


def test_chinese_titles_are_cut_into_pairs_of_characters():
    words, numbers = words_of(fingerprint("恒运航运盈利预警 2025年"))
    assert len(words) >= 7
    assert len(numbers) == 1
    assert fingerprint("恒运航运发布盈利预警") != fingerprint("恒运航运宣布回购股份")


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_any_text_has_a_fingerprint_of_whole_words_and_numbers(text):
    print_ = fingerprint(text)
    words, numbers = words_of(print_)
    assert print_.count(".") == 1
    assert all(len(each) == 4 for each in words | numbers)
    assert print_ == "".join(sorted(words)) + "." + "".join(sorted(numbers))


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["profit", "bank", "12", "7.5", "port", "strike", "fall", "盈利"]), max_size=12))
def test_the_order_of_words_and_their_repetition_do_not_matter(words):
    assert fingerprint(", ".join(words)) == fingerprint(", ".join([*reversed(words), *words]))
