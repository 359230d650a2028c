"""`newsquall score`: a file's headlines, scored in order, without Kafka."""

import sys
from collections.abc import Iterator
from itertools import islice

import click

from deploy.commands import options
from deploy.commands.console import counted, progress, say
from model.errors import InputError
from model.masking import Masker
from model.providers import ProviderChoice
from model.scorer import Scorer
from stream.assessment import EntitiesOf, assess
from stream.clock import utc_now
from stream.headlines import Reading, read_headlines
from stream.records import Rejection, ScoredHeadline, encode
from stream.rows import BadRow
from stream.settings import Settings
from stream.watchlist import load_watchlist

# Enough texts that those of like length fill whole batches, few enough to hold.
CHUNK = 2048


@click.command()
@click.argument("file")
@options.model
@options.provider
@options.strict
@click.pass_obj
def score(settings: Settings, file: str, model: str | None, provider: ProviderChoice | None, strict: bool) -> None:
    """Score the headlines of FILE: .jsonl or .csv, or - for JSONL on standard input. Personal data is masked.

    One JSON object a headline on standard output, in the file's order. Bad rows go to standard error.
    """
    watched = load_watchlist(settings.trends.watchlist, settings.trends.most_entities)
    good = bad = 0
    with options.open_scorer(settings, model, provider) as scorer:
        rows = read_headlines(file, utc_now, settings.trends.future_tolerance)
        with progress("headlines") as advance:
            for line, result in scored_rows(rows, scorer, watched.named_in, Masker(settings.masking.handles)):
                if isinstance(result, ScoredHeadline):
                    good += 1
                    sys.stdout.buffer.write(encode(result) + b"\n")
                elif strict:
                    sys.stdout.flush()
                    raise InputError(f"{file}:{line}: {result}")
                else:
                    bad += 1
                    say(f"{file}:{line}: {result}")
                advance(1)
        sys.stdout.flush()
    say(f"{counted(good, 'headline')} scored, {counted(bad, 'bad row')}")


def scored_rows(
    rows: Iterator[Reading | BadRow], scorer: Scorer, entities_of: EntitiesOf, masker: Masker
) -> Iterator[tuple[int, ScoredHeadline | str]]:
    """The line of each row with its score, or with the reason why it has none, in order."""
    while chunk := list(islice(rows, CHUNK)):
        headlines = [each.headline for each in chunk if isinstance(each, Reading)]
        scores = iter(assess(headlines, scorer, utc_now(), entities_of, masker=masker))
        for each in chunk:
            if isinstance(each, BadRow):
                yield each.line, each.reason
            else:
                result = next(scores)
                yield each.line, str(result) if isinstance(result, Rejection) else result
