"""What personal data looks like, in English and Chinese news: where each piece stands in a text, and of which kind.

A piece is known by its shape where the shape is like nothing else in the news (with its checksum where it has one), and
else by the word before it ('account no.', '身份证号'; model/cues.py). Checksums are python-stdnum's.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.exceptions import ValidationError
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale

from model.cues import Cue, cue_before
from model.figures import is_amount, is_date, is_numbered
from model.phones import BEGIN, END, RUN, phone_behind, phones


class Found(NamedTuple):
    """A piece of personal data: where it begins and ends in the text, and its kind, a key of model.text.MASKS."""

    begin: int
    end: int
    kind: str


# ------------------------------------------------------------------ emails, links, handles, addresses

# Possessive, and begun only where nothing of the same goes before: else a long text would be read once a character.
_BEFORE_AT = (
    r"(?<![0-9A-Za-z_.+-])(?<![0-9A-Za-z]')[.+-]*+"
    r"(?P<local>[0-9A-Za-z_](?:[0-9A-Za-z_.+-]|(?<=[0-9A-Za-z])'(?=[0-9A-Za-z]))*+)"
)
_EMAIL = re.compile(
    rf"{_BEFORE_AT}(?:@|%40)(?:(?:[\w-]{{1,63}}\.){{1,8}}(?:xn--[0-9a-z-]{{1,40}}|[A-Za-z]{{2,24}}|中国|公司|网络|香港)"
    r"|(?:\d{1,3}\.){3}\d{1,3})"
)
_SPELT_EMAIL = re.compile(
    rf"{_BEFORE_AT} ?[(\[] ?at ?[)\]] ?[0-9A-Za-z-]{{1,63}}(?:(?:\.| ?[(\[] ?dot ?[)\]] ?)[0-9A-Za-z-]{{1,63}}){{1,4}}",
    re.IGNORECASE,
)
_LINK = re.compile(r"(?:https?://|\bwww\.)[!-~]+")
_PHONE_IN_LINK = re.compile(r"(?:tel:|wa\.me/|[?&](?:phone|mobile|tel)=)(?P<phone>(?:\+|%2B)?\d{7,15})(?!\d)", re.I)
# A Chinese name ends nowhere: where no sign follows it, four characters of it are taken.
_HANDLE = re.compile(
    r"(?:(?<![0-9A-Za-z@/_+-])(?<![0-9A-Za-z]\.)|(?<=大V))@(?:[A-Za-z_](?:[0-9A-Za-z_]|[.-](?=[0-9A-Za-z_])){1,29}"
    r"|[\u3400-\u9fff]{2,8}(?:[0-9A-Za-z_]{1,12}|(?=[\s:]|$))|[\u3400-\u9fff]{2,4})"
)
_MESSENGER = re.compile(
    r"(?:微信号|微信ID|WeChat ID|Telegram|QQ号?|QQ群)[ :]{0,3}"
    r"(?P<name>[A-Za-z][0-9A-Za-z_-]{4,30}|\d{5,11})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?:(?<![0-9A-Za-z])(?<!\d\.)|(?<=IP))(?:\d{1,3}\.){3}\d{1,3}(?![0-9A-Za-z]|\.\d|条)")
_IPV6 = re.compile(
    r"(?<![0-9A-Za-z:])(?=[0-9A-Fa-f:]*[0-9A-Fa-f]{3})(?:[0-9A-Fa-f]{1,4}:|:){2,8}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:])"
)
_IP_BEFORE = re.compile(r"(?:\bIP|address|地址)[^0-9A-Za-z]{0,3}$", re.I)


def _emails(text: str) -> Iterator[Found]:
    for pattern in (_EMAIL, _SPELT_EMAIL):
        for match in pattern.finditer(text):
            yield Found(match.start("local"), match.end(), "email")


def _linked_phones(text: str) -> Iterator[Found]:
    for match in _PHONE_IN_LINK.finditer(text):
        yield Found(*match.span("phone"), "phone")


def _handles(text: str) -> Iterator[Found]:
    for match in _HANDLE.finditer(text):
        yield Found(*match.span(), "handle")
    for match in _MESSENGER.finditer(text):
        yield Found(*match.span("name"), "handle")


def _addresses(text: str) -> Iterator[Found]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            begin, end = match.span()
            try:
                address = ipaddress.ip_address(match.group())
            except ValueError:
                continue
            # Versions and sections begin with a small number, hardly any user's address does.
            small = address.version == 4 and address.packed[0] < 10 and not _IP_BEFORE.search(text[:begin][-12:])
            if not (small or is_numbered(text, begin)):
                yield Found(begin, end, "ip")


# ------------------------------------------------------------------ numbers known by the word before them

_CODE = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Za-z]{1,6}\d[0-9A-Za-z]{3,18}(?:\([0-9A-Za-z]\))?|[A-Za-z]\d{1,6}(?:-\d{1,6}){1,4}"
    r"|\d{5,17}[A-Za-z])(?![0-9A-Za-z])"
)
_GROUP = re.compile(r"\d+")
_FEWEST_DIGITS = 5
_BETWEEN_TWO = re.compile(r"[ ,、;/]{1,3}|[ ,]{1,2}(?:and|or) |[或和及]")
_FOURS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d")
# The digits that there must be and may be; sort codes have six, IBANs without letters thirty.
_LENGTHS = {"card": (12, 19), "identity": (6, 20), "account": (6, 30)}


def _behind_words(text: str) -> Iterator[Found]:
    for code in _CODE.finditer(text):
        if sum(map(str.isdigit, code.group())) >= _FEWEST_DIGITS:
            cue = cue_before(text, code.start())
            if cue == Cue("identity", True) and not is_amount(text, *code.span()):
                yield Found(*code.span(), "identity")
    before: Found | None = None
    for run in RUN.finditer(text):
        if len(run.group()) <= _FEWEST_DIGITS:
            continue
        cue = cue_before(text, run.start())
        if cue is None and before is not None and _BETWEEN_TWO.fullmatch(text, before.end, run.start()):
            cue = Cue(before.kind, False)  # one more of a list
        end = None if cue is None else _end_behind(cue, text, run)
        before = None if cue is None or end is None else Found(_inside(text, run.start(), end), end, cue.kind)
        if before is not None:
            yield before


def _end_behind(cue: Cue, text: str, run: re.Match[str]) -> int | None:
    """Where the piece ends that begins with the run of digits; None if the run is something else."""
    if cue.kind == "phone":
        return phone_behind(text, run, cue.sure)
    begin, written = run.start(), run.group()
    letter_before = text[begin - 1 : begin].isascii() and text[begin - 1 : begin].isalpha()
    if letter_before or is_amount(text, *run.span()) or (is_date(written) and len(written) <= 10):
        return None
    fewest, most = _LENGTHS[cue.kind]
    length, end = 0, None
    for group in _GROUP.finditer(written):
        length += len(group.group())
        if length > most:
            break
        if length >= fewest + (not cue.sure):
            end = begin + group.end()
    if cue.kind == "card" and not cue.sure and end is not None:
        card = text[begin:end]
        return end if _FOURS.match(card) or luhn.is_valid(re.sub("[ -]", "", card)) else None
    return end


# ------------------------------------------------------------------ numbers known by their shape

_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}\d{2}(?: ?[0-9A-Za-z]{4}){2,7}(?: ?[0-9A-Za-z]{1,4})?")
_SHORTEST_IBAN = 15
_CARD = re.compile(
    BEGIN + r"(?:[2-6]\d{3}(?P<s>[ -]?)\d{4}(?P=s)\d{4}(?P=s)\d{4}(?:(?P=s)\d{1,3})?"
    r"|4\d{3}(?P<v>[ -]?)\d{4}(?P=v)\d{4}(?P=v)\d"
    r"|3[47]\d\d(?P<a>[ -]?)\d{6}(?P=a)\d{5}"
    r"|3[0689]\d\d(?P<d>[ -]?)(?:\d{6}(?P=d)\d{4}|\d{4}(?P=d)\d{4}(?P=d)\d\d))" + END
)
_YEARS = re.compile(r"(?:(?:19|20)\d\d ?){3}")
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"


def _always(_written: str) -> bool:
    return True


def _is_resident(written: str) -> bool:
    # By the sum and the date alone: python-stdnum's own check also wants the place to have had its code when the holder
    # was born, and numbers were first given out decades later.
    try:
        ric.get_birth_date(written)
    except ValidationError:
        return False
    return written[-1].upper() == ric.calc_check_digit(written)


def _is_aadhaar(written: str) -> bool:
    return not _YEARS.fullmatch(written) and bool(aadhaar.is_valid(written))


_IDENTITIES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (re.compile(BEGIN + shape + END), holds)
    for shape, holds in (
        (rf"[1-9]\d{{5}}(?:18|19|20)\d\d{_DAY}\d{{3}}[0-9Xx]", _is_resident),  # China
        (r"(?!000|666)\d{3}-(?!00)\d\d-(?!0000)\d{4}", _always),  # United States: SSN, ITIN
        (r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]", _always),  # Britain
        (r"QQ ?12 ?34 ?56 ?[A-D]", _always),  # what Britain's own forms show as an example
        (r"[A-Z]{1,2}\d{6}\([0-9A]\)", _always),  # Hong Kong
        (r"(?<!\d )[2-9]\d{3} \d{4} \d{4}(?! \d)", _is_aadhaar),
        (r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", _always),  # India: a person's PAN
        (rf"\d\d{_DAY}-[1-8]\d{{6}}", _always),  # Korea
        (r"\d{3}\.\d{3}\.\d{3}-\d\d", cpf.is_valid),  # Brazil
        (r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),  # Italy
    )
)


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        written = match.group()
        # The words behind one may look like more of it; its country says how long it is. Whether the bank exists, which
        # python-stdnum knows of some countries, is not asked: the number is somebody's all the same.
        while len(written) >= _SHORTEST_IBAN:
            if iban.is_valid(written, check_country=False):
                yield Found(match.start(), match.start() + len(written), "account")
                break
            written = written[:-1].rstrip()


def _cards(text: str) -> Iterator[Found]:
    for match in _CARD.finditer(text):
        if luhn.is_valid(re.sub("[ -]", "", match.group())) and not is_amount(text, *match.span()):
            yield Found(*match.span(), "card")


def _identities(text: str) -> Iterator[Found]:
    for pattern, holds in _IDENTITIES:
        for match in pattern.finditer(text):
            if holds(match.group()):
                yield Found(*match.span(), "identity")


def _phones(text: str) -> Iterator[Found]:
    for begin, end in phones(text):
        yield Found(_inside(text, begin, end), end, "phone")


def _inside(text: str, begin: int, end: int) -> int:
    """Where a number begins within brackets that it stands in; those around an area code are its own."""
    return begin + (text[begin] == "(" and ")" not in text[begin:end])


# ------------------------------------------------------------------ all of them


def find(text: str, handles: bool = False) -> list[Found]:
    """The pieces of personal data in a text as a reader sees it, digits and signs in ASCII; in order, none overlapping.

    Numbers within links are none: they are what a link leads to. `handles`: find names of accounts, too.
    """
    taken = bytearray(len(text))
    found: list[Found] = []

    def take(pieces: Iterator[Found]) -> None:
        for piece in pieces:
            if not any(taken[piece.begin : piece.end]):
                taken[piece.begin : piece.end] = b"\1" * (piece.end - piece.begin)
                found.append(piece)

    take(_emails(text))
    take(_linked_phones(text))
    for link in _LINK.finditer(text):
        taken[link.start() : link.end()] = b"\1" * (link.end() - link.start())
    if handles:
        take(_handles(text))
    for pieces in (_ibans, _behind_words, _identities, _cards, _addresses, _phones):
        take(pieces(text))
    return sorted(found)


def find_in_url(url: str) -> list[Found]:
    """The emails in a link, and the numbers that it says are phones, in its order."""
    return sorted([*_emails(url), *_linked_phones(url)])
