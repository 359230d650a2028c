"""The demo's invented world: its companies, its ordinary news, its squall and its syndicated story.

Texts lie in texts/; what is drawn by chance comes from a seed, and time is passed in.
"""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from stream.records import Headline

TEXTS = Path(__file__).parent / "texts"
WATCHED = 12
HEADLINES_A_DAY = 150
HISTORY_DAYS = 14

# Share of a weekday's news by hour, UTC: quiet nights, a morning and an afternoon wave.
_HOURS = (1, 1, 1, 1, 2, 3, 5, 8, 9, 8, 7, 6, 6, 7, 8, 8, 7, 5, 4, 3, 2, 2, 1, 1)
_WEEKEND = 0.35

_COUNTRIES = "Norway Sweden Poland Canada Mexico Brazil Argentina Chile Australia India Turkey Morocco Kenya".split()
_CITIES = "Oslo Gdansk Toronto Lyon Porto Lagos Mumbai Osaka Santiago Perth Leeds Graz Turin Malmo".split()
_MONTHS = "January February March April May June July August September October November December".split()
_QUARTERS = ("Q1", "Q2", "Q3", "Q4", "first quarter", "third quarter")


@dataclass(frozen=True)
class Planned:
    """A headline of a scene, so many seconds after the scene's beginning."""

    seconds: float
    source: str
    title: str


def _rows(name: str) -> list[dict[str, str]]:
    with (TEXTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class World:
    """Draws headlines. The same seed gives the same news. `companies`: name and ticker of those that it is about; the
    demo's by default."""

    def __init__(self, seed: int, companies: Sequence[Mapping[str, str]] | None = None) -> None:
        self._chance = random.Random(seed)  # noqa: S311  (invented news, not secrets)
        self._companies = companies or _rows("companies.csv")
        self._patterns = _rows("patterns.csv")
        sources = _rows("sources.csv")
        self._sources = [row["source"] for row in sources]
        self._weights = [float(row["weight"]) for row in sources]
        self._number = 0

    def write_watchlist(self, path: Path) -> None:
        """The first companies as a watchlist's CSV."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("name", "aliases", "ticker"), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self._companies[:WATCHED])

    def history(self, until: datetime) -> list[Headline]:
        """Two weeks of ordinary news that end at `until`, oldest first."""
        start = until - timedelta(days=HISTORY_DAYS)
        news = []
        for hour in range(HISTORY_DAYS * 24):
            begin = start + timedelta(hours=hour)
            usual = HEADLINES_A_DAY * _HOURS[begin.hour] / sum(_HOURS)
            if begin.weekday() >= 5:
                usual *= _WEEKEND
            for _ in range(self._poisson(usual)):
                news.append(self.headline(begin + timedelta(seconds=self._chance.uniform(0, 3600))))
        return sorted(news, key=lambda headline: headline.published_at)

    def headline(self, at: datetime) -> Headline:
        """One ordinary headline."""
        title = self._fill(self._chance.choice(self._patterns)["title"])
        return self.tell(title, self._chance.choices(self._sources, self._weights)[0], at)

    def tell(self, title: str, source: str, at: datetime) -> Headline:
        """A headline of given words. Its link leads nowhere: the outlets are invented."""
        self._number += 1
        name = f"demo-{int(at.timestamp() * 1000):x}-{self._number}"
        slug = source.lower().replace(" ", "-")
        return Headline(
            id=name,
            title=title,
            published_at=at,
            source=source,
            url=f"https://{slug}.example/{name}",
            language="en",
        )

    def squall(self) -> list[Planned]:
        """Many stories about one company, from many sources."""
        return _planned("squall.csv")

    def syndicated(self) -> list[Planned]:
        """One story about another company, copied by many outlets."""
        return _planned("syndicated.csv")

    def _poisson(self, mean: float) -> int:
        count, left = 0, self._chance.expovariate(1.0)
        while left < mean:
            count += 1
            left += self._chance.expovariate(1.0)
        return count

    def _fill(self, pattern: str) -> str:
        chance = self._chance
        company, other = chance.sample(self._companies, 2)
        return pattern.format(
            company=company["name"],
            other_company=other["name"],
            ticker=company["ticker"],
            percent=f"{chance.uniform(2, 9):.1f}%",
            amount=f"{chance.choice(('$', '€', '£'))}{chance.randrange(20, 900)} million",
            country=chance.choice(_COUNTRIES),
            city=chance.choice(_CITIES),
            quarter=chance.choice(_QUARTERS),
            month=chance.choice(_MONTHS),
            number=str(chance.randrange(20, 900)),
        )


def _planned(name: str) -> list[Planned]:
    return [Planned(float(row["seconds"]), row["source"], row["title"]) for row in _rows(name)]
