"""Personal data in a text, put out of sight before anything is scored or kept: emails, phones, account, card and
identity numbers, IP addresses, and by choice handles.

What stands in its place is a word in brackets that a reader understands. The model does not see it: model.text.clean
drops it as it drops links, so that a mask has no say in the score.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from model.personaldata import Found, find, find_in_url
from model.text import MASKS

# A mask may show what stands beside it ('Tel: [phone], 555-0144'), which is then seen in a second look. More than a few
# follow only from a text that was made to.
_MOST_LOOKS = 8

# What a text must have somewhere to hold personal data of any kind: most headlines do not, and cost this search alone.
# It begins with one class of characters, by which it passes over all others at once.
_THEN_A_DIGIT = r"[^0-9A-Za-z,，%$\u3400-\u9fff]{0,3}\d"
_MAY_HOLD = re.compile(
    r"[@＠%&\\(\[:\d](?:(?<=[@＠])|(?<=%)40|(?<=&)#|(?<=\\)u00|(?<=[(\[])\s?at\s?[)\]]"
    rf"|(?<=\d)(?:{5 * _THEN_A_DIGIT}|\.\d{{1,3}}\.\d{{1,3}}\.\d"
    r"|(?<=[A-Za-z]{5}\d)\d{3}[A-Za-z]|(?<=[A-Za-z]\d)\d[A-Za-z]\d\d)|(?<=:)[0-9A-Fa-f]{0,4}:[0-9A-Fa-f])"
)

# What a reader does not see, or sees as another character.
_HIDDEN = "\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\u20e3\ufe00-\ufe0f\ufeff"
_OTHERWISE = re.compile(rf"[{_HIDDEN}]|&(?:#\d{{1,7}}|#[xX][0-9A-Fa-f]{{1,6}}|[A-Za-z]{{2,8}});")
_OTHERWISE_IN_JSON = re.compile(rf"{_OTHERWISE.pattern}|\\u[0-9A-Fa-f]{{4}}")
_DASHES = "‐‑‒–—―−﹣"


class _Alike(dict[int, str]):
    """Characters that people read as an ASCII one, for str.translate: digits of all scripts, full-width forms, dashes,
    spaces. Filled as they are met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if 0xFF01 <= code <= 0xFF5E:
            character = chr(code - 0xFEE0)
        elif code > 0x7F and character.isdecimal():
            character = str(unicodedata.decimal(character))
        elif character in _DASHES:
            character = "-"
        elif character.isspace():
            character = " "
        self[code] = character
        return character


_ALIKE = _Alike()


class Masked(NamedTuple):
    """A text without its personal data, and the kind of each piece that was taken out."""

    text: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Masker:
    """Masks personal data. `handles`: names of accounts in networks and messengers (@name) too.

    >>> Masker().mask("Acme (ir@acme.example, tel. +1 212-555-0143) sells 1,200,000 shares")
    Masked(text='Acme ([email], tel. [phone]) sells 1,200,000 shares', kinds=('email', 'phone'))
    """

    handles: bool = False

    def mask(self, text: str, in_json: bool = False) -> Masked:
        """The text with a mask in place of each piece; the rest of it, and a text without any, is what it was.

        Idempotent, and linear in the text's length. A mask is at most half again as long as what it stands for; that of
        a handle may be three times as long. `in_json`: the text is JSON as it is written, whose \\u escapes are read.
        """
        kinds: list[str] = []
        for _ in range(_MOST_LOOKS):
            if _MAY_HOLD.search(text) is None:
                break
            view = _view(text, in_json)
            found = find(view.text, self.handles)
            if not found:
                break
            text = _replaced(text, view, found)
            kinds += [each.kind for each in found]
        return Masked(text, tuple(kinds))

    def mask_url(self, url: str) -> Masked:
        """A link without emails and phones that are written as such; its numbers else are what it leads to."""
        found = find_in_url(url)
        return Masked(_replaced(url, _View(url, None), found), tuple(each.kind for each in found))


class _View(NamedTuple):
    """A text as people read it. `places`: where each of its characters begins and ends in the text; None if they are
    in the same places."""

    text: str
    places: list[tuple[int, int]] | None


def _view(text: str, in_json: bool) -> _View:
    pattern = _OTHERWISE_IN_JSON if in_json else _OTHERWISE
    if pattern.search(text) is None:
        return _View(text if text.isascii() and text.isprintable() else text.translate(_ALIKE), None)
    read: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    for match in pattern.finditer(text):
        read += text[at : match.start()]
        places += ((place, place + 1) for place in range(at, match.start()))
        meant = _meant(match.group())
        read += meant
        places += [match.span()] * len(meant)
        at = match.end()
    read += text[at:]
    places += ((place, place + 1) for place in range(at, len(text)))
    return _View("".join(read).translate(_ALIKE), places)


def _meant(written: str) -> str:
    """What a reference or an escape stands for; nothing for what is not seen."""
    if written[0] == "&":
        return html.unescape(written)
    return chr(int(written[2:], 16)) if written[0] == "\\" else ""


def _replaced(text: str, view: _View, found: list[Found]) -> str:
    parts: list[str] = []
    at = 0
    for piece in found:
        begin, end = piece.begin, piece.end
        if view.places is not None:
            begin, end = view.places[begin][0], view.places[end - 1][1]
        parts += (text[at:begin], MASKS[piece.kind])
        at = end
    return "".join((*parts, text[at:]))
