"""From a budget of pages to the surprise that a subject must reach: by how often its own past reached what.

Nobody can choose a surprise; anybody can say how many pages a month they would put up with.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.history import DAY, HOUR
from stream.tail import HONEST_SCALE, fit_tail

Array = npt.NDArray[np.float64]

MONTH = 30 * DAY
# As long as after a squall another one must be louder: whatever a history has in one block would have been one page.
BLOCK = 12 * HOUR
# The share of blocks that are the tail, and what an honest tail is worth against them, in peaks.
_SHARE = 0.35
_HONEST_PEAKS = 8.0
# One squall in so much history may be in it without teaching the tail.
_A_SQUALL_IN = 14 * DAY
# An honest surprise passes what so many independent looks a step would pass; a short history has little of its own to
# say against that, and says it in so many blocks.
_LOOKS_A_STEP = 1.5
_HONEST_BLOCKS = 14.0


@dataclass(frozen=True)
class PageRate:
    """How often a subject's past went beyond a surprise, once a block at most.

    A `share` of the blocks reaches `begin`; beyond it excesses are exponential of mean `scale`, as it is known from so
    many `peaks`. `block` and `step`: minutes; `blocks`: how many there were.
    """

    begin: float
    share: float
    scale: float
    peaks: float
    block: int
    blocks: int
    step: int

    def threshold(self, pages_a_month: float) -> float:
        """The surprise that ordinary times pass so often, more than 0.

        A history shorter than a week or so may raise what an honest surprise would ask for; it cannot lower it much.
        """
        chance = pages_a_month * self.block / MONTH
        own = self.begin
        if 0.0 < chance < self.share:
            own += self.peaks * self.scale * math.expm1(math.log(self.share / chance) / self.peaks)
        honest = math.log10(max(1.0, _LOOKS_A_STEP * MONTH / self.step / pages_a_month))
        weight = _HONEST_BLOCKS / (_HONEST_BLOCKS + self.blocks)
        return max(own, own + weight * (honest - own))


def page_rate(loudest: Array, step: int) -> PageRate:
    """Learn it from the surprise of the loudest window at each step (minutes) of a history, NaN where unknown."""
    block = max(BLOCK, step)
    numbers = np.arange(len(loudest)) * step // block
    there = np.flatnonzero(~np.isnan(loudest))
    starts = np.flatnonzero(np.diff(numbers[there], prepend=-1))
    maxima = np.maximum.reduceat(loudest[there], starts) if len(starts) else np.zeros(0)
    squalls = len(there) * step // _A_SQUALL_IN
    places = np.arange(len(maxima), dtype=np.int64)
    begin, scale, peaks = fit_tail(maxima, places, _SHARE, squalls, HONEST_SCALE, _HONEST_PEAKS)
    share = float((maxima >= begin).mean()) if len(maxima) else 0.0
    return PageRate(begin, share, scale, peaks, block, len(maxima), step)
