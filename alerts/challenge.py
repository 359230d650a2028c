"""Two models' pages over one history, beside each other: which the challenger adds, loses or moves."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from alerts.backtest import PastPage

_NEVER = datetime.max.replace(tzinfo=UTC)


class Moved(Struct, frozen=True):
    """A squall that both tell of at another moment; `minutes` later by the challenger, negative if sooner."""

    subject: str
    champion_at: datetime
    challenger_at: datetime
    minutes: float


class Challenge(Struct, frozen=True):
    """Pages that both send at the same moment are `same`."""

    same: int
    moved: list[Moved]
    added: list[PastPage]
    lost: list[PastPage]


def challenge(champion: Sequence[PastPage], challenger: Sequence[PastPage]) -> Challenge:
    """Match two models' pages: those are of one squall that share a subject and go on at the same time, the nearest
    first."""
    pairs = sorted(
        (
            (abs(before.fired_at - after.fired_at), one, other)
            for one, before in enumerate(champion)
            for other, after in enumerate(challenger)
            if _one_squall(before, after)
        ),
        key=lambda pair: pair,
    )
    left, right, moved, same = set(range(len(champion))), set(range(len(challenger))), [], 0
    for apart, one, other in pairs:
        if one not in left or other not in right:
            continue
        left.discard(one)
        right.discard(other)
        if not apart:
            same += 1
            continue
        before, after = champion[one], challenger[other]
        later = (after.fired_at - before.fired_at).total_seconds() / 60
        moved.append(Moved(after.subject, before.fired_at, after.fired_at, later))
    return Challenge(
        same,
        sorted(moved, key=lambda each: each.challenger_at),
        [challenger[each] for each in sorted(right)],
        [champion[each] for each in sorted(left)],
    )


def _one_squall(first: PastPage, second: PastPage) -> bool:
    subjects = {first.subject, *first.also_subjects}
    if subjects.isdisjoint((second.subject, *second.also_subjects)):
        return False
    return first.fired_at < (second.resolved_at or _NEVER) and second.fired_at < (first.resolved_at or _NEVER)
