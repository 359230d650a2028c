"""Slices of rows told by their texts and labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.labels import LabelledText
from training.slices import script, shouted, slices


def row(text, entities=None, source="", language="", origin="desk") -> LabelledText:
    return LabelledText(text, None, "neutral", origin, entities or {}, source, language)


def of(kind, given) -> str | None:
    return {name.split("/", 1)[0]: name.split("/", 1)[1] for name in slices(given)}.get(kind)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Acme falls", "length", "short"),
        ("Acme falls after the board said that profit would miss its forecast", "length", "medium"),
        ("Acme " * 17, "length", "long"),
        ("云枢光电前三季度净利润同比下降扣非后由盈转亏", "length", "medium"),
        ("Acme falls", "numbers", "without"),
        ("Acme falls 3% in the first session of the week", "numbers", "with"),
        ("Q4 EPS $1.10 vs $0.95", "numbers", "many"),
        ("$ACME slips", "ticker", "with"),
        ("Acme (NYSE: ACM) slips", "ticker", "with"),
        ("Acme raises $30", "ticker", "without"),
        ("$ACME to the moon", "form", "post"),
        ("UPDATE 2-Acme slips", "form", "wire flash"),
        ("BRIEF-Acme slips", "form", "wire flash"),
        ("Acme slips", "form", "headline"),
        ("ACME SLIPS AFTER MISSING FORECASTS", "shouting", "all capitals"),
        ("ACME slips after missing forecasts", "shouting", "no"),
        ("Is Acme done?", "question", "yes"),
        ("Acme done? Not so, says its chief", "question", "yes"),
        ("Acme is done", "question", "no"),
        ("Acme isn't done", "negation", "with"),
        ("Acme denies default", "negation", "with"),
        ("Notable gains at Acme", "negation", "without"),
        ("公司未能如期偿债", "negation", "with"),
        ("Profit up, but outlook cut", "contrast", "with"),
        ("Acme butters up", "contrast", "without"),
        ("Acme may sell its plant", "hedge", "with"),
        ("Acme to sell its plant", "hedge", "without"),
    ],
)
def test_what_a_text_is_like(text, kind, value):
    assert of(kind, row(text)) == value


def test_entities_are_counted_and_opposite_fates_told():
    assert of("entities", row("a")) == "none"
    assert of("entities", row("a", {"Acme": "negative"})) == "one"
    both = row("a", {"Acme": "negative", "Bex": "positive", "Cor": "neutral"})
    assert of("entities", both) == "several"
    assert of("fates", both) == "opposite"
    assert of("fates", row("a", {"Acme": "negative", "Bex": "neutral"})) is None


def test_a_source_is_a_slice_only_where_it_is_given():
    assert of("source", row("a")) is None
    assert of("source", row("a", source="Wire")) == "Wire"


def test_a_language_is_the_given_one_or_the_letters():
    assert of("language", row("a", language="en-GB")) == "en"
    assert of("language", row("a", language="zh_Hans")) == "zh"
    assert of("language", row("Acme")) == "not given, Latin letters"
    assert of("language", row("铜价上涨")) == "not given, CJK letters"
    assert of("language", row("42")) == "not given, no letters"


def test_english_words_are_not_looked_for_in_other_languages():
    kinds = {name.split("/")[0] for name in slices(row("Der Mann mag keine Eier", language="de"))}
    assert not kinds & {"negation", "contrast", "hedge"}


@given(st.text(max_size=200))
def test_any_text_is_in_one_slice_of_a_kind_and_always_in_the_same(text):
    found = slices(row(text))
    kinds = [name.split("/", 1)[0] for name in found]
    assert len(kinds) == len(set(kinds))
    assert {"length", "language", "origin", "entities", "numbers"} <= set(kinds)
    assert slices(row(text)) == found
    assert isinstance(shouted(text), bool)
    assert script(text)
