"""The words of a text that may be HTML: what a reader sees, on one line."""

import html
import re

# Feeds put HTML where plain text belongs and the other way round, and say nothing of it. So only what is named like
# a tag of HTML is one: "margin <5%, EPS > 2" and "<ACME.N>" are words.
_SKIPPED = ("script", "style", "template")
_BLOCKS = frozenset(
    "address article aside blockquote br dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li "
    "main nav ol option p pre section select table tbody td tfoot th thead title tr ul".split()
)
_TAGS = frozenset(
    "a abbr audio b bdi bdo big body button center cite code data del dfn em embed font head html i iframe img input "
    "ins kbd label link map mark meta noscript object param picture q s samp script small source span strike strong "
    "style sub sup svg template textarea time tt u var video wbr".split()
) | _BLOCKS  # fmt: skip

# Linear whatever the text: no repetition can be matched in two ways.
_MARKUP = re.compile(r"(<!--|-->|</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*|/)?>)")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")
_CUT_TAG = re.compile(r"</?[A-Za-z][^<>]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SPACES = re.compile(r"\s+")

# An article's markup is a few times as long as its words.
_LONGEST_MARKUP = 200_000


def plain(markup: str, most: int) -> str:
    """The words without tags, scripts and comments, entities resolved once, on one line; of more than `most`
    characters the first, up to the end of a word.

    >>> plain("<p>AT&amp;T <b>beats</b>,<br>margin &lt;5%</p><script>x()</script>", 100)
    'AT&T beats, margin <5%'
    """
    if len(markup) > _LONGEST_MARKUP:
        markup = _CUT_TAG.sub("", markup[:_LONGEST_MARKUP])
    words: list[str] = []
    inside = ""  # of what is passed over, until its end
    for piece in _MARKUP.split(markup):
        named = _NAME.match(piece)
        name = named[1].lower() if named and piece.endswith(">") else ""
        if inside:
            if piece == inside or (name and f"/{name}" == inside and piece.startswith("</")):
                inside = ""
        elif piece == "<!--":
            inside = "-->"
        elif name in _SKIPPED:
            inside = "" if piece.startswith("</") else f"/{name}"
        elif name in _TAGS:
            words.append(" " if name in _BLOCKS else "")
        else:
            words.append(piece)
    return shortened(one_line(html.unescape("".join(words))), most)


def one_line(text: str) -> str:
    """The text without control characters and without halves of surrogates, which UTF-8 cannot hold; white space
    folded."""
    text = text.encode("utf-8", "ignore").decode()
    return _SPACES.sub(" ", _CONTROL.sub(" ", text)).strip()


def shortened(text: str, most: int) -> str:
    """The first `most` characters at most: up to the end of a word, where one ends in their second half.

    >>> shortened("Shares of Acme fall", 12)
    'Shares of…'
    """
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    if not text[most - 1].isspace() and " " in cut[most // 2 :]:
        cut = cut.rpartition(" ")[0]
    return cut.rstrip() + "…"
