"""From a budget of pages to the surprise that a subject must reach: by how often its own past reached what."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from stream.history import DAY, HOUR
from stream.tail import HONEST_SCALE, fit_tail

Array = npt.NDArray[np.float64]

MONTH = timedelta(days=30)
# As long as after a squall another one must be louder: whatever a history has in one block would have been one page.
BLOCK = 12 * HOUR
_SHARE = 0.35
_HONEST_PEAKS = 8.0
_A_SQUALL_IN = 14 * DAY
# An honest surprise passes what so many independent looks a step would pass; a short history has little of its own to
# say against that, and says it in so many blocks.
_LOOKS_A_STEP = 1.5
_HONEST_BLOCKS = 14.0


def threshold(loudest: Array, step: int, pages_a_month: float) -> float:
    """The surprise that a subject passes so often by itself.

    loudest: the surprise of the loudest window at each step of its history, NaN where there was none. step: minutes.
    pages_a_month: more than 0.
    """
    blocks = (np.arange(len(loudest)) * step) // max(BLOCK, step)
    there = np.flatnonzero(~np.isnan(loudest))
    starts = np.flatnonzero(np.diff(blocks[there], prepend=-1))
    maxima = np.maximum.reduceat(loudest[there], starts) if len(starts) else np.zeros(0)
    length = len(there) * step
    begin, scale, peaks = fit_tail(
        maxima, np.arange(len(maxima)), _SHARE, int(length // _A_SQUALL_IN), HONEST_SCALE, _HONEST_PEAKS
    )
    share = (float((maxima >= begin).sum()) + 1e-9) / max(1, len(maxima))
    chance = pages_a_month / (MONTH / timedelta(minutes=max(BLOCK, step)))
    own = begin if chance >= share else begin + peaks * scale * float(np.expm1(np.log(share / chance) / peaks))
    honest = -np.log10(pages_a_month * step / (_LOOKS_A_STEP * MONTH.total_seconds() / 60))
    weight = _HONEST_BLOCKS / (_HONEST_BLOCKS + len(maxima))
    return float(max(own, (1 - weight) * own + weight * honest))


def shared(budget: float, subjects: Sequence[str]) -> float:
    """Of a whole monitor's budget the part of each subject."""
    return budget / max(1, len(subjects))
