"""How often pages were right, by the verdicts of those who got them, and which threshold of surprise that history
suggests. Pure arithmetic.

Precision is real pages over real ones and false alarms. A duplicate is counted apart: what it told of was real, and it
was one page too many. Nobody judges every page, and false alarms are perhaps judged more readily than others; so the
pages without a verdict are counted beside.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Struct

from training.confidence import Interval
from training.proportion import share

# Fewer false alarms that a threshold would have kept away are no history to stand on.
FEWEST = 3
STEP = 0.1  # of suggested thresholds ...
DIGITS = 4  # ... or, where a real page lies closer, so many


class Judged(NamedTuple):
    """A page and what was said of it. `surprise`: None where its alert did not say; `verdict`: real, false_alarm or
    duplicate; None if nobody said anything."""

    subject: str
    fired_at: datetime
    surprise: float | None
    verdict: str | None


class Tally(Struct, frozen=True):
    """The pages of a subject, a month, or both; None where it is all of them together. `precision`: with its 95 %
    interval (Wilson); None without a verdict that tells."""

    subject: str | None
    month: str | None
    pages: int
    real: int
    false_alarm: int
    duplicate: int
    unjudged: int
    precision: Interval | None


class Suggestion(Struct, frozen=True):
    """A threshold of surprise. `subject`: None for all of them, which is `alerts.surprise`. `dropped` of `false_alarms`
    would not have been paged, and `lost` of `real` neither; `may_lose`: the upper end of the 95 % interval of the share
    of real pages that it loses."""

    subject: str | None
    surprise: float
    present: float
    dropped: int
    false_alarms: int
    lost: int
    real: int
    may_lose: float


class Report(Struct, frozen=True):
    """All of it: together, by subject (the most pages first), by month (the newest first), and by both."""

    together: Tally
    subjects: list[Tally]
    months: list[Tally]
    subject_months: list[Tally]
    suggestions: list[Suggestion]


def report(pages: Sequence[Judged], present: float, lose: float = 0.0) -> Report:
    """How often pages were right. `present`: the threshold of surprise now. `lose`: the share of real pages, in [0, 1],
    that a suggested threshold may lose."""
    subjects = _grouped(pages, lambda page: page.subject)
    months = _grouped(pages, _month)
    found = [_suggestion(None, pages, present, lose)]
    found += [_suggestion(subject, subjects[subject], present, lose) for subject in sorted(subjects)]
    return Report(
        together=_tally(None, None, pages),
        subjects=sorted(
            (_tally(subject, None, some) for subject, some in subjects.items()),
            key=lambda tally: (-tally.pages, str(tally.subject)),
        ),
        months=[_tally(None, month, months[month]) for month in sorted(months, reverse=True)],
        subject_months=[
            _tally(subject, month, some)
            for subject in sorted(subjects)
            for month, some in sorted(_grouped(subjects[subject], _month).items(), reverse=True)
        ],
        suggestions=[each for each in found if each is not None],
    )


def _grouped(pages: Iterable[Judged], key: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for page in pages:
        groups[key(page)].append(page)
    return groups


def _month(page: Judged) -> str:
    return f"{page.fired_at.astimezone(UTC):%Y-%m}"


def _tally(subject: str | None, month: str | None, pages: Sequence[Judged]) -> Tally:
    said = Counter(page.verdict for page in pages)
    real, false_alarm, duplicate = said["real"], said["false_alarm"], said["duplicate"]
    told = real + false_alarm
    return Tally(
        subject,
        month,
        pages=len(pages),
        real=real,
        false_alarm=false_alarm,
        duplicate=duplicate,
        unjudged=len(pages) - told - duplicate,
        precision=share(real, told) if told else None,
    )


def _suggestion(subject: str | None, pages: Sequence[Judged], present: float, lose: float) -> Suggestion | None:
    """The lowest threshold that keeps as many false alarms away as can be without losing more real pages than that
    share; None where the history is too thin, or where none does any better than the present one."""
    real = _surprises(pages, "real")
    false_alarms = _surprises(pages, "false_alarm")
    allowed = math.floor(lose * len(real))
    # Above this one more real page than is allowed would be lost.
    highest = real[allowed] if allowed < len(real) else math.inf
    below = [each for each in false_alarms if each < highest]
    if len(below) < FEWEST:
        return None
    # The next step above the last of them, or just at the real page that bounds it.
    step = round((math.floor(below[-1] / STEP) + 1) * STEP, DIGITS)
    threshold = step if step <= highest else math.floor(highest * 10**DIGITS) / 10**DIGITS
    dropped, lost = (sum(each < threshold for each in some) for some in (false_alarms, real))
    if threshold <= present or dropped < FEWEST:
        return None
    return Suggestion(
        subject,
        surprise=threshold,
        present=present,
        dropped=dropped,
        false_alarms=len(false_alarms),
        lost=lost,
        real=len(real),
        may_lose=share(lost, len(real)).high,
    )


def _surprises(pages: Iterable[Judged], verdict: str) -> list[float]:
    return sorted(page.surprise for page in pages if page.verdict == verdict and page.surprise is not None)
