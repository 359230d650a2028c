"""The one place where a worker is wired: Faust app, agents, table, gauges."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import faust
from aiokafka.partitioner import DefaultPartitioner
from faust.types import TP

from model.errors import SettingsError
from model.providers import ORT_NAMES, gpu_expected
from model.scorer import Scorer
from stream.archive import Archive
from stream.clock import utc_now
from stream.counting import CountingAgent, TrendKeeper
from stream.following import ModelFollower
from stream.gauges import Gauges
from stream.handover import DirectConsumer
from stream.metrics import Metrics
from stream.scoring import ScoringAgent
from stream.settings import Settings
from stream.topics import HEADLINES, TALLIES
from stream.watchlist import Watchlist, WatchlistFile

log = logging.getLogger(__name__)

FETCH_BYTES = 128 * 1024
BATCH_BYTES = 256 * 1024
# A broker compacts no file that it still writes to, by its own settings a gigabyte, and a worker that starts reads all
# of it.
CHANGELOG_SETTINGS = {"segment.bytes": str(16 * 1024 * 1024), "min.cleanable.dirty.ratio": "0.3"}
# Between two looks at the watchlist's file.
WATCHLIST_SECONDS = 5.0


def build_app(
    settings: Settings,
    scorer: Scorer,
    archive: Archive,
    metrics: Metrics,
    watchlist: WatchlistFile,
    clock: Callable[[], datetime] = utc_now,
    follower: ModelFollower | None = None,
) -> faust.App:
    """A worker's Faust app; nothing is started. `follower`: brings other scorers while it runs."""
    app = faust.App(
        settings.kafka.group,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.bootstrap.split(",")],
        autodiscover=False,
        web_enabled=False,
        datadir=str(settings.worker.data),
        topic_partitions=settings.kafka.partitions,
        topic_replication_factor=settings.kafka.replication,
        topic_disable_leader=True,
        # A killed worker's partitions move within seconds; a heartbeat missed for scoring does not stop a consumer,
        # since scoring runs off the loop.
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_max_poll_records=500,
        # Of each partition at once: what comes of one topic is handed out before the other's turn, and with Faust's own
        # megabyte of headlines a backlog's tallies waited for seconds.
        consumer_max_fetch_size=FETCH_BYTES,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        # A micro-batch's records in few requests.
        producer_max_batch_size=BATCH_BYTES,
        stream_buffer_maxsize=1024,
        stream_wait_empty=False,
        processing_guarantee="at_least_once",
    )

    app.transport.Consumer = DirectConsumer

    def fail(error: BaseException) -> None:
        app.loop.create_task(app.crash(error))

    def raw_topic(name: str) -> Any:
        return app.topic(
            name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            internal=False,
        )

    watched = watchlist.current
    scoring = ScoringAgent(app, settings, scorer, archive, watched, metrics, clock, fail)
    app.agent(raw_topic(HEADLINES), name="scoring")(scoring.__call__)

    table = app.Table(
        "ledger",
        key_type=bytes,
        value_type=bytes,
        partitions=settings.kafka.partitions,
        help="Ledger pages: which headlines each subject has counted.",
        extra_topic_configs=CHANGELOG_SETTINGS,
    )
    writer = uuid.uuid4().hex[:8]
    partitions = list(range(settings.kafka.partitions))
    partitioner = DefaultPartitioner()

    def partition_of(subject: str) -> int:
        return int(partitioner(subject.encode(), partitions, partitions))

    keeper = TrendKeeper(settings, scorer.taxonomy.topics, watched.names, writer, partition_of)
    gauges = Gauges(metrics, scorer.version)
    counting = CountingAgent(app, table, keeper, gauges, metrics, clock, fail)
    app.agent(raw_topic(TALLIES), name="counting")(counting.__call__)

    async def recovered() -> None:
        # Faust drops what a callback raises, and the worker would count anew from nothing.
        try:
            counting.recovered()
        except Exception as error:
            fail(error)

    table.on_recover(recovered)

    async def revoked(_app: Any, _partitions: Any, **_kwargs: Any) -> None:
        metrics.rebalances.inc()
        counting.revoked()
        for reader in (scoring.reader, counting.reader):
            reader.reset()

    app.on_partitions_revoked.connect(revoked, weak=False)
    app.task(counting.tick_for_ever)

    async def export_lag() -> None:
        _export_lag(app, metrics)

    app.timer(1.0, name="lag")(export_lag)

    async def check_reading() -> None:
        for reader in (scoring.reader, counting.reader):
            await reader.check()

    app.timer(1.0, name="reading")(check_reading)

    def take(found: Watchlist) -> None:
        scoring.watch(found)
        keeper.watch(found.names)

    metrics.watchlist_entities.set(len(watched.names))
    metrics.watchlist_current.set(1)
    metrics.gpu_expected.set(gpu_expected(settings.scorer.provider))
    _read_watchlist(app, watchlist, take, metrics)
    if follower is not None:
        _follow(app, follower, scoring, keeper, gauges, metrics)
    _refuse_broken_recovery(fail)
    _tell_model(metrics, scorer, None)
    return app


