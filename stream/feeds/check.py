"""Feeds tried once each, without Kafka and without remembering anything."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from msgspec import Struct

from model.errors import FeedError
from stream.feeds.feed import Feed, shown
from stream.feeds.fetcher import Fetched, Fetcher
from stream.feeds.parser import Parser
from stream.feeds.plaintext import one_line
from stream.settings import FeedSettings


class Tried(Struct, frozen=True, omit_defaults=True):
    """What a feed gave. `reason`: one of FAILURES, with `detail`; absent if it is well. `newest`: the latest date of an
    item; `undated`: items without one. `moved_to`: what the list should say instead of its address."""

    source: str
    url: str
    ok: bool
    items: int = 0
    undated: int = 0
    newest: datetime | None = None
    language: str = ""
    moved_to: str = ""
    reason: str = ""
    detail: str = ""


async def try_feeds(feeds: Sequence[Feed], settings: FeedSettings) -> AsyncIterator[Tried]:
    """Fetch and read each feed once, as following it would; results come as they are there."""
    parser = Parser()
    try:
        async with Fetcher(settings) as fetcher:
            tries = [asyncio.create_task(_tried(feed, fetcher, parser, settings.items)) for feed in feeds]
            try:
                for done in asyncio.as_completed(tries):
                    yield await done
            finally:
                for each in tries:
                    each.cancel()
                await asyncio.gather(*tries, return_exceptions=True)
    finally:
        await parser.close()


async def _tried(feed: Feed, fetcher: Fetcher, parser: Parser, most: int) -> Tried:
    url = shown(feed.url)
    try:
        answer = await fetcher.fetch(feed.url)
        if not isinstance(answer, Fetched):  # nothing was sent that it could refer to
            raise FeedError("status", "answered 304 to a first request")
        document = await parser.parse(answer.body, answer.content_type, answer.url, most)
    except FeedError as error:
        return Tried(feed.source, url, ok=False, reason=error.reason, detail=one_line(str(error)))
    dates = [item.published for item in document.items if item.published]
    return Tried(
        feed.source,
        url,
        ok=True,
        items=len(document.items),
        undated=len(document.items) - len(dates),
        newest=max(dates, default=None),
        language=feed.language or document.language,
        moved_to=shown(answer.moved_to) if answer.moved_to else "",
    )
