"""How broad bad news is: the distinct stories, or sources, that each window of a series of steps holds."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def distinct(told: Sequence[tuple[int, Hashable]], steps: int, window: int) -> Counts:
    """How many different things each window of `window` steps holds, by the step that it ends with, shape (steps,).

    `told`: the step, of 0 to steps - 1, at which each thing was told, sorted by step. A thing that is told is in the
    windows of that step and of the `window` - 1 next, and once however often it is told: so each telling counts until
    the next one of the same at the latest.

    >>> distinct([(0, "a"), (1, "a"), (1, "b")], steps=5, window=2).tolist()
    [1, 2, 2, 0, 0]
    """
    change = np.zeros(steps + 1, np.int64)
    ends: dict[Hashable, int] = {}
    for step, thing in told:
        before = ends.get(thing, step)
        begin, end = max(step, before), min(step + window, steps)
        if end > begin:
            change[begin] += 1
            change[end] -= 1
        ends[thing] = step + window
    return np.cumsum(change[:-1])
