"""Figures of a headline: what is written as 1.23bn, 1,230 million or 12.3亿 is one, and so is what it is rounded to."""

import re
from typing import NamedTuple

# Powers of ten by the words that stand behind a number.
POWERS = {
    "k": 3, "thousand": 3, "m": 6, "mn": 6, "mln": 6, "million": 6, "b": 9, "bn": 9, "bln": 9, "billion": 9,
    "t": 12, "tn": 12, "trn": 12, "trillion": 12, "lakh": 5, "crore": 7, "p": -2, "cent": -2, "cents": -2, "pence": -2,
    "万": 4, "亿": 8, "万亿": 12,
}  # fmt: skip
PERCENT = "%"
PLAIN = "n"
# However round a number is, it stands for what differs from it by no more than this share: 10 % for 9.8 %, not for 12.
COARSEST = 0.06
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
LONGEST = 12  # digits: a longer one is an account or an id, and its beginning tells it apart as well


class Figure(NamedTuple):
    """A number as it is written: its digits without the zeros at the end, the power of ten of the last one of them,
    and whether it is a share."""

    unit: str
    digits: int
    power: int

    @property
    def value(self) -> float:
        """The number, a share in percent."""
        return float(self.digits) * 10.0**self.power

    @property
    def half_step(self) -> float:
        """How far from it a number may be that is rounded to it."""
        return min(0.5 * 10.0**self.power, COARSEST * self.value)


def figure(written: str, power: int = 0, unit: str = PLAIN) -> Figure | None:
    """The figure that digits with separators stand for, times a power of ten; None for a zero and for what is none.

    >>> figure("1,230", 6) == figure("1.23", 9)
    True
    """
    number = written.replace(",", ".") if _DECIMAL_COMMA.fullmatch(written) else written.replace(",", "")
    whole, _, fraction = number.partition(".")
    digits = (whole + fraction).lstrip("0")
    if "." in fraction or not digits.isascii() or not digits.isdigit():
        return None
    power += max(0, len(digits) - LONGEST) - len(fraction)
    digits = digits[:LONGEST]
    shorter = digits.rstrip("0")
    return Figure(unit, int(shorter), power + len(digits) - len(shorter))


def agree(first: Figure, second: Figure) -> bool:
    """Whether two figures may be one number, one of them rounded.

    >>> agree(Figure("n", 123, 7), Figure("n", 12, 8)), agree(Figure("%", 12, 0), Figure("%", 14, 0))
    (True, False)
    """
    if first.unit != second.unit and PLAIN not in (first.unit, second.unit):
        return False
    # As far as a number of 64 bits tells them apart.
    return abs(first.value - second.value) <= max(first.half_step, second.half_step) * (1 + 1e-9)


def spell(figures: list[Figure]) -> str:
    """Figures as text, for a fingerprint."""
    return ",".join(f"{each.unit}{each.digits}e{each.power}" for each in figures)


def read(text: str) -> list[Figure]:
    """What `spell` wrote. Raises ValueError for anything else."""
    found = []
    for each in text.split(",") if text else ():
        digits, _, power = each[1:].partition("e")
        found.append(Figure(each[0], int(digits), int(power)))
    return found
