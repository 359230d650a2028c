"""Notes on the time axis (Grafana's annotations): each page from its firing to its end, and each change of the model.

A note has a tag of its own, by which a later push finds it again; so nothing is written twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from alerts.dashboardlinks import BEFORE, subject_path
from alerts.page import Page
from deploy.dashboards.frame import MODEL_TAG, PAGE_TAG, TAG
from training.promotion import Move


@dataclass(frozen=True)
class Note:
    """`until`: its end; the same as `at` for a moment. `text`: HTML, of which Grafana leaves harmless parts."""

    key: str
    tags: tuple[str, ...]
    at: int  # milliseconds since 1970, as Grafana counts
    until: int
    text: str

    @property
    def all_tags(self) -> list[str]:
        """With the one by which it is found again."""
        return [TAG, *self.tags, self.key]


def of_pages(pages: Iterable[Page], root: str) -> list[Note]:
    """A note for each page. `root`: Grafana's address, for the links in them."""
    return [
        Note(
            f"page:{page.id}",
            (PAGE_TAG,),
            _milliseconds(page.fired_at),
            _milliseconds(page.resolved_at or page.fired_at),
            _text(page, root),
        )
        for page in pages
    ]


def _text(page: Page, root: str) -> str:
    said = escape(page.sentence)
    if not page.is_squall:
        return said
    path = subject_path(page.subject, page.window, page.fired_at - BEFORE, page.resolved_at)
    return f'{said}. <a href="{escape(root.rstrip("/") + path)}">{escape(page.subject)}</a>'


def of_moves(moves: Iterable[Move]) -> list[Note]:
    """A note for each promotion and rollback."""
    return [
        Note(f"move:{move.number}", (MODEL_TAG,), _milliseconds(move.at), _milliseconds(move.at), _told(move))
        for move in moves
    ]


def _told(move: Move) -> str:
    before = f" in place of version {move.before}" if move.before is not None else ""
    forced = ", forced past the gate" if move.forced else ""
    reason = f": {move.reason}" if move.reason else ""
    return escape(f"{move.kind}{forced}: version {move.version} ({move.bundle}){before}, by {move.by}{reason}")


@dataclass(frozen=True)
class Changes:
    """What is to be done so that exactly the wanted notes stand there. `change`: by the number that Grafana gave."""

    add: list[Note]
    change: dict[int, Note]
    remove: list[int]
    same: int


def changes(wanted: Iterable[Note], there: Iterable[Mapping[str, Any]]) -> Changes:
    """Compare with what is there, as Grafana lists it. Notes that are not ours, or whose page is not among the wanted,
    stay as they are; of two with one key the older stays."""
    known: dict[str, list[Mapping[str, Any]]] = {}
    for each in sorted(there, key=lambda each: int(each["id"])):
        for tag in each.get("tags") or []:
            known.setdefault(tag, []).append(each)
    found = Changes([], {}, [], 0)
    same = 0
    for note in wanted:
        if not (found_there := known.get(note.key)):
            found.add.append(note)
            continue
        first, *doubles = found_there
        found.remove.extend(int(each["id"]) for each in doubles)
        if _is(first, note):
            same += 1
        else:
            found.change[int(first["id"])] = note
    return Changes(found.add, found.change, found.remove, same)


def _is(there: Mapping[str, Any], note: Note) -> bool:
    end = there.get("timeEnd") or there["time"]
    told = (there["time"], end, there.get("text"), sorted(there.get("tags") or []))
    return told == (note.at, note.until, note.text, sorted(note.all_tags))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
