"""What the desk's pages share: settings, the archive and its books, how a page is drawn, and what is written down."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.pagebook import PageBook
from deploy.desk.auditbook import AuditBook, Deed
from deploy.desk.view import View
from deploy.desk.visit import Visit
from stream.archive import Archive
from stream.settings import Settings
from stream.verdicts import VerdictBook

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
