"""When there were pages and what they were about: their headlines are worth a label."""

from datetime import datetime

import sqlalchemy as sa

from alerts.pagebook import PageBook
from stream.archive import Archive, archive_errors
from stream.verdicts import VerdictBook
from training.queue import PageSpan

PAGES = 200


def page_spans(archive: Archive, now: datetime) -> list[PageSpan]:
    """The times of the newest pages and what was said of them, if a relay has paged on this archive.

    Raises ArchiveError.
    """
    with archive_errors("the book of pages cannot be read"):
        if not sa.inspect(archive.engine).has_table("pages"):
            return []
    pages = [page for page in PageBook(archive.engine, ()).recent(PAGES) if page.is_squall]
    verdicts = VerdictBook(archive.engine).newest([page.id for page in pages])
    said = {page_id: verdict.verdict for page_id, verdict in verdicts.items()}
    return [
        PageSpan(
            page.id, subject, page.since or page.fired_at, page.resolved_at or page.last_at or now, said.get(page.id)
        )
        for page in pages
        for subject in (page.subject, *page.also_subjects)
    ]