def _read_watchlist(app: faust.App, file: WatchlistFile, take: Callable[[Watchlist], None], metrics: Metrics) -> None:
    """Have a watchlist that was written anew taken into use; the one before stays where that cannot be."""

    async def look() -> None:
        try:
            found = file.changed()
        except SettingsError as error:
            metrics.watchlist_failures.inc()
            metrics.watchlist_current.set(0)
            log.error("%s: going on with the watchlist that was read before", error)
            return
        if found is not None:
            take(found)
            metrics.watchlist_current.set(1)
            metrics.watchlist_entities.set(len(found.names))
            log.warning("watching %d entities from now on", len(found.names))

    app.timer(WATCHLIST_SECONDS, name="watchlist")(look)


def _follow(
    app: faust.App,
    follower: ModelFollower,
    scoring: ScoringAgent,
    keeper: TrendKeeper,
    gauges: Gauges,
    metrics: Metrics,
) -> None:
    """Have the follower start with the app, and its scorers taken into use."""

    async def follow() -> None:
        loop = asyncio.get_running_loop()

        def told(scorer: Scorer, before: str) -> None:
            keeper.learn(scorer.taxonomy.topics)
            gauges.score_with(scorer.version)
            _tell_model(metrics, scorer, before)

        def swap(scorer: Scorer) -> None:
            before = scoring.swap(scorer)
            loop.call_soon_threadsafe(told, scorer, before.version)
            before.close()

        follower.start(swap)

    app.task(follow)


def _tell_model(metrics: Metrics, scorer: Scorer, before: str | None) -> None:
    for name in ORT_NAMES:
        metrics.execution_provider.labels(name).set(name == scorer.provider)
    metrics.model_info.labels(scorer.version).set(1)
    if before not in (None, scorer.version):
        metrics.model_info.remove(before)


def _export_lag(app: faust.App, metrics: Metrics) -> None:
    """Headlines between the last committed offset and the end, of the partitions assigned here."""
    assigned = {tp for tp in app.consumer.assignment() if tp.topic == HEADLINES}
    for partition in range(app.conf.topic_partitions):
        tp = TP(HEADLINES, partition)
        if tp in assigned:
            end = app.consumer.highwater(tp)
            committed = app.consumer._committed_offset[tp]
            if end is not None:
                metrics.consumer_lag.labels(str(partition)).set(max(0, end - (committed or 0)))
        elif (str(partition),) in metrics.consumer_lag._metrics:
            metrics.consumer_lag.remove(str(partition))


def _refuse_broken_recovery(fail: Callable[[BaseException], None]) -> None:
    """Faust logs a changelog record that cannot be applied, and then waits for ever: take that line as fatal."""

    class Fatal(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("Error in recovery"):
                fail(RuntimeError(f"the ledger's changelog cannot be read back: {record.getMessage()}"))

    logging.getLogger("faust.tables.recovery").addHandler(Fatal(logging.WARNING))
