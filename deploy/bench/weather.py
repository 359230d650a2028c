"""Simulated counts whose truth is known: seasonal negative-binomial arrivals, and what disturbs them."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from stream.history import DAY, HOUR, WEEK_HOURS, History
from stream.tellings import NEWS_A_DAY

Array = npt.NDArray[np.float64]

# Monday 5 January 2026, 00:00 UTC.
MONDAY = 29_459_520

Disturbance = Literal["none", "doubled", "halved", "holiday", "gap", "flood", "squall"]


@dataclass(frozen=True)
class Subject:
    """a_day: headlines a day on average. dispersion: of the count in a step, variance = mean + dispersion * mean**2;
    independent from step to step, so that the best detector can be written down."""

    a_day: float
    dispersion: float


@dataclass(frozen=True)
class Weather:
    """Counts and their true rates a step, and how many of each step's are one story's copies (`flood`)."""

    history: History
    rates: Array
    flood: Array

    @property
    def news(self) -> History:
        """What a subject is judged by: of one story its first tellings only."""
        told = np.cumsum(self.flood)
        kept = np.diff(np.minimum(told, NEWS_A_DAY), prepend=0.0)
        return replace(self.history, counts=self.history.counts - self.flood + kept)


def week() -> Array:
    """A news week: nights at a fifth, peaks at 8:00 and 14:00, weekends at a third; mean 1, shape (168,)."""
    hours = np.arange(24)
    day = 0.2 + np.exp(-((hours - 8) ** 2) / 8) + 0.8 * np.exp(-((hours - 14) ** 2) / 18)
    shape = np.concatenate([day * (1.0 if weekday < 5 else 1 / 3) for weekday in range(7)])
    result: Array = shape / shape.mean()
    return result


def simulate(
    subject: Subject, days: int, step: int, chance: np.random.Generator, disturbance: Disturbance = "none", at: int = 0
) -> Weather:
    """`days` of counts from a Monday on, disturbed from day `at` on. step: minutes."""
    steps = days * DAY // step
    minutes = np.arange(steps) * step
    rates = week()[minutes // HOUR % WEEK_HOURS] * subject.a_day * step / DAY
    begin = at * DAY // step
    day = DAY // step
    if disturbance == "doubled":
        rates[begin:] *= 2.0
    elif disturbance == "halved":
        rates[begin:] *= 0.5
    elif disturbance == "holiday":
        rates[begin : begin + day] *= 0.3
    elif disturbance == "squall":
        morning = begin + 9 * HOUR // step
        rates[morning : morning + 2 * HOUR // step] *= 8.0
    counts = draw(rates, subject.dispersion, chance)
    flood = np.zeros(steps)
    if disturbance == "gap":
        counts[begin + 9 * HOUR // step : begin + 15 * HOUR // step] = np.nan
    elif disturbance == "flood":
        # Forty outlets copy one story within the hour, or a day's worth of what the subject has where that is more.
        places = begin + 10 * HOUR // step + np.arange(HOUR // step)
        flood[places] = chance.multinomial(max(40, round(subject.a_day)), np.full(len(places), 1 / len(places)))
        counts += flood
    if disturbance == "squall":
        rates[morning : morning + 2 * HOUR // step] /= 8.0
    return Weather(History(MONDAY, step, counts), rates, flood)


def draw(rates: Array, dispersion: float, chance: np.random.Generator) -> Array:
    """Counts of a negative binomial with these means."""
    shape = 1.0 / dispersion
    return chance.negative_binomial(shape, shape / (shape + rates)).astype(np.float64)


def with_squall(
    weather: Weather, start: int, steps: int, size: float, dispersion: float, chance: np.random.Generator
) -> Weather:
    """The same counts, but from step `start` on for `steps` as if the rate were `size` times its own."""
    counts = weather.history.counts.copy()
    counts[start : start + steps] = draw(weather.rates[start : start + steps] * size, dispersion, chance)
    return replace(weather, history=replace(weather.history, counts=counts))
