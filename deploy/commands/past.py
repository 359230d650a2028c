"""A file's headlines as a past that can be judged, and what the settings say of how."""

from collections.abc import Iterator
from dataclasses import replace

from alerts.backtest import Past, past_of
from deploy.commands import options
from deploy.commands.console import counted, progress, say
from deploy.commands.detect import detection
from deploy.commands.score import scored_rows
from model.errors import InputError
from model.masking import Masker
from model.providers import ProviderChoice
from stream.clock import utc_now
from stream.detector import Detection
from stream.duration import format_duration
from stream.headlines import read_headlines
from stream.history import DAY
from stream.records import ScoredHeadline
from stream.settings import AlertSettings, Settings
from stream.watchlist import load_watchlist

# What a month of days would teach is too little to know a tail by.
DAYS_OF_A_FILE_OF_DAYS = 180


def read_past(
    settings: Settings, file: str, model: str | None, provider: ProviderChoice | None, strict: bool
) -> tuple[Past, str]:
    """Score a file; its past, and the model's version. Raises InputError if there is nothing in it, or for a bad row if
    that is asked."""
    watched = load_watchlist(settings.trends.watchlist, settings.trends.most_entities)
    bad = 0
    with options.open_scorer(settings, model, provider) as scorer, progress("headlines") as advance:

        def scored() -> Iterator[ScoredHeadline]:
            nonlocal bad
            rows = read_headlines(file, utc_now, settings.trends.future_tolerance, carry_dates=True)
            for line, result in scored_rows(rows, scorer, watched.named_in, Masker(settings.masking.handles)):
                advance(1)
                if isinstance(result, ScoredHeadline):
                    yield result
                elif strict:
                    raise InputError(f"{file}:{line}: {result}")
                else:
                    bad += 1
                    say(f"{file}:{line}: {result}")

        past = past_of(scored())
        version = scorer.version
    if past is None:
        raise InputError(f"{file} has no headline that can be scored")
    say(f"{counted(past.headlines, 'headline')} scored, {counted(bad, 'bad row')}")
    if past.sources == 1:
        say("the headlines name one source or none: how many sources a page has is not asked for")
    if past.step == DAY:
        say("the dates are days: judged by days, with half a year of history")
    return past, version


def judged_by(settings: Settings, past: Past, budget: float | None) -> tuple[Detection, AlertSettings]:
    """How the settings would have a past judged, and what a page needs. `budget`: in place of theirs."""
    how = detection(settings, budget)
    if past.step == DAY:
        how = replace(how, history=DAYS_OF_A_FILE_OF_DAYS * DAY)
    if past.step * past.steps <= how.shortest:
        say(f"nothing was judged: it takes {format_duration(settings.trends.shortest_history)} of history first")
    return how, settings.alerts
