"""A month behind the dashboards: how long each of their queries takes on a real Prometheus and a real PostgreSQL.

The series are those that a worker, the relay and ingest export, by their own code; the values are made up. Grafana's
part, filling in variables, is deploy/bench/view.py's.
"""

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import msgspec
import psycopg
from prometheus_client import CollectorRegistry

from alerts.chartrules import (
    BATCHES,
    DELAYS,
    FROM_FEEDS,
    HEADLINES_BY_SENTIMENT,
    POLARITY,
    REFUSED,
    SCORED,
    SCORING,
    SLOWER,
    share_of_page,
)
from alerts.operations import JOB, WATCHDOG
from alerts.page import Links, Page, PageStory
from alerts.pagebook import PageBook
from alerts.rules import SQUALL, rule_file
from deploy.bench.labelsets import fill_label_sets
from deploy.bench.view import Query, View, filled_in, queries
from deploy.dashboards.catalogue import as_json, dashboards
from deploy.dashboards.queries import PROMETHEUS
from deploy.stack.errors import ServerRefusedError
from deploy.stack.postgres import Postgres
from deploy.stack.prometheus import Prometheus
from deploy.stack.server import program
from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS
from stream.archive import Archive, microseconds
from stream.gauges import ScoredTotals
from stream.metrics import FeedMetrics, Metrics, RelayMetrics
from stream.settings import ArchiveSettings, Settings
from stream.verdicts import VERDICTS, VerdictBook

BLOCK = 7_200  # seconds in a block, as Prometheus first writes them
SETTLE_SECONDS = 180.0  # until Prometheus has merged its blocks, as it has those of a month that it lived through
MERGED = 40
WARM = 1
RUNS = 5
TOO_LONG = 200  # milliseconds
LASTING = "Company 0003"
VIEWS = (("topic", "all"), ("topic", "credit_debt"), ("entity", LASTING))
WINDOW = "1h"
RECENT = 900  # seconds
FEEDS = 80
PAGES_A_DAY = 10
NAMING = 0.5
COUNTING = ("_total", "_count", "_bucket", "_sum")
STEADY = ("_threshold", "_info", "_up", "up", "ALERTS")


class Timed(msgspec.Struct, frozen=True):
    """A query's median of some runs and the fastest of them, in milliseconds, of the subject that takes longest."""

    dashboard: str
    panel: str
    ref: str
    source: str
    milliseconds: float
    fastest: float
    rows: int


class DashboardBench(msgspec.Struct, frozen=True):
    """What was measured. `slowest`: some queries, the slowest first. `over`: how many take more than 200 ms, and of the
    fastest of their runs, which other work on the machine disturbs least."""

    days: int
    scrape_seconds: float
    series: int
    headlines: int
    queries: int
    over: int
    fastest_over: int
    p50_ms: float
    p95_ms: float
    slowest: list[Timed]


