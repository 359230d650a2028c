"""`newsquall ingest` from feeds to news.headlines on a real broker, through kills, stops and a broker that is away."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from deploy.stack.kafka import Kafka
from deploy.stack.process import Process
from stream.records import decode_headline
from stream.settings import KafkaSettings, Settings
from stream.topics import HEADLINES, ensure_topics
from tests.feedserver import FeedServer, Reply, Request
from tests.integration.conftest import eventually

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as served:
        yield served


class Ingest:
    """The command as a process, which can be killed and started again. `feeds`: addresses and lists."""

    def __init__(self, folder: Path, bootstrap: str, *feeds: str, every: str = "1s", **settings: str) -> None:
        self.folder = folder
        self.process = Process("ingest")
        self.arguments = [*feeds, "--every", every]
        self.environment = {
            "PYTHONPATH": str(ROOT),
            "NEWSQUALL_KAFKA__BOOTSTRAP": bootstrap,
            "NEWSQUALL_FEEDS__STATE": str(folder / "feeds.db"),
            "NEWSQUALL_FEEDS__METRICS_PORT": "0",
            "NEWSQUALL_FEEDS__ALLOW": '["127.0.0.1", "localhost"]',
            "NEWSQUALL_FEEDS__HOST_PAUSE": "0s",
            **settings,
        }

    def start(self) -> "Ingest":
        code = "from deploy.cli import main; main()"
        argv = [sys.executable, "-c", code, "ingest", *self.arguments]
        self.process.start(argv, self.folder / "log", env=self.environment, cwd=self.folder)
        return self

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@pytest.fixture
def started() -> Iterator[Callable[..., Ingest]]:
    running: list[Ingest] = []

    def start(folder: Path, *arguments: str, **options: str) -> Ingest:
        running.append(Ingest(folder, *arguments, **options))
        return running[-1].start()

    yield start
    for each in running:
        each.process.kill()


class Topic:
    """What news.headlines holds beyond what it held when this was made."""

    def __init__(self, bootstrap: str) -> None:
        ensure_topics(Settings(kafka=KafkaSettings(bootstrap=bootstrap)), any_layout=True)
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap)
        parts = [TopicPartition(HEADLINES, part) for part in self._consumer.partitions_for_topic(HEADLINES) or ()]
        self._consumer.assign(parts)
        for part, end in self._consumer.end_offsets(parts).items():
            self._consumer.seek(part, end)
        self.records: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """All records so far."""
        for batch in self._consumer.poll(timeout_ms=200).values():
            for record in batch:
                now = datetime.now(UTC)
                headline = decode_headline(record.value, now, timedelta(minutes=5))  # as a worker would
                assert record.key == headline.id.encode()
                self.records.append(json.loads(record.value))
        return self.records

    def titles(self) -> "Counter[str]":
        return Counter(record["title"] for record in self.read())

    def ids(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for record in self.records:
            found.setdefault(record["title"], set()).add(record["id"])
        return found

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def topic(kafka: Kafka) -> Iterator[Topic]:
    made = Topic(kafka.bootstrap)
    yield made
    made.close()


class Wire:
    """A feed that shows its newest items only, with an ETag."""

    def __init__(self, server: FeedServer, shown: int = 1_000) -> None:
        self.titles: list[str] = []
        self._shown = shown
        server.routes["/wire"] = self._answer

    def tell(self, *titles: str) -> None:
        self.titles += titles

    def _answer(self, request: Request) -> Reply:
        etag = f'"{len(self.titles)}"'
        if request.headers.get("if-none-match") == etag:
            return Reply(status=304)
        date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
        items = "".join(
            f"<item><title>{title}</title><guid>{title}</guid><pubDate>{date}</pubDate></item>"
            for title in reversed(self.titles[-self._shown :])
        )
        body = f"<rss version='2.0'><channel>{items}</channel></rss>".encode()
        return Reply(body, headers={"ETag": etag, "Content-Type": "application/rss+xml"})


def test_from_a_feed_to_news_headlines_through_kills(
    kafka: Kafka, topic: Topic, server: FeedServer, tmp_path: Path, started: Callable[..., Ingest]
) -> None:
    wire = Wire(server)
    wire.tell(*(f"Headline {number}" for number in range(300)))
    ingest = started(tmp_path, kafka.bootstrap, server.url("/wire"))
    # Killed as soon as something of the first document has arrived: it may or may not have been remembered.
    eventually(lambda: bool(topic.read()), 120, "a first headline")
    ingest.process.kill()
    told = 300
    ingest.start()
    eventually(lambda: _settled(server, told), 120, "the first document remembered")
    ingest.process.kill()
    for kill in range(4):
        wire.tell(*(f"Headline {number}" for number in range(told, told + 20)))
        told += 20
        asked = len(server.requests)
        ingest.start()
        if kill % 2:
            eventually(lambda asked=asked: len(server.requests) > asked, 120, "a request")  # type: ignore[misc]
        else:
            newest = f"Headline {told - 1}"
            eventually(lambda newest=newest: newest in topic.titles(), 120, "the newest headline")  # type: ignore[misc]
        ingest.process.kill()
    ingest.start()
    eventually(lambda: len(topic.titles()) == told, 120, "all headlines")
    eventually(lambda: _settled(server, told), 120, "an answer that nothing changed")

    # Nothing is lost, and whatever came twice came under one id.
    assert set(topic.titles()) == {f"Headline {number}" for number in range(told)}
    assert all(len(ids) == 1 for ids in topic.ids().values())
    assert len({record["id"] for record in topic.records}) == told
    # A kill costs what was not remembered, not the feed's whole content each time: of the first document all, and then
    # of each no more than what came since.
    assert len(topic.records) <= told + 300 + 20 + 40 + 60 + 80

    # With all of it remembered, a kill brings nothing again, not even without the server's help.
    before = len(topic.records)
    ingest.process.kill()
    server.routes["/wire"] = Reply(wire._answer(Request("", {}, 0)).body + b"<!-- other bytes -->")
    asked = len(server.requests)
    ingest.start()
    eventually(lambda: len(server.requests) >= asked + 3, 120, "three looks")
    assert len(topic.read()) == before
    assert "Traceback" not in ingest.log()


def _settled(server: FeedServer, told: int) -> bool:
    """Whether the last question was for what is newer than so many headlines."""
    return bool(server.requests) and server.requests[-1].headers.get("if-none-match", "") == f'"{told}"'


def test_a_stop_is_quick_and_says_nothing(
    kafka: Kafka, topic: Topic, server: FeedServer, tmp_path: Path, started: Callable[..., Ingest]
) -> None:
    async def silent(_request: Request, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3_600)

    server.routes["/hangs"] = silent
    Wire(server).tell("Acme falls")
    ingest = started(tmp_path, kafka.bootstrap, server.url("/wire"), server.url("/hangs", "localhost"))
    eventually(lambda: "Acme falls" in topic.titles(), 120, "the headline")
    assert ingest.process.stop(grace=25) == 0  # and was not killed after that; the fetch that hangs has 30 s
    (line,) = ingest.log().splitlines()
    assert line.startswith("ingest metrics on http://127.0.0.1:")
    assert line.endswith("/metrics, 2 feeds")


def test_a_broker_that_goes_away_is_waited_for_and_nothing_is_lost(
    server: FeedServer, tmp_path: Path, started: Callable[..., Ingest]
) -> None:
    wire = Wire(server, shown=5)
    with Kafka(tmp_path / "kafka") as broker:
        topic = Topic(broker.bootstrap)
        wire.tell("before")
        ingest = started(tmp_path, broker.bootstrap, server.url("/wire"))
        eventually(lambda: "before" in topic.titles(), 120, "the first headline")
        topic.close()
        broker.kill()
        # Counted before: the look that finds it may be the last until the broker is back.
        asked = len(server.requests)
        wire.tell("during")
        eventually(lambda: len(server.requests) > asked, 120, "a look at the feed meanwhile")
        # A stop while it is away is quick too, and forgets nothing.
        assert ingest.process.stop(grace=60) == 0
        ingest.start()
        eventually(lambda: "still trying" in ingest.log(), 120, "that the broker is away")
        broker.start()
        again = Topic(broker.bootstrap)
        again._consumer.seek_to_beginning()
        eventually(lambda: {"before", "during"} <= set(again.titles()), 120, "the headline of meanwhile")
        assert all(len(ids) == 1 for ids in again.ids().values())
        again.close()
        ingest.process.stop()
    assert "Traceback" not in ingest.log()


def test_feeds_that_are_hostile_stop_none_that_is_not(
    kafka: Kafka, topic: Topic, server: FeedServer, tmp_path: Path, started: Callable[..., Ingest]
) -> None:
    wire = Wire(server)
    wire.tell("Bolt rises")
    server.routes |= {
        "/bomb": Reply(b"<rss><channel>" + b"<item/>" * 1_100_000 + b"</channel></rss>"),
        "/error": Reply(status=500),
        "/inside": Reply(status=301, headers={"Location": "http://169.254.169.254/latest/"}),
        "/page": Reply(b"<html></html>"),
    }
    listed = tmp_path / "feeds.toml"
    listed.write_text("".join(f'[[feed]]\nurl = "{server.url(path)}"\nname = "{path[1:]}"\n' for path in server.routes))
    ingest = started(tmp_path, kafka.bootstrap, str(listed))
    eventually(lambda: "Bolt rises" in topic.titles(), 120, "the good one's headline")
    wire.tell("Bolt falls")
    eventually(lambda: "Bolt falls" in topic.titles(), 120, "the good one's next headline")
    eventually(lambda: "unreadable" in ingest.log(), 120, "that the bomb went off")
    for reason in ("status: 127.0.0.1 answered 500", "address: 169.254.169.254 is not at a public", "not_a_feed"):
        eventually(lambda reason=reason: reason in ingest.log(), 120, reason)  # type: ignore[misc]
    assert ingest.process.running
    assert "Traceback" not in ingest.log()


def test_ctrl_c_ends_it(kafka: Kafka, server: FeedServer, tmp_path: Path) -> None:
    ingest = Ingest(tmp_path, kafka.bootstrap, server.url("/wire"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-c", "from deploy.cli import main; main()", "ingest", *ingest.arguments],
        env={"PATH": "/usr/bin:/bin", **ingest.environment}, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        signal.signal(signal.SIGINT, before)
        eventually(lambda: bool(server.requests), 120, "a request")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0
