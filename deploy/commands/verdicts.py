"""`newsquall verdicts`: how often pages were right, by what people said of them."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import click
import msgspec

from alerts.precision import Judged, Report, Suggestion, Tally, report
from deploy.commands import options
from deploy.commands.console import counted, one_line, put, say
from stream.archive import Archive
from stream.clock import utc_now
from stream.settings import Settings
from stream.verdicts import VerdictBook

COLUMNS = ("subject", "month", "pages", "real", "false alarm", "duplicate", "not judged", "precision (95 %)")


@click.group()
def verdicts() -> None:
    """What people said of pages: how often they were right, and what that suggests."""


@verdicts.command("report")
@click.option("--since", type=options.Period(), default="365d", show_default=True, help="How far to look back.")
@click.option(
    "--lose",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the real pages that a suggested threshold may lose.",
)
@options.as_json
@click.pass_obj
def report_(settings: Settings, *, since: timedelta, lose: float, as_json: bool) -> None:
    """Precision of pages by subject and month, and thresholds of surprise that the false alarms suggest.

    Nothing is changed: a suggestion is for a person to weigh, who knows what the lost pages would have been worth.
    """
    archive = Archive(settings.archive.url)
    try:
        pages = judged(archive, since)
    finally:
        archive.close()
    found = report(pages, settings.alerts.surprise, lose)
    if as_json:
        put(msgspec.to_builtins(found))
    elif pages:
        click.echo("\n".join(lines(found)))
    if not pages:
        say("there are no pages of that time in this archive's book")


def judged(archive: Archive, since: timedelta) -> list[Judged]:
    """The pages that fired within that time, each with the verdict that stands. Raises ArchiveError."""
    from alerts.pagebook import PageBook  # noqa: PLC0415  (the relay's)

    pages = PageBook(archive.engine, ()).fired_since(utc_now() - since)
    said = VerdictBook(archive.engine).newest([page.id for page in pages])
    return [
        Judged(
            # Of the monitor's own alerts not each instance apart.
            page.subject if page.is_squall else f"alert/{page.alert}",
            page.fired_at,
            page.surprise,
            said[page.id].verdict if page.id in said else None,
        )
        for page in pages
    ]


def lines(found: Report) -> Iterator[str]:
    """The report for a person: each subject with its months below it."""
    tallies = [found.together, *found.months]
    for subject in found.subjects:
        months = [each for each in found.subject_months if each.subject == subject.subject]
        tallies += [subject, *(months if len(months) > 1 else [])]
    yield from _table([COLUMNS, *map(_cells, tallies)])
    yield ""
    if not found.suggestions:
        yield "no other threshold is suggested: too few false alarms, or none that a higher one tells from real pages"
    yield from map(_suggested, found.suggestions)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(tally: Tally) -> tuple[str, ...]:
    exact = tally.precision
    shown = "-" if exact is None else f"{exact.estimate:.0%} ({exact.low:.0%} to {exact.high:.0%})"
    numbers = (tally.pages, tally.real, tally.false_alarm, tally.duplicate, tally.unjudged)
    return (one_line(tally.subject or "all"), tally.month or "all", *map(str, numbers), shown)


def _suggested(each: Suggestion) -> str:
    where = "alerts.surprise" if each.subject is None else f"surprise of {one_line(each.subject)}"
    kept_away = f"{each.dropped} of {counted(each.false_alarms, 'false alarm')} would not have paged"
    lost = f"{each.lost} of {counted(each.real, 'real page')} neither; of many, up to {each.may_lose:.0%} may be lost"
    return f"suggested, not applied: {where} {each.surprise:g} (now {each.present:g}): {kept_away}, {lost}"
