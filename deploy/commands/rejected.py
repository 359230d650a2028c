"""`newsquall rejected`: the headlines that were refused, and sending them again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import counted, one_line, progress, put, say
from model.errors import InputError, UsageError
from stream.archive import Archive
from stream.clock import utc_now
from stream.publisher import Publisher
from stream.records import REASONS, Origin
from stream.rejected import Refused, RejectedReader, Selection
from stream.retries import Retried, RetryBook, digest, send_again
from stream.settings import Settings

SHOWN = 160  # characters of a headline for a person
SHOWN_JSON = 2_000


class Place(click.ParamType):
    """Where on news.headlines a record stands, as news.rejected writes it."""

    name = "PARTITION-OFFSET"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Origin:
        """Read the option."""
        partition, _, offset = str(value).partition("-")
        if not (partition.isdecimal() and offset.isdecimal()):
            self.fail(f"'{value}' is no origin: write partition-offset, such as 2-1041", param, ctx)
        return Origin(int(partition), int(offset))


reasons = click.option(
    "--reason", "reasons", multiple=True, type=click.Choice(REASONS), metavar="NAME", help="Refused for this reason."
)
origins = click.option("--origin", "origins", multiple=True, type=Place(), help="Read at this place of news.headlines.")
ids = click.option("--id", "ids", multiple=True, metavar="ID", help="With this id.")


@click.group()
def rejected() -> None:
    """The headlines that were refused: what they are and why, and sending them again."""


@rejected.command("list")
@reasons
@origins
@ids
@click.option("--since", type=options.Period(), default="7d", show_default=True, help="How far to look back.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many at most.")
@options.as_json
@click.pass_obj
def list_(
    settings: Settings,
    *,
    reasons: tuple[str, ...],
    origins: tuple[Origin, ...],
    ids: tuple[str, ...],
    since: timedelta,
    limit: int,
    as_json: bool,
) -> None:
    """Show refused headlines, the newest first: when, why, from where, and how they begin."""
    selection = Selection(reasons, origins, ids)
    with _opened(settings) as (reader, book):
        meant = (each for each in reader.newest(utc_now() - since) if each in selection)
        found = list(islice(meant, limit + 1))
        more = len(found) > limit
        found = found[:limit]
        retried = book.find([digest(each.payload) for each in found])
    rows = [told(each, retried.get(digest(each.payload))) for each in found]
    if as_json:
        put({"rejected": rows, "more": more})
    else:
        for row in rows:
            click.echo("\n".join(lines(row)))
    say(f"{counted(len(rows), 'refused headline')}{', the newest; --limit shows more' if more else ''}")


def told(refused: Refused, retried_at: datetime | None) -> dict[str, Any]:
    """What is known of a refused headline, for a script."""
    record = refused.record
    return {
        "origin": f"{record.origin.partition}-{record.origin.offset}",
        "reason": record.reason,
        "detail": record.detail,
        "rejected_at": msgspec.to_builtins(record.rejected_at),
        "retried_at": msgspec.to_builtins(retried_at),
        "id": refused.id,
        "begins": refused.begins(SHOWN_JSON),
        "payload_bytes": record.payload_bytes,
        "cut": refused.cut,
    }


def lines(row: Mapping[str, Any]) -> Iterator[str]:
    """The same for a person."""
    at = row["rejected_at"][:19].replace("T", " ")
    again = f"  sent again {row['retried_at'][:19].replace('T', ' ')}" if row["retried_at"] else ""
    yield f"{at}  {row['origin']:<12}  {row['reason']}{again}"
    yield f"    {one_line(row['detail'])}"
    if begins := one_line(row["begins"]):
        shown = begins if len(begins) <= SHOWN else begins[: SHOWN - 1] + "…"
        yield f"    {shown}" + ("  (cut)" if row["cut"] else "")


@rejected.command()
@click.option("--all", "everything", is_flag=True, help="All of them.")
@reasons
@origins
@ids
@click.option("--since", type=options.Period(), help="Of this time alone; of all that Kafka keeps if not given.")
@click.option("--again", is_flag=True, help="Those too that were sent again before.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be sent.")
@options.as_json
@click.pass_obj
def retry(
    settings: Settings,
    *,
    everything: bool,
    reasons: tuple[str, ...],
    origins: tuple[Origin, ...],
    ids: tuple[str, ...],
    since: timedelta | None,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send refused headlines to news.headlines again, each once: all, or those that every option given applies to.

    A headline goes the way of a new one. What was refused rightly is refused again; what was scored meanwhile is not
    counted twice.
    """
    if everything == bool(reasons or origins or ids):
        raise UsageError("say which: --all, or one or more of --reason, --origin and --id")
    meant = Meant(Selection(reasons, origins, ids))
    with _opened(settings) as (reader, book), progress("refused headlines") as advance:
        refused = meant.of(reader.oldest(None if since is None else utc_now() - since), advance)
        if dry_run:
            result = send_again(refused, book, None, utc_now, again)
        else:
            with Publisher(settings.kafka.bootstrap, say) as publisher:
                result = send_again(refused, book, publisher, utc_now, again)
    if as_json:
        put({**asdict(result), "dry_run": dry_run})
    else:
        click.echo("\n".join(summary(result, dry_run)))
    meant.require_found()


def summary(result: Retried, dry_run: bool) -> Sequence[str]:
    """What became of them, for a person."""
    left = [
        (result.before, "sent again before (--again sends them once more)"),
        (result.cut, "too long to be kept whole"),
        (result.empty, "without a value"),
    ]
    verb = "would be sent again" if dry_run else "sent again"
    return [
        f"{counted(result.sent, 'headline')} {verb}",
        *(f"{number:,} left out: {why}" for number, why in left if number),
    ]


class Meant:
    """The refused headlines of a selection, and whether each that was named was there."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._origins: set[Origin] = set()
        self._ids: set[str | None] = set()

    def of(self, refused: Iterator[Refused], advance: Callable[[int], None]) -> Iterator[Refused]:
        """Those that are meant."""
        for each in refused:
            advance(1)
            if each in self._selection:
                self._origins.add(each.record.origin)
                self._ids.add(each.id)
                yield each

    def require_found(self) -> None:
        """Raises InputError for an origin or an id of which there was none."""
        missing = [f"{at.partition}-{at.offset}" for at in self._selection.origins if at not in self._origins]
        missing += [name for name in self._selection.ids if name not in self._ids]
        if missing:
            raise InputError(f"no such refused headline on news.rejected: {', '.join(missing)}")


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[RejectedReader, RetryBook]]:
    with RejectedReader(settings.kafka.bootstrap, say) as reader:
        archive = Archive(settings.archive.url)
        try:
            yield reader, RetryBook(archive.engine)
        finally:
            archive.close()
