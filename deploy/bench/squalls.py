"""What the detector is worth on counts whose truth is known: false pages a month beside the budget, and how late it is
beside the best there can be."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from deploy.bench.cusum import height, increments, limit_for
from deploy.bench.plain import peaks_over_threshold, windowed_gaussian
from deploy.bench.weather import MONDAY, Disturbance, Subject, Weather, simulate, with_squall
from stream.budget import Budget
from stream.detector import Detection, detect, windows_of
from stream.history import DAY, History
from stream.squall import Squall

Array = npt.NDArray[np.float64]
Detector = Callable[[History, Detection], list[Squall]]

SUBJECTS = (Subject(20, 0.3), Subject(200, 0.3), Subject(2_000, 0.3), Subject(28_800, 0.1))
DISTURBANCES: tuple[Disturbance, ...] = ("none", "doubled", "halved", "holiday", "gap", "squall", "flood")
SIZES = (2.0, 4.0, 8.0, 16.0)
MINUTES = (10, 60, 360, 2_880)
# Of a series the first four weeks only teach.
TEACHING, JUDGED = 28, 42  # days
# Days in which a page is the disturbance's own: a subject that doubles for good looks like a squall until it is learnt.
OWN = {"doubled": 2.0, "squall": 0.6}
STORIES = 5
# Ordinary months, of 28 days, that the best detector's limit is learnt from.
CUSUM_MONTHS = 100


class FalsePages(msgspec.Struct, frozen=True):
    """Pages a month in ordinary times, of so many simulated months; and by kind of subject and of disturbance.
    `critical`: of these, those that became critical, a month; null for a detector that knows no such."""

    a_month: float
    critical: float | None
    months: float
    subjects: dict[str, float]
    disturbances: dict[str, float]


class Delays(msgspec.Struct, frozen=True):
    """Delay as a ratio to the best detector's, median over the squalls that it found; null where ours missed half of
    them. `big`: of squalls of 8 times and more on subjects with 200 headlines a day and more. Shares found, of all."""

    squalls: int
    ratio: float | None
    big: float | None
    found: float
    best_found: float
    ratios: dict[str, float | None]


class Outcome(msgspec.Struct, frozen=True):
    """What one detector came to. `own_pages`: a disturbance's own, how many each."""

    false_pages: FalsePages
    delays: Delays
    own_pages: dict[str, float]


class SquallsBench(msgspec.Struct, frozen=True):
    """What was measured, by detector. `step`: minutes; `budget`: pages a month."""

    step: int
    budget: float
    seed: int
    detectors: dict[str, Outcome]


class _Run(NamedTuple):
    subject: Subject
    disturbance: Disturbance
    false: int
    critical: int | None
    own: int


class _Delay(NamedTuple):
    subject: Subject
    size: float
    ours: float  # minutes; infinite if not found
    best: float


DETECTORS: Mapping[str, Detector] = {
    "newsquall": lambda series, how: detect(series, how).squalls,
    "peaks_over_threshold": peaks_over_threshold,
    "windowed_gaussian": windowed_gaussian,
}


def measure(
    step: int,
    repeats: int,
    seed: int,
    budget: float,
    report: Callable[[str], None],
    *,
    subjects: Iterable[Subject] = SUBJECTS,
    cusum_months: int = CUSUM_MONTHS,
) -> SquallsBench:
    """Simulate `repeats` series of each kind of subject and disturbance, and so many of each kind of squall."""
    how = Detection(budget=Budget(budget))
    subjects = tuple(subjects)
    runs: dict[str, list[_Run]] = defaultdict(list)
    delays: dict[str, list[_Delay]] = defaultdict(list)
    for subject in subjects:
        for number, disturbance in enumerate(DISTURBANCES):
            for repeat in range(repeats):
                chance = np.random.default_rng([seed, step, int(subject.a_day), number, repeat])
                for name, run in _ordinary(subject, disturbance, step, how, chance):
                    runs[name].append(run)
        for size in SIZES:
            chance = np.random.default_rng([seed, step, int(subject.a_day), 100 + int(size)])
            for name, delay in _squalls(subject, size, step, repeats, how, chance, cusum_months):
                delays[name].append(delay)
        report(f"{subject.a_day:,.0f} a day: done")
    return SquallsBench(
        step,
        budget,
        seed,
        {name: Outcome(_false_pages(runs[name]), _delays(delays[name]), _own(runs[name])) for name in runs},
    )


def _ordinary(
    subject: Subject, disturbance: Disturbance, step: int, how: Detection, chance: np.random.Generator
) -> Iterable[tuple[str, _Run]]:
    at = int(chance.integers(TEACHING + 2, TEACHING + JUDGED - 14))
    if disturbance == "holiday":
        at -= max(0, at % 7 - 4)  # one on a Sunday is none
    weather = simulate(subject, TEACHING + JUDGED, step, chance, disturbance, at)

    def day_of(squall: Squall) -> float:
        return (squall.fired_at - MONDAY) / DAY

    def is_false(squall: Squall) -> bool:
        day = day_of(squall)
        return day >= TEACHING and not at <= day < at + OWN.get(disturbance, 0.0)

    for name, detector in DETECTORS.items():
        if name == "newsquall":
            broad = several_stories(weather, windows_of(step, how.windows)) if disturbance == "flood" else None
            judged = detect(weather.news, how, broad)
            squalls, told = judged.squalls, zip(judged.squalls, judged.severities, strict=True)
            critical = sum(is_false(squall) for squall, severity in told if severity == "critical")
        else:
            squalls, critical = detector(weather.history, how), None
        own = sum(day_of(squall) >= TEACHING for squall in squalls) - sum(map(is_false, squalls))
        yield name, _Run(subject, disturbance, sum(map(is_false, squalls)), critical, own)


