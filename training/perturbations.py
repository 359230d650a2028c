"""Changes of a text that must not change what a model says of it: casing, typos, punctuation, tickers, form.

Each is seeded by the text itself, so that it is the same in every run and whatever other rows there are. After
CheckList's invariance tests (Ribeiro et al., ACL 2020) and TextFlint (Wang et al., ACL 2021).

The limits were set before any model was measured, and say what a reader would forgive:
- 5 % of labels for what he would hardly notice (casing, punctuation, a ticker, a wire's prefix, an outlet's name);
- 10 % for a typo in a word that may be the one which decides;
- 3 % for separators in numbers, 2 % for the shape of quotes, 1 % for white space, which he does not see at all.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from model.text import clean, has_words
from training.companies import companies, mentions, ticker_of
from training.labels import LabelledText


@dataclass(frozen=True)
class Changed:
    """A text after a change, and the group that it now speaks of, where the change has a direction ('female')."""

    text: str
    towards: str = ""


@dataclass(frozen=True)
class Perturbation:
    """A change of texts, by the name that reports use, and what of it must hold."""

    name: str  # kind/what
    says: str  # in plain words
    limit: float  # the largest share of rows whose label may change, of each head
    change: Callable[[LabelledText, str, Random], Changed | str | None]  # of a row and its cleaned text

    def of(self, row: LabelledText, seed: int = 0) -> Changed | None:
        """The row's text, changed; None where there is nothing to change."""
        text = clean(row.text)
        if not has_words(text):
            return None
        digest = blake2b(f"{seed}\0{self.name}\0{text}".encode(), digest_size=8).digest()
        changed = self.change(row, text, Random(int.from_bytes(digest, "big")))  # noqa: S311  (a choice, no secret)
        if isinstance(changed, str):
            changed = Changed(changed)
        return None if changed is None or changed.text == text else changed


_CONTENT_WORD = re.compile(r"(?<![\w$#@'’-])[A-Za-z]{5,}(?![\w'’-])")
_FUNCTION_WORDS = frozenset(
    "about above after again against along among around because before being below between beyond could despite "
    "during every first following might other over shall should since still their there these those though through "
    "under until where which while whose within without would".split()
)
_NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "adw", "d": "sfe", "f": "dgr", "g": "fht", "h": "gjy", "j": "hku", "k": "jli",
    "l": "kop", "z": "xas", "x": "zcs", "c": "xvd", "v": "cbf", "b": "vng", "n": "bmh", "m": "nj",
}  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_WIRE_PREFIX = re.compile(r"^[A-Z]+(?: \d+)?\s?[-:–]")
# Not in brackets: a share's code there (308655) is a name.
_NUMBER = re.compile(r"(?<![\w.,(])(\d{1,3}(?:,\d{3})+|\d{4,7})(?![\w]|[.,]\d{3,})")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SOURCES_IN_CHINESE = ("新华社", "财联社", "证券时报", "上海证券报", "第一财经")
_PREFIXES_IN_CHINESE = ("快讯:", "【快讯】", "更新:")
_CHINESE_PREFIX = re.compile(r"^(?:【|[\u3400-\u9fff]{2,4}[::])")
_SOURCES = ("Reuters", "Bloomberg", "Financial Times", "Dow Jones Newswires", "The Wall Street Journal")


def _lower(_row: LabelledText, text: str, _chance: Random) -> str:
    return text.lower()


def _upper(_row: LabelledText, text: str, _chance: Random) -> str:
    return text.upper()


def _title(_row: LabelledText, text: str, _chance: Random) -> str:
    return _LETTERS.sub(lambda word: word.group()[:1].upper() + word.group()[1:], text)


def _in_a_content_word(alter: Callable[[str, Random], str]) -> Callable[[LabelledText, str, Random], str | None]:
    """A change of one word's inner letters: of a word that carries meaning, by its length and no list of such."""

    def change(_row: LabelledText, text: str, chance: Random) -> str | None:
        words = [word for word in _CONTENT_WORD.finditer(text) if word.group().lower() not in _FUNCTION_WORDS]
        if not words:
            return None
        word = chance.choice(words)
        return text[: word.start()] + alter(word.group(), chance) + text[word.end() :]

    return change


def _swapped(word: str, chance: Random) -> str:
    places = [at for at in range(1, len(word) - 2) if word[at].lower() != word[at + 1].lower()]
    if not places:
        return word
    at = chance.choice(places)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _dropped(word: str, chance: Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1 :]


