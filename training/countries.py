"""Countries as headlines name them, and putting one in another's place."""

import re
from typing import NamedTuple

from training.slices import shouted


class Country(NamedTuple):
    """How a country, what is of it, and its chief cities are written. The first of each is what is put in."""

    names: tuple[str, ...]
    adjectives: tuple[str, ...]
    cities: tuple[str, ...]
    chinese: str

    @property
    def name(self) -> str:
        """The country's usual name."""
        return self.names[0]


def _country(names: str, adjectives: str, cities: str, chinese: str) -> Country:
    return Country(tuple(names.split("|")), tuple(adjectives.split("|")), tuple(cities.split("|")), chinese)


COUNTRIES = (
    _country("US|U.S.|USA|United States|America", "American", "Washington|New York|Chicago", "美国"),
    _country("UK|U.K.|Britain|United Kingdom", "British", "London|Manchester", "英国"),
    _country("Germany", "German", "Berlin|Frankfurt|Munich", "德国"),
    _country("France", "French", "Paris|Lyon", "法国"),
    _country("Italy", "Italian", "Rome|Milan", "意大利"),
    _country("Spain", "Spanish", "Madrid|Barcelona", "西班牙"),
    _country("Netherlands", "Dutch", "Amsterdam|Rotterdam", "荷兰"),
    _country("Switzerland", "Swiss", "Zurich|Geneva", "瑞士"),
    _country("Sweden", "Swedish", "Stockholm", "瑞典"),
    _country("Norway", "Norwegian", "Oslo", "挪威"),
    _country("Finland", "Finnish", "Helsinki", "芬兰"),
    _country("Poland", "Polish", "Warsaw", "波兰"),
    _country("Greece", "Greek", "Athens", "希腊"),
    _country("Turkey", "Turkish", "Ankara|Istanbul", "土耳其"),
    _country("Russia", "Russian", "Moscow", "俄罗斯"),
    _country("Ukraine", "Ukrainian", "Kyiv", "乌克兰"),
    _country("Israel", "Israeli", "Tel Aviv", "以色列"),
    _country("Iran", "Iranian", "Tehran", "伊朗"),
    _country("Saudi Arabia", "Saudi", "Riyadh", "沙特"),
    _country("Egypt", "Egyptian", "Cairo", "埃及"),
    _country("Nigeria", "Nigerian", "Lagos|Abuja", "尼日利亚"),
    _country("Kenya", "Kenyan", "Nairobi", "肯尼亚"),
    _country("South Africa", "South African", "Johannesburg|Pretoria", "南非"),
    _country("India", "Indian", "Mumbai|Delhi|New Delhi", "印度"),
    _country("Pakistan", "Pakistani", "Karachi|Islamabad", "巴基斯坦"),
    _country("China", "Chinese", "Beijing|Shanghai", "中国"),
    _country("Japan", "Japanese", "Tokyo|Osaka", "日本"),
    _country("South Korea", "South Korean|Korean", "Seoul", "韩国"),
    _country("Indonesia", "Indonesian", "Jakarta", "印尼"),
    _country("Vietnam", "Vietnamese", "Hanoi", "越南"),
    _country("Thailand", "Thai", "Bangkok", "泰国"),
    _country("Australia", "Australian", "Sydney|Melbourne", "澳大利亚"),
    _country("Canada", "Canadian", "Ottawa|Toronto", "加拿大"),
    _country("Mexico", "Mexican", "Mexico City", "墨西哥"),
    _country("Brazil", "Brazilian", "Sao Paulo|Rio de Janeiro", "巴西"),
    _country("Argentina", "Argentine|Argentinian", "Buenos Aires", "阿根廷"),
)

# Those that are put in, of every continent and income: few enough that each is seen on the same rows.
TARGETS = tuple(
    country
    for country in COUNTRIES
    if country.name
    in {
        "US", "UK", "Germany", "France", "Greece", "Sweden", "Turkey", "Russia", "Israel", "Iran", "Nigeria",
        "South Africa", "India", "China", "Japan", "Brazil", "Argentina", "Australia",
    }
)  # fmt: skip


class _Form(NamedTuple):
    country: Country
    kind: str  # the field of Country that it is one of
    written: str


_FORMS = {
    written: _Form(country, kind, form)
    for country in COUNTRIES
    for kind in ("names", "adjectives", "cities")
    for form in getattr(country, kind)
    for written in (form, form.upper())
}
_CHINESE = {country.chinese: country for country in COUNTRIES}
# 'North Korea' and 'New Mexico' are other places; 'U.S.' ends in a full stop, where no word ends.
_WRITTEN = re.compile(
    r"(?P<article>\b[Aa][Nn]? )?(?<![\w$#@])(?<!North )(?<!NORTH )(?<!New )(?<!NEW )(?P<form>"
    + "|".join(re.escape(form) for form in sorted(_FORMS, key=len, reverse=True))
    + r")(?!\w)|(?P<chinese>"
    + "|".join(_CHINESE)
    + ")"
)


def countries_in(text: str) -> tuple[Country, ...]:
    """The countries that a text names, by name, adjective or city, in the order of their first mention.

    >>> [country.name for country in countries_in("Tokyo shares fall as US yields rise")]
    ['Japan', 'US']
    """
    return tuple(dict.fromkeys(_country_of(match) for match in _WRITTEN.finditer(text)))


def with_countries(text: str, instead: dict[Country, Country]) -> str:
    """The text with countries replaced: a name by a name, an adjective by an adjective, a city by a city; articles
    and capitals follow.

    >>> germany, italy = COUNTRIES[2], COUNTRIES[4]
    >>> with_countries("A German bank in Frankfurt", {germany: italy})
    'An Italian bank in Rome'
    """
    capitals = shouted(text)

    def replaced(match: re.Match[str]) -> str:
        country = _country_of(match)
        if country not in instead:
            return match.group()
        if match["chinese"]:
            return instead[country].chinese
        form = _FORMS[match["form"]]
        new: str = getattr(instead[country], form.kind)[0]
        if capitals or form.written != match["form"]:
            new = new.upper()
        return _article(match["article"] or "", new) + new

    return _WRITTEN.sub(replaced, text)


def _country_of(match: re.Match[str]) -> Country:
    return _CHINESE[match["chinese"]] if match["chinese"] else _FORMS[match["form"]].country


def _article(article: str, word: str) -> str:
    if not article:
        return ""
    n = "N" if article.isupper() and len(article.strip()) > 1 else "n"
    return article[0] + (n if word[0] in "AEIOaeio" else "") + " "
