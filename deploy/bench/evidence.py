"""How fast a page is decided and its evidence found in a large archive: generated headlines in a PostgreSQL or SQLite
of its own, squalls among them, and the pager itself on top, with the plans of all that it asks.

The rows are written in bulk into tables without indexes and hourly counts, which are made afterwards by the archive
itself, as it makes those that an older one lacks. Titles are the project's own over and over; each squall's stories
differ.
"""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg import sql

from alerts.evidence import gather
from alerts.notification import Alert
from alerts.pagebook import PageBook
from alerts.pager import Pager
from alerts.rules import SQUALL
from deploy.bench.scorer import percentile, texts_of
from deploy.stack.postgres import Postgres
from model.taxonomy import DEFAULT_TOPICS
from stream.archive import Archive, headlines, mentions, microseconds
from stream.duration import parse_duration
from stream.fingerprint import fingerprint
from stream.hourlycounts import hourly_counts
from stream.settings import Settings
from stream.subjects import ALL, entity_subject, topic_subject
from stream.verdicts import VerdictBook

Database = Literal["postgresql", "sqlite"]

SEED = 5
SOURCES, ENTITIES, TITLES = 40, 500, 5_000
NAMING = 0.5  # share of headlines that name a watched company
SENTIMENTS = ("negative", "neutral", "positive")
WEIGHTS = (0.3, 0.4, 0.3)
PORTION = 20_000  # rows written at once
SQUALL_HEADLINES = 40
MODELS = ("newsquall-1", "newsquall-2")  # the second from the middle on
# What is asked for: the kind of subject, and the window that its alert is about.
QUESTIONS = (("entity", "15m"), ("entity", "1d"), ("topic", "1h"), ("topic", "1d"), ("all", "15m"), ("all", "1d"))
SPAN = timedelta(minutes=10)  # within which a squall's headlines lie

# As the databases word it: PostgreSQL, and SQLite, whose plan says by which index it goes otherwise.
_WHOLE = re.compile(r"Seq Scan on (headlines|mentions)|^SCAN (headlines|mentions)\b(?!.*INDEX)")

Result = TypeVar("Result")

_HEADLINES = [column.name for column in headlines.columns]
_MENTIONS = [column.name for column in mentions.columns]


