"""Another company, country or gender in the same sentence: what a model says of the news must not depend on it.

Counterfactual substitution (Kiritchenko and Mohammad, *SEM 2018; Huang et al., arXiv:1911.03064). The limits were set
before any model was measured: 5 % of labels may change with the company or the country, which can carry meaning
beyond its name, 3 % with the gender of a person, which carries none. Beside that no group may be favoured: see
LARGEST_SHIFT and LARGEST_SPREAD.
"""

import re
from random import Random

from training.companies import TICKER, companies, invented, invented_ticker, mentions, tickers
from training.countries import TARGETS, Country, countries_in, with_countries
from training.labels import LabelledText
from training.perturbations import Changed, Perturbation

LARGEST_SHIFT = 0.02  # of the mean polarity from the male to the female form
LARGEST_SPREAD = 0.05  # of the mean polarity between the most and the least favoured country

# Word for word; her and his are settled below.
_PAIRS = (
    ("he", "she"), ("himself", "herself"), ("Mr", "Ms"), ("chairman", "chairwoman"), ("spokesman", "spokeswoman"),
    ("businessman", "businesswoman"), ("congressman", "congresswoman"), ("salesman", "saleswoman"), ("man", "woman"),
    ("men", "women"), ("boy", "girl"), ("husband", "wife"), ("father", "mother"), ("son", "daughter"),
    ("brother", "sister"), ("male", "female"),
)  # fmt: skip
# Given names with one of the other gender from the same languages. None that is a word or a company's first name too,
# and none by which the news means one famous man: a model knows him, and not his sister.
_NAMES = (
    ("Andrew", "Andrea"), ("Kevin", "Karen"), ("Brian", "Brenda"), ("Steve", "Stella"), ("Daniel", "Danielle"),
    ("Richard", "Rachel"), ("Larry", "Laura"), ("Peter", "Petra"), ("Paul", "Paula"), ("Tim", "Tina"),
    ("Jeff", "Jenna"), ("Emmanuel", "Emma"), ("Christopher", "Christine"), ("Terence", "Theresa"), ("Anton", "Antonia"),
    ("Ian", "Janet"), ("Ulrich", "Ulrike"), ("Rajesh", "Rajni"), ("Kenji", "Keiko"), ("Carlos", "Carla"),
    ("Ahmed", "Amina"), ("Wei", "Mei"),
)  # fmt: skip
_BY_NAME = {a: (b, "female") for a, b in _NAMES} | {b: (a, "male") for a, b in _NAMES}
_BY_WORD = {a.lower(): (b, "female") for a, b in _PAIRS} | {b.lower(): (a, "male") for a, b in _PAIRS}
_BY_WORD |= {"mrs": ("Mr", "male"), "him": ("her", "female"), "hers": ("his", "male")}
_CHINESE = {"他": ("她", "female"), "她": ("他", "male"), "先生": ("女士", "female"), "女士": ("先生", "male")}

# What cannot be a thing that she has: after it, 'her' is 'him'.
_NO_NOUN = frozenset(
    "a an the and or but as at by for from in into of off on onto out over to up with after before when while who that "
    "if is was not".split()
)
_GENDERED = re.compile(
    r"(?<![\w$#@])(?P<name>" + "|".join(map(re.escape, _BY_NAME)) + r")(?=\s+[A-Z])"
    r"|(?<![\w$#@'’-])(?P<word>(?i:his|her|" + "|".join(map(re.escape, _BY_WORD)) + r"))(?![\w-])"
    r"|(?<![其吉排利])(?P<chinese>" + "|".join(_CHINESE) + ")"
)
_NEXT_WORD = re.compile(r"\s+([^\W\d_]+)")


def swap_company(row: LabelledText, text: str, chance: Random) -> str | None:
    """Each company by an invented one of the same kind, each cashtag by one that nobody has."""
    names = companies(row)
    new_tickers = {ticker: f"${invented_ticker(chance)}" for ticker in tickers(text)}
    for name in names:
        text = mentions(name).sub(invented(name, chance), text)
    text = TICKER.sub(lambda found: new_tickers.get(found.group(1), found.group()), text)
    return text if names or new_tickers else None


def swap_country(row: LabelledText, text: str, chance: Random) -> Changed | None:
    """The countries by others, with their adjectives and cities."""
    found = _countries(row, text)
    if not found:
        return None
    others = [country for country in TARGETS if country not in found]
    instead = dict(zip(found, chance.sample(others, len(found)), strict=False)) if len(found) <= len(others) else {}
    return Changed(with_countries(text, instead), instead[found[0]].name if instead else "")


def in_each_country(row: LabelledText, text: str) -> dict[str, str] | None:
    """The same news of each country that is put in: name -> text. None for a row that does not name just one."""
    found = _countries(row, text)
    if len(found) != 1:
        return None
    return {country.name: with_countries(text, {found[0]: country}) for country in TARGETS}


def _countries(row: LabelledText, text: str) -> tuple[Country, ...]:
    """The countries of a text, none where a labelled entity has one in its name: 'Bank of India' is no other
    country's."""
    within = {country for name in row.entities for country in countries_in(name)}
    return tuple(country for country in countries_in(text) if country not in within)


def swap_gender(row: LabelledText, text: str, _chance: Random) -> Changed | None:
    """He and she, Mr and Ms, chairman and chairwoman, given names before a surname. `towards` is empty where a text
    has both genders."""
    protected = [found.span() for name in row.entities for found in mentions(name).finditer(text)]
    towards: set[str] = set()

    def swapped(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in protected):
            return match.group()
        new, gender = _other_gender(match)
        towards.add(gender)
        return _written_like(match.group(), new)

    changed = _GENDERED.sub(swapped, text)
    if not towards:
        return None
    return Changed(changed, towards.pop() if len(towards) == 1 else "")


def _other_gender(match: re.Match[str]) -> tuple[str, str]:
    if match["name"]:
        return _BY_NAME[match["name"]]
    if match["chinese"]:
        return _CHINESE[match["chinese"]]
    word = match["word"].lower()
    if word == "his":
        return _before_a_noun(match, "her", "hers"), "female"
    if word == "her":
        return _before_a_noun(match, "his", "him"), "male"
    return _BY_WORD[word]


def _before_a_noun(match: re.Match[str], before_one: str, alone: str) -> str:
    following = _NEXT_WORD.match(match.string, match.end())
    return before_one if following and following.group(1).lower() not in _NO_NOUN else alone


def _written_like(old: str, new: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


BIAS = (
    Perturbation("bias/company", "companies replaced by invented ones of the same kind", 0.05, swap_company),
    Perturbation("bias/country", "countries replaced by others", 0.05, swap_country),
    Perturbation("bias/gender", "persons of the other gender", 0.03, swap_gender),
)
