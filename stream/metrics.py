"""Every metric that Newsquall exports, declared here and nowhere else. Base units; docs/operator.md lists them.

A registry is an argument, so that tests and two workers in one process do not meet.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from model.text import MASKS
from stream.drift import FEATURES, HEADS
from stream.feeds.failure import FAILURES
from stream.feeds.item import DATES, PASSED_OVER
from stream.records import REASONS

# Publication to score spans a wire's seconds and a back-fill's months.
_DELAYS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_SCORING = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# The registry did not give it; the bundle could not be opened or did not work; its labels did not fit.
SWAP_FAILURES = ("registry", "bundle", "labels")


def _makers(registry: CollectorRegistry) -> tuple[Callable[..., Gauge], Callable[..., Counter]]:
    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"newsquall_{name}", text, labels, registry=registry)

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"newsquall_{name}", text, labels, registry=registry)

    return gauge, counter


class Metrics:
    """The metrics of one worker. Names carry the prefix newsquall_."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        gauge, counter = _makers(registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"newsquall_{name}", text, registry=registry, buckets=buckets)

        # Counted headlines. The first is no counter of this process: it is read off the durable buckets, so that
        # a restart neither forgets nor doubles (stream/gauges.py exports it as a counter).
        self.headlines_scored = "newsquall_headlines_scored"
        self.headlines_rejected = counter("headlines_rejected", "Headlines that were refused, by reason.", "reason")
        # A counter that appears with its first jump hides that jump from increase().
        for reason in REASONS:
            self.headlines_rejected.labels(reason)

        self.headlines_late = counter(
            "headlines_late", "Headlines that came after their day was closed: archived, and counted nowhere else."
        )
        self.personal_data_masked = counter(
            "personal_data_masked", "Pieces of personal data that were masked, by kind.", "kind"
        )
        for kind in MASKS:
            self.personal_data_masked.labels(kind)

        self.topics = SubjectMetrics(gauge, "topic")
        self.entities = SubjectMetrics(gauge, "entity", "entity_")

        self.watchlist_entities = gauge("watchlist_entities", "Entities of the watchlist in use.")
        self.watchlist_failures = counter("watchlist_failures", "Written watchlists that could not be taken into use.")
        self.watchlist_current = gauge(
            "watchlist_current", "1 if the watchlist as it was last written is in use, 0 if it could not be taken."
        )

        # How the worker does.
        self.scoring_seconds = histogram("scoring_seconds", "Time to score one micro-batch.", _SCORING)
        self.batch_size = histogram("batch_size", "Headlines in one micro-batch.", _BATCHES)
        self.publication_to_score = histogram(
            "publication_to_score_seconds", "From a headline's publication to its score.", _DELAYS
        )
        self.rebalances = counter(
            "rebalances", "Times that this worker's partitions were dealt out anew; 1 by its start."
        )
        self.consumer_lag = gauge("consumer_lag", "Headlines of the partition not read yet.", "partition")
        self.oldest_unscored = gauge(
            "oldest_unscored_seconds",
            "Since the oldest headline that is read and not acknowledged yet came into Kafka; 0 if there is none.",
        )
        self.archive_up = gauge("archive_up", "1 if the archive did its last work, 0 while it is waited for.")
        self.execution_provider = gauge(
            "execution_provider", "1 for the execution provider in use, 0 for the others.", "provider"
        )
        self.gpu_expected = gauge(
            "gpu_expected", "1 if a GPU was asked for, or is there and none was asked for by name; 0 if not."
        )
        self.model_info = gauge("model_info", "1 for the model version in use.", "version")

        # Whether the model still fits the stream, and what became of the registry's new ones.
        self.prediction_drift = gauge(
            "prediction_drift", "Population stability index of the labels chosen, against the training set.", "head"
        )
        self.input_drift = gauge(
            "input_drift", "Population stability index of the texts, against the training set.", "feature"
        )
        self.drift_headlines = gauge("drift_headlines", "Scored headlines that the drift stands on.")
        for head in HEADS:
            self.prediction_drift.labels(head)
        for feature in FEATURES:
            self.input_drift.labels(feature)
        self.model_swaps = counter("model_swaps", "Models of the registry that were taken into use while running.")
        self.model_swap_failures = counter(
            "model_swap_failures", "Tries to take a new model into use that failed, by reason.", "reason"
        )
        for reason in SWAP_FAILURES:
            self.model_swap_failures.labels(reason)
        # Has a label set only where an alias is followed.
        self.registry_up = gauge(
            "registry_up", "1 if the registry told its alias at the last look, 0 if it did not.", "alias"
        )
        self.model_current = gauge(
            "model_current", "1 if the version that the alias names is in use, 0 if it could not be taken.", "alias"
        )


