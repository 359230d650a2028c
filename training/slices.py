"""The slices that a row falls into: kinds of text on which a model may be weaker than it is on the whole.

What a slice is called says how it is told, so that nobody has to look it up: `kind/value`. Words that negate, contrast
or hedge are matched in English and Chinese; in another language those three kinds say nothing and are left out.
"""

import re
import unicodedata
from collections.abc import Sequence

from model.text import clean
from training.labels import LabelledText

# A slice with fewer rows is shown without judgement: its interval is wider than any difference worth acting on.
FEWEST = 30

# Words of an English headline; a character of a script that is written without spaces counts as half a word.
SHORT_WORDS, LONG_WORDS = 8, 16

_WORD = re.compile(r"[^\W_]+(?:['’.\-,&][^\W_]+)*")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_DIGIT_RUN = re.compile(r"\d")
_TICKER = re.compile(r"\$[A-Za-z]{1,6}\b|\((?:NYSE|NASDAQ|Nasdaq|LSE|TSX|ASX|HKEX|SEHK|NSE|BSE)\s*:\s*\w+\)")
_POST = re.compile(r"\$[A-Za-z]{1,6}\b|(?<!\w)[#@]\w|https?://|\bRT\b")
_WIRE = re.compile(r"^(?:UPDATE \d+|BRIEF|RPT|CORRECTED|WRAPUP \d+|REFILE|EXCLUSIVE|BREAKING|FACTBOX)\s*[-:–]", re.I)
_QUESTION = re.compile(r"[?？](?:\W*$|\s)")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nor|neither|without|cannot|can't|won't|\w+n['’]t|denies|denied|deny|refuses|rejects)\b"
    r"|[不未没無无非勿]",
    re.I,
)
_CONTRAST = re.compile(
    r"\b(?:but|despite|although|though|however|yet|even as|even though|while|whereas|in spite of)\b"
    r"|但|却|尽管|虽然|然而",
    re.I,
)
_HEDGE = re.compile(
    r"\b(?:may|might|could|reportedly|rumou?r(?:s|ed)?|in talks|considers?|considering|mulls?|weighs?|said to|sources?|"
    r"reported to|speculation)\b|或将|据悉|传闻|考虑",
    re.I,
)


def slices(row: LabelledText) -> tuple[str, ...]:
    """The slices of a row, each as kind/value, at most one of a kind, in a fixed order of kinds.

    >>> slices(LabelledText("Is Acme's 3% fall over?", None, "neutral", "desk", language="en-GB"))[:4]
    ('length/short', 'language/en', 'origin/desk', 'entities/none')
    """
    text = clean(row.text)
    words = _WORD.findall(_HAN.sub(" ", text))
    han = len(_HAN.findall(text))
    found = [
        f"length/{_length(len(words) + han / 2)}",
        f"language/{_language(row.language, text)}",
        f"origin/{row.origin}",
    ]
    if row.source:
        found.append(f"source/{row.source}")
    found.append(f"entities/{_entities(row)}")
    if {"negative", "positive"} <= set(row.entities.values()):
        found.append("fates/opposite")
    found += [
        f"numbers/{_numbers(words, text)}",
        f"ticker/{_with(_TICKER, text)}",
        f"form/{'post' if _POST.search(text) else 'wire flash' if _WIRE.match(text) else 'headline'}",
    ]
    if text.lower() != text.upper():
        found.append(f"shouting/{'all capitals' if shouted(text) else 'no'}")
    found.append(f"question/{'yes' if _QUESTION.search(text) else 'no'}")
    if han or _is_english(row.language, text):
        found += [
            f"negation/{_with(_NEGATION, text)}",
            f"contrast/{_with(_CONTRAST, text)}",
            f"hedge/{_with(_HEDGE, text)}",
        ]
    return tuple(found)


def _length(words: float) -> str:
    if words < SHORT_WORDS:
        return "short"
    return "long" if words > LONG_WORDS else "medium"


def _language(given: str, text: str) -> str:
    """The primary subtag of what the row says (RFC 5646), else the script of most of its letters."""
    if given.strip():
        return re.split(r"[-_]", given.strip().lower(), maxsplit=1)[0]
    return f"not given, {script(text)} letters"


def script(text: str) -> str:
    """The script of most of a text's letters, as Unicode names it ('Latin', 'CJK', 'Cyrillic'); 'no' without letters.

    >>> script("Acme rises"), script("铜价上涨"), script("42")
    ('Latin', 'CJK', 'no')
    """
    counts: dict[str, int] = {}
    for character in text:
        if character.isalpha():
            first = unicodedata.name(character, "UNKNOWN").split(" ", 1)[0]
            counts[first] = counts.get(first, 0) + 1
    if not counts:
        return "no"
    most = max(counts, key=lambda name: (counts[name], name))
    return most if most == "CJK" else most.capitalize()


def _is_english(language: str, text: str) -> bool:
    return _language(language, text) in ("en", "not given, Latin letters")


def _entities(row: LabelledText) -> str:
    return ("none", "one", "several")[min(len(row.entities), 2)]


def _numbers(words: Sequence[str], text: str) -> str:
    with_digits = sum(1 for word in words if _DIGIT_RUN.search(word))
    if not _DIGIT_RUN.search(text):
        return "without"
    return "many" if with_digits * 3 >= len(words) and with_digits > 1 else "with"


def shouted(text: str) -> bool:
    """Whether a text is written in capitals: four of five letters, and more than ten letters."""
    letters = [character for character in text if character.isalpha()]
    capitals = sum(character.isupper() for character in letters)
    return capitals >= 0.8 * len(letters) and len(letters) > 10


def _with(pattern: re.Pattern[str], text: str) -> str:
    return "with" if pattern.search(text) else "without"