def several_stories(weather: Weather, windows: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Where a page may be: of each step and window whether it holds STORIES stories, a flood being one."""
    own = np.nan_to_num(weather.history.counts - weather.flood)
    own[np.flatnonzero(weather.flood)[:1]] += 1.0
    total = np.concatenate(([0.0], np.cumsum(own)))
    columns = []
    for window in windows:
        steps = window // weather.history.step
        begins = np.maximum(np.arange(1, len(total)) - steps, 0)
        columns.append(total[1:] - total[begins] >= STORIES)
    return np.stack(columns, 1)


def _squalls(
    subject: Subject, size: float, step: int, repeats: int, how: Detection, chance: np.random.Generator, months: int
) -> Iterable[tuple[str, _Delay]]:
    """Squalls of one size and every duration, a third of them on subjects that had one in their past."""
    rates = simulate(subject, TEACHING, step, np.random.default_rng(0)).rates
    limit = limit_for(subject, rates, size, TEACHING / 30, np.random.default_rng(5), months)
    how = replace(how, shortest=TEACHING * DAY)
    for repeat in range(repeats):
        past: Disturbance = "none" if repeat % 3 else "squall"
        weather = simulate(subject, TEACHING + 16, step, chance, past, int(chance.integers(16, TEACHING + 7)))
        for minutes in MINUTES:
            day = int(chance.integers(TEACHING + 9, TEACHING + 13))
            start = (day * DAY + int(chance.integers(0, DAY))) // step
            steps = max(1, minutes // step)
            with_one = with_squall(weather, start, steps, size, subject.dispersion, chance)
            begin, end = MONDAY + start * step, MONDAY + (start + steps) * step
            seen = with_one.history.until(end).since(MONDAY + (day - TEACHING) * DAY)
            ratios = increments(with_one.history.counts, with_one.rates, subject.dispersion, size)
            before = start - 5 * DAY // step
            beyond = np.flatnonzero(height(ratios[before : start + steps])[start - before :] >= limit)
            best = (int(beyond[0]) + 1.0) * step if len(beyond) else math.inf
            for name, detector in DETECTORS.items():
                found = detector(seen, how)
                if any(each.fired_at <= begin and (each.resolved_at or end) > begin for each in found):
                    continue  # a false page is open: nobody can say what it was for
                times = [each.fired_at - begin for each in found if each.fired_at > begin]
                yield name, _Delay(subject, size, min(times, default=math.inf), best)


def _false_pages(runs: list[_Run]) -> FalsePages:
    def rate(chosen: list[_Run]) -> float:
        return round(sum(run.false for run in chosen) / (len(chosen) * JUDGED / 30), 2)

    critical = [run.critical for run in runs if run.critical is not None]
    return FalsePages(
        rate(runs),
        round(sum(critical) / (len(critical) * JUDGED / 30), 3) if critical else None,
        round(len(runs) * JUDGED / 30, 1),
        {f"{a_day:,.0f}": rate([run for run in runs if run.subject.a_day == a_day]) for a_day in _levels(runs)},
        {kind: rate([run for run in runs if run.disturbance == kind]) for kind in DISTURBANCES},
    )


def _levels(runs: list[_Run]) -> list[float]:
    return sorted({run.subject.a_day for run in runs})


def _own(runs: list[_Run]) -> dict[str, float]:
    return {kind: round(statistics.mean(run.own for run in runs if run.disturbance == kind), 2) for kind in sorted(OWN)}


def _delays(delays: list[_Delay]) -> Delays:
    found = [delay for delay in delays if math.isfinite(delay.best)]

    def ratio(chosen: list[_Delay]) -> float | None:
        if not chosen:
            return None
        median = statistics.median(delay.ours / delay.best for delay in chosen)
        return round(median, 2) if math.isfinite(median) else None

    kinds = sorted({(delay.subject.a_day, delay.size) for delay in delays})
    return Delays(
        squalls=len(delays),
        ratio=ratio(found),
        big=ratio([delay for delay in found if delay.size >= 8 and delay.subject.a_day >= 200]),
        found=round(statistics.mean(math.isfinite(delay.ours) for delay in delays), 3),
        best_found=round(len(found) / max(1, len(delays)), 3),
        ratios={
            f"{a_day:,.0f} a day, {size:.0f}x": ratio(
                [delay for delay in found if (delay.subject.a_day, delay.size) == (a_day, size)]
            )
            for a_day, size in kinds
        },
    )
