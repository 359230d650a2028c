"""Figures that news is about, and that look like a number of somebody's: money, counts, dates, years, versions."""

import re

# How far a currency or a unit may stand from its figure, in characters.
_REACH = 12

_MONEY_BEFORE = re.compile(
    r"(?:[$€£¥₹₩₽₺฿]|(?<![A-Z])(?:USD|EUR|GBP|CNY|RMB|INR|JPY|KRW|HKD|CHF|Rs\.?|US\$|HK\$|A\$|R\$)|人民币|美元|港元|欧元|日元)"
    r" ?[-+(]? ?$"
)
_UNIT_BEHIND = re.compile(
    r"[)\]]? ?-?(?:[%‰]"
    r"|(?:per ?cent|pct|bps?|basis|points?|pts|million|billion|trillion|thousand|[mbt]l?n|crores?|lakhs?|[kKMBT]"
    r"|dollars?|cents?|euros?|pounds?|yuan|yen|won|rupees?|pesos?|rand|rupiah|roubles?|francs?|wei|sats?|BTC|ETH"
    r"|USD|EUR|GBP|CNY|RMB|INR|JPY|KRW|HKD|SGD|CHF"
    r"|shares|stocks|units|copies|pieces|barrels|bpd|tonnes|tons|ounces|oz|lots|contracts|kg|km|GWh|MWh|kWh"
    r"|users|subscribers|customers|clients|people|jobs|homes|cars|trucks|vehicles|households|accounts|claims|votes"
    r"|views|mentions|times|traders|holders|employees|workers)(?![A-Za-z])"
    r"|[万萬亿億千百元股吨噸桶倍]|年|月|日|港元|美元|欧元|日元|韩元|盾|TEU|立方)"
)
# Signs that count, and may as well begin a word: nobody counts so many of these that it takes ten digits.
_COUNTED = re.compile("[个個户戶部台臺辆輛件笔筆张張本人份家手次批页頁架艘平亩盒箱瓶只条條点點]")
_MOST_COUNTED = 9

_YEAR = r"(?:19|20)\d\d"
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"{_YEAR}(?P<a>[-./ ]){_MONTH}(?P=a){_DAY}(?!\d)|(?:{_DAY}(?P<b>[-./]){_MONTH}|{_MONTH}(?P<c>[-./]){_DAY})"
    rf"(?:(?P=b)|(?P=c)){_YEAR}(?!\d)"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
)
_YEARS = re.compile(rf"{_YEAR}(?: ?[-/] ?| ){_YEAR}(?!\d)")
# '1 234 567' and '12.345.678', as thousands are grouped on the Continent.
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?P<s>[ .])\d{3}(?:(?P=s)\d{3})*(?!\d)")

_RANGE = re.compile(r"(\d{3,6}) ?- ?(\d{3,6})")
_WIDEST_RANGE = 2

# A dotted number behind these is a place in a text or a version, and no address.
_NUMBERED = re.compile(
    r"(?:\b(?:v|ver|version|release|build|firmware|patch|section|sections|article|rule|clause|chapter|item|para)\.? ?"
    r"|[§第版本](?: ?[Vv])?)$",
    re.IGNORECASE,
)


def is_amount(text: str, begin: int, end: int) -> bool:
    """Whether a figure has a currency before it or a unit behind it, or is a part of one with commas or decimals."""
    if text[end : end + 1] in (",", ".") and text[end + 1 : end + 2].isdigit():
        return True
    before = text[max(0, begin - _REACH) : begin]
    if before[-1:] in (",", ".") and before[-2:-1].isdigit():
        return True
    if _MONEY_BEFORE.search(before) is not None or _UNIT_BEHIND.match(text, end) is not None:
        return True
    return end - begin <= _MOST_COUNTED and _COUNTED.match(text, end) is not None


def is_date(figure: str) -> bool:
    """Whether a figure begins with a date, or with two years.

    >>> is_date("2024-01-15 0930"), is_date("2019-2024"), is_date("212-555-0143")
    (True, True, False)
    """
    return _DATE.match(figure) is not None or _YEARS.match(figure) is not None


def is_range(figure: str) -> bool:
    """Whether a figure goes from one amount to another of its size.

    >>> is_range("72850-72855"), is_range("98765-43210"), is_range("555-0143")
    (True, False, False)
    """
    match = _RANGE.fullmatch(figure)
    return (
        match is not None
        and len(match[1]) == len(match[2])
        and (int(match[1]) < int(match[2]) < _WIDEST_RANGE * int(match[1]))
    )


def is_grouped(figure: str) -> bool:
    """Whether a figure is written in groups of thousands.

    >>> is_grouped("12 345 678"), is_grouped("123 45 67")
    (True, False)
    """
    return _THOUSANDS.fullmatch(figure) is not None


def is_numbered(text: str, begin: int) -> bool:
    """Whether what begins there is the number of a version or a section."""
    return _NUMBERED.search(text[max(0, begin - _REACH) : begin]) is not None
