"""A headline's text as the model reads it; training and scoring clean it by this same code."""

import html
import re
import unicodedata
from functools import lru_cache

# A title beyond this is no headline. Producers are told so by a rejection, not by a silent cut.
MAX_TITLE_CHARACTERS = 2_000

_URL = re.compile(r"https?://\S+|\bwww\.\S+")
# C0, C1 and format characters (zero-width, bidirectional marks): invisible to a reader, noise to a model.
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_SPACES = re.compile(r"\s+")
# What stands in the place of personal data (model/masking.py), by kind.
MASKS = {
    "email": "[email]",
    "phone": "[phone]",
    "account": "[account]",
    "card": "[card]",
    "identity": "[id]",
    "ip": "[ip]",
    "handle": "[handle]",
}
# Dropped like links: whatever word stands there, a model that never met it gives it a meaning. Measured in docs/LOG.md.
_MASK = re.compile("|".join(map(re.escape, MASKS.values())))
# One headline comes with "quotes" from one wire and “quotes” from the next. Compatibility forms do not cover these.
_TYPOGRAPHY = str.maketrans(dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″", '"') | dict.fromkeys("‐‑‒–—―−", "-"))


# A headline is cleaned for the tokeniser, for its fingerprint and for the watchlist: twice of these from here.
@lru_cache(maxsize=2_048)
def clean(text: str) -> str:
    """Resolve HTML entities, drop links, masks and invisible characters, fold compatibility forms, the shapes of quotes
    and dashes, and white space.

    >>> clean("AT&amp;T  beats\\u200b\\n https://t.co/x1")
    'AT&T beats'
    """
    text = html.unescape(text)
    text = _URL.sub(" ", text)
    if "[" in text:
        text = _MASK.sub(" ", text)
    text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    text = _INVISIBLE.sub(" ", text)
    return _SPACES.sub(" ", text).strip()


def mentions(text: str, name: str) -> list[tuple[int, int]]:
    """Where a cleaned text writes a name, whatever its case, as begins and ends in characters: between word boundaries
    if it stands so anywhere, wherever it stands otherwise (as in scripts without spaces).

    >>> mentions("Rising: ING rises", "ing"), mentions("贵州茅台大涨", "茅台"), mentions("Acme", "")
    ([(8, 11)], [(2, 4)], [])
    """
    if not name:
        return []
    wanted = re.escape(name)
    for pattern in (rf"(?<!\w){wanted}(?!\w)", wanted):
        if found := [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]:
            return found
    return []


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit in it, of whatever script: an emoji alone says nothing sound."""
    return any(character.isalnum() for character in text)
