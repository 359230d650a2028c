"""Budget against delay: how many pages each budget would have made of a history, and how soon it would have told of
squalls that are laid into it. Nobody can choose a threshold; anybody can read this table."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from alerts.backtest import Past, Subject, pages_of, subjects_of_past
from stream.budget import Budget
from stream.detector import Detection, judge, windows_of
from stream.history import DAY, History
from stream.settings import AlertSettings

BUDGETS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
SIZES = (2.0, 4.0, 8.0, 16.0)  # times a subject's usual
SAMPLES = 120  # moments at which a squall of each size is laid
LASTS = 360  # minutes of each, or a step if that is longer
_MONTH = 30 * DAY


class Found(Struct, frozen=True):
    """Squalls of a size: the share that was told of within their time, and the median of the minutes that took; None
    where fewer than half were."""

    size: float
    share: float
    minutes: float | None


class Choice(Struct, frozen=True):
    """What a budget (pages a month, all subjects together) would have meant: pages in 30 days of this history, and what
    became of the squalls laid into it."""

    budget: float
    pages_a_month: float
    squalls: list[Found]


def tune(
    past: Past,
    detection: Detection,
    alerts: AlertSettings,
    budgets: Sequence[float] = BUDGETS,
    sizes: Sequence[float] = SIZES,
    samples: int = SAMPLES,
    seed: int = 1,
) -> list[Choice]:
    """Try budgets. The squalls are Poisson counts of `size` - 1 times the usual rate on top of what came, each headline
    a story of its own by another source, each in the subject and at the hour of a headline that is drawn from the
    history; the same for every budget."""
    subjects = list(subjects_of_past(past, detection, alerts))
    # The same moments for every size, so that they can be compared.
    laid = [
        each
        for size in sizes
        for each in _laid(subjects, past, detection, alerts, size, samples, np.random.default_rng(seed))
    ]
    months = past.step * past.steps / _MONTH
    choices = []
    for budget in budgets:
        share = budget / max(1, len(past.negatives))
        pages = pages_of(past, subjects, replace(detection, budget=Budget(budget)))
        choices.append(
            Choice(
                budget,
                round(len(pages) / months, 2),
                [_found(size, [each for each in laid if each.size == size], share, past.step) for size in sizes],
            )
        )
    return choices


class _Squall(Struct, frozen=True):
    """A squall that was laid: at each of its steps the surprise of the loudest window that is broad enough, -1 where
    none is, and what the subject must pass at a budget."""

    size: float
    loudest: list[float]
    look: int
    subject: Subject

    def told_after(self, pages_a_month: float) -> int | None:
        """Steps until it is told of; None if it never is."""
        threshold = self.subject.seen[self.look].baseline.pages.threshold(pages_a_month)
        return next((step for step, loud in enumerate(self.loudest, start=1) if loud >= threshold), None)


def _laid(
    subjects: Sequence[Subject],
    past: Past,
    detection: Detection,
    alerts: AlertSettings,
    size: float,
    samples: int,
    chance: np.random.Generator,
) -> list[_Squall]:
    windows = windows_of(past.step, detection.windows)
    lasts = max(1, LASTS // past.step)
    # Where and when news comes: at the steps that hold negatives, as often as they hold any.
    places = [
        (subject, number, at)
        for subject in subjects
        for number, look in enumerate(subject.seen)
        for at in range(look.start, look.end)
        if subject.series.counts[at] > 0
    ]
    weights = np.array([subject.series.counts[at] for subject, _, at in places])
    drawn = chance.choice(len(places), samples, p=weights / weights.sum()).tolist() if places else []
    found = []
    for subject, number, start in (places[each] for each in drawn):
        look = subject.seen[number]
        end = min(past.steps, start + lasts)
        since = past.first + past.step * look.start - detection.history
        known = History(past.first, past.step, subject.series.counts[:end]).since(since)
        _, _, usual = judge(look.baseline, known, windows, detection.zone, end - start)
        more = chance.poisson((size - 1.0) * np.nan_to_num(usual[:, 0]))
        counts = known.counts.copy()
        counts[start - end :] = np.nan_to_num(counts[start - end :]) + more
        surprise, _, _ = judge(look.baseline, replace(known, counts=counts), windows, detection.zone, end - start)
        broad = _broad(more, subject.broad[start:end], windows, past.step, alerts.stories_of(subject.name))
        loudest = np.where(broad, np.nan_to_num(surprise, nan=-1.0), -1.0).max(1)
        found.append(_Squall(size, loudest.tolist(), number, subject))
    return found


def _broad(
    more: npt.NDArray[np.int64],
    already: npt.NDArray[np.bool_],
    windows: Sequence[int],
    step: int,
    stories: int,
) -> npt.NDArray[np.bool_]:
    """Where the squall's own stories, or those that were there without it, are several enough; (steps, windows)."""
    sums = np.concatenate(([0], np.cumsum(more)))
    columns = []
    for window in windows:
        width = window // step
        begins = np.maximum(0, np.arange(1, len(more) + 1) - width)
        columns.append(sums[1:] - sums[begins] >= stories)
    return np.stack(columns, 1) | already


def _found(size: float, laid: Sequence[_Squall], share: float, step: int) -> Found:
    steps = [each.told_after(share) for each in laid]
    told = [each * step for each in steps if each is not None]
    # Those that were never told of took longer than any that was.
    every = sorted([float(each) for each in told] + [float("inf")] * (len(steps) - len(told)))
    middle = statistics.median_high(every) if every else float("inf")
    return Found(size, round(len(told) / max(1, len(steps)), 3), None if middle == float("inf") else middle)
