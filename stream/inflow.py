"""What came in over a span of time, whatever it was about: how many headlines of which source, by which model, how sure
it was, and in which letters they are written."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Portion(NamedTuple):
    """The headlines of one source that one model scored. `confidence`: the sum of the probabilities of the sentiments
    chosen; `other_letters`: how many are mostly in letters other than Latin ones."""

    source: str
    model: str
    headlines: int
    confidence: float
    other_letters: int


@dataclass(frozen=True)
class Inflow:
    """All that came in over a span. `sources`, `models`: headlines by name. `confidence`: the mean probability of the
    sentiment chosen, in [0, 1]; `other_letters`: the share of titles mostly in letters other than Latin ones; both 0
    where nothing came."""

    sources: Mapping[str, int]
    models: Mapping[str, int]
    confidence: float
    other_letters: float

    @property
    def headlines(self) -> int:
        """How many there are."""
        return sum(self.sources.values())


def inflow(portions: Iterable[Portion]) -> Inflow:
    """The portions together."""
    sources: Counter[str] = Counter()
    models: Counter[str] = Counter()
    found = list(portions)
    for portion in found:
        sources[portion.source] += portion.headlines
        models[portion.model] += portion.headlines
    count = max(1, sources.total())
    return Inflow(
        sources,
        models,
        math.fsum(portion.confidence for portion in found) / count,
        sum(portion.other_letters for portion in found) / count,
    )
