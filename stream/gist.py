"""What a headline says, as far as telling events apart needs it: words, names, figures, dates, which way it goes."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from model.text import clean
from stream import chinese, lexicon
from stream.figures import PERCENT, PLAIN, POWERS, Figure, figure

# Beyond these a title is no headline; its beginning tells it apart.
MOST_WORDS = 40
MOST_NAMES = 10
MOST_FIGURES = 6
MOST_PERIODS = 6
MOST_NEGATED = 4
STEM = 5  # letters: 'pollution' and 'polluting' are one word, as are 'Zambia' and 'Zambian'
NAME_LETTERS = 9  # enough to find a ticker's letters in it
NEGATED_AFTER = 3  # words that a 'not' stands before

TICKER, NAME, COUNTRY, GOODS, CHINESE, INITIALS = "tncgza"
LONGEST_INITIALS = 5

# What wires put before a headline that they pass on, and outlets behind it.
_BEFORE = re.compile(
    r"\s*(?:(?:\*+|RT @\w+:|【[^】]{1,6}】|\([A-Z]{3,}\)|"
    r"(?:update|brief|refile|rpt|repeat|corrected|correction|wrapup|exclusive|breaking|alert|just in|watch|psa|factbox|"
    r"explainer|timeline|analyst views?|instant view|graphic|take five|press digest|shareholder alert|"
    r"快讯|更新|突发|收盘|独家)(?![^\W\d_])[\s\d]*[-:：|】,–—]+)\s*)+",
    re.I,
)
_DATELINE = re.compile(r"[A-Z]{4,}(?:, |: | - )(?=.*[a-z]{3})")
_BEHIND = re.compile(r"(\s+[-–—]\s+|\s*[|·]\s*|\s*\(|\s*:\s+|\s+-)([^-–—|·():]{2,40})\)?\s*$")
_OUTLET_ENDS = "报网社"
_CHINESE_OUTLET = re.compile(rf"\s*[-|]\s*[^-|]{{2,10}}[{_OUTLET_ENDS}]$")
_WORD = re.compile(r"[A-Za-z]+")
_PIECE = re.compile(
    r"\$[A-Za-z]{1,6}\b|\((?:[A-Za-z]+: ?)?[A-Z]{1,5}\)"  # a ticker
    r"|\d{1,3}-[A-Z]\b"  # a form: 8-K
    r"|[^\W\d_]+\d\w*"  # a code: A220, Q3
    r"|\d+(?:[.,]\d+)*(?:[A-Za-z]{1,3}\b)?"  # a number: 1.2bn
    r"|[^\W\d_]+(?:'[^\W\d_]+)?"
    r"|%|[-+](?=\$?\d)"
)
# Sayings of several words, and what is read in their place. The first word may be inflected.
_SAYINGS = {
    "chief executive officer": "ceo",
    "chief executive": "ceo",
    "finance chief": "cfo",
    "chief financial officer": "cfo",
    "lay off": "layoff",
    "laid off": "layoff",
    "walk out": "walkout",
    "down tools": "walkout",
    "step down": "resign",
    "step aside": "resign",
    "stand down": "resign",
    "stood down": "resign",
    "push back": "delay",
    "snap up": "buy",
    "walk away from": "scrap",
    "throw out": "reject",
    "threw out": "reject",
    "vote down": "reject",
    "rule out": "reject",
    "chapter 11": "bankrupt",
    "federal reserve": "Fed",
    "european central bank": "ECB",
    "bank of england": "BoE",
    "bank of japan": "BoJ",
    "reserve bank of australia": "RBA",
    "reserve bank of india": "RBI",
    "securities and exchange commission": "SEC",
    "united states": "US",
    "united kingdom": "UK",
    "u s": "US",
    "u k": "UK",
    "euro zone": "eurozone",
    "per cent": "%",
    "percent": "%",
    "pct": "%",
    "basis point": "bp",
    "basis points": "bp",
    "bps": "bp",
    "year on year": "",
    "y y": "",
    "m m": "",
    "q q": "",
    "yoy": "",
    "full year": "fy",
    "half year": "h1",
    "natgas": "gas",
    "take over": "takeover",
    "e cigs": "e cigarettes",
    "day after": "afterwards",
    "week after": "afterwards",
    "month after": "afterwards",
    "day later": "afterwards",
    "week later": "afterwards",
    "month later": "afterwards",
}

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sept sep|october oct|"
        "november nov|december dec".split("|"),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_SEASONS = frozenset("spring summer autumn winter".split())
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
_NUMERALS = {
    word: number
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split(),
        start=2,
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_YEAR = re.compile(r"199\d|20[0-5]\d")
_SPAN = re.compile(r"q[1-4]|h[12]|fy(?:\d{2,4})?")
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)([a-z]*)")


@dataclass
class Gist:
    """`words`: concepts and stems. `negated`: those that stand after a 'not'. `names`: a kind and the first letters of
    each, in their order. `periods`: a kind and a value: sq3 the third quarter, m5 May. `poles`: letters of
    lexicon.poles."""

    words: dict[str, None] = field(default_factory=dict)
    negated: dict[str, None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    periods: dict[str, None] = field(default_factory=dict)
    poles: set[str] = field(default_factory=set)


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Words that are no names though they are capitalised: those that stand in small letters in three or more of the
    project's own headlines."""
    return frozenset(Path(__file__).with_name("common_words.txt").read_text(encoding="ascii").split())


