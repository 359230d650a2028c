"""A subject's page: how many headlines and how many of them bad, by time, beside what is usual; and its stories."""

from datetime import datetime, timedelta

from starlette.responses import Response

from alerts.evidence import Story
from deploy.desk.chart import NARROW, WIDTH, bar_chart
from deploy.desk.desk import Desk
from deploy.desk.visit import RefusedError, Visit
from stream.duration import parse_duration
from stream.records import minute_of
from stream.search import Query
from stream.stories import group
from stream.subjects import ALL

# What may be looked at, and the width of a bar.
RANGES = {
    "1h": timedelta(minutes=1),
    "6h": timedelta(minutes=5),
    "1d": timedelta(minutes=15),
    "7d": timedelta(hours=1),
    "28d": timedelta(hours=6),
}
HEADLINES = 300  # the newest, of which the stories are made
PAGES = 200


def show(desk: Desk, visit: Visit) -> Response:
    """The page of topic/NAME, topic/all or entity/NAME."""
    kind, name = visit.path("kind"), visit.path("name")
    subject = f"{kind}/{name}"
    if kind not in ("topic", "entity"):
        raise RefusedError(404, "There is no such subject.")
    span = visit.choice("range", "1d", *RANGES)
    which = visit.choice("which", "negative", "all")
    step, length = RANGES[span], parse_duration(span)
    until = after(visit.now, step)
    since = until - length
    counts = desk.history.counts(subject, since, until, step)
    known = desk.readings.now(visit.now).windows.get(subject, {})
    query = Query(
        topic=name if kind == "topic" and subject != ALL else "",
        entity=name if kind == "entity" else "",
        sentiment="negative" if which == "negative" else "",
        since=since,
        until=until,
    )
    found = desk.search.find(query, HEADLINES)
    ordered = reversed(found.headlines)
    stories = [
        Story(told) for told in group((each, each.fingerprint, minute_of(each.published_at)) for each in ordered)
    ]
    stories.sort(key=lambda story: (story.last_at, story.tellings[-1].id), reverse=True)
    pages = [page for page in desk.pages.recent(PAGES) if subject in (page.subject, *page.also_subjects)]
    marks = [page.fired_at for page in pages]
    return desk.page(
        visit,
        "subject.html",
        subject=subject,
        span=span,
        which=which,
        ranges=RANGES,
        windows=sorted(known.items(), key=lambda each: parse_duration(each[0])),
        charts=[bar_chart(counts, step, desk.usual(known, step), marks, width) for width in (WIDTH, NARROW)],
        totals={
            name: sum(getattr(each, name) for each in counts) for name in ("negative", "neutral", "positive", "total")
        },
        stories=stories,
        more=found.next is not None,
        pages=pages[:5],
        query=query,
    )


def after(now: datetime, step: timedelta) -> datetime:
    """The end of the step that is under way.

    >>> from datetime import UTC
    >>> after(datetime(2026, 7, 3, 2, 41, tzinfo=UTC), timedelta(minutes=15)).isoformat()
    '2026-07-03T02:45:00+00:00'
    """
    wide = int(step.total_seconds())
    seconds = int(now.timestamp()) // wide * wide + wide
    return datetime.fromtimestamp(seconds, now.tzinfo)
