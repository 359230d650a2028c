"""The refused headlines: what they are and why, and sending them again."""

from datetime import timedelta
from itertools import islice

from starlette.responses import Response

from deploy.commands.rejected import told
from deploy.desk.desk import Desk
from deploy.desk.visit import Visit
from model.errors import BrokerError, InputError
from stream.records import REASONS
from stream.rejected import RejectedReader, Selection
from stream.retries import RetryBook, digest

SHOWN = 50
LOOKED_BACK = timedelta(days=7)


def show(desk: Desk, visit: Visit) -> Response:
    """The newest of them."""
    reason = visit.choice("reason", "", *REASONS)
    rows, more, trouble = [], False, ""
    try:
        with RejectedReader(desk.settings.kafka.bootstrap, _passed_over) as reader:
            selection = Selection((reason,) if reason else ())
            meant = (each for each in reader.newest(visit.now - LOOKED_BACK) if each in selection)
            found = list(islice(meant, SHOWN + 1))
        more, found = len(found) > SHOWN, found[:SHOWN]
        retried = RetryBook(desk.archive.engine).find([digest(each.payload) for each in found])
        rows = [told(each, retried.get(digest(each.payload))) for each in found]
    except BrokerError as error:
        trouble = str(error)
    return desk.page(
        visit,
        "rejected.html",
        rows=rows,
        more=more,
        trouble=trouble,
        reason=reason,
        reasons=REASONS,
        running=desk.jobs.running,
    )


def _passed_over(_line: str) -> None:
    """What is no refused headline is not shown; the command line tells of it."""


def retry(desk: Desk, visit: Visit) -> Response:
    """Send one of them again, or all of a reason."""
    origin, reason = visit.text("origin", 40), visit.choice("reason", "", *REASONS)
    partition, _, offset = origin.partition("-")
    if bool(origin) == bool(reason) or (origin and not (partition.isdecimal() and offset.isdecimal())):
        raise InputError("say which: one by its origin, or all of a reason")
    which = ["--origin", origin] if origin else ["--reason", reason]
    name = desk.jobs.prepare("retry", visit.now)
    desk.note(visit, "sent again", f"{name}: {origin or f'all of {reason}'}")
    arguments = (
        ["rejected", "retry", *which, "--again", "--json"] if origin else ["rejected", "retry", *which, "--json"]
    )
    desk.jobs.start(name, arguments, visit.who.name, visit.now, f"headline {origin}" if origin else f"all of {reason}")
    return desk.go(f"/jobs/{name}")
