"""Near-duplicates: found whatever the wording's order and numbers, and exactly those that a full comparison finds."""

from hypothesis import given
from hypothesis import strategies as st

from training.neardup import NEAR, near_duplicates, words

WORDS = "profit falls at acme after strike rises bolt on sales cut wind 7 年报 预增".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def test_a_copy_with_other_numbers_case_and_punctuation_is_found():
    others = ["Oil rises", "UPDATE 2-Bosch Q1 net up 26 per cent at Rs 326 crore!"]
    assert near_duplicates(["Bosch Q1 net up 3 per cent at Rs 12 crore: update"], others) == [1]


def test_the_same_words_about_another_company_are_no_copy_in_a_short_headline():
    assert near_duplicates(["Acme net profit falls"], ["Bolt net profit falls"]) == [None]


def test_chinese_is_compared_by_pairs_of_characters():
    assert words("年报预增") == {"年报", "报预", "预增"}
    assert near_duplicates(["公司发布年度业绩预增公告"], ["公司发布年度业绩预增公告!", "银行降息"]) == [0]


def test_a_text_without_words_is_near_nothing():
    assert near_duplicates(["🚀", ""], ["🚀", ""]) == [None, None]


@given(st.lists(TEXT, max_size=8), st.lists(TEXT, max_size=8), st.sampled_from([0.5, 0.6, NEAR, 1.0]))
def test_the_index_finds_what_comparing_all_with_all_finds(texts, others, near):
    def slow(text: str) -> int | None:
        mine = words(text)
        for at, other in enumerate(map(words, others)):
            if mine and other and len(mine & other) >= near * len(mine | other):
                return at
        return None

    assert near_duplicates(texts, others, near) == [slow(text) for text in texts]