def _slipped(word: str, chance: Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    new = chance.choice(_NEIGHBOURS[word[at].lower()])
    return word[:at] + (new.upper() if word[at].isupper() else new) + word[at + 1 :]


def _without_punctuation(_row: LabelledText, text: str, _chance: Random) -> str:
    """What stands within a word or number stays, and so do signs that mean something: ? % $ # @ & + -5."""
    kept = []
    for at, character in enumerate(text):
        inside = 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()
        is_sign = character in "?？%#@&*/" or (character in "-–" and text[at + 1 : at + 2].isdigit())
        kept.append(" " if unicodedata.category(character)[0] == "P" and not inside and not is_sign else character)
    return clean("".join(kept))


def _with_full_stop(_row: LabelledText, text: str, _chance: Random) -> str | None:
    if not text[-1:].isalnum() and not text.endswith(("%", ")")):
        return None
    return text + ("。" if "\u3400" <= text[-1] <= "\u9fff" else ".")


def _with_ticker(write: Callable[[str, str, Random], str]) -> Callable[[LabelledText, str, Random], str | None]:
    def change(row: LabelledText, text: str, chance: Random) -> str | None:
        for name in companies(row):
            ticker, found = ticker_of(name), mentions(name).search(text)
            if found and len(ticker) >= 2:
                return text[: found.start()] + write(name, ticker, chance) + text[found.end() :]
        return None

    return change


def _spaced(_row: LabelledText, text: str, chance: Random) -> str:
    wide = ("  ", "\t", "\u00a0", " \u200b", "\n")
    return " " + re.sub(" ", lambda _space: chance.choice(wide), text) + " \u00a0"


def _with_typographic_quotes(_row: LabelledText, text: str, _chance: Random) -> str:
    text = re.sub(r"(?<!\w)\"(?=\S)", "“", text).replace('"', "”")
    return re.sub(r"(?<![\w])'(?=\w)", "‘", text).replace("'", "’")


def _with_prefix(_row: LabelledText, text: str, chance: Random) -> str | None:
    if _HAN.search(text):
        return None if _CHINESE_PREFIX.match(text) else chance.choice(_PREFIXES_IN_CHINESE) + text
    return None if _WIRE_PREFIX.match(text) else f"UPDATE {chance.choice('123')}-{text}"


def _with_source(_row: LabelledText, text: str, chance: Random) -> str | None:
    sources = _SOURCES_IN_CHINESE if _HAN.search(text) else _SOURCES
    return None if re.search(r" [-–|] [\w .]+$", text) else f"{text} - {chance.choice(sources)}"


def _with_other_separators(_row: LabelledText, text: str, _chance: Random) -> str:
    def changed(number: re.Match[str]) -> str:
        digits = number.group().replace(",", "")
        if "," in number.group():
            return digits
        is_year = len(digits) == 4 and digits[:2] in ("19", "20")
        return digits if is_year or digits[0] == "0" else f"{int(digits):,}"

    return _NUMBER.sub(changed, text)


ROBUSTNESS = (
    Perturbation("casing/lower", "all letters small", 0.05, _lower),
    Perturbation("casing/upper", "all letters capital", 0.05, _upper),
    Perturbation("casing/title", "every word with a capital", 0.05, _title),
    Perturbation("typos/swap", "two neighbouring letters of a word swapped", 0.10, _in_a_content_word(_swapped)),
    Perturbation("typos/drop", "a letter of a word missing", 0.10, _in_a_content_word(_dropped)),
    Perturbation("typos/key", "a neighbouring key hit in a word", 0.10, _in_a_content_word(_slipped)),
    Perturbation("punctuation/dropped", "no punctuation but within words and numbers", 0.05, _without_punctuation),
    Perturbation("punctuation/added", "a full stop at the end", 0.05, _with_full_stop),
    Perturbation(
        "tickers/after", "$TICK after a company's name", 0.05, _with_ticker(lambda name, ticker, _: f"{name} ${ticker}")
    ),
    Perturbation(
        "tickers/instead", "$TICK in place of a company's name", 0.05, _with_ticker(lambda _, ticker, __: f"${ticker}")
    ),
    Perturbation(
        "tickers/exchange",
        "(NYSE: TICK) after a company's name",
        0.05,
        _with_ticker(lambda name, ticker, chance: f"{name} ({chance.choice(('NYSE', 'NASDAQ', 'LSE'))}: {ticker})"),
    ),
    Perturbation("form/white space", "other white space between words", 0.01, _spaced),
    Perturbation("form/quotes", "typographic quotes and apostrophes", 0.02, _with_typographic_quotes),
    Perturbation("form/prefix", "'UPDATE 1-', or in Chinese '快讯:', before it", 0.05, _with_prefix),
    Perturbation("form/source", "' - Reuters' or another outlet after it", 0.05, _with_source),
    Perturbation("form/thousands", "thousands separators set or dropped", 0.03, _with_other_separators),
)
