"""What a fingerprint keeps of a title and of what the encoder makes of it, and what it does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.figures import Figure
from stream.fingerprint import SKETCH_BITS, fingerprint, keys_of, read, sketch_of, text_part

TITLE = "Halvard Shipping warns of 40% profit fall after port strike"
# Of whatever a title of the longest kind can bring in: every limit is reached.
LONGEST_PRINT = 450


@pytest.mark.parametrize(
    "copy",
    [
        f"UPDATE 2-{TITLE}",
        f"BRIEF-{TITLE}",
        f"REFILE-UPDATE 1-{TITLE}",
        f"RPT-{TITLE}",
        f"*{TITLE}",
        f"Breaking: {TITLE}",
        f"EXCLUSIVE | {TITLE}",
        f"UPDATE 1 - CORRECTED - {TITLE}",
        f"RT @tapewatcher: {TITLE}",
        f"LONDON, {TITLE}",
        f"(LONDON) {TITLE}",
        f"{TITLE} - Baltic Wire",
        f"{TITLE} | Capital Ledger",
        f"{TITLE} | Konsum & Handel",
        f"{TITLE} (The Harbour Gazette)",
        f"{TITLE}: Bloomberg",
        f"{TITLE} https://example.com/a?b=1",
        f"{TITLE}...",
        TITLE.replace(" ", "\u00a0 "),
        TITLE.replace("Halvard", "H\u200balvard".replace("\u200b", "")) + "!",
        TITLE.replace("40%", "40 percent"),
        TITLE.replace("40%", "40 pct"),
        f"“{TITLE}”",
    ],
)
def test_what_wires_and_outlets_put_around_a_headline_leaves_it_the_same(copy):
    assert fingerprint(copy) == fingerprint(TITLE)


@pytest.mark.parametrize(
    "title",
    [
        "Acme sinks - Bolt rises",
        "ASX: Barwon Lithium - Trading halt",
        "Acme warns on profit - record loss in world markets",
        "Acme, Bolt and Cobalt Foods fall - Daily losses mount",
    ],
)
def test_a_title_does_not_lose_its_end_as_if_it_were_an_outlet(title):
    assert fingerprint(title) != fingerprint(title.partition(" - ")[0])


def test_curly_and_straight_quotes_are_the_same():
    assert fingerprint("Bank's ‘dirty’ money: “worst ever”") == fingerprint("Bank's 'dirty' money: \"worst ever\"")


def test_what_is_written_is_what_is_read():
    print_ = fingerprint("$ACME won't pay Borvane 1.23bn in May, 2026", "mm" + "A" * 15 + "B")
    found = read(print_)
    assert [(name.letters, name.kind) for name in found.names] == [("acme", "t"), ("borvane", "n")]
    assert found.figures == (Figure("n", 123, 7),)
    assert found.periods == {"m5", "y2026"}
    assert len(found.words) == 1
    assert found.negated == found.words
    assert (found.model, found.sketch) == ("mm", 1)
    assert found.words | {"123e7"} <= set(keys_of(print_))


def test_the_same_title_has_the_same_text_whatever_model_has_read_it():
    first, second = (fingerprint(TITLE, sketch) for sketch in ("aa" + "A" * 16, "bb" + "B" * 16))
    assert first != second
    assert text_part(first) == text_part(second) == text_part(fingerprint(TITLE))


@pytest.mark.parametrize("print_", ["", "00010002.", "00010002.0003", "a.b.c.d.e.f.g.h", "abc..n.x..", "......mmé"])
def test_a_fingerprint_of_another_form_is_like_its_equals_alone(print_):
    found = read(print_)
    assert found.words == {print_}
    assert not any(found[1:])


@settings(max_examples=300)
@given(st.text(max_size=200))
def test_any_text_has_a_fingerprint_that_can_be_read(text):
    print_ = fingerprint(text)
    assert print_.count(".") == 6
    assert print_ not in read(print_).words
    assert print_ == fingerprint(text)


@settings(max_examples=100)
@given(
    st.lists(
        st.one_of(
            st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=40),
            st.integers(0, 10**30).map(str),
            st.sampled_from(["not", "May", "2026", "Q3", "$TICKER", "1.234.5", "盈利", "三季度"]),
        ),
        min_size=80,
        max_size=400,
    )
)
def test_a_fingerprint_is_short_however_long_the_title_is(words):
    assert len(fingerprint(" ".join(words))) <= LONGEST_PRINT


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["profit", "bank", "12", "7.5%", "port", "strike", "falls", "盈利"]), max_size=12))
def test_the_order_of_words_and_their_repetition_do_not_matter(words):
    assert read(fingerprint(", ".join(words))) == read(fingerprint(", ".join([*reversed(words), *words])))


def test_sketches_agree_as_far_as_embeddings_do():
    draw = np.random.default_rng(1)
    first = draw.normal(size=384).astype(np.float32)
    other = draw.normal(size=384).astype(np.float32)
    agreeing = []
    for share in (0.0, 0.3, 0.6, 1.0):
        mixed = (1 - share) * first + share * other
        bits = [read(fingerprint("", sketch_of(each.astype(np.float32), "m"))).sketch for each in (first, mixed)]
        agreeing.append(1 - (bits[0] ^ bits[1]).bit_count() / SKETCH_BITS)
    assert agreeing[0] == 1.0
    assert agreeing == sorted(agreeing, reverse=True)
    assert abs(agreeing[-1] - 0.5) < 0.2, "what has nothing in common agrees in half the bits"


def test_a_sketch_is_the_same_every_time_and_says_whose_it_is():
    embedding = np.arange(-8, 8, dtype=np.float32)
    # For ever: sketches in an archive are compared with new ones.
    assert sketch_of(embedding, "m1") == sketch_of(embedding * 3, "m1") == "0wYeFYqJJuqvgqjPp5"
    assert sketch_of(embedding, "m2")[2:] == sketch_of(embedding, "m1")[2:]
    assert sketch_of(embedding, "m2")[:2] != sketch_of(embedding, "m1")[:2]
    assert sketch_of(-embedding, "m1") != sketch_of(embedding, "m1")
