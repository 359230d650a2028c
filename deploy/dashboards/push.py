"""Everything into a Grafana: data sources, the folder, the dashboards, and notes of pages and model changes.

Run again it changes only what is not as it should be.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import sqlalchemy as sa

from alerts.page import Page
from alerts.pagebook import PageBook
from deploy.dashboards.catalogue import FOLDER_UID, as_json, dashboards
from deploy.dashboards.frame import MODEL_TAG, PAGE_TAG, TAG
from deploy.dashboards.notes import Note, changes, of_moves, of_pages
from deploy.dashboards.server import Grafana
from deploy.dashboards.sources import sources_of
from model.errors import UsageError
from model.registry import Registry
from stream.archive import Archive
from stream.settings import Settings
from training.promotion import history

PAGES = 1_000  # the newest ones


class Pushed(msgspec.Struct):
    """What was done with each: created, updated, unchanged, or kept as a provisioning file has it."""

    grafana: str
    url: str
    folder: str
    sources: dict[str, str]
    dashboards: dict[str, str]
    notes: dict[str, int]


def push(settings: Settings) -> Pushed:
    """Push all of it. Raises UsageError without an address or a token, GrafanaError, ArchiveError, RegistryError."""
    grafana = opened(settings)
    running = grafana.version()
    sources = {source.uid: grafana.keep_source(source) for source in sources_of(settings)}
    folder = grafana.keep_folder(FOLDER_UID, settings.grafana.folder)
    message = f"newsquall {version('newsquall')}"
    saved = {str(each.uid): grafana.keep_dashboard(as_json(each), FOLDER_UID, message) for each in dashboards(settings)}
    notes: Counter[str] = Counter(created=0, updated=0, removed=0, unchanged=0)
    notes += _note(grafana, PAGE_TAG, of_pages(_pages(settings), grafana.url))
    notes += _note(grafana, MODEL_TAG, of_moves(history(Registry(settings.registry.place()))))
    return Pushed(running, grafana.url, folder, sources, saved, dict(notes))


def opened(settings: Settings) -> Grafana:
    """The Grafana of the settings. Raises UsageError if they name none, or no token."""
    if settings.grafana.url is None:
        raise UsageError("there is no Grafana to push to: set grafana.url, or NEWSQUALL_GRAFANA__URL")
    if settings.grafana.token is None:
        raise UsageError("there is no token for Grafana: set NEWSQUALL_GRAFANA__TOKEN to a service account's")
    return Grafana(settings.grafana.url, settings.grafana.token, settings.grafana.timeout.total_seconds())


def _note(grafana: Grafana, tag: str, wanted: Sequence[Note]) -> Counter[str]:
    if not wanted:
        return Counter()
    now = int(datetime.now(UTC).timestamp() * 1000)
    since, until = min(note.at for note in wanted) - 1, max(now, *(note.until for note in wanted)) + 1
    found = changes(wanted, grafana.notes([TAG, tag], since, until))
    for note in found.add:
        grafana.add_note(note)
    for number, note in found.change.items():
        grafana.change_note(number, note)
    for number in found.remove:
        grafana.remove_note(number)
    done = {"created": len(found.add), "updated": len(found.change), "removed": len(found.remove)}
    return Counter(done | {"unchanged": found.same})


def _pages(settings: Settings) -> list[Page]:
    url = sa.engine.make_url(settings.archive.url)
    # To look for pages must not make an archive.
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return []
    archive = Archive(settings.archive.url)
    try:
        return PageBook(archive.engine, []).recent(PAGES)
    finally:
        archive.close()
