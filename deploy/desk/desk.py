"""What the desk's pages share: settings, the archive and its books, how a page is drawn, and what is written down."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.pagebook import PageBook
from deploy.desk.auditbook import AuditBook, Deed
from deploy.desk.explainer import Explainer
from deploy.desk.jobs import Jobs
from deploy.desk.labelqueue import LabelQueue
from deploy.desk.readings import Readings, Window
from deploy.desk.view import View
from deploy.desk.visit import Visit
from model.errors import SettingsError
from model.taxonomy import DEFAULT_TOPICS
from stream.archive import Archive, archive_errors
from stream.archivedcounts import ArchivedCounts
from stream.duration import parse_duration
from stream.records import ScoredHeadline
from stream.search import SearchIndex
from stream.settings import Settings
from stream.verdicts import VerdictBook
from stream.watchlist import WatchlistFile
from training.labelbook import LabelBook

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


@dataclass
class Desk:
    """All that a page may need. Made once, in app.py."""

    settings: Settings
    archive: Archive
    clock: Clock
    view: View
    audit: AuditBook
    pages: PageBook
    verdicts: VerdictBook
    search: SearchIndex
    history: ArchivedCounts
    readings: Readings
    explainer: Explainer
    watchlist: WatchlistFile
    labels: LabelBook
    queue: LabelQueue
    jobs: Jobs
    has_login: bool

    def page(self, visit: Visit, template: str, status: int = 200, **values: Any) -> Response:
        """A page, or the piece of it that the page's own script asks for."""
        drawn = self.view.draw(
            template, visit=visit, now=visit.now, has_login=self.has_login, part=visit.script, **values
        )
        return HTMLResponse(drawn, status_code=status)

    def message(self, visit: Visit, status: int, title: str, text: str) -> Response:
        """A page that says one thing."""
        return self.page(visit, "message.html", status, title=title, text=text)

    def go(self, path: str) -> Response:
        """Look there now: after something was done, so that a reload does not do it again."""
        return RedirectResponse(path, status_code=303)

    def note(self, visit: Visit, action: str, detail: str = "", who: str = "") -> None:
        """Write down what somebody does. Raises ArchiveError: then it is not to be done."""
        name = who or (visit.person.name if visit.person else "")
        self.audit.write(Deed(visit.now, name, visit.address, action, detail))

    def found(self, id_: str) -> ScoredHeadline | None:
        """A headline of the archive."""
        return self.archive_find([id_]).get(id_)

    def archive_find(self, ids: list[str]) -> dict[str, ScoredHeadline]:
        """Headlines of the archive. Raises ArchiveError."""
        with archive_errors("the archive cannot be read"):
            return self.archive.find(ids)

    def topics(self) -> list[str]:
        """The topics that there are, those of the default taxonomy in its order first."""
        return list(dict.fromkeys((*DEFAULT_TOPICS, *self.history.topics())))

    def entities(self) -> list[str]:
        """The watched companies, by the watchlist as it was last written well."""
        try:
            self.watchlist.changed()
        except SettingsError as error:
            log.warning("the watchlist that was read before is used: %s", error)
        return sorted(entity.name for entity in self.watchlist.current.entities)

    def usual(self, windows: Mapping[str, Window], step: timedelta) -> float | None:
        """How many negatives so long a time usually holds, by the window whose length is nearest; None if unknown."""
        if not windows:
            return None
        lengths = {name: parse_duration(name) for name in windows}
        nearest = min(lengths, key=lambda name: abs(lengths[name] - step))
        return windows[nearest].baseline * (step / lengths[nearest])
