"""Phone numbers in a text: as they are written abroad, at home in some countries, and behind a word that says so.

How long a country's numbers are, and with which figures they begin, is libphonenumber's knowledge.
"""

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

from model.figures import is_amount, is_date, is_grouped, is_range

_FEWEST, _MOST = 7, 15  # digits; E.164 has no more
_FEWEST_AT_HOME = 10
# What may stand between the digits of a number.
_BETWEEN = "[ ./()-]"
# No more digits than the longest account has: a run without an end would be gone through once for each of its groups.
RUN = re.compile(rf"(?:\(?\+ ?\(?|\()?\d(?:{_BETWEEN}{{0,3}}\d){{0,39}}")
_GROUP = re.compile(r"\d+")
_LOCAL = re.compile(r"\d{3}[-. ]\d{4}|\d{10,11}")

# No digit, letter, decimal or dashed code goes on before or after.
BEGIN = r"(?<![0-9A-Za-z])(?<![0-9][.,])(?<![0-9A-Za-z][-_])"
END = r"(?![0-9A-Za-z])(?![-_.,]\d)"

# The longest first, which a shorter one may be a part of.
_SHAPES = tuple(
    (re.compile(BEGIN + shape + END), regions, strict)
    for shape, regions, strict in (
        # North America
        (r"(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}", (), False),
        # Chinese mobiles, with the country's code or without
        (r"\(?86\)?[- ]?1[3-9]\d[- ]?\d{4}[- ]?\d{4}", (), False),
        (r"1[3-9]\d(?:(?P<s>[- .])\d{4}(?P=s)\d{4}|[- ]?\d{8}|[- ]\d{5}[- ]\d{3})", (), False),
        (r"1[3-9]\d\d[- ]\d{3}[- ]\d{4}", (), False),
        (r"1 [3-9](?: \d){9}", (), False),
        # Chinese lines, the same, and service numbers
        (r"\(?86[- ]?\d{2,3}\)?[- ]?\d{3,4}[- ]?\d{4}", ("+",), True),
        (r"(?:\(0\d{2,3}\) ?|0\d{2,3}[- ])\d{3,4}[- ]?\d{4}", ("CN", "TW", "IN", "JP", "KR"), True),
        (r"0[1-9]\d{9,10}", ("CN", "GB"), True),
        (r"[48]00(?:[- ]\d{3}[- ]\d{4}|[- ]\d{4}[- ]\d{3}|[- ]\d{7})", (), False),
        # The trunk prefix 0 of much of Europe, Asia and Australia
        (r"(?:\(0[1-9]\d{0,3}\) ?|0[1-9]\d{0,4}[- ])\d{2,8}(?:[- ]\d{2,4}){0,4}", ("0",), False),
        (r"0[1-9](?P<t>[ .])\d\d(?:(?P=t)\d\d){3}", ("FR",), True),
        # India's mobiles and its and Australia's free numbers
        (r"[6-9]\d{4}[- ]\d{5}", ("IN",), True),
        (r"1[38]00[- ]\d{3}[- ]\d{3,4}", (), False),
        (r"00[1-9]\d{0,2}[- ]?\(?\d{1,4}\)?(?:[- ]?\d{2,9}){1,4}", ("00",), True),
    )
)
_HOME = ("GB", "IE", "DE", "FR", "AU", "IT", "CH", "AT", "JP", "KR", "TW", "IN", "ZA", "NL", "SE")
_SOMEWHERE = ("US", "CN", "IN", "HK", "SG", *_HOME)


def phones(text: str) -> Iterator[tuple[int, int]]:
    """Where the numbers stand that are written as phone numbers are. `text`: as a reader sees it."""
    for match in RUN.finditer(text):
        if "+" in match.group()[:3] and (end := _abroad(text, match)) is not None:
            yield match.start(), end
    for pattern, regions, strict in _SHAPES:
        for match in pattern.finditer(text):
            if _is_phone(match.group(), regions, strict) and not is_amount(text, *match.span()):
                yield match.span()


def phone_behind(text: str, run: re.Match[str], sure: bool) -> int | None:
    """Where the number ends with which a run of digits begins, behind a word for a phone; None if it is none.
    `sure`: the word means nothing else ('Tel.', unlike 'call')."""
    figure = run.group()
    if is_date(figure.lstrip("(+ ")) or is_amount(text, *run.span()):
        return None
    if not sure and (is_range(figure) or is_grouped(figure)):
        return None
    ends = [end for end, digits in _beginnings(run) if _FEWEST <= len(digits) <= _MOST]
    for end in ends:
        if _known(text[run.start() : end], _SOMEWHERE):
            return end
    if ends and sure:
        return next((end for end in ends if end - run.start() <= _MOST), ends[-1])
    return ends[0] if ends and _LOCAL.fullmatch(figure) else None


def _abroad(text: str, run: re.Match[str]) -> int | None:
    """The end of a number with + and a country's code."""
    if is_amount(text, *run.span()):
        return None
    for end, digits in _beginnings(run):
        written = text[run.start() : end]
        if _FEWEST < len(digits) <= _MOST and _fits(written, None, strict=is_grouped(written)):
            return end
    # Plans change and people slip; with so many digits it is still nothing else, unless it is a sum in thousands.
    full = next((end for end, digits in _beginnings(run) if _FEWEST_AT_HOME <= len(digits) <= _MOST), None)
    return None if full is None or is_grouped(run.group()) else full


def _beginnings(run: re.Match[str]) -> Iterator[tuple[int, str]]:
    """The run without its last groups of digits, one fewer each time: where it ends, and its digits."""
    groups = list(_GROUP.finditer(run.group()))
    for count in range(len(groups), 0, -1):
        yield run.start() + groups[count - 1].end(), "".join(group.group() for group in groups[:count])


def _is_phone(figure: str, regions: tuple[str, ...], strict: bool) -> bool:
    if is_date(figure.lstrip("(")) or is_range(figure):
        return False
    if regions == ("+",):
        return _fits("+" + figure.lstrip("("), None, strict)
    if regions == ("00",):
        return _fits("+" + figure[2:], None, strict)
    if regions == ("0",):
        # Of fewer digits are many files' and tenders' numbers. Britain gives those out to nobody that plays may use.
        long = sum(map(str.isdigit, figure)) >= _FEWEST_AT_HOME - (figure[0] == "(")
        return long and (_fits(figure, "GB", strict) or _known(figure, _HOME))
    return not regions or any(_fits(figure, region, strict) for region in regions)


def _known(figure: str, regions: tuple[str, ...]) -> bool:
    return any(_fits(figure, region, strict=True) for region in regions)


def _fits(figure: str, region: str | None, strict: bool) -> bool:
    """Whether a number has a country's length; `strict`: and the beginning of numbers that are given out."""
    try:
        number = phonenumbers.parse(figure, region)
    except NumberParseException:
        return False
    if strict:
        return phonenumbers.is_valid_number(number)
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
