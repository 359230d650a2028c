"""The search page: what was archived, found by words and by what the model says of it; and the same as CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response, StreamingResponse

from deploy.desk.desk import Desk
from deploy.desk.visit import Visit
from model.errors import ArchiveError, InputError
from model.taxonomy import SENTIMENTS
from stream.records import ScoredHeadline
from stream.search import Query, place_of
from training.exchange import spreadsheet_cell

SHOWN = 50
MOST_EXPORTED = 100_000
COLUMNS = (
    "id", "published_at", "source", "title", "url", "topic", "topic_probability", "sentiment", "p_negative",
    "p_neutral", "p_positive", "entities", "model",
)  # fmt: skip


def asked(visit: Visit) -> tuple[Query, dict[str, str]]:
    """What is searched for, and the fields as they were filled in. Raises RefusedError."""
    given = {name: visit.text(name, 300) for name in ("words", "topic", "entity", "source", "since", "until")}
    given["sentiment"] = visit.choice("sentiment", "", *SENTIMENTS)
    until = visit.day("until")
    query = Query(
        words=given["words"],
        topic=given["topic"],
        sentiment=given["sentiment"],
        entity=given["entity"],
        source=given["source"],
        since=visit.day("since"),
        until=until + timedelta(days=1) if until else None,  # that day too
    )
    return query, given


def show(desk: Desk, visit: Visit) -> Response:
    """The form, and a portion of the hits."""
    problem, found = "", None
    query, given = asked(visit)
    after = visit.text("after")
    try:
        found = desk.search.find(query, SHOWN, place_of(after) if after else None)
    except InputError as error:
        problem = str(error)
    return desk.page(
        visit,
        "search.html",
        status=400 if problem else 200,
        given=given,
        found=found,
        after=after,
        problem=problem,
        topics=desk.topics(),
        entities=desk.entities(),
        sentiments=SENTIMENTS,
        most=MOST_EXPORTED,
    )


def export(desk: Desk, visit: Visit) -> Response:
    """The hits as CSV, as they are read."""
    query, given = asked(visit)
    hits = desk.search.all(query)
    first = list(islice(hits, 1))  # what cannot be meant is told now, not in the middle of a file
    desk.note(visit, "exported", urlencode({name: value for name, value in given.items() if value}) or "everything")

    def rows() -> Iterator[str]:
        yield "\ufeff" + line(COLUMNS)  # by which a spreadsheet knows UTF-8
        count = 0
        try:
            for part in (first, hits):
                for headline in part:
                    yield line(row(headline))
                    count += 1
                    if count == MOST_EXPORTED:
                        return
        except (ArchiveError, InputError) as error:
            yield line([f"the rest is missing: {error}"])

    name = f"newsquall-{visit.now:%Y%m%d-%H%M%S}.csv"
    return StreamingResponse(
        rows(), media_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def row(headline: ScoredHeadline) -> list[Any]:
    """A headline's cells."""
    share = headline.probabilities
    return [
        headline.id,
        msgspec.to_builtins(headline.published_at),
        headline.source,
        headline.title,
        headline.url,
        headline.topic,
        headline.topic_probability,
        headline.sentiment,
        share["negative"],
        share["neutral"],
        share["positive"],
        msgspec.json.encode(headline.entities).decode() if headline.entities else "",
        headline.model,
    ]


def line(cells: Any) -> str:
    """Cells as a line, in which a spreadsheet finds no formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([spreadsheet_cell(cell) for cell in cells])
    return text.getvalue()