class Spread(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p95: float


class Answer(msgspec.Struct, frozen=True):
    """One kind of page. `whole`: from taking the alert until the page is written, everything included; `cpu`: what that
    takes of this process's CPU time, which a busy machine does not lengthen. Of the whole `find`: reading the negatives
    of its window, of which there are `negatives` on average; `group`: telling their stories; `inputs`: what came in
    then and on the days before, and since when which model scores; `previous`: the squall before."""

    subject: str
    window: str
    negatives: float
    whole: Spread
    cpu: Spread
    find: Spread
    group: Spread
    inputs: Spread
    previous: Spread


class Plan(msgspec.Struct, frozen=True):
    """How the database answers a statement: `scans`: whether it reads a whole table of headlines or mentions."""

    statement: str
    scans: bool
    plan: list[str]


class EvidenceBench(msgspec.Struct, frozen=True):
    """What was measured. `fill_seconds`, `index_seconds`: what writing the rows and making the indexes took; `mb`: of
    the database on disk. `slowest_p95`: of the answers' `whole`, ms. `scans`: statements that read a whole table."""

    database: Database
    version: str
    headlines: int
    mentions: int
    days: int
    runs: int
    fill_seconds: float
    index_seconds: float
    mb: float
    slowest_p95: float
    scans: int
    answers: list[Answer]


class Told(NamedTuple):
    """A squall among the rows: when its alert fires, and whom it is about."""

    at: datetime
    entity: str
    topic: str


def measure(database: Database, rows: int, days: int, runs: int, say: Callable[[str], None]) -> EvidenceBench:
    """Fill a database of its own, and ask. Raises ServerError, ArchiveError."""
    with TemporaryDirectory(prefix="newsquall-evidence-") as name, ExitStack() as exits:
        folder = Path(name)
        if database == "postgresql":
            url = exits.enter_context(Postgres(folder / "postgres")).create("news")
        else:
            url = f"sqlite:///{folder}/archive.db"
        now = datetime.now(UTC).replace(microsecond=0)
        squalls = squalls_of(now, days, runs)
        began = time.monotonic()
        named = fill(url, generated(now, rows, days, squalls), say)
        filled = time.monotonic()
        archive = Archive(url)
        exits.callback(archive.close)
        version = analysed(archive.engine)
        indexed = time.monotonic()
        say(f"{rows:,} headlines written in {filled - began:.0f} s, indexes in {indexed - filled:.0f} s")
        pager = Pager(Settings(), archive, PageBook(archive.engine, ()), VerdictBook(archive.engine))
        with statements(archive.engine) as asked:
            for kind, window in QUESTIONS:
                ask(pager, alert_of(squalls[0], kind, window, "plan"), squalls[0].at)
        plans = [plan_of(archive.engine, statement, values) for statement, values in asked.items()]
        for plan in plans:
            say(f"{'WHOLE TABLE ' if plan.scans else ''}{plan.statement}")
            for line in plan.plan:
                say(f"    {line}")
        answers = []
        for kind, window in QUESTIONS:
            answers.append(answer(pager, archive, squalls, kind, window))
            say(f"{kind} {window}: {answers[-1].whole.p50:.1f} ms, 95 % below {answers[-1].whole.p95:.1f} ms")
        return EvidenceBench(
            database=database,
            version=version,
            headlines=rows,
            mentions=named,
            days=days,
            runs=runs,
            fill_seconds=round(filled - began, 1),
            index_seconds=round(indexed - filled, 1),
            mb=megabytes(folder),
            slowest_p95=max(each.whole.p95 for each in answers),
            scans=sum(plan.scans for plan in plans),
            answers=answers,
        )


def analysed(engine: sa.Engine) -> str:
    """Have a filled database learn what its planner goes by; the server's version."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
        return ".".join(map(str, engine.dialect.server_version_info or ()))


def megabytes(folder: Path) -> float:
    """What lies in a folder."""
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6, 1)


def squalls_of(now: datetime, days: int, runs: int) -> list[Told]:
    """So many, at random times of the newer half, each of another company as far as there are enough."""
    chance = random.Random(SEED)  # noqa: S311  (made-up news)
    ages = (timedelta(days=days) / 2 * chance.random() for _ in range(runs))
    topics = [topic for topic in DEFAULT_TOPICS if topic != "other"]
    return [
        Told(now - age, f"Company {number % ENTITIES:04}", chance.choice(topics)) for number, age in enumerate(ages)
    ]


def generated(
    now: datetime, rows: int, days: int, squalls: Sequence[Told]
) -> Iterator[tuple[tuple[Any, ...], tuple[str, str] | None]]:
    """The rows in the order of their dates, evenly spread, each with the company that it names and the sentiment
    towards it, if it names one. The squalls' headlines stand in place of the ordinary ones of their time."""
    chance = random.Random(SEED)  # noqa: S311
    titles = [(title, fingerprint(title)) for title in texts_of(None, TITLES)]
    companies = [f"Company {number:04}" for number in range(ENTITIES)]
    # As words are, by Zipf's law; drawn in advance, which is much faster than one by one.
    drawn = chance.choices(companies, [1 / (place + 1) for place in range(ENTITIES)], k=100_003)
    sentiments = chance.choices(SENTIMENTS, WEIGHTS, k=99_991)
    topics = chance.choices(list(DEFAULT_TOPICS), k=99_989)
    begin = now - timedelta(days=days)
    due = {
        int((told.at - SPAN * (1 - part / SQUALL_HEADLINES) - begin) / timedelta(days=days) * rows): (told, part)
        for told in squalls
        for part in range(SQUALL_HEADLINES)
    }
    first, step = microseconds(begin), days * 86_400_000_000 / rows
    for number in range(rows):
        squall = due.get(number)
        title, print_ = titles[(number * 7 + number // TITLES) % len(titles)]
        sentiment, topic = sentiments[number % len(sentiments)], topics[number % len(topics)]
        company = drawn[number % len(drawn)] if number % 100 < NAMING * 100 else None
        if squall:
            sentiment, topic, company = "negative", squall[0].topic, squall[0].entity
        at = first + int(number * step)
        p = {each: 0.9 if each == sentiment else 0.05 for each in SENTIMENTS}
        named = f'{{"{company}":"{sentiment}"}}' if company else "{}"
        model = MODELS[number * 2 >= rows]
        row = (
            f"{number:012x}-generated", title, f"wire {number % SOURCES}", f"https://news.example/{number}",
            at, at + 1_500_000, topic, 0.9, sentiment, p["negative"], p["neutral"], p["positive"], named, print_,
            model, number % 4, number,
        )  # fmt: skip
        yield row, (company, sentiment) if company else None


def fill(url: str, rows: Iterator[tuple[tuple[Any, ...], tuple[str, str] | None]], say: Callable[[str], None]) -> int:
    """Write the rows in bulk, without indexes and hourly counts. How many name a company."""
    bare = Archive(url)
    with bare.engine.begin() as connection:
        hourly_counts.drop(connection)
        for table in (headlines, mentions):
            for index in table.indexes:
                connection.execute(sa.text(f"DROP INDEX {index.name}"))
    id_at, published_at = _HEADLINES.index("id"), _HEADLINES.index("published_at")
    written = named = 0
    while portion := list(islice(rows, PORTION)):
        told = [(*said[:1], row[id_at], said[1], row[published_at]) for row, said in portion if said]
        _write(bare.engine, headlines, _HEADLINES, [row for row, _ in portion])
        _write(bare.engine, mentions, _MENTIONS, told)
        written, named = written + len(portion), named + len(told)
        if written % (25 * PORTION) == 0:
            say(f"{written:,} headlines written")
    bare.close()
    return named


def _write(engine: sa.Engine, table: sa.Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])
        return
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with psycopg.connect(address) as server, server.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def alert_of(told: Told, kind: str, window: str, run: str) -> Alert:
    """A squall's alert, of one of its subjects. Never the same firing twice."""
    subject = {"entity": entity_subject(told.entity), "topic": topic_subject(told.topic), "all": ALL}[kind]
    numbers = {"headlines": SQUALL_HEADLINES, "baseline": 2, "surprise": 9, "stories": 45, "sources": 9}
    said = "".join(f"{window} {name} {value};" for name, value in numbers.items())
    labels = {"alertname": SQUALL, "severity": "page", "subject": subject}
    return Alert("firing", labels, told.at, f"{run}-{kind}-{window}", annotations={"windows": said})


def ask(pager: Pager, alert: Alert, now: datetime) -> tuple[float, float]:
    """Have an alert paged, and its page closed again. Milliseconds until the page was written, and of CPU time."""
    began, worked = time.perf_counter(), time.process_time()
    pager.take([alert], now)
    took = 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)
    pager.take([msgspec.structs.replace(alert, status="resolved", ends_at=now)], now)
    return took


def answer(pager: Pager, archive: Archive, squalls: Sequence[Told], kind: str, window: str) -> Answer:
    """One kind of page, over all squalls."""
    length = parse_duration(window)
    times: dict[str, list[float]] = {part: [] for part in ("whole", "cpu", "find", "group", "inputs", "previous")}
    count = 0
    for run, told in enumerate(squalls):
        alert, at = alert_of(told, kind, window, f"run{run}"), told.at
        whole, cpu = ask(pager, alert, at)
        times["whole"].append(whole)
        times["cpu"].append(cpu)
        found = timed(times["find"], archive.negatives, alert.subject, at - length, at)
        evidence = timed(times["group"], gather, found, 2.0, length, at)
        timed(times["inputs"], pager.circumstances, alert, evidence, at)
        timed(times["previous"], pager.book.previous, alert.subject, at)
        count += len(found)
    return Answer(
        subject=kind,
        window=window,
        negatives=round(count / len(squalls), 1),
        **{part: spread(values) for part, values in times.items()},
    )


def timed(into: list[float], work: Callable[..., Result], *arguments: Any) -> Result:
    """Do it, and note the milliseconds that it took."""
    began = time.perf_counter()
    result = work(*arguments)
    into.append(1000 * (time.perf_counter() - began))
    return result


def spread(values: Sequence[float]) -> Spread:
    """The median, and what 95 % are not above."""
    return Spread(round(percentile(values, 50), 2), round(percentile(values, 95), 2))


@contextmanager
def statements(engine: sa.Engine) -> Iterator[dict[str, Any]]:
    """The statements that read, each once, with the values of its first use."""
    seen: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if not many and statement.lstrip().startswith("SELECT"):
            seen.setdefault(statement, values)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def plan_of(engine: sa.Engine, statement: str, values: Any) -> Plan:
    """How the database answers a statement."""
    how = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN (ANALYZE, COSTS OFF)"
    with engine.connect() as connection:
        lines = [str(row[-1]) for row in connection.exec_driver_sql(f"{how} {statement}", values)]
    return Plan(" ".join(statement.split()), any(_WHOLE.search(line) for line in lines), lines)
