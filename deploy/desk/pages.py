"""The pages that were sent: each with its evidence, its deliveries, and what people say of it."""

import threading
from datetime import UTC, datetime, timedelta

import msgspec
from starlette.responses import Response

from alerts.chart import course_of
from alerts.keyedlinks import without_keys
from alerts.page import VERDICT_WORDS, Page
from deploy.desk.chart import NARROW, WIDTH, line_chart
from deploy.desk.desk import Desk
from deploy.desk.visit import RefusedError, Visit
from model.errors import InputError
from stream.records import EARLIEST, ScoredHeadline
from stream.search import Query
from stream.subjects import ALL
from stream.verdicts import VERDICTS, Verdict

SHOWN = 50
EVIDENCE = 500  # headlines among which the stories' are looked for
# Two who judge at once are written down one after the other.
_giving = threading.Lock()


def list_(desk: Desk, visit: Visit) -> Response:
    """The newest pages."""
    found = desk.pages.recent(SHOWN + 1, _moment(visit, "before"))
    verdicts = desk.verdicts.newest([page.id for page in found])
    more = found[SHOWN - 1].fired_at if len(found) > SHOWN else None
    return desk.page(
        visit,
        "pages.html",
        pages=found[:SHOWN],
        verdicts=verdicts,
        words=VERDICT_WORDS,
        more=more.isoformat() if more else "",
        later=bool(visit.text("before")),
    )


def _moment(visit: Visit, name: str) -> datetime | None:
    text = visit.text(name, 40)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return max(EARLIEST, moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise RefusedError(400, f"'{name}' is a time, such as 2026-03-18T09:30:00+00:00.") from error


def show(desk: Desk, visit: Visit) -> Response:
    """A page as it is now, and as it was sent."""
    page = _page(desk, visit)
    course = course_of(page, desk.archive, visit.now)
    charts = []
    if course is not None and page.baseline is not None:
        charts = [
            line_chart(course.counts, *course[:2], page.baseline, page.fired_at, width) for width in (WIDTH, NARROW)
        ]
    by_title = {headline.title: headline for headline in _evidence(desk, page)}
    sendings = desk.pages.sendings(page.id)
    sent = {each.step: without_keys(each.page) for each in sendings} or {page.status: without_keys(page)}
    return desk.page(
        visit,
        "page.html",
        page=page,
        charts=charts,
        headlines=by_title,
        sendings=sendings,
        sent={step: msgspec.json.format(msgspec.json.encode(each), indent=2).decode() for step, each in sent.items()},
        verdicts=desk.verdicts.all(page.id),
        words=VERDICT_WORDS,
    )


def _evidence(desk: Desk, page: Page) -> list[ScoredHeadline]:
    """The headlines of the page's stories: those that it fired on, and those that have come to it since."""
    ids = [id_ for story in desk.pages.evidence(page.id) for id_ in sorted(story)]
    known = list(desk.archive_find(ids[:EVIDENCE]).values())
    if page.is_squall and page.since is not None and page.last_at is not None:
        kind, _, name = page.subject.partition("/")
        query = Query(
            topic=name if kind == "topic" and page.subject != ALL else "",
            entity=name if kind == "entity" else "",
            sentiment="negative",
            since=page.since,
            until=page.last_at + timedelta(microseconds=1),
        )
        known += desk.search.find(query, EVIDENCE).headlines
    return known


def _page(desk: Desk, visit: Visit) -> Page:
    page = desk.pages.find(visit.path("page")[:64])
    if page is None:
        raise RefusedError(404, "There is no such page.")
    return page


def judge(desk: Desk, visit: Visit) -> Response:
    """Write down what somebody says of a page."""
    page, verdict = _page(desk, visit), visit.text("verdict", 20)
    if verdict not in VERDICTS:
        raise InputError(f"a verdict is one of {', '.join(VERDICTS)}")
    with _giving:
        desk.note(visit, "judged", f"page {page.id}, {page.subject}: {VERDICT_WORDS[verdict]}")
        desk.verdicts.give(page.id, Verdict(verdict, visit.who.name, visit.now))
    return desk.go(f"/pages/{page.id}")
