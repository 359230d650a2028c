"""The audit log's page: who did what, the newest first."""

from starlette.responses import Response

from deploy.desk.desk import Desk
from deploy.desk.visit import Visit

SHOWN = 100


def show(desk: Desk, visit: Visit) -> Response:
    """The log's page."""
    before, who = visit.number("before"), visit.text("who")
    deeds = desk.audit.newest(SHOWN + 1, before, who)
    more = deeds[SHOWN - 1].number if len(deeds) > SHOWN else None
    return desk.page(visit, "audit.html", deeds=deeds[:SHOWN], more=more, who=who)
