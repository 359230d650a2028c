"""`newsquall ingest` as a process: what is opened before the first feed is fetched and closed after the last."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server

from model.errors import ServerError
from stream.clock import utc_now
from stream.feeds.book import FeedBook
from stream.feeds.feed import Feed, sources
from stream.feeds.fetcher import Fetcher
from stream.feeds.outlet import Outlet
from stream.feeds.parser import Parser
from stream.feeds.poller import Poller
from stream.metrics import FeedMetrics
from stream.settings import Settings
from stream.topics import ensure_topics


def run_ingest(
    settings: Settings,
    feeds: Sequence[Feed],
    every: timedelta | None,
    announce: Callable[[str], None],
    say: Callable[[str], None],
) -> None:
    """Follow feeds until SIGTERM or SIGINT. `announce` is told the address of the metrics, `say` of the broker's
    troubles. Raises FeedStateError, ServerError."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    metrics = FeedMetrics(registry, sources(feeds))
    book = FeedBook(settings.feeds.state)
    host, port = settings.feeds.metrics_host, settings.feeds.metrics_port
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        book.close()
        raise ServerError(
            f"ingest cannot listen on {host}:{port} ({error.strerror}): set feeds.metrics_port; 0 takes any"
        ) from error
    counted = f"{len(feeds)} feed{'' if len(feeds) == 1 else 's'}"
    announce(f"ingest metrics on http://{host}:{server.server_port}/metrics, {counted}")
    try:
        ensure_topics(settings, say=say, any_layout=True)
        asyncio.run(_until_stopped(settings, feeds, every, book, metrics, say))
    finally:
        server.shutdown()
        server.server_close()
        book.close()


async def _until_stopped(
    settings: Settings,
    feeds: Sequence[Feed],
    every: timedelta | None,
    book: FeedBook,
    metrics: FeedMetrics,
    say: Callable[[str], None],
) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    outlet, parser = Outlet(settings.kafka.bootstrap, say), Parser()
    async with Fetcher(settings.feeds) as fetcher:
        poller = Poller(settings, feeds, fetcher, parser, book, outlet, metrics, utc_now, Random(), every)  # noqa: S311
        following = asyncio.create_task(poller.run())
        try:
            await asyncio.wait([following, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        finally:
            following.cancel()
            outlet.close()
            await asyncio.wait([following])
            await parser.close()
        if not following.cancelled() and (error := following.exception()):
            raise error
