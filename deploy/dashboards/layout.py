"""The grid: 24 columns, rows below one another, so that nothing overlaps and nothing scrolls sideways.

On a phone Grafana gives each panel the whole width in the order of the grid, so the order is that of importance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import GridPos, RowPanel
from grafana_foundation_sdk.models.dashboard import Panel as Placed

from deploy.dashboards.panels import Panel

COLUMNS = 24


@dataclass(frozen=True)
class Shelf:
    """Panels beside each other, each with its columns. `height`: in the grid's units, 38 pixels each."""

    height: int
    panels: Sequence[tuple[int, Panel]]


@dataclass(frozen=True)
class Section:
    """Shelves under a heading that is closed: opened by whoever wants them, and not asked for before."""

    title: str
    shelves: Sequence[Shelf]


def arrange(parts: Sequence[Shelf | Section]) -> list[Placed | RowPanel]:
    """The panels with their places and numbers, in order.

    Raises ValueError where a shelf does not fill the width: a gap or what hangs over is a mistake.
    """
    placed: list[Placed | RowPanel] = []
    numbers = iter(range(1, 1_000))
    top = 0
    for part in parts:
        if isinstance(part, Shelf):
            placed += _shelf(part, top, numbers)
            top += part.height
        else:
            placed.append(_closed(part, top, numbers))
            top += 1
    return placed


def _closed(section: Section, top: int, numbers: Iterator[int]) -> RowPanel:
    """A heading with its panels in it, placed as they are once it is opened."""
    heading = RowPanel(True, section.title, grid_pos=GridPos(1, COLUMNS, 0, top), id_val=next(numbers))
    below = top + 1
    heading.panels = []
    for shelf in section.shelves:
        heading.panels += _shelf(shelf, below, numbers)
        below += shelf.height
    return heading


def _shelf(shelf: Shelf, top: int, numbers: Iterator[int]) -> list[Placed]:
    widths = [width for width, _ in shelf.panels]
    if sum(widths) != COLUMNS:
        raise ValueError(f"the panels of a shelf take {sum(widths)} columns of {COLUMNS}")
    found = []
    left = 0
    for width, panel in shelf.panels:
        built = panel.build()
        built.grid_pos = GridPos(shelf.height, width, left, top)
        built.id_val = next(numbers)
        found.append(built)
        left += width
    return found