def measure(days: int, per_day: int, entities: int, scrape: float, say: Callable[[str], None]) -> DashboardBench:
    """Fill both with so many days up to now, ask everything over all of them, and say how long it took.

    scrape: seconds between two samples of a series. entities: watched companies.
    """
    until = time.time()
    since = until - days * 86_400
    with TemporaryDirectory(prefix="newsquall-bench-") as place:
        folder = Path(place)
        with Postgres(folder / "postgres") as postgres:
            url = postgres.create("bench")
            settings = Settings(archive=ArchiveSettings(url=url))
            say(f"filling PostgreSQL with {days * per_day:,} headlines")
            fill_archive(url, days, per_day, entities, until)
            say(f"filling Prometheus with {days} days")
            series = fill_prometheus(folder / "prometheus" / "data", settings, entities, since, until, scrape)
            with Prometheus(folder / "prometheus", {}, retention_days=10 * days) as prometheus:
                _settle(folder / "prometheus" / "data")
                timed = list(_ask_all(settings, prometheus, url, since, until, scrape))
    timed.sort(key=lambda each: -each.milliseconds)
    took = sorted(each.milliseconds for each in timed)
    return DashboardBench(
        days=days,
        scrape_seconds=scrape,
        series=series,
        headlines=days * per_day,
        queries=len(timed),
        over=sum(each > TOO_LONG for each in took),
        fastest_over=sum(each.fastest > TOO_LONG for each in timed),
        p50_ms=took[len(took) // 2],
        p95_ms=took[int(len(took) * 0.95)],
        slowest=timed[:12],
    )


def fill_prometheus(data: Path, settings: Settings, entities: int, since: float, until: float, scrape: float) -> int:
    """Write blocks of all series; how many series there are. Of the watched companies only one has more than the
    last minutes, and no source has: no panel asks for the course of all."""
    chance = random.Random(1)  # noqa: S311  (made-up numbers)
    lasting = [name for name in _series(settings, [LASTING]) if "source=" not in name]
    known = set(lasting)
    recent = [name for name in _series(settings, [_company(each) for each in range(entities)]) if name not in known]
    data.mkdir(parents=True)
    promtool = program("promtool")
    first, last = int(since) // BLOCK, int(until) // BLOCK
    values = dict.fromkeys([*lasting, *recent], 0)
    for block in range(first, last + 1):
        start, end = max(block * BLOCK, since), min((block + 1) * BLOCK, until)
        text = data / "samples"
        with text.open("w", encoding="utf-8") as file:
            for name in lasting if end < until - RECENT else values:
                file.writelines(_samples(name, values, start, end, scrape, chance))
            file.write("# EOF\n")
        subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", text, data], check=True)
        text.unlink()
    return len(lasting) + len(recent)


def _samples(
    name: str, values: dict[str, int], start: float, end: float, scrape: float, chance: random.Random
) -> Iterator[str]:
    """A series' lines between two moments. Counters grow, what says that something is so stays 1, gauges jump."""
    metric = name.partition("{")[0]
    counts, steady = metric.endswith(COUNTING), metric.endswith(STEADY)
    # What is recorded for charts has the pace of its rules.
    gap = scrape * SLOWER if metric.startswith("newsquall:") and not steady else scrape
    value = values[name]
    for at in range(int((end - start) / gap)):
        value = 1 if steady else value + chance.randrange(3) if counts else chance.randrange(20)
        yield f"{name} {value} {start + at * gap:.3f}\n"
    values[name] = value


def _series(settings: Settings, entities: Sequence[str]) -> Iterator[str]:
    """Names and labels of all series of one worker, ingest, the relay and the rules."""
    registry = CollectorRegistry()
    fill_label_sets(Metrics(registry), settings, entities)
    totals = ScoredTotals("newsquall_headlines_scored")
    each_model = product(DEFAULT_TOPICS, SENTIMENTS, ("m1", "m2"))
    totals.totals = dict.fromkeys(each_model, 1)
    registry.register(totals)
    FeedMetrics(registry, [f"Source {number}" for number in range(FEEDS)])
    RelayMetrics(registry, ["terminal"])
    worker = {"instance": "127.0.0.1:9108", "job": JOB}
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield _name(sample.name, sample.labels | worker)
    yield _name("up", worker)
    yield from _recorded(settings, entities)
    yield _name("ALERTS", {"alertname": WATCHDOG, "alertstate": "firing"})
    squall = {"alertname": SQUALL, "entity": LASTING, "subject": f"entity/{LASTING}"}
    yield _name("ALERTS", squall | {"alertstate": "firing"})
    yield _name("ALERTS_FOR_STATE", squall)


def _recorded(settings: Settings, entities: Sequence[str]) -> Iterator[str]:
    for rule in rule_file(settings)["groups"][0]["rules"]:
        if rule.get("record", "").endswith("_threshold"):
            yield _name(rule["record"], {})
    yield from (_name(share_of_page("topic"), {"topic": topic}) for topic in ("all", *DEFAULT_TOPICS))
    yield from (_name(share_of_page("entity"), {"entity": entity}) for entity in entities)
    yield from (_name(HEADLINES_BY_SENTIMENT, {"sentiment": sentiment}) for sentiment in SENTIMENTS)
    yield from (_name(POLARITY, {"topic": topic}) for topic in DEFAULT_TOPICS)
    yield from (_name(metric, {}) for metric in (FROM_FEEDS, SCORED, BATCHES, REFUSED))
    yield from (_name(metric, {"le": f"{2.0**step}"}) for metric in (DELAYS, SCORING) for step in range(14))
    yield from (_name(metric, {"le": "+Inf"}) for metric in (DELAYS, SCORING))


def _name(metric: str, labels: Mapping[str, str]) -> str:
    return f"{metric}{{{','.join(f'{name}={json.dumps(value)}' for name, value in labels.items())}}}"


def _company(number: int) -> str:
    return f"Company {number:04}"


def fill_archive(url: str, days: int, per_day: int, entities: int, until: float) -> None:
    """Headlines evenly over the days, half of them about a company, and ten pages a day with verdicts."""
    chance = random.Random(2)  # noqa: S311
    archive = Archive(url)
    try:
        PageBook(archive.engine, ["terminal"])
        VerdictBook(archive.engine)
    finally:
        archive.close()
    topics = list(DEFAULT_TOPICS)
    gap = days * 86_400_000_000 // (days * per_day)
    end = int(until * 1_000_000)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        with connection.cursor().copy("COPY headlines FROM STDIN") as copy:
            for number in range(days * per_day):
                at = end - number * gap
                sentiment = chance.choices(SENTIMENTS, (30, 40, 30))[0]
                sure = chance.uniform(0.4, 1)
                named = _company(chance.randrange(entities)) if chance.random() < NAMING else None
                told = msgspec.json.encode({named: {"negative": sure}} if named else {}).decode()
                title = f"{named or 'Somebody'} says something of the usual length about its trade, number {number}"
                copy.write_row(
                    (f"h{number}", title, f"Source {chance.randrange(FEEDS)}", f"https://news.example/{number}", at, at,
                     chance.choice(topics), 0.9, sentiment, sure if sentiment == "negative" else (1 - sure) / 2,
                     sure if sentiment == "neutral" else (1 - sure) / 2, sure if sentiment == "positive" else
                     (1 - sure) / 2, told, "A" * 72, "m1", number % 4, number)
                )  # fmt: skip
        connection.execute(
            "INSERT INTO mentions SELECT split_part(title, ' says', 1), id, sentiment, published_at FROM headlines"
            " WHERE entities <> '{}'"
        )
        for number in range(days * PAGES_A_DAY):
            _write_page(
                connection, number, datetime.fromtimestamp(until, UTC) - number * timedelta(days=1) / PAGES_A_DAY
            )
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _write_page(connection: psycopg.Connection[Any], number: int, at: datetime) -> None:
    title = "A title of the usual length about a company's trade"
    page = Page(
        id=f"{number:016x}",
        status="resolved",
        alert=SQUALL,
        subject=f"entity/{_company(number % 40)}",
        sentence="18 negative headlines about a company in 15 minutes, usually 0.2",
        fired_at=at,
        links=Links("http://prometheus.example", "http://alertmanager.example", "docs/oncall.md"),
        resolved_at=at + timedelta(hours=1),
        window="15m",
        stories=[PageStory(title, ["a", "b", "c"], "https://news.example", at, at, 3, 0.9)] * 5,
    )
    text = msgspec.json.encode(page).decode()
    row = (page.id, page.status, microseconds(at), text, "[]")
    connection.execute("INSERT INTO pages (id, state, fired_at, page, evidence) VALUES (%s, %s, %s, %s, %s)", row)
    said = (page.id, VERDICTS[number % 3], "rita", microseconds(at))
    connection.execute("INSERT INTO verdicts (page_id, verdict, who, given_at) VALUES (%s, %s, %s, %s)", said)


def _settle(data: Path) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline and sum(1 for _ in data.glob("*/meta.json")) > MERGED:
        time.sleep(1)


def _ask_all(
    settings: Settings, prometheus: Prometheus, url: str, since: float, until: float, scrape: float
) -> Iterator[Timed]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for dashboard in map(as_json, dashboards(settings)):
            for query in queries(dashboard):
                worst, fastest, rows = 0.0, 0.0, 0
                for kind, name in VIEWS:
                    view = View({"kind": kind, "name": name, "window": WINDOW}, since, until, least=scrape)
                    took = []
                    for _ in range(WARM + RUNS):
                        started = time.perf_counter()
                        rows = max(rows, _ask(query, view, prometheus, connection))
                        took.append((time.perf_counter() - started) * 1000)
                    worst = max(worst, sorted(took[WARM:])[RUNS // 2])
                    fastest = max(fastest, min(took[WARM:]))
                source = query.source.removeprefix("grafana-").removesuffix("-datasource")
                yield Timed(dashboard["uid"], query.panel, query.ref, source, round(worst, 1), round(fastest, 1), rows)


def _ask(query: Query, view: View, prometheus: Prometheus, connection: psycopg.Connection[Any]) -> int:
    text = filled_in(query, view)
    if query.source != PROMETHEUS:
        return len(connection.execute(text.encode()).fetchall())
    if query.instant:
        return len(prometheus.query(text, view.until))
    asked = {"query": text, "start": view.since, "end": view.until, "step": view.step(query.interval, query.points)}
    status, body = prometheus.ask("GET", f"/api/v1/query_range?{urlencode(asked)}", timeout=60)
    if status != 200:
        raise ServerRefusedError(f"Prometheus refused the query {text!r}: {body.strip()}")
    return len(msgspec.json.decode(body)["data"]["result"])
