"""`newsquall detect`: squalls in a file of counts, judged as the stream judges a subject."""

import csv
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
import msgspec
import numpy as np

from alerts.serieschart import draw_series
from deploy.commands import options
from deploy.commands.console import counted, put, say
from model.errors import InputError
from stream.budget import Severity
from stream.detector import Detection, Judged, detect
from stream.duration import format_duration
from stream.series import Series, read_series
from stream.settings import Settings
from stream.squall import Policy, Squall


class Event(msgspec.Struct, frozen=True):
    """A squall. Times as the file has them; `resolved_at` is null while it goes on at the file's end. `count`,
    `baseline` and `surprise`: of its most surprising `window`, which ended at `peak`. `threshold`: what it passed.
    `severity`: what the squall came to be."""

    fired_at: str
    resolved_at: str | None
    peak: str
    window: str
    count: int
    baseline: float
    surprise: float
    threshold: float
    severity: Severity


class Events(msgspec.Struct, frozen=True):
    """All squalls of a file, in time's order."""

    events: list[Event]


@click.command("detect")
@click.argument("file", metavar="COUNTS.csv")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--rows", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.csv", help="Surprise of each row."
)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.png", help="A picture of it.")
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), help="Pages a month; alerts.budget if not given."
)
@click.option("--surprise", type=click.FloatRange(min=0, min_open=True), help="The threshold itself, not a budget.")
@options.strict
@click.pass_obj
def detect_squalls(
    settings: Settings,
    *,
    file: str,
    as_json: bool,
    rows: Path | None,
    plot: Path | None,
    budget: float | None,
    surprise: float | None,
    strict: bool,
) -> None:
    """Squalls in counts: a CSV with the columns timestamp and value, or - for standard input.

    One pass: every row is judged by the rows before it. Steps of a minute or more; a missing row is a gap, not a 0.
    Times without an offset are those of trends.zone.
    """
    bad = 0

    def report(line: int, reason: str) -> None:
        nonlocal bad
        if strict:
            raise InputError(f"{file}:{line}: {reason}")
        bad += 1
        say(f"{file}:{line}: {reason}")

    series = read_series(file, settings.trends.clocks, report)
    judged = detect(series.history, detection(settings, budget, surprise))
    told = zip(judged.squalls, judged.severities, strict=True)
    events = Events([event(squall, severity, series, judged) for squall, severity in told])
    if rows is not None:
        _write_rows(rows, series, judged)
    if plot is not None:
        plot.write_bytes(_plot(series, judged))
    if as_json:
        put(events)
    else:
        for each in events.events:
            click.echo(_told(each))
    steps = len(series.history.counts)
    gaps = int(np.isnan(series.history.counts).sum())
    say(
        f"{counted(len(events.events), 'squall')} in {counted(steps, 'step')} of "
        f"{format_duration(timedelta(minutes=series.history.step))}, {gaps:,} of them without a count; "
        f"{counted(bad, 'bad row')}"
    )
    if np.isnan(judged.surprise).all():
        shortest = format_duration(settings.trends.shortest_history)
        say(f"nothing was judged: it takes {shortest} of history (trends.shortest_history)")


def detection(settings: Settings, budget: float | None = None, surprise: float | None = None) -> Detection:
    """What the settings, and an option in their place, tell a detector."""
    trends, pages = settings.trends, settings.alerts.pages
    if budget:
        pages = replace(pages, pages_a_month=budget, surprise=None, critical_surprise=None)
    if surprise:
        pages = replace(pages, surprise=surprise)
    minutes = timedelta(minutes=1)
    return Detection(
        windows=[window // minutes for window in trends.windows],
        budget=pages,
        zone=trends.clocks,
        history=trends.history // minutes,
        shortest=trends.shortest_history // minutes,
        policy=Policy(
            calm_window=settings.alerts.calm_window // minutes,
            calm_for=settings.alerts.keep_firing_for // minutes,
            refractory=settings.alerts.refractory // minutes,
        ),
    )


def event(squall: Squall, severity: Severity, series: Series, judged: Judged) -> Event:
    """A squall as it is told; it is known at the end of a step, and told by the step's own time."""
    step = series.history.step

    def at(minute: float) -> str:
        return series.timestamp(minute - step)

    peak = squall.peak
    return Event(
        fired_at=at(squall.fired_at),
        resolved_at=None if squall.resolved_at is None else at(squall.resolved_at),
        peak=at(squall.peak_at),
        window=format_duration(timedelta(minutes=peak.window)),
        count=round(peak.count),
        baseline=round(peak.usual, 2),
        surprise=round(peak.surprise, 2),
        threshold=round(float(judged.threshold[_step(squall.fired_at, series)]), 2),
        severity=severity,
    )


def _step(minute: float, series: Series) -> int:
    return round((minute - series.history.first) / series.history.step) - 1


def _told(event: Event) -> str:
    until = f"to {event.resolved_at}" if event.resolved_at else "and goes on"
    return (
        f"{event.fired_at} {until}: {event.count:,} in {event.window} at {event.peak}, usually {event.baseline:,}; "
        f"surprise {event.surprise}, a squall from {event.threshold}"
        + (", critical" if event.severity == "critical" else "")
    )


def _write_rows(path: Path, series: Series, judged: Judged) -> None:
    """A row for each step that has a count; no surprise where there was too little history to judge by."""
    history = series.history
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("timestamp", "value", "surprise"))
        for at in np.flatnonzero(~np.isnan(history.counts)).tolist():
            told = judged.surprise[at]
            writer.writerow(
                (
                    series.timestamp(history.first + at * history.step),
                    int(history.counts[at]),
                    "" if np.isnan(told) else f"{told:.3f}",
                )
            )


def _plot(series: Series, judged: Judged) -> bytes:
    history = series.history
    last = len(history.counts) - 1
    spans = [
        (_step(squall.fired_at, series), last if squall.resolved_at is None else _step(squall.resolved_at, series))
        for squall in judged.squalls
    ]
    length = timedelta(minutes=last * history.step)
    moments = (series.first, series.first + length)
    return draw_series(history.counts, judged.usual, judged.surprise, judged.threshold, spans, moments)
