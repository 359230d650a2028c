"""The tables of words hold together."""

import pytest

from stream.lexicon import ABBREVIATIONS, AGENCIES, COUNTRIES, GOODS, OUTLETS, concepts, forms, poles, says_nothing


@pytest.mark.parametrize(
    ("word", "inflected"),
    [
        ("rise", {"rise", "rises", "rised", "rising"}),
        ("cut", {"cut", "cuts", "cuted", "cutting", "cutted", "cuting"}),
        ("carry", {"carry", "carries", "carried", "carrying"}),
        ("push", {"push", "pushes", "pushed", "pushing"}),
    ],
)
def test_regular_inflections(word, inflected):
    assert set(forms(word)) == inflected


def test_what_says_the_same_has_one_concept():
    found = concepts()
    assert found["slashes"] == found["plunged"] == found["downgrades"]
    assert found["rises"] == found["hiked"] != found["falls"]
    assert found["ceo"] == found["boss"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rises", "falls"),
        ("approves", "rejects"),
        ("appointed", "resigned"),
        ("confirms", "denies"),
        ("resumes", "halts"),
        ("profit", "loss"),
        ("beats", "misses"),
        ("holds", "cuts"),
        ("upgrades", "downgrades"),
    ],
)
def test_what_says_the_opposite_has_opposite_poles(first, second):
    found = poles()
    assert set(found[first].swapcase()) & set(found[second])


def test_no_word_is_its_own_opposite():
    for word, each in poles().items():
        assert len(set(each.casefold())) == len(each), word


def test_tables_are_in_small_letters_and_do_not_overlap_where_it_would_matter():
    for table in (OUTLETS, AGENCIES, GOODS, ABBREVIATIONS, COUNTRIES.keys(), concepts().keys(), poles().keys()):
        assert all(word == word.casefold() for word in table)
    assert GOODS.isdisjoint(COUNTRIES)
    assert not any(says_nothing(word) for word in GOODS)
