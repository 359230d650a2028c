"""The live board: what the monitor sees right now, in a terminal."""

import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

BARS = " ▁▂▃▄▅▆▇█"
TREND_POINTS = 30
POINT_SECONDS = 1.0
Sample = tuple[str, tuple[tuple[str, str], ...]]


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values as bars, scaled to the largest; a value above 0 is never blank.

    >>> sparkline([0, 1, 2, 4, 8], 5)
    ' ▁▂▄█'
    """
    shown = list(values)[-width:]
    largest = max(shown, default=0.0)
    if largest <= 0:
        return " " * len(shown)
    return "".join(BARS[max(1, round(value / largest * 8)) if value > 0 else 0] for value in shown)


def read_metrics(exposition: str) -> dict[Sample, float]:
    """Samples of a /metrics page by name and sorted labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def scored_total(samples: Mapping[Sample, float]) -> int:
    """Distinct headlines counted by the workers whose samples these are."""
    return int(sum(v for (name, _), v in samples.items() if name == "newsquall_headlines_scored_total"))


@dataclass
class Board:
    """Keeps the course of each subject's negatives and draws the board. `fewest_stories` (`fewest_all` for all topics
    together): what a window has to hold to page, beside the subject's own surprise."""

    short: str  # the window whose count and course are shown
    windows: tuple[str, ...]
    fewest_stories: int
    fewest_all: int
    stage: str = ""
    happened: deque[str] = field(default_factory=lambda: deque(maxlen=6))
    _courses: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=TREND_POINTS)))
    _noted: datetime | None = None

    def draw(self, samples: Mapping[Sample, float], now: datetime, height: int = 40) -> RenderableType:
        """The board as it stands. `height`: lines of the terminal; the liveliest subjects are kept."""
        table = Table(box=None, padding=(0, 1), header_style="bold", expand=False)
        table.add_column("subject", no_wrap=True, min_width=22)
        table.add_column(f"bad {self.short}", justify="right")
        table.add_column("usual", justify="right")
        table.add_column("stories", justify="right")
        table.add_column("sources", justify="right")
        table.add_column("worst surprise", justify="right")
        table.add_column(f"bad in {self.short}, the last half minute", no_wrap=True, min_width=TREND_POINTS)
        rows = sorted(self._rows(samples), key=lambda row: (-row[5], -row[1], row[0]))
        if self._noted is None or (now - self._noted).total_seconds() >= POINT_SECONDS:
            self._noted = now
            for name, bad, *_ in rows:
                self._courses[name].append(bad)
        for name, bad, usual, stories, sources, surprise, paged_from in rows[: max(5, height - 14)]:
            needed = self.fewest_all if name == "all" else self.fewest_stories
            if surprise >= paged_from and stories >= needed:
                style = "bold red"
            elif bad:
                style = ""
            else:
                style = "dim"
            table.add_row(
                name,
                f"{bad:.0f}",
                f"{usual:.2f}",
                f"{stories:.0f}",
                f"{sources:.0f}",
                f"{surprise:.1f}",
                sparkline(self._courses[name], TREND_POINTS),
                style=style,
            )
        title = Text.assemble(
            ("newsquall demo", "bold"),
            f"   {now:%H:%M:%S} UTC   {scored_total(samples):,} headlines scored   ",
            (self.stage, "cyan"),
        )
        notes = [Text(f"  {line}", style="dim", overflow="ellipsis", no_wrap=True) for line in self.happened]
        return Group(title, Text(), table, Text(), *notes)

    def _rows(self, samples: Mapping[Sample, float]) -> list[tuple[str, float, float, float, float, float, float]]:
        rows = []
        for kind, prefix in (("topic", "newsquall_negative"), ("entity", "newsquall_entity_negative")):

            def value(name: str, of: str, window: str, kind: str = kind, prefix: str = prefix) -> float:
                return samples.get((f"{prefix}_{name}", ((kind, of), ("window", window))), 0.0)

            names = {dict(labels)[kind] for name, labels in samples if name == f"{prefix}_headlines"}
            for of in names:
                loudest = max(self.windows, key=lambda window: value("surprise", of, window))
                rows.append(
                    (
                        of if kind == "topic" else f"· {of}",
                        value("headlines", of, self.short),
                        value("baseline", of, self.short),
                        value("stories", of, self.short),
                        value("sources", of, self.short),
                        value("surprise", of, loudest),
                        samples.get(
                            (
                                f"{prefix.removesuffix('_negative')}_surprise_threshold",
                                ((kind, of), ("severity", "page")),
                            ),
                            math.inf,
                        ),
                    )
                )
        return rows
