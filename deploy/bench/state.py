"""A week of state: what the ledger of topics and watched entities takes on the broker and in memory, and how long a
worker needs to read it back.

The pages are made by the ledger's own code and written to its changelog as a worker writes them, one headline at a
time: that is how they come at an ordinary rate, and it is the dearest way.
"""

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from aiokafka.partitioner import DefaultPartitioner
from kafka import KafkaProducer

from deploy.bench.site import Site
from deploy.bench.stream import CHANGELOG
from model.taxonomy import DEFAULT_TOPICS
from stream.fingerprint import fingerprint
from stream.ledger import Ledger
from stream.records import DAY_MINUTES, Sentiment, Tally, TallyEntry, encode, minute_of
from stream.settings import KafkaSettings
from stream.subjects import ALL, entity_subject, topic_subject

SOURCES = 40
SENTIMENTS: Sequence[Sentiment] = ("negative", "neutral", "positive")
WEIGHTS = (30, 40, 30)
# Of the headlines, those that name a watched entity; the entities are named as words are, by Zipf's law.
NAMING = 0.5
SKETCH = "bm" + "A" * 16
LOOK_SECONDS = 1.0


class Start(msgspec.Struct, frozen=True):
    """From the start of a worker's process until it owns its subjects, and what memory it then has."""

    seconds: float
    rss_mb: float


class StateBench(msgspec.Struct, frozen=True):
    """What was measured. `entries`: headlines counted, over all subjects. `written_mb`: of pages, in all their
    versions. `kept_mb`: of each page's last version. `on_broker_mb`: the changelog's files, after the broker has
    compacted them as far as it does. `bytes_a_count`: of these by entry."""

    days: int
    headlines: int
    subjects: int
    entries: int
    pages: int
    written_mb: float
    kept_mb: float
    on_broker_mb: float
    bytes_a_count: float
    empty: Start
    full: Start


def watchlist_of(entities: int) -> str:
    """A watchlist of so many invented companies."""
    return "\n".join(["name", *(f"Company {number:04}" for number in range(entities))]) + "\n"


def entries_of(
    titles: Sequence[str], days: int, per_day: int, entities: int, now: datetime, seed: int
) -> Iterator[tuple[str, TallyEntry]]:
    """Subject and entry of every count, in the order of the headlines' dates."""
    chance = random.Random(seed)  # noqa: S311  (made-up news)
    topics = list(DEFAULT_TOPICS)
    names = [f"Company {number:04}" for number in range(entities)]
    zipf = [1 / (place + 1) for place in range(entities)]
    prints = [fingerprint(title, SKETCH) for title in titles]
    total = days * per_day
    for number in range(total):
        minute = minute_of(now) - days * DAY_MINUTES + number * days * DAY_MINUTES // total
        sentiment = chance.choices(SENTIMENTS, WEIGHTS)[0]
        polarity = round(chance.uniform(-1, 1), 6)
        source, print_ = f"wire {number % SOURCES}", prints[number % len(prints)]
        entry = TallyEntry(f"{chance.getrandbits(96):024x}", minute, sentiment, polarity, print_, source)
        yield ALL, entry
        yield topic_subject(chance.choice(topics)), entry
        if names and chance.random() < NAMING:
            yield entity_subject(chance.choices(names, zipf)[0]), entry


def measure(
    titles: Sequence[str],
    days: int,
    per_day: int,
    entities: int,
    environment: Mapping[str, str],
    settle: float,
    report: Callable[[str], None],
) -> StateBench:
    """Start a worker without state, write the state, and start another with it. `settle`: seconds that the broker is
    given to compact. Raises ServerError if a worker ends."""
    with TemporaryDirectory(prefix="newsquall-state-") as name, ExitStack() as exits:
        folder = Path(name)
        at = Site(folder, exits)
        watchlist = folder / "watchlist.csv"
        watchlist.write_text(watchlist_of(entities), encoding="utf-8")
        environment = {**environment, "NEWSQUALL_TRENDS__WATCHLIST": str(watchlist)}
        empty = start(at, environment)
        report(f"without state a worker is ready after {empty.seconds:.1f} s with {empty.rss_mb:.0f} MB")
        ledgers: dict[str, Ledger] = {}
        partitions = list(range(KafkaSettings().partitions))
        partitioner = DefaultPartitioner()
        written = entries = 0
        with_state = KafkaProducer(bootstrap_servers=at.kafka.bootstrap, linger_ms=20, batch_size=1 << 18)
        for subject, entry in entries_of(titles, days, per_day, entities, datetime.now(UTC), seed=1):
            entries += 1
            ledger = ledgers.setdefault(subject, Ledger(subject, "bench"))
            for page in ledger.count(Tally(subject, "bench", [entry])):
                value = encode(page)
                written += len(value)
                place = partitioner(subject.encode(), partitions, partitions)
                with_state.send(CHANGELOG, value, page.key.encode(), partition=place)
            if entries % 20_000 == 0:
                with_state.flush()
                report(f"{entries:,} counts written, {written / 1e6:,.0f} MB, {on_disk(folder) / 1e6:,.0f} MB on disk")
        with_state.flush()
        with_state.close()
        pages = [page for ledger in ledgers.values() for page in ledger.pages.values()]
        kept = sum(len(encode(page)) for page in pages)
        settled(folder, settle, report)
        size = on_disk(folder)
        shutil.rmtree(folder / "worker", ignore_errors=True)  # another machine
        full = start(at, environment)
        report(f"with it, after {full.seconds:.1f} s with {full.rss_mb:.0f} MB")
        return StateBench(
            days=days,
            headlines=days * per_day,
            subjects=len(ledgers),
            entries=entries,
            pages=len(pages),
            written_mb=round(written / 1e6, 1),
            kept_mb=round(kept / 1e6, 1),
            on_broker_mb=round(size / 1e6, 1),
            bytes_a_count=round(size / entries, 1),
            empty=empty,
            full=full,
        )


def start(at: Site, environment: Mapping[str, str]) -> Start:
    """Start a worker, wait until it owns its subjects, and stop it."""
    began = time.monotonic()
    at.start(environment)
    seconds = time.monotonic() - began
    resident = at.resident()
    at.worker.stop()
    return Start(round(seconds, 1), resident)


def settled(folder: Path, seconds: float, report: Callable[[str], None]) -> None:
    """Give the broker time to compact."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(10 * LOOK_SECONDS, max(0.0, until - time.monotonic())))
        report(f"{on_disk(folder) / 1e6:,.0f} MB on disk")


def on_disk(folder: Path) -> int:
    """Bytes of the changelog's records in the broker's folder."""
    return sum(file.stat().st_size for file in folder.glob(f"kafka/data/{CHANGELOG}-*/*.log"))
