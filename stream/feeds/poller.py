"""One look at a feed after the other: fetch, read, send what is new, remember it."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Protocol, TypeVar

from model.errors import BrokerError, FeedError, FeedStateError
from stream.feeds import pace
from stream.feeds.book import FeedBook, FeedState, moved_back
from stream.feeds.document import Document
from stream.feeds.feed import Feed, shown
from stream.feeds.fetcher import Fetched, Fetcher, Validators
from stream.feeds.item import Identity, PassedOver, dating, identify, to_headline, unseen
from stream.feeds.parser import Parser
from stream.feeds.plaintext import one_line
from stream.metrics import FeedMetrics
from stream.records import Headline
from stream.settings import Settings

# A feed that has moved for good and then fails so often in a row is looked for where it was before.
FAILURES_AWAY = 3
# Feeds that are due at once, after a start, knock over so many seconds.
SPREAD_SECONDS = 5.0

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Outlet(Protocol):
    """Where headlines go."""

    async def ready(self) -> None:
        """Wait until something can be delivered."""

    async def deliver(self, headlines: Sequence[Headline]) -> None:
        """Return when all have arrived for good. Raises BrokerError."""


@dataclass(frozen=True)
class Sifted:
    """What is new in a document: headlines, oldest first, and for the metrics the reasons why items became none or got
    another date. `newest`: the latest date among all its items that is to be believed."""

    headlines: list[Headline]
    passed_over: list[str]
    redated: list[str]
    newest: datetime | None


def sift(
    document: Document,
    identities: Sequence[Identity],
    known: Collection[bytes],
    feed: Feed,
    first: bool,
    now: datetime,
    tolerance: timedelta,
    oldest: timedelta,
) -> Sifted:
    """What is new in a document. `known`: keys that were seen in the feed before; `first`: none could be."""
    headlines, redated = [], []
    passed_over = ["too_many"] * document.left_out
    dates = [dating(item.published, now, tolerance) for item in document.items]
    for position in unseen(identities, known):
        told = to_headline(
            document.items[position],
            identities[position],
            dates[position],
            feed.source,
            feed.language or document.items[position].language or document.language,
            now - oldest,
            first,
        )
        if isinstance(told, PassedOver):
            passed_over.append(told.reason)
            continue
        headlines.append(told)
        if dates[position].replaced:
            redated.append(dates[position].replaced)
    believed = [date.published_at for date in dates if not date.replaced] + [each.published_at for each in headlines]
    headlines.sort(key=lambda headline: headline.published_at)
    return Sifted(headlines, passed_over, redated, max(believed, default=None))


class Poller:
    """Follows feeds. No failure of one touches another, and none ends it.

    `every`: how often each is fetched, over the list and the settings. `clock`: the time in UTC.
    """

    def __init__(
        self,
        settings: Settings,
        feeds: Sequence[Feed],
        fetcher: Fetcher,
        parser: Parser,
        book: FeedBook,
        outlet: Outlet,
        metrics: FeedMetrics,
        clock: Callable[[], datetime],
        chance: Random,
        every: timedelta | None = None,
    ) -> None:
        self._settings = settings
        self._feeds = feeds
        self._fetcher = fetcher
        self._parser = parser
        self._book = book
        self._outlet = outlet
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._every = every
        # The disk may be slow, and the book wants its callers one after the other.
        self._clerk = ThreadPoolExecutor(1, "feed-book")
        # Keys of what has been sent and is not written down yet: a full disk must not have it sent again every minute.
        self._unwritten: dict[str, list[bytes]] = {}
        self._states = book.follow([feed.url for feed in feeds], clock())
        self._of_source: dict[str, list[Feed]] = {}
        for feed in feeds:
            self._of_source.setdefault(feed.source, []).append(feed)
        for source in self._of_source:
            self._show(source)

    async def run(self) -> None:
        """Follow all feeds until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for feed in self._feeds:
                    group.create_task(self._follow(feed))
        finally:
            self._clerk.shutdown(wait=True, cancel_futures=True)

    async def _follow(self, feed: Feed) -> None:
        state, now = self._states[feed.url], self._clock()
        due = pace.resumed(state.due_at, state.failures, now, self._interval(feed))
        spread = min(SPREAD_SECONDS, len(self._feeds) / 20)
        await asyncio.sleep((due - now).total_seconds() if due > now else self._chance.uniform(0, spread))
        while True:
            state = await self.poll(feed)
            await asyncio.sleep(max(0.0, (state.due_at - self._clock()).total_seconds()))

    async def poll(self, feed: Feed) -> FeedState:
        """One look at a feed, whatever comes of it: where the feed stands afterwards."""
        state = self._states[feed.url]
        try:
            await self._outlet.ready()
            self._metrics.fetches.labels(feed.source).inc()
            try:
                state = await self._looked(feed, state)
            except FeedError as error:
                state = await self._failed(feed, state, error)
        except Exception as error:  # whatever a feed may bring about, the others go on
            # The feed did nothing wrong: it is asked again at its usual time, for what it has given already.
            self._tell(feed, error)
            state = replace(state, due_at=self._next(feed))
        self._states[feed.url] = state
        self._show(feed.source)
        return state

    async def _looked(self, feed: Feed, state: FeedState) -> FeedState:
        validators = Validators(state.validators_url, state.etag, state.modified)
        answer = await self._fetcher.fetch(state.moved_to or feed.url, validators)
        sifted: Sifted | None = None
        keys: list[bytes] = []
        after = replace(state, moved_to=answer.moved_to or state.moved_to, failures=0)
        if isinstance(answer, Fetched):
            digest = hashlib.blake2b(answer.body, digest_size=16).digest()
            if digest != state.digest:
                sifted, keys = await self._taken(feed, state, answer)
                newest = max(filter(None, (state.headline_at, sifted.newest)), default=None)
                after = replace(after, headline_at=newest)
            kept = self._validators(answer)
            after = replace(after, validators_url=kept.url, etag=kept.etag, modified=kept.modified, digest=digest)
        now = self._clock()
        after = replace(after, succeeded_at=now, due_at=self._next(feed))
        await self._written(lambda: self._book.write(after, keys, now))
        self._unwritten.pop(feed.url, None)
        if after.moved_to != state.moved_to:
            log.warning("%s has moved for good to %s: change it in the list", feed.source, shown(after.moved_to))
        if sifted is not None:
            self._count(sifted)
        return after

    async def _taken(self, feed: Feed, state: FeedState, answer: Fetched) -> tuple[Sifted, list[bytes]]:
        """A document whose new headlines have arrived at the broker, and all its keys."""
        document = await self._parser.parse(answer.body, answer.content_type, answer.url, self._settings.feeds.items)
        identities = identify(document.items, feed.url, feed.source)
        keys = [key for identity in identities for key in identity.keys]
        known = await self._written(lambda: self._book.known(feed.url, keys))
        known.update(self._unwritten.get(feed.url, ()))
        sifted = sift(
            document,
            identities,
            known,
            feed,
            state.succeeded_at is None,
            self._clock(),
            self._settings.trends.future_tolerance,
            self._settings.feeds.oldest,
        )
        if sifted.headlines:
            await self._outlet.deliver(sifted.headlines)
            self._metrics.headlines.labels(feed.source).inc(len(sifted.headlines))
        self._unwritten[feed.url] = keys
        return sifted, keys

    def _validators(self, answer: Fetched) -> Validators:
        """Those of the document in hand. Not of one that broke off on its way: it is to be fetched whole; one that is
        beyond our bound would only be cut again."""
        cut = len(answer.body) >= self._settings.feeds.body_bytes
        return answer.validators if answer.whole or cut else Validators()

    async def _failed(self, feed: Feed, state: FeedState, error: FeedError) -> FeedState:
        failures = state.failures + 1
        due = pace.after_failure(self._clock(), self._interval(feed), failures, self._chance, error.retry_after)
        self._metrics.failures.labels(error.reason).inc()
        log.warning(
            "%s (%s): %s: %s; the next try at %s",
            feed.source,
            shown(feed.url),
            error.reason,
            one_line(str(error)),
            f"{due:%H:%M:%S} UTC",
        )
        after = replace(state, failures=failures, due_at=due)
        if failures >= FAILURES_AWAY and state.moved_to:
            after = moved_back(after)
        await self._written(lambda: self._book.write(after))
        return after

    def _tell(self, feed: Feed, error: Exception) -> None:
        if isinstance(error, BrokerError | FeedStateError):
            self._metrics.failures.labels("broker" if isinstance(error, BrokerError) else "state").inc()
            log.error("%s: not taken, and tried again: %s", feed.source, error)
        else:
            self._metrics.failures.labels("defect").inc()
            log.error("%s (%s): a defect of ours", feed.source, shown(feed.url), exc_info=error)

    def _count(self, sifted: Sifted) -> None:
        for metric, reasons in (
            (self._metrics.passed_over, sifted.passed_over),
            (self._metrics.redated, sifted.redated),
        ):
            for reason in reasons:
                metric.labels(reason).inc()

    def _show(self, source: str) -> None:
        feeds = self._of_source[source]
        states = [self._states[feed.url] for feed in feeds]
        dates = [state.headline_at for state in states if state.headline_at] or [state.added_at for state in states]
        silent_after = min(feed.silent_after or self._settings.feeds.silent_after for feed in feeds)
        self._metrics.last_headline.labels(source).set(max(dates).timestamp())
        # Before the first good look, since when there should have been one.
        good = min((state.succeeded_at or state.added_at).timestamp() for state in states)
        self._metrics.last_success.labels(source).set(good)
        self._metrics.failing.labels(source).set(sum(state.failures > 0 for state in states))
        self._metrics.silent_after.labels(source).set(silent_after.total_seconds())

    def _interval(self, feed: Feed) -> timedelta:
        return self._every or feed.every or self._settings.feeds.every

    def _next(self, feed: Feed) -> datetime:
        return pace.after_success(self._clock(), self._interval(feed), self._chance)

    async def _written(self, job: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._clerk, job)
