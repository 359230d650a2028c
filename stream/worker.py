"""One stream worker as a process: what is opened before Faust starts and closed after it."""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import faust
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from model.bundle import Bundle
from model.errors import ArchiveAwayError
from model.providers import ProviderChoice
from model.registry import Registry, resolve
from model.scorer import Scorer
from stream.app import build_app
from stream.archive import Archive, reason_of, shown
from stream.following import Memory, ModelFollower, first, followed
from stream.metrics import Metrics
from stream.outage import Outage
from stream.settings import Settings
from stream.topics import ensure_topics
from stream.watchlist import WatchlistFile

log = logging.getLogger(__name__)

OpenScorer = Callable[[Bundle, ProviderChoice, int | None], Scorer]
ARCHIVE_RETRY_SECONDS = 1.0


def run_worker(settings: Settings, open_scorer: OpenScorer = Scorer) -> None:
    """Run until SIGTERM or SIGINT; does not return but by SystemExit. `open_scorer`: makes a scorer of a bundle.

    Opens the model before anything else, so that a damaged one refuses to start. Raises the typed errors of the
    parts; waits for a broker that is down, and for an archive that is.
    """
    watchlist = WatchlistFile(settings.trends.watchlist, settings.trends.most_entities)
    place = settings.registry.place()
    alias = followed(settings.scorer.model, place.name)
    champion = first(Registry(place), alias, Memory(place, alias)) if alias else None
    bundle = champion.bundle if champion else resolve(settings.scorer.model, place)
    scorer = open_scorer(bundle, settings.scorer.provider, settings.scorer.threads)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    metrics = Metrics(registry)
    server, _ = start_http_server(settings.worker.metrics_port, settings.worker.metrics_host, registry)
    print(  # noqa: T201  (the one line that scripts wait for)
        f"worker metrics on http://{settings.worker.metrics_host}:{server.server_port}/metrics, "
        f"model {scorer.version} on {scorer.provider}",
        flush=True,
    )
    archive = _archive(settings.archive.url, metrics)
    ensure_topics(settings)
    Path(settings.worker.data).mkdir(parents=True, exist_ok=True)
    follower = None
    if alias and champion:
        follower = ModelFollower(
            Registry(place),
            alias,
            champion,
            Memory(place, alias),
            lambda bundle: open_scorer(bundle, settings.scorer.provider, settings.scorer.threads),
            metrics,
            settings.registry.poll.total_seconds(),
        )
    app = build_app(settings, scorer, archive, metrics, watchlist, follower=follower)
    worker = faust.Worker(app, loglevel="WARNING", redirect_stdouts=False, quiet=True, stdout=sys.stderr)
    # It has every module's debug records made, each to turn it by one step.
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    finally:
        server.shutdown()
        if follower is not None:
            follower.stop()
        scorer.close()
        archive.close()


def _archive(url: str, metrics: Metrics) -> Archive:
    """The archive, once its database is there."""
    outage = Outage(f"the archive {shown(url)}", log.warning)
    while True:
        try:
            archive = Archive(url)
        except ArchiveAwayError as error:
            metrics.archive_up.set(0)
            outage.now(reason_of(error.__cause__ or error), time.monotonic())
            time.sleep(ARCHIVE_RETRY_SECONDS)
        else:
            metrics.archive_up.set(1)
            outage.over()
            return archive
