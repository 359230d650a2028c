"""How long each page of the desk takes with a large archive behind it: generated headlines in a SQLite or PostgreSQL of
its own, the real desk as a process beside a real Prometheus and broker, and one visitor who logs in and asks.

The headlines are the evidence bench's. Their titles are given two more words each, of a vocabulary in which few words
are common and most are rare, as in any language: the project's own titles are too few to have rare ones.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from kafka import KafkaProducer
from prometheus_client import CollectorRegistry, start_http_server

from alerts.operations import JOB
from alerts.pagebook import PageBook
from alerts.pager import Pager
from deploy.bench.cputime import cpu_milliseconds
from deploy.bench.evidence import (
    ENTITIES,
    MODELS,
    SOURCES,
    Database,
    Spread,
    Told,
    alert_of,
    analysed,
    fill,
    generated,
    megabytes,
    spread,
    squalls_of,
    timed,
)
from deploy.bench.labelsets import fill_label_sets
from deploy.bench.visits import Visitor, ask_all, questions
from deploy.bench.vocabulary import worded
from deploy.demo.system import newsquall
from deploy.desk.passwords import write_password
from deploy.stack.kafka import Kafka
from deploy.stack.ports import free_port
from deploy.stack.postgres import Postgres
from deploy.stack.process import Process
from deploy.stack.prometheus import Prometheus
from model.taxonomy import DEFAULT_TOPICS
from stream.archive import Archive
from stream.metrics import FeedMetrics, Metrics
from stream.records import Origin, RejectedHeadline, ScoredHeadline, Sentiment, encode
from stream.search import SearchIndex
from stream.settings import KafkaSettings, Settings
from stream.topics import REJECTED, ensure_topics
from stream.verdicts import VerdictBook

REFUSED = 200
BATCH = 256  # headlines that a worker archives at once
BATCHES = 20
TOO_LONG = 300  # milliseconds
START_SECONDS = 120.0
NAME, PASSWORD = "bench", "only on this machine"


class PageTime(msgspec.Struct, frozen=True):
    """A page's time in milliseconds, from the request to its last byte (of a download to its first). `first`: the first
    time that it was asked for; `cpu`: what a visit takes of the desk's and PostgreSQL's CPU time on average, which a
    busy machine lengthens least; `over`: whether its p95 is above what a person should wait."""

    page: str
    first: float
    p50: float
    p95: float
    cpu: float
    over: bool


class DeskBench(msgspec.Struct, frozen=True):
    """What was measured. `fill_seconds`: what writing the rows took, `index_seconds`: what the archive makes when it is
    opened, `search_seconds`: what the desk makes; `mb`: of the database on disk. `keep`: archiving a worker's batch of
    256 headlines, ms. `p50`, `p95`: over all requests, ms; `over`: pages whose p95 is above 300 ms."""

    database: Database
    version: str
    headlines: int
    mentions: int
    days: int
    runs: int
    fill_seconds: float
    index_seconds: float
    search_seconds: float
    mb: float
    keep: Spread
    p50: float
    p95: float
    over: int
    pages: list[PageTime]


def measure(database: Database, rows: int, days: int, runs: int, say: Callable[[str], None]) -> DeskBench:
    """Fill a database of its own, start the desk on it, and ask. Raises ServerError, ArchiveError."""
    with TemporaryDirectory(prefix="newsquall-desk-") as name, ExitStack() as exits:
        folder = Path(name)
        (folder / "archive").mkdir()
        servers = list[int | None]()
        if database == "postgresql":
            server = exits.enter_context(Postgres(folder / "archive"))
            url, servers = server.create("news"), [server.pid]
        else:
            url = f"sqlite:///{folder}/archive/archive.db"
        now = datetime.now(UTC).replace(microsecond=0)
        squalls = squalls_of(now, days, max(runs, 10))
        began = time.monotonic()
        named = fill(url, worded(generated(now, rows, days, squalls)), say)
        filled = time.monotonic()
        archive = Archive(url)
        exits.callback(archive.close)
        opened = time.monotonic()
        SearchIndex(archive.engine).prepare()
        version = analysed(archive.engine)
        indexed = time.monotonic()
        say(f"{rows:,} headlines written in {filled - began:.0f} s, indexes made in {indexed - filled:.0f} s")
        keep = keep_batches(archive, now)
        say(f"a batch of {BATCH} is archived in {keep.p50:.1f} ms, 95 % below {keep.p95:.1f} ms")
        pages = page(archive, squalls)
        address, desk = serve(folder, url, now, exits)
        asked = questions(archive, squalls, pages, now, rows)
        times, all_times = [], []
        used = cpu_milliseconds([desk, *servers])
        for each, took in ask_all(Visitor(address, NAME, PASSWORD), asked, runs):
            cpu = (cpu_milliseconds([desk, *servers]) - used) / runs
            all_times += took
            told = spread(took)
            times.append(PageTime(each.page, round(took[0], 1), told.p50, told.p95, round(cpu, 1), told.p95 > TOO_LONG))
            late = " TOO LONG" if times[-1].over else ""
            say(f"{each.page}: {told.p50:.0f} ms, 95 % below {told.p95:.0f} ms, {cpu:.0f} ms of CPU{late}")
            used = cpu_milliseconds([desk, *servers])
        together = spread(all_times)
        return DeskBench(
            database=database,
            version=version,
            headlines=rows,
            mentions=named,
            days=days,
            runs=runs,
            fill_seconds=round(filled - began, 1),
            index_seconds=round(opened - filled, 1),
            search_seconds=round(indexed - opened, 1),
            mb=megabytes(folder / "archive"),
            keep=keep,
            p50=together.p50,
            p95=together.p95,
            over=sum(each.over for each in times),
            pages=times,
        )


def keep_batches(archive: Archive, now: datetime) -> Spread:
    """Archive batches as a worker does: of the last minutes, every other headline about a company."""
    times = list[float]()
    for batch in range(BATCHES):
        timed(times, archive.keep, [_scored(f"kept-{batch}-{number}", number, now) for number in range(BATCH)])
    return spread(times)


def _scored(id_: str, number: int, now: datetime) -> ScoredHeadline:
    topics, at = list(DEFAULT_TOPICS), now - timedelta(seconds=number)
    share = {"negative": 0.8, "neutral": 0.1, "positive": 0.1}
    named: dict[str, Sentiment] = {f"Company {number:04}": "negative"} if number % 2 else {}
    return ScoredHeadline(
        id_, f"Something is told for the {number}th time", f"wire {number % SOURCES}", "https://news.example/kept", at,
        now, topics[number % len(topics)], 0.8, "negative", share, -0.7, named, "", MODELS[1],
    )  # fmt: skip


def page(archive: Archive, squalls: Sequence[Told]) -> list[str]:
    """Have each squall paged, about its company; the pages' ids."""
    book = PageBook(archive.engine, ())
    pager = Pager(Settings(), archive, book, VerdictBook(archive.engine))
    for number, told in enumerate(sorted(squalls)):
        alert = alert_of(told, "entity", "15m", f"desk{number}")
        pager.take([alert], told.at)
        pager.take([msgspec.structs.replace(alert, status="resolved", ends_at=told.at)], told.at)
    return [each.id for each in book.recent(len(squalls))]