class SubjectMetrics:
    """The gauges of one kind of subject, by topic ('all' over them) or by watched entity.

    `kind`: the label that names the subject. `prefix`: of the metrics' names.
    """

    def __init__(self, gauge: Callable[..., Gauge], kind: str, prefix: str = "") -> None:
        def in_window(name: str, says: str) -> Gauge:
            return gauge(f"{prefix}{name}", says, kind, "window")

        self.negative_headlines = in_window("negative_headlines", f"Negative headlines of the {kind} in the window.")
        self.negative_stories = in_window("negative_stories", "Distinct negative stories in the window.")
        self.negative_sources = in_window("negative_sources", "Distinct sources of negative headlines in the window.")
        self.negative_baseline = in_window("negative_baseline", "Negative headlines that the window usually holds.")
        self.negative_surprise = in_window(
            "negative_surprise", "-log10 of the chance of this many negatives; 0 if unjudged."
        )
        self.negative_share = in_window("negative_share", "Share of negatives among the window's headlines, 0 to 1.")
        self.polarity = in_window("polarity", "Mean polarity of the window's headlines, -1 to 1.")
        self.history = gauge(f"{prefix}history_seconds", f"History that the {kind}'s baseline stands on.", kind)
        self.usual_share = gauge(
            f"{prefix}negative_usual_share", f"Share of negatives in the {kind}'s history; NaN if it has none.", kind
        )
        self.threshold = gauge(
            f"{prefix}surprise_threshold",
            f"Surprise from which the {kind} has a squall of this severity; NaN if unjudged.",
            kind,
            "severity",
        )


class FeedMetrics:
    """The metrics of `newsquall ingest`. `sources`: the feeds' names, which are all that the label has."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[str]) -> None:
        self.registry = registry
        gauge, counter = _makers(registry)

        self.fetches = counter("feed_fetches", "Documents asked for, whatever came of it.", "source")
        # By reason for all sources together: sources times reasons would be thousands of series. The log names both.
        self.failures = counter("feed_failures", "Looks at a feed that failed, by reason.", "reason")
        self.headlines = counter("feed_headlines", "Headlines sent and acknowledged.", "source")
        self.passed_over = counter("feed_items_passed_over", "New items that became no headline, by reason.", "reason")
        self.redated = counter("feed_items_redated", "Headlines dated when they were first seen, by reason.", "reason")
        self.last_headline = gauge(
            "feed_last_headline_timestamp_seconds",
            "Date of the source's newest item; since when it is followed if it had none.",
            "source",
        )
        self.last_success = gauge(
            "feed_last_success_timestamp_seconds",
            "Last good look at the source's feed; the oldest of these if it has several.",
            "source",
        )
        self.failing = gauge("feed_failing", "Feeds of the source at which the last look failed.", "source")
        self.silent_after = gauge("feed_silent_after_seconds", "Without a headline for so long it is silent.", "source")
        for source in sources:
            for of_source in (
                self.fetches,
                self.headlines,
                self.last_headline,
                self.last_success,
                self.failing,
                self.silent_after,
            ):
                of_source.labels(source)
        for labelled, reasons in (
            (self.failures, FAILURES),
            (self.passed_over, PASSED_OVER),
            (self.redated, DATES),
        ):
            for reason in reasons:
                labelled.labels(reason)


class RelayMetrics:
    """The metrics of `newsquall relay`, of what stands in the book of pages. `receivers`: their names."""

    def __init__(self, registry: CollectorRegistry, receivers: Iterable[str]) -> None:
        self.registry = registry
        gauge, _ = _makers(registry)

        self.ready = gauge("relay_ready", "1 while alerts can be taken in, 0 while they cannot.")
        self.pending_pages = gauge("relay_pending_pages", "Pages that the receiver has not got yet.", "receiver")
        self.oldest_pending = gauge(
            "relay_oldest_pending_seconds",
            "Since the oldest page that the receiver has not got was written; 0 if it has all.",
            "receiver",
        )
        for receiver in receivers:
            self.pending_pages.labels(receiver)
            self.oldest_pending.labels(receiver)


def exported_names() -> frozenset[str]:
    """The names of all series that a worker, ingest and the relay export, as Prometheus knows them."""
    registry = CollectorRegistry()
    worker = Metrics(registry)
    FeedMetrics(registry, ())
    RelayMetrics(registry, ())
    names = {f"{worker.headlines_scored}_total"}
    for family in registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names.update(f"{family.name}{suffix}" for suffix in suffixes)
    return frozenset(names)
