"""`newsquall backtest`: which pages a file's headlines would have made, when, and on what."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from alerts.backtest import Past, PastPage, back_test
from alerts.challenge import Challenge, challenge
from alerts.knownevents import Told, read_events, told
from deploy.commands import options
from deploy.commands.console import counted, one_line, put, say
from deploy.commands.past import judged_by, read_past
from model.errors import UsageError
from model.providers import ProviderChoice
from stream.settings import Settings


@click.command()
@click.argument("file")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="REF",
    help="As of `score`; given twice, the pages of the second are put beside those of the first.",
)
@options.provider
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="PAGES",
    help="Pages a month, of all subjects together; alerts.budget if not given.",
)
@click.option("--events", metavar="FILE", help="Events that should have paged: name, from and, by choice, to, subject.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png", help="Draw what happened.")
@options.as_json
@options.strict
@click.pass_obj
def backtest(
    settings: Settings,
    file: str,
    models: tuple[str, ...],
    provider: ProviderChoice | None,
    budget: float | None,
    events: str | None,
    plot: Path | None,
    as_json: bool,
    strict: bool,
) -> None:
    """Say which pages the headlines of FILE would have made: .jsonl or .csv, or - for JSONL on standard input.

    Each moment is judged by what was known before it. A file whose dates are days is judged by days: of the windows
    only that of a day is left, and a page is dated to the day's end.
    """
    if len(models) > 2:
        raise UsageError("two models can be put beside each other, not more")
    if len(models) == 2 and file == "-":
        raise UsageError("standard input can be read once: give a file to compare two models")
    known = read_events(events) if events else None
    budget = budget or settings.alerts.budget
    results = []
    for model in models or (None,):
        past, version = read_past(settings, file, model, provider, strict)
        results.append((past, back_test(past, *judged_by(settings, past, budget)), version))
    past, pages, version = results[-1]
    against = challenge(results[0][1], pages) if len(results) == 2 else None
    answers = told(known, pages) if known is not None else None
    if plot:
        from alerts.timeline import draw_timeline  # noqa: PLC0415  (Pillow, only where it is asked for)

        plot.write_bytes(draw_timeline(past, pages))
        say(f"drawn: {plot}")
    if as_json:
        put(_answer(past, pages, version, budget, answers, against, results[0][2]))
        return
    for line in _lines(past, pages, answers, against):
        click.echo(line)


def _answer(
    past: Past,
    pages: Sequence[PastPage],
    version: str,
    budget: float,
    answers: Sequence[Told] | None,
    against: Challenge | None,
    champion: str,
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "pages": pages,
        "headlines": past.headlines,
        "from": past.since,
        "to": past.until,
        "model": version,
        "budget": budget,
        "pages_a_month": round(_rate(past, pages), 2),
    }
    if answers is not None:
        answer["events"] = answers
    if against is not None:
        answer["against"] = {"model": champion, **_fields(against)}
    return answer


def _fields(against: Challenge) -> dict[str, Any]:
    return {name: getattr(against, name) for name in against.__struct_fields__}


def _rate(past: Past, pages: Sequence[PastPage]) -> float:
    months = (past.until - past.since) / timedelta(days=30)
    return len(pages) / max(months, 1e-9)


def _lines(
    past: Past, pages: Sequence[PastPage], answers: Sequence[Told] | None, against: Challenge | None
) -> Iterator[str]:
    for page in pages:
        yield _line(page)
        yield from (f"    {one_line(title)}" for title in page.evidence)
    yield (
        f"{counted(len(pages), 'page')} from {past.since:%Y-%m-%d} to {past.until:%Y-%m-%d}, "
        f"{_rate(past, pages):.2f} in 30 days"
    )
    for each in answers or ():
        if each.fired_at is None:
            yield f"missed: {one_line(each.name)} ({each.since:%Y-%m-%d})"
        else:
            yield f"told:   {one_line(each.name)} ({each.since:%Y-%m-%d}), {each.hours:.1f} h later, by {each.subject}"
    if against is None:
        return
    yield f"beside the first model: {against.same} the same, {len(against.moved)} moved"
    for moved in against.moved:
        when = f"{abs(moved.minutes) / 60:.1f} h {'later' if moved.minutes > 0 else 'sooner'}"
        yield f"moved:  {moved.subject} {moved.champion_at:%Y-%m-%d %H:%M}, {when}"
    for name, those in (("added", against.added), ("lost", against.lost)):
        for page in those:
            yield f"{name}:{' ' * (7 - len(name))}{_line(page)}"


def _line(page: PastPage) -> str:
    also = f", also {', '.join(page.also_subjects)}" if page.also_subjects else ""
    until = f"{page.resolved_at:%Y-%m-%d %H:%M}" if page.resolved_at else "the end"
    return one_line(
        f"{page.fired_at:%Y-%m-%d %H:%M} to {until}  {page.subject}: {page.count} in {page.window}, usually "
        f"{page.baseline:.1f}; surprise {page.surprise:.1f} of {page.threshold:.1f}; {page.stories} "
        f"{'story' if page.stories == 1 else 'stories'}"
        f"{', critical' if page.severity == 'critical' else ''}{also}"
    )
