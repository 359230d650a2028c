"""Feeds followed: a real server, the real reader and book; what is sent is caught before Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from model.errors import BrokerError, FeedStateError
from stream.feeds.book import FeedBook
from stream.feeds.failure import FAILURES
from stream.feeds.feed import Feed, sources
from stream.feeds.fetcher import Fetcher
from stream.feeds.parser import Parser
from stream.feeds.poller import Poller
from stream.metrics import FeedMetrics
from stream.records import Headline
from stream.settings import FeedSettings, Settings
from tests.feedserver import FeedServer, Reply, Request, rss

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
TODAY = "Wed, 04 Mar 2026 09:00:00 GMT"
MINUTE = timedelta(minutes=1)


class Kafka:
    """Takes headlines, or does not."""

    def __init__(self) -> None:
        self.got: list[Headline] = []
        self.fails = False

    async def ready(self) -> None:
        pass

    async def deliver(self, headlines: Sequence[Headline]) -> None:
        self.got += headlines  # some may arrive although not all do
        if self.fails:
            raise BrokerError("Kafka is away")

    def titles(self) -> list[str]:
        return [headline.title for headline in self.got]


class Desk:
    """Feeds followed in steps: `poll` looks at one, `restart` is another process on the same book."""

    def __init__(self, folder: Path, fetcher: Fetcher, parser: Parser, settings: Settings) -> None:
        self.now = NOW
        self.kafka = Kafka()
        self._folder, self._fetcher, self._parser, self.settings = folder, fetcher, parser, settings
        self._poller: Poller | None = None
        self.feeds: list[Feed] = []

    def follow(self, *feeds: Feed) -> None:
        self.stop()
        self.feeds = list(feeds)
        self.registry = CollectorRegistry()
        self.book = FeedBook(self._folder / "feeds.db")
        self._poller = Poller(
            self.settings,
            self.feeds,
            self._fetcher,
            self._parser,
            self.book,
            self.kafka,
            FeedMetrics(self.registry, sources(self.feeds)),
            lambda: self.now,
            Random(1),
        )

    def restart(self) -> None:
        self.follow(*self.feeds)

    def stop(self) -> None:
        if self._poller is not None:
            self._poller = None
            self.book.close()

    async def poll(self, feed: Feed | None = None) -> list[Headline]:
        """What a look brings."""
        assert self._poller is not None
        before = len(self.kafka.got)
        self.state = await self._poller.poll(feed or self.feeds[0])
        return self.kafka.got[before:]

    async def run(self, until: Callable[[], bool]) -> None:
        assert self._poller is not None
        following = asyncio.create_task(self._poller.run())
        while not until():
            assert not following.done()
            await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.wait([following])

    def metric(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"newsquall_feed_{name}", labels)
        assert value is not None
        return value

    def failures(self) -> dict[str, float]:
        found = {reason: self.metric("failures_total", reason=reason) for reason in FAILURES}
        return {reason: value for reason, value in found.items() if value}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    hosts = ("127.0.0.1",)
    feeds = FeedSettings(allow=hosts, host_pause=timedelta(0), every=MINUTE, body_bytes=1_000_000, items=50)
    settings = Settings(feeds=feeds)
    parser = Parser(seconds=1.0)
    async with Fetcher(settings.feeds) as fetcher:
        made = Desk(tmp_path, fetcher, parser, settings)
        yield made
        made.stop()
    await parser.close()


@pytest.fixture
def feed(server: FeedServer) -> Feed:
    return Feed(url=server.url("/rss"), name="Wire")


@pytest.fixture
def serve(server: FeedServer) -> Iterator[Callable[..., None]]:
    def put(*titles: str, **options: Any) -> None:
        server.routes["/rss"] = Reply(rss(*titles, **{"date": TODAY, **options}))

    return put  # type: ignore[return-value]


# ------------------------------------------------------------------ each headline once


async def test_what_is_new_is_sent_and_what_was_sent_is_not(desk: Desk, feed: Feed, serve: Callable[..., None]) -> None:
    desk.follow(feed)
    serve("b", "a")
    first = await desk.poll()
    assert sorted(each.title for each in first) == ["a", "b"]
    assert {each.source for each in first} == {"Wire"}
    serve("c", "b", "a")
    assert [each.title for each in await desk.poll()] == ["c"]
    assert await desk.poll() == []
    assert desk.metric("headlines_total", source="Wire") == 3
    assert desk.metric("fetches_total", source="Wire") == 3
    assert desk.failures() == {}


async def test_nor_after_a_restart(desk: Desk, feed: Feed, serve: Callable[..., None]) -> None:
    desk.follow(feed)
    serve("b", "a")
    await desk.poll()
    desk.restart()
    assert await desk.poll() == []
    serve("c", "b", "a")
    desk.restart()
    assert [each.title for each in await desk.poll()] == ["c"]


async def test_what_kafka_did_not_take_is_sent_again_under_the_same_id(
    desk: Desk, feed: Feed, serve: Callable[..., None]
) -> None:
    desk.follow(feed)
    serve("b", "a")
    desk.kafka.fails = True
    lost = await desk.poll()
    assert desk.failures() == {"broker": 1}
    # The feed did nothing wrong: it is asked again as usual.
    assert desk.state.due_at - NOW < 1.2 * MINUTE
    assert desk.state.failures == 0
    desk.kafka.fails = False
    desk.restart()
    assert await desk.poll() == lost
    assert await desk.poll() == []


async def test_guids_that_change_at_every_poll_send_nothing_again(desk: Desk, feed: Feed, server: FeedServer) -> None:
    polls = 0

    def changing(_request: Request) -> Reply:
        nonlocal polls
        polls += 1
        return Reply(rss("b", "a", date=TODAY, guid=lambda title: f"{title}-session-{polls}"))

    server.routes["/rss"] = changing
    desk.follow(feed)
    assert len(await desk.poll()) == 2
    for _ in range(5):
        assert await desk.poll() == []
    assert polls == 6


async def test_a_feed_that_changes_its_guids_once_sends_nothing_again(
    desk: Desk, feed: Feed, serve: Callable[..., None]
) -> None:
    desk.follow(feed)
    serve("b", "a", guid=lambda title: f"http://wire.example/{title}")
    await desk.poll()
    serve("c", "b", "a", guid=lambda title: f"new-system-{title}")
    assert [each.title for each in await desk.poll()] == ["c"]
    serve("d", "c", "b", "a", guid=lambda title: f"new-system-{title}", date="")
    assert [each.title for each in await desk.poll()] == ["d"]


async def test_a_headline_that_is_rewritten_is_the_same(desk: Desk, feed: Feed, serve: Callable[..., None]) -> None:
    desk.follow(feed)
    serve("Acme falls", guid=lambda _: "1")
    await desk.poll()
    serve("UPDATE: Acme falls 5 %", guid=lambda _: "1")
    assert await desk.poll() == []


async def test_two_feeds_of_a_source_with_one_story_give_it_one_id(desk: Desk, server: FeedServer) -> None:
    feeds = [Feed(url=server.url(path), name="Wire") for path in ("/all", "/banks")]
    body = rss("a", date=TODAY, guid=lambda title: f"https://wire.example/{title}")
    server.routes |= {"/all": Reply(body), "/banks": Reply(body)}
    desk.follow(*feeds)
    (one,), (other,) = await desk.poll(feeds[0]), await desk.poll(feeds[1])
    assert one.id == other.id


# ------------------------------------------------------------------ conditional requests


async def test_a_document_that_has_not_changed_is_not_read(desk: Desk, feed: Feed, server: FeedServer) -> None:
    head = {"ETag": '"1"', "Last-Modified": TODAY}
    server.routes["/rss"] = lambda request: (
        Reply(status=304) if "if-none-match" in request.headers else Reply(rss("a", date=TODAY), headers=head)
    )
    desk.follow(feed)
    await desk.poll()
    desk.restart()
    desk.now += MINUTE
    assert await desk.poll() == []
    asked = server.requests[1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"1"', TODAY)
    assert desk.failures() == {}
    assert desk.metric("last_success_timestamp_seconds", source="Wire") == desk.now.timestamp()


async def test_validators_are_not_kept_of_what_was_not_taken(desk: Desk, feed: Feed, server: FeedServer) -> None:
    server.routes["/rss"] = Reply(rss("a", date=TODAY), headers={"ETag": '"1"'})
    desk.follow(feed)
    desk.kafka.fails = True
    await desk.poll()
    desk.kafka.fails = False
    await desk.poll()
    assert "if-none-match" not in server.requests[1].headers


async def test_a_document_that_broke_off_gives_its_whole_items_and_is_fetched_whole_the_next_time(
    desk: Desk, feed: Feed, server: FeedServer
) -> None:
    whole = rss("a", "b", "Acme falls", date=TODAY)

    async def broken(_request: Request, writer: asyncio.StreamWriter) -> None:
        head = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: %d\r\n\r\n' % len(whole)
        writer.write(head + whole[: whole.index(b" falls")])
        await writer.drain()

    server.routes["/rss"] = broken
    desk.follow(feed)
    assert [each.title for each in await desk.poll()] == ["a", "b"]
    server.routes["/rss"] = Reply(whole, headers={"ETag": '"1"'})
    assert [each.title for each in await desk.poll()] == ["Acme falls"]
    assert "if-none-match" not in server.requests[1].headers


# ------------------------------------------------------------------ dates


async def test_what_has_no_date_and_was_there_before_us_is_not_news(
    desk: Desk, feed: Feed, serve: Callable[..., None]
) -> None:
    desk.follow(feed)
    serve("b", "a", date="")
    assert await desk.poll() == []
    assert desk.metric("items_passed_over_total", reason="undated") == 2
    desk.now += MINUTE
    serve("c", "b", "a", date="")
    (new,) = await desk.poll()
    assert (new.title, new.published_at) == ("c", desk.now)
    assert desk.metric("items_redated_total", reason="missing") == 1
    assert desk.metric("items_passed_over_total", reason="undated") == 2


@pytest.mark.parametrize(
    ("date", "reason"), [("Wed, 04 Mar 2026 12:00:00 GMT", "future"), ("Thu, 01 Jan 1970 00:00:00 GMT", "too_old")]
)
async def test_dates_that_cannot_be_are_replaced(
    desk: Desk, feed: Feed, serve: Callable[..., None], date: str, reason: str
) -> None:
    desk.follow(feed)
    serve("a")
    await desk.poll()
    serve("b", date=date)
    (new,) = await desk.poll()
    assert new.published_at == NOW
    assert desk.metric("items_redated_total", reason=reason) == 1


async def test_what_is_old_is_no_news(desk: Desk, feed: Feed, serve: Callable[..., None]) -> None:
    desk.follow(feed)
    serve("a", date="Wed, 25 Feb 2026 09:00:00 GMT")
    assert await desk.poll() == []
    serve("b", "a", date="Wed, 25 Feb 2026 09:00:00 GMT")
    assert await desk.poll() == []
    assert desk.metric("items_passed_over_total", reason="old") == 2
    # It says how old the feed's newest is, though.
    newest = datetime(2026, 2, 25, 9, tzinfo=UTC).timestamp()
    assert desk.metric("last_headline_timestamp_seconds", source="Wire") == newest


# ------------------------------------------------------------------ hostile


async def test_a_hundred_megabytes_of_items_become_a_bounded_number(desk: Desk, feed: Feed, server: FeedServer) -> None:
    item = b"<item><title>Acme %d</title><guid>%d</guid><pubDate>" + TODAY.encode() + b"</pubDate></item>"

    async def flood(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n<rss version='2.0'><channel>")
        for start in range(0, 1_000_000, 1_000):
            writer.write(b"".join(item % (number, number) for number in range(start, start + 1_000)))
            await writer.drain()

    server.routes["/rss"] = flood
    desk.follow(feed)
    assert [each.title for each in await desk.poll()] == [f"Acme {number}" for number in range(50)]
    left_out = desk.metric("items_passed_over_total", reason="too_many")
    assert 1_000_000 / (len(item) + 10) - 60 < left_out < 1_000_000 / len(item)


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "' + b"ha" * 100_000 + b'">]>' + (
    b"<rss version='2.0'><channel><item><title>" + b"&a;" * 10_000 + b"</title></item></channel></rss>"
)  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"<html><body>Moved</body></html>", headers={"Content-Type": "text/html"}), "not_a_feed"),
        (Reply(b"<rss><channel><item><title>" + b"<b>" * 300_000 + b"</title></item>"), "unreadable"),
        (Reply(status=500), "status"),
        (Reply(status=429, headers={"Retry-After": "3600"}), "throttled"),
        (Reply(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"}), "address"),
        (Reply(rss("a"), headers={"Content-Encoding": "br"}), "encoding"),
    ],
)
async def test_a_hostile_feed_fails_alone(
    desk: Desk, feed: Feed, server: FeedServer, reply: Reply, reason: str
) -> None:
    server.routes |= {"/rss": reply, "/good": Reply(rss("a", date=TODAY))}
    good = Feed(url=f"http://127.0.0.1:{server.port}/good", name="Good")
    desk.follow(feed, good)
    if reply.status != 429:  # which holds for the host
        await desk.poll(feed)
        assert [each.title for each in await desk.poll(good)] == ["a"]
    else:
        await desk.poll(feed)
        assert desk.state.due_at == NOW + timedelta(hours=1)
    assert desk.failures() == {reason: 1}
    assert desk.metric("last_success_timestamp_seconds", source="Wire") == NOW.timestamp()  # since when it should be


async def test_a_billion_laughs_are_heard_by_nobody(desk: Desk, feed: Feed, server: FeedServer) -> None:
    server.routes["/rss"] = Reply(LAUGHS)
    desk.follow(feed)
    assert await desk.poll() == []
    assert set(desk.failures()) <= {"unreadable"}
    server.routes["/rss"] = Reply(rss("a", date=TODAY))
    assert [each.title for each in await desk.poll()] == ["a"]


async def test_failures_in_a_row_are_ever_farther_apart_and_the_first_success_ends_it(
    desk: Desk, feed: Feed, serve: Callable[..., None], server: FeedServer
) -> None:
    desk.follow(feed)
    server.routes["/rss"] = Reply(status=500)
    pauses = []
    for _ in range(12):
        await desk.poll()
        pauses.append(desk.state.due_at - desk.now)
        desk.now = desk.state.due_at
    assert MINUTE <= pauses[0] <= 2 * MINUTE
    assert timedelta(hours=3) <= pauses[-1] <= timedelta(hours=6)
    desk.restart()
    assert desk.book.follow([feed.url], desk.now)[feed.url].failures == 12
    serve("a")
    await desk.poll()
    assert desk.state.failures == 0
    assert desk.state.due_at - desk.now < 1.2 * MINUTE


async def test_a_defect_of_ours_ends_nothing(
    desk: Desk, feed: Feed, serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("a")
    desk.follow(feed)
    with monkeypatch.context() as broken:
        broken.setattr("stream.feeds.poller.identify", lambda *_: 1 / 0)
        assert await desk.poll() == []
    assert desk.failures() == {"defect": 1}
    assert [each.title for each in await desk.poll()] == ["a"]


async def test_a_disk_that_is_full_has_nothing_sent_again_and_again(
    desk: Desk, feed: Feed, serve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise FeedStateError("the disk is full")

    serve("b", "a")
    desk.follow(feed)
    with monkeypatch.context() as disk:
        disk.setattr(desk.book, "write", full)
        assert len(await desk.poll()) == 2
        serve("c", "b", "a")
        assert [each.title for each in await desk.poll()] == ["c"]
        assert await desk.poll() == []
    assert desk.failures() == {"state": 3}
    assert await desk.poll() == []
    desk.restart()
    assert await desk.poll() == []


async def test_a_disk_that_fails_loses_nothing(desk: Desk, feed: Feed, serve: Callable[..., None]) -> None:
    serve("a")
    desk.follow(feed)
    desk.book._engine.dispose()
    (desk._folder / "feeds.db").write_bytes(b"broken" * 1_000)
    first = await desk.poll()
    assert desk.failures() == {"state": 1}
    assert first == []


# ------------------------------------------------------------------ moved


async def test_a_feed_that_has_moved_for_good_is_fetched_from_there(desk: Desk, feed: Feed, server: FeedServer) -> None:
    server.routes["/rss"] = Reply(status=301, headers={"Location": "/new"})
    server.routes["/new"] = Reply(rss("a", date=TODAY))
    desk.follow(feed)
    first = await desk.poll()
    desk.restart()
    server.routes["/new"] = Reply(rss("b", "a", date=TODAY))
    assert [each.title for each in await desk.poll()] == ["b"]
    assert [request.path for request in server.requests] == ["/rss", "/new", "/new"]
    # Put into the list by its new address it is the same feed still.
    desk.follow(Feed(url=server.url("/new"), name="Wire"))
    assert await desk.poll() == []
    assert len(first) == 1


async def test_a_move_to_what_is_no_feed_is_not_remembered(desk: Desk, feed: Feed, server: FeedServer) -> None:
    server.routes["/rss"] = Reply(status=301, headers={"Location": "/portal"})
    server.routes["/portal"] = Reply(b"<html>log in</html>")
    desk.follow(feed)
    await desk.poll()
    assert desk.state.moved_to == ""


async def test_a_new_address_that_stops_serving_is_left_for_the_old_one(
    desk: Desk, feed: Feed, server: FeedServer
) -> None:
    server.routes["/rss"] = Reply(status=301, headers={"Location": "/new"})
    server.routes["/new"] = Reply(rss("a", date=TODAY))
    desk.follow(feed)
    await desk.poll()
    server.routes["/new"] = Reply(status=404)
    server.routes["/rss"] = Reply(rss("b", "a", date=TODAY))
    for _ in range(3):
        assert await desk.poll() == []
    assert [each.title for each in await desk.poll()] == ["b"]


# ------------------------------------------------------------------ metrics, and all at once


async def test_the_metrics_of_a_source_are_over_its_feeds(desk: Desk, server: FeedServer) -> None:
    feeds = [
        Feed(url=server.url("/a"), name="Wire", silent_after=timedelta(days=1)),
        Feed(url=server.url("/b"), name="Wire"),
    ]
    server.routes |= {"/a": Reply(rss("a", date=TODAY)), "/b": Reply(status=500)}
    desk.follow(*feeds)
    assert desk.metric("last_headline_timestamp_seconds", source="Wire") == NOW.timestamp()
    assert desk.metric("failing", source="Wire") == 0
    desk.now += MINUTE
    for feed in feeds:
        await desk.poll(feed)
    assert desk.metric("last_headline_timestamp_seconds", source="Wire") == NOW.replace(minute=0).timestamp()
    assert desk.metric("last_success_timestamp_seconds", source="Wire") == NOW.timestamp()  # of the worse one
    assert desk.metric("failing", source="Wire") == 1
    assert desk.metric("silent_after_seconds", source="Wire") == 86_400
    # A restart knows it before it has fetched anything.
    desk.restart()
    assert desk.metric("last_headline_timestamp_seconds", source="Wire") == NOW.replace(minute=0).timestamp()


async def test_hundreds_of_feeds_are_followed_beside_each_other(
    desk: Desk, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.feeds.poller.SPREAD_SECONDS", 0.0)
    for number in range(200):
        server.routes[f"/{number}"] = Reply(rss(f"headline {number}", date=TODAY))
    server.routes |= {f"/{number}": Reply(status=500) for number in range(0, 200, 20)}
    desk.follow(*(Feed(url=server.url(f"/{number}"), name=f"Source {number}") for number in range(200)))
    await desk.run(until=lambda: len(server.requests) >= 200 and len(desk.kafka.got) >= 190)
    assert set(desk.kafka.titles()) == {f"headline {number}" for number in range(200) if number % 20}
    assert desk.failures() == {"status": 10}
