"""One stream worker as a process: what is opened before Faust starts and closed after it."""

import logging
import sys
from pathlib import Path

import faust
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from model.registry import Registry, resolve
from model.scorer import Scorer
from stream.app import build_app
from stream.archive import Archive
from stream.following import Memory, ModelFollower, first, followed
from stream.metrics import Metrics
from stream.settings import Settings
from stream.topics import ensure_topics
from stream.watchlist import WatchlistFile

log = logging.getLogger(__name__)


def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; does not return but by SystemExit.

    Opens the model before anything else, so that a damaged one refuses to start. Raises the typed errors of the
    parts; waits for a broker that is down.
    """
    watchlist = WatchlistFile(settings.trends.watchlist, settings.trends.most_entities)
    place = settings.registry.place()
    alias = followed(settings.scorer.model, place.name)
    champion = first(Registry(place), alias, Memory(place, alias)) if alias else None
    bundle = champion.bundle if champion else resolve(settings.scorer.model, place)
    scorer = Scorer(bundle, settings.scorer.provider, settings.scorer.threads)
    archive = Archive(settings.archive.url)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    metrics = Metrics(registry)
    metrics.archive_up.set(1)
    server, _ = start_http_server(settings.worker.metrics_port, settings.worker.metrics_host, registry)
    print(  # noqa: T201  (the one line that scripts wait for)
        f"worker metrics on http://{settings.worker.metrics_host}:{server.server_port}/metrics, "
        f"model {scorer.version} on {scorer.provider}",
        flush=True,
    )
    ensure_topics(settings)
    Path(settings.worker.data).mkdir(parents=True, exist_ok=True)
    follower = None
    if alias and champion:
        follower = ModelFollower(
            Registry(place),
            alias,
            champion,
            Memory(place, alias),
            lambda bundle: Scorer(bundle, settings.scorer.provider, settings.scorer.threads),
            metrics,
            settings.registry.poll.total_seconds(),
        )
    app = build_app(settings, scorer, archive, metrics, watchlist, follower=follower)
    worker = faust.Worker(app, loglevel="WARNING", redirect_stdouts=False, quiet=True, stdout=sys.stderr)
    try:
        worker.execute_from_commandline()
    finally:
        server.shutdown()
        if follower is not None:
            follower.stop()
        scorer.close()
        archive.close()
