"""What stories are compared by: a headline's telling words, short enough to travel with every count."""

import hashlib
import re
from functools import lru_cache

from model.text import clean

# Words that say nothing about which event it is.
_STOP = frozenset(
    "a an the of to in on at by for from with and or but as is are was were be been it its this that after over into "
    "up out about amid says said say s update brief exclusive breaking news alert corrected refile wrapup".split()
)
# What wires put before and outlets behind a headline that they pass on.
_PREFIX = re.compile(
    r"^\s*(?:(?:update|brief|refile|corrected|wrapup|exclusive|breaking|alert|just in|watch)\b[\s\d]*[-–—:|]\s*)+",
    re.I,
)
_SUFFIX = re.compile(r"\s+[-–—|]\s+[^-–—|]{2,40}$")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")
_DIGITS = 4  # hexadecimal digits a word: 65,536 values, so two words of a headline seldom collide


@lru_cache(maxsize=65_536)
def _hashed(word: str) -> str:
    return hashlib.blake2b(word.encode(), digest_size=_DIGITS // 2).hexdigest()


def fingerprint(title: str) -> str:
    """The distinct telling words of a title, each hashed to four hexadecimal digits, sorted and joined; numbers apart,
    after a dot. Scripts without spaces are cut into pairs of characters.

    >>> fingerprint("UPDATE 2-Acme recalls 300 kettles - Baltic Wire") == fingerprint("ACME RECALLS 300 KETTLES")
    True
    """
    text = clean(title).casefold()
    text = _PREFIX.sub("", text)
    shorter = _SUFFIX.sub("", text)
    if len(shorter.split()) >= 4 or _CJK.search(shorter):
        text = shorter
    words: set[str] = set()
    numbers: set[str] = set()
    for token in _WORD.findall(text):
        if token[0].isdigit():
            numbers.add(token.replace(",", ""))
        elif _CJK.search(token):
            words.update(token[at : at + 2] for at in range(max(1, len(token) - 1)))
        elif token not in _STOP:
            words.add(token)
    spell = "".join
    return spell(sorted(map(_hashed, words))) + "." + spell(sorted(map(_hashed, numbers)))


def words_of(print_: str) -> tuple[frozenset[str], frozenset[str]]:
    """A fingerprint's hashed words and hashed numbers."""
    words, _, numbers = print_.partition(".")
    return _cut(words), _cut(numbers)


def _cut(text: str) -> frozenset[str]:
    return frozenset(text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS))