def serve(folder: Path, url: str, now: datetime, exits: ExitStack) -> tuple[str, int | None]:
    """Start the desk with all that it asks; its address and process id."""
    kafka = exits.enter_context(Kafka(folder / "kafka"))
    refuse(kafka, now)
    registry = CollectorRegistry()
    companies = [f"Company {number:04}" for number in range(ENTITIES)]
    fill_label_sets(Metrics(registry), Settings(), companies)
    FeedMetrics(registry, [f"wire {number}" for number in range(SOURCES)])
    port = free_port()
    exporter, _ = start_http_server(port, "127.0.0.1", registry)
    exits.callback(exporter.server_close)
    exits.callback(exporter.shutdown)
    # Seldom: what is told does not change, and the visitor needs the same two cores.
    prometheus = exits.enter_context(
        Prometheus(folder / "prometheus", {JOB: [f"127.0.0.1:{port}"]}, scrape_interval=60.0)
    )
    (folder / "watchlist.csv").write_text("\n".join(["name", *companies]) + "\n")
    write_password(folder / "passwords", NAME, "operator", PASSWORD)
    desk, desk_port, log = Process("the desk"), free_port(), folder / "desk.log"
    environment = {
        "NEWSQUALL_ARCHIVE__URL": url,
        "NEWSQUALL_DESK__PORT": str(desk_port),
        "NEWSQUALL_DESK__PASSWORDS": str(folder / "passwords"),
        "NEWSQUALL_DESK__RUNS": str(folder / "runs"),
        "NEWSQUALL_KAFKA__BOOTSTRAP": kafka.bootstrap,
        "NEWSQUALL_REGISTRY__ARTIFACTS": str(folder / "models"),
        "NEWSQUALL_REGISTRY__CACHE": str(folder / "cache"),
        "NEWSQUALL_REGISTRY__URI": f"sqlite:///{folder}/models.db",
        "NEWSQUALL_RELAY__PROMETHEUS": prometheus.url,
        "NEWSQUALL_TRENDS__WATCHLIST": str(folder / "watchlist.csv"),
    }
    exits.callback(desk.stop)
    desk.start(newsquall("desk"), log, env=environment, cwd=folder)
    desk.wait_ready(lambda: "the desk is at" in log.read_text(), START_SECONDS, "the desk")
    return f"http://127.0.0.1:{desk_port}", desk.pid


def refuse(kafka: Kafka, now: datetime) -> None:
    """Some headlines that were refused."""
    ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for number in range(REFUSED):
        record = RejectedHeadline("not_json", "no JSON", now, Origin(number % 4, number), "bm8gSlNPTg==", 7)
        producer.send(REJECTED, value=encode(record))
    producer.flush()
    producer.close()