def gist_of(title: str) -> Gist:
    """What a title says, in whatever way an outlet decorates it."""
    gist = Gist()
    text = _undecorated(clean(title))
    if chinese.HAS_SCRIPT.search(text):
        part = chinese.read(text)
        gist.words.update(dict.fromkeys(part.words[:MOST_WORDS]))
        gist.figures += part.figures[:MOST_FIGURES]
        gist.periods.update(dict.fromkeys(part.periods[:MOST_PERIODS]))
        gist.poles |= part.poles
        if part.name:
            gist.names[part.name] = CHINESE
        text = part.rest
    _Reader(gist, text).read()
    return gist


@lru_cache(maxsize=1)
def _sayings() -> dict[str, list[tuple[list[str], list[str]]]]:
    """By first word: the words that follow it, the longest saying first, and what is read instead of all."""
    found: dict[str, list[tuple[list[str], list[str]]]] = {}
    for saying, instead in sorted(_SAYINGS.items(), key=lambda item: -len(item[0].split())):
        first, *others = saying.split()
        for form in lexicon.forms(first) if others and len(first) > 1 else (first,):
            found.setdefault(form, []).append((others, instead.split()))
    return found


def _pieces(text: str) -> list[str]:
    pieces: list[str] = _PIECE.findall(text)
    sayings = _sayings()
    plain = [piece.casefold() for piece in pieces]
    if sayings.keys().isdisjoint(plain):
        return pieces
    result, at = [], 0
    while at < len(pieces):
        for others, instead in sayings.get(plain[at], ()):
            if plain[at + 1 : at + 1 + len(others)] == others:
                result += instead
                at += len(others)
                break
        else:
            result.append(pieces[at])
        at += 1
    return result


def _undecorated(text: str) -> str:
    text = text[match.end() :] if (match := _BEFORE.match(text)) else text
    text = text[match.end() :] if (match := _DATELINE.match(text)) else text
    if text[-1:] in _OUTLET_ENDS:
        text = _CHINESE_OUTLET.sub("", text)
    match = _BEHIND.search(text)
    if match and len(text[: match.start()].split()) >= 3 and _is_outlet(match[1].strip(), match[2]):
        text = text[: match.start()]
    return text


def _is_outlet(mark: str, name: str) -> bool:
    words = name.split()
    if not words:
        return True
    plain = [word.casefold() for word in words]
    if len(words) <= 2 and plain[-1] in lexicon.AGENCIES:
        return True
    if mark == ":" or not all(word[0].isupper() or word in ("of", "and", "&") for word in words):
        return False
    return plain[-1] in lexicon.OUTLETS or (mark in ("|", "·") and len(words) <= 4)


class _Sense(NamedTuple):
    """What a word is wherever it stands. `turns`: it may turn what follows, or be a date or a numeral: that is for the
    place to say where it stands."""

    turns: bool
    poles: str
    silent: bool
    country: str
    goods: bool
    may_be_name: bool
    stem: str


@lru_cache(maxsize=65_536)
def _sense(word: str) -> _Sense:
    times = (_MONTHS, _WEEKDAYS, _SEASONS, _ORDINALS, ("annual", "yearly"))
    return _Sense(
        turns=word in lexicon.NEGATIONS
        or word.endswith(("n't", "'s"))
        or word in _NUMERALS
        or any(word in each for each in times)
        or _SPAN.fullmatch(word) is not None,
        poles=lexicon.poles().get(word, ""),
        silent=lexicon.says_nothing(word),
        country=lexicon.COUNTRIES.get(word, ""),
        goods=word in lexicon.GOODS,
        may_be_name=_may_be_name(word),
        stem=_stem(word),
    )


def _stem(word: str) -> str:
    return lexicon.concepts().get(word) or word[:STEM]


def _may_be_name(word: str) -> bool:
    return not (
        word in common_words()
        or word in lexicon.concepts()
        or word in lexicon.ABBREVIATIONS
        or word.endswith(("maker", "makers"))
    )


