"""`newsquall ingest`: news feeds into Kafka, for ever."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

import deploy
from deploy.commands import options
from deploy.commands.console import counted, one_line, put, say
from model.errors import UsageError
from stream.duration import parse_duration
from stream.settings import Settings

if TYPE_CHECKING:
    from stream.feeds.check import Tried
    from stream.feeds.feed import Feed

STARTER_LIST = Path(deploy.__file__).with_name("feeds.toml")


class Every(click.ParamType):
    """A duration of a second or more."""

    name = "DURATION"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the option."""
        if isinstance(value, timedelta):
            return value
        try:
            every = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if every < timedelta(seconds=1):
            self.fail(f"'{value}' is too often: a second is the least", param, ctx)
        return every


@click.command()
@click.argument("feeds", nargs=-1, metavar="[FEED]...")
@click.option("--every", type=Every(), help="How often each feed is fetched, over the list and the settings.")
@click.option("--check", is_flag=True, help="Try each feed once, say what came of it, and end: no Kafka needed.")
@options.as_json
@click.pass_obj
def ingest(settings: Settings, feeds: tuple[str, ...], every: timedelta | None, check: bool, as_json: bool) -> None:
    """Follow news feeds (RSS, Atom, JSON Feed) and send what is new to news.headlines, until stopped.

    FEED is a feed's address, or a list of feeds: a file in TOML or OPML. Without one, the list of the settings
    (feeds.file), or the starter list that ships. /metrics is served on feeds.metrics_port.

    --json is for --check.
    """
    if as_json and not check:
        raise UsageError("--json is for --check: what is ingested goes to Kafka")
    from stream.feeds.ingest import run_ingest  # noqa: PLC0415  (aiohttp, kafka: loaded only where feeds are followed)

    followed = _feeds(feeds, settings)
    if check:
        _check(followed, settings, as_json)
    else:
        run_ingest(settings, followed, every, click.echo, say)


def _feeds(given: Sequence[str], settings: Settings) -> "list[Feed]":
    from stream.feeds.feed import distinct, feed_at, read_feeds  # noqa: PLC0415

    if not given:
        return read_feeds(settings.feeds.file or STARTER_LIST)
    found: list[Feed] = []
    for each in given:
        if each.lower().startswith(("http://", "https://")):
            found.append(feed_at(each))
        elif Path(each).is_file():
            found += read_feeds(Path(each))
        else:
            raise UsageError(f"'{each}' is neither a feed's address (http://..., https://...) nor a file with a list")
    return distinct(found)


def _check(feeds: "Sequence[Feed]", settings: Settings, as_json: bool) -> None:
    from stream.feeds.check import Tried, try_feeds  # noqa: PLC0415

    async def gathered() -> list[Tried]:
        results = []
        async for tried in try_feeds(feeds, settings.feeds):
            results.append(tried)
            if not as_json:
                click.echo(_line(tried))
        return results

    results = asyncio.run(gathered())
    failed = sum(not tried.ok for tried in results)
    if as_json:
        put({"feeds": results, "ok": len(results) - failed, "failed": failed})
    else:
        say(f"{counted(len(results), 'feed')}, {failed} failed")
    if failed:
        click.get_current_context().exit(1)


def _line(tried: "Tried") -> str:
    if not tried.ok:
        return one_line(f"fail  {tried.source}  {tried.url}  {tried.reason}: {tried.detail}")
    newest = f"newest {tried.newest:%Y-%m-%d %H:%M} UTC" if tried.newest else "no dates"
    moved = f", moved for good to {tried.moved_to}" if tried.moved_to else ""
    return one_line(f"ok    {tried.source}  {tried.url}  {counted(tried.items, 'item')}, {newest}{moved}")
