"""What a reader sees of a text that may be HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.feeds.plaintext import plain, shortened


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("Acme  falls\n 5 %", "Acme falls 5 %"),
        ("<b>Ac</b>me <i class='x'>falls</i>", "Acme falls"),
        ("<p>One</p><p>Two<br/>Three</p>", "One Two Three"),
        ("AT&amp;T &#8211; Q&A &nbsp; &lt;5%", "AT&T – Q&A <5%"),
        ("margin <5%, EPS > 2 & rising", "margin <5%, EPS > 2 & rising"),
        ("<ACME.N> up, <BOLT> down", "<ACME.N> up, <BOLT> down"),
        ("a<script>alert('<b>')</script>b<style>p{}</style>c", "abc"),
        ("a<SCRIPT src=x>alert(1)</ScRiPt >b", "ab"),
        ("a<!-- not <b>this</b> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("a<script>never closed", "a"),
        ("x --> y", "x --> y"),
        ("<img src='a' alt='b'>Picture<a href=\"http://x\">link", "Picturelink"),
        ("half a tag <a href=", "half a tag <a href="),
        ("zero\x00 and \x1b[31mred", "zero and [31mred"),
        ("half \ud83d a pair", "half a pair"),
        ("央行<b>降息</b>", "央行降息"),
        ("&lt;b&gt;told as text&lt;/b&gt;", "<b>told as text</b>"),
        ("", ""),
    ],
)
def test_the_words(markup: str, words: str) -> None:
    assert plain(markup, 1_000) == words


TEXTS = st.text(alphabet=st.one_of(st.sampled_from("<>/!-&;#pbscript \n\"'=\x00"), st.characters()), max_size=300)


@given(TEXTS, st.integers(2, 200))
def test_whatever_it_is_the_words_are_one_bounded_line(markup: str, most: int) -> None:
    words = plain(markup, most)
    assert len(words) <= most
    assert words == " ".join(words.split())
    assert all(character >= " " for character in words)
    words.encode()


@given(st.text(alphabet=st.characters(exclude_characters="<&", exclude_categories=("C",)), max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain(text, 1_000) == " ".join(text.split())


@pytest.mark.parametrize("bomb", ["<a ", "<", "<!--", "<script>", "</", "&", "<p>", "<a b='", "-->"])
def test_no_markup_keeps_it_busy(bomb: str) -> None:
    # Were it quadratic, this would be minutes.
    assert len(plain(bomb * 500_000, 4_000)) <= 4_000


@given(st.text(max_size=60), st.integers(2, 60))
def test_shortening_keeps_a_beginning(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