class _Reader:
    """Reads a title's pieces, one after the other."""

    def __init__(self, gist: Gist, text: str) -> None:
        self.gist = gist
        self.pieces = _pieces(text)
        self.at = 0
        self.negating = 0
        self.first = True
        self.initials = ""  # of the capitalised words that have just been read: International Rail Freight
        self.capitalised: list[str] = []  # common words that have a capital all the same: Target, Gap
        long = [word for word in _WORD.findall(text) if len(word) > 3]
        # Where (nearly) every word has a capital, capitals tell no names.
        self.capitals_tell = not (len(long) >= 3 and sum(word[0].isupper() for word in long) > 0.7 * len(long))

    def read(self) -> None:
        while self.at < len(self.pieces):
            piece = self.pieces[self.at]
            self.at += 1
            self._initial(piece)
            if piece[0].isdigit():
                self._number(piece)
            elif piece in ("+", "-"):
                self.gist.poles.add("D" if piece == "+" else "d")
                self._word("rise" if piece == "+" else "fall")
            elif piece[0] in "$(":
                self._name(_WORD.findall(piece)[-1].casefold(), TICKER)
            elif piece != "%":
                self._text(piece)
                self.first = False
        self._initial("")
        if not any(kind in (NAME, TICKER) for kind in self.gist.names.values()):
            for word in self.capitalised:
                self.gist.words.pop(_sense(word).stem, None)
                self._name(word, NAME)

    def _initial(self, piece: str) -> None:
        if self.capitals_tell and piece[:1].isupper() and piece[1:2].islower():
            self.initials += piece[0].casefold()
        elif self.initials:
            if 2 <= len(self.initials) <= LONGEST_INITIALS:
                self._name(self.initials, INITIALS)
            self.initials = ""

    @property
    def _next(self) -> str:
        return self.pieces[self.at].casefold() if self.at < len(self.pieces) else ""

    def _word(self, word: str) -> None:
        if len(self.gist.words) < MOST_WORDS:
            self.gist.words[word] = None
        if self.negating and len(self.gist.negated) < MOST_NEGATED:
            self.gist.negated[word] = None
        self.negating = max(0, self.negating - 1)

    def _name(self, name: str, kind: str) -> None:
        if len(self.gist.names) < MOST_NAMES:
            self.gist.names.setdefault(name[:NAME_LETTERS], kind)

    def _period(self, period: str) -> None:
        if len(self.gist.periods) < MOST_PERIODS:
            self.gist.periods[period] = None

    def _figure(self, found: Figure | None) -> None:
        if found and len(self.gist.figures) < MOST_FIGURES:
            self.gist.figures.append(found)

    def _number(self, piece: str) -> None:
        match = _NUMBER.fullmatch(piece.casefold())
        if match is None:
            return self._word(piece.casefold())  # a form: 8-K
        written, suffix = match.groups()
        if suffix in ("st", "nd", "rd", "th"):
            if match[0] in _ORDINALS and self._next in ("quarter", "half"):
                return self._span(match[0])
            suffix = ""
        power, unit = 0, PLAIN
        if suffix in POWERS:
            power = POWERS[suffix]
        elif suffix:
            return self._word(match[0])  # a code: 5g
        elif self._next in POWERS:
            power = POWERS[self._next]
            self.at += 1
        elif self._next == "bp":
            power, unit = -2, PERCENT
            self.at += 1
        elif _YEAR.fullmatch(written):
            return self._period("y" + written)
        elif len(written) <= 2 and (self._next in _MONTHS or (self.at > 1 and self._before in _MONTHS)):
            return self._period("d" + written)
        return self._figure(figure(written, power, PERCENT if self._next == PERCENT else unit))

    @property
    def _before(self) -> str:
        return self.pieces[self.at - 2].casefold()

    def _span(self, ordinal: str) -> None:
        self._period(f"s{self._next[0]}{_ORDINALS[ordinal]}")
        self.at += 1

    def _text(self, piece: str) -> None:
        word = piece.casefold()
        sense = _sense(word)
        if sense.turns:
            if word in lexicon.NEGATIONS or word.endswith("n't"):
                self.negating = NEGATED_AFTER
                return
            if word.endswith("'s"):
                word, piece = word[:-2], piece[:-2]
                sense = _sense(word)
            if self._date(word, piece) or self._numeral(word):
                return
        if sense.poles:
            self.gist.poles.update(sense.poles)
        if word == "afterwards":
            return
        if sense.silent and piece != "US":
            return
        capital = piece[0].isupper()
        if sense.country and (word != "us" or piece == "US"):
            self._name(sense.country, COUNTRY)
        elif sense.goods:
            self._name(word, GOODS)
        elif sense.may_be_name and (capital or not self.capitals_tell):
            short = piece.isupper() and len(piece) <= 5 and self.capitals_tell
            self._name(word, TICKER if short else NAME)
        else:
            if capital and self.capitals_tell and self.at > 1 and word not in lexicon.ABBREVIATIONS:
                self.capitalised.append(word)
            self._word(sense.stem)

    def _date(self, word: str, piece: str) -> bool:
        if _SPAN.fullmatch(word):
            self._period("s" + word[:2])
        elif word in ("annual", "yearly"):
            self._period("sfy")
        elif word in _ORDINALS and self._next in ("quarter", "half"):
            self._span(word)
        elif word in _MONTHS and piece[0].isupper() and not (word == "may" and self.first):
            self._period(f"m{_MONTHS[word]}")
        elif word in _WEEKDAYS:
            self._period("w" + word[:2])
        elif word in _SEASONS:
            self._period("e" + word[:2])
        else:
            return False
        return True

    def _numeral(self, word: str) -> bool:
        if word not in _NUMERALS:
            return False
        power = POWERS.get(self._next, 0)
        self.at += self._next in POWERS
        self._figure(figure(str(_NUMERALS[word]), power))
        return True
