"""A headline's text as the model reads it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text import clean, has_words


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("AT&amp;T &quot;beats&quot;", 'AT&T "beats"'),
        ("Acme falls http://t.co/x?a=1&b=2 today", "Acme falls today"),
        ("see www.example.com/a now", "see now"),
        ("Acme [email], tel. [phone], falls [2]", "Acme , tel. , falls [2]"),
        ("Ac\u200bme\u202e falls\x00", "Ac me falls"),
        ("ＡＣＭＥ ５％", "ACME 5%"),
        ("  a\n\t b\u00a0c  ", "a b c"),
        ("", ""),
        ("https://example.com", ""),
    ],
)
def test_it_is_cleaned(raw, read):
    assert clean(raw) == read


@settings(max_examples=300)
@given(st.text(max_size=100))
def test_cleaned_text_has_no_control_characters_and_single_spaces(text):
    read = clean(text)
    assert read == read.strip()
    assert "  " not in read
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in read)


@pytest.mark.parametrize("text", ["a", "7", "恒", "é", "🚀 up"])
def test_a_letter_or_a_digit_of_any_script_makes_words(text):
    assert has_words(text)


@pytest.mark.parametrize("text", ["", " ", "🚀🚀", "?!…", "-", "\u200b"])
def test_signs_alone_are_no_words(text):
    assert not has_words(text)
