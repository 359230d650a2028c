"""The alerts about the monitor itself: what is unwell, for how long it may be, and how urgent that is.

Pages are for what keeps a squall from being paged within minutes; all else is a ticket, which can wait for the
morning. One trouble is one alert wherever its parts are mended together: the lag of all partitions, not each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from stream.duration import format_duration
from stream.settings import Settings

WORKER_DOWN = "NewsquallWorkerDown"
NO_WORKER = "NewsquallNoWorker"
LAG_OLD = "NewsquallLagOld"
LAG_GROWING = "NewsquallLagGrowing"
SCORES_LATE = "NewsquallScoresLate"
ARCHIVE_DOWN = "NewsquallArchiveDown"
REJECTIONS = "NewsquallRejectionsSurge"
LATE_HEADLINES = "NewsquallLateHeadlinesSurge"
INPUT_DRIFT = "NewsquallInputDrift"
PREDICTION_DRIFT = "NewsquallPredictionDrift"
GPU_NOT_USED = "NewsquallGpuNotUsed"
MODEL_NOT_TAKEN = "NewsquallModelNotTaken"
REGISTRY_DOWN = "NewsquallRegistryDown"
WATCHLIST_NOT_TAKEN = "NewsquallWatchlistNotTaken"
SHORT_HISTORY = "NewsquallShortHistory"
INGEST_DOWN = "NewsquallIngestDown"
FEED_FAILING = "NewsquallFeedFailing"
FEED_SILENT = "NewsquallFeedSilent"
RELAY_DOWN = "NewsquallRelayDown"
OUTBOX_STUCK = "NewsquallOutboxStuck"
# Fires for ever: who hears it no more knows that Prometheus or Alertmanager is away, or the way between.
WATCHDOG = "NewsquallWatchdog"

# The jobs of Prometheus's scrape configuration.
JOB = "newsquall"
INGEST_JOB = "newsquall-ingest"
RELAY_JOB = "newsquall-relay"

AT_ONCE = timedelta(0)
# A process that is restarted or replaced is back within this, and so is a database that fails over.
DOWN_FOR = timedelta(minutes=2)
# A headline that waits for longer makes the shortest window's page late by a whole window...
OLDEST_UNSCORED = timedelta(minutes=5)
# ... and a rebalance or a model's first batch is over within this.
OLD_FOR = timedelta(minutes=2)
# Below some batches a lag is what lies between two commits.
LAG_FEWEST = 500
# Longer than a busy hour's peaks; a backlog that is being worked off shrinks meanwhile.
GROWING_FOR = timedelta(minutes=10)
# A histogram's bucket ends here. A wire is scored within seconds, a feed within its interval.
LATE_AFTER = timedelta(minutes=15)
# One a minute: of fewer the median is a few stories'.
LATE_FEWEST = 30
LATE_WINDOW = timedelta(minutes=30)
# More than this share of a window's headlines refused or too late, and this many at least: a producer has changed.
SURGE_SHARE = 0.1
SURGE_FEWEST = 10
REJECTED_WINDOW = timedelta(minutes=15)
# What is too late to be counted comes with a feed's re-issue or a back-fill, in bursts.
TOO_LATE_WINDOW = timedelta(hours=1)
# By custom a large drift (stream/drift.py); a session full of one kind of news may look like one.
DRIFT = 0.25
DRIFT_FOR = timedelta(hours=3)
# A swap that is under way, a watchlist that is being edited, a GPU's driver that comes up.
SETTLED_FOR = timedelta(minutes=5)
# A worker goes on with the model that it has: there is time for whoever restarts the store.
REGISTRY_FOR = timedelta(minutes=30)
# A worker that has just started has not learnt its baselines yet, and partitions move.
HISTORY_FOR = timedelta(hours=1)
# A feed's server that is restarted or mended is back within this, and most that fail are.
FEED_FOR = timedelta(hours=1)
# The outbox tries again within a minute at most; this is several tries.
PENDING_FOR = timedelta(minutes=5)

# While one of the causes fires, what follows from it does not. This stands in the rules and not in Alertmanager's
# inhibition, which forgets the end of what it mutes (the page would stay open), and which after a restart of
# Alertmanager tells first whatever Prometheus happens to send first.
CAUSES: dict[str, tuple[str, ...]] = {
    WORKER_DOWN: (NO_WORKER,),
    LAG_OLD: (NO_WORKER, ARCHIVE_DOWN),
    LAG_GROWING: (NO_WORKER, ARCHIVE_DOWN, LAG_OLD),
    SCORES_LATE: (NO_WORKER, ARCHIVE_DOWN, LAG_OLD, INGEST_DOWN),
    PREDICTION_DRIFT: (INPUT_DRIFT,),
    FEED_FAILING: (INGEST_DOWN,),
    FEED_SILENT: (INGEST_DOWN,),
    OUTBOX_STUCK: (RELAY_DOWN,),
}

# none: nobody is to be told; it only has to arrive.
Severity = Literal["page", "ticket", "none"]


@dataclass(frozen=True)
class Operation:
    """An alert about the monitor itself. `lasting`: how long the expression holds before it fires; `keeps`: how long it
    goes on firing afterwards, so that what comes and goes is one alert. `labels`: beside the severity."""

    alert: str
    expression: str
    lasting: timedelta
    severity: Severity
    summary: str
    keeps: timedelta = AT_ONCE
    labels: tuple[tuple[str, str], ...] = ()


def operations(settings: Settings) -> list[Operation]:
    """All of them, causes before what follows from them: a rule sees what those before it say."""
    return [*_workers(), *_feeds(), *_headlines(), *_model(), *_subjects(settings), *_relay()]


def _workers() -> Iterator[Operation]:
    yield Operation(
        # Of no target at all there is no `up` to be 0.
        NO_WORKER, f'absent(up{{job="{JOB}"}} == 1)', DOWN_FOR, "page",
        "No worker answers: nothing is scored, and no squall can page.",
    )  # fmt: skip
    yield Operation(
        WORKER_DOWN, f'up{{job="{JOB}"}} == 0', DOWN_FOR, "page",
        "The worker at {{ $labels.instance }} does not answer: its headlines wait for another worker, or for nobody.",
    )  # fmt: skip
    yield Operation(
        ARCHIVE_DOWN, "newsquall_archive_up == 0", DOWN_FOR, "page",
        "The archive does not take the headlines of {{ $labels.instance }}: it scores nothing more until it does.",
    )  # fmt: skip
    yield Operation(
        LAG_OLD,
        f"max(newsquall_oldest_unscored_seconds) > {_seconds(OLDEST_UNSCORED)}",
        OLD_FOR,
        "page",
        "The oldest headline that is not scored waits since {{ $value | humanizeDuration }}: squalls page that late.",
        # It works off a backlog in jerks.
        keeps=OLDEST_UNSCORED,
    )
    # While a partition moves from one worker to another, both may export it.
    lag = "sum(max by (partition) (newsquall_consumer_lag{}))".format
    yield Operation(
        LAG_GROWING,
        f"{lag('')} > {LAG_FEWEST}\nand {lag('')} > {lag(f' offset {format_duration(GROWING_FOR)}')}\n",
        GROWING_FOR,
        "ticket",
        "{{ $value }} headlines wait to be scored, and they become more.",
        # A lull in a backlog that goes on growing is no end of it.
        keeps=GROWING_FOR,
    )


def _headlines() -> Iterator[Operation]:
    delays, window = "newsquall_publication_to_score_seconds", format_duration(LATE_WINDOW)
    yield Operation(
        SCORES_LATE,
        f"histogram_quantile(0.5, sum by (le) (rate({delays}_bucket[{window}]))) > {_seconds(LATE_AFTER)}\n"
        f"and sum(increase({delays}_count[{window}])) >= {LATE_FEWEST}\n",
        LATE_WINDOW,
        "ticket",
        f"Half of the headlines of the last {window} were scored more than {{{{ $value | humanizeDuration }}}} after "
        "they had been published.",
    )
    # The counter of scored headlines stands in the ledgers: a partition that moves takes it along, which would look
    # like an increase; the micro-batches' sum is the worker's own.
    total = "sum(increase({}[{}]))".format
    window = format_duration(REJECTED_WINDOW)
    rejected = total("newsquall_headlines_rejected_total", window)
    scored = total("newsquall_batch_size_sum", window)
    yield Operation(
        REJECTIONS,
        f"{rejected} > {SURGE_FEWEST}\nand {rejected} > {SURGE_SHARE} * ({scored} + {rejected})\n",
        AT_ONCE,
        "ticket",
        f'{{{{ $value | printf "%.0f" }}}} headlines were rejected in {window}, more than {SURGE_SHARE:.0%} of all.',
    )
    window = format_duration(TOO_LATE_WINDOW)
    late = total("newsquall_headlines_late_total", window)
    scored = total("newsquall_batch_size_sum", window)
    yield Operation(
        LATE_HEADLINES,
        f"{late} > {SURGE_FEWEST}\nand {late} > {SURGE_SHARE} * {scored}\n",
        AT_ONCE,
        "ticket",
        f'{{{{ $value | printf "%.0f" }}}} headlines of {window} were of days that are closed, more than '
        f"{SURGE_SHARE:.0%} of all: they are counted nowhere.",
    )


def _model() -> Iterator[Operation]:
    for alert, metric, label, what in (
        (INPUT_DRIFT, "newsquall_input_drift", "feature", "headlines are not those that the model was made with"),
        (PREDICTION_DRIFT, "newsquall_prediction_drift", "head", "labels chosen are not those of its training"),
    ):
        yield Operation(
            alert,
            f"max by ({label}) ({metric}) > {DRIFT}",
            DRIFT_FOR,
            "ticket",
            f'By their {{{{ $labels.{label} }}}} the {what}: stability index {{{{ $value | printf "%.2f" }}}}, '
            f"large from {DRIFT}.",
        )
    yield Operation(
        GPU_NOT_USED,
        'newsquall_gpu_expected == 1\nand on (instance) newsquall_execution_provider{provider="cpu"} == 1\n',
        SETTLED_FOR,
        "ticket",
        "The worker at {{ $labels.instance }} scores on the CPU, though it has a GPU to score on.",
    )
    yield Operation(
        MODEL_NOT_TAKEN, "newsquall_model_current == 0", SETTLED_FOR, "ticket",
        "The worker at {{ $labels.instance }} cannot take the registry's new {{ $labels.alias }} into use.",
    )  # fmt: skip
    yield Operation(
        REGISTRY_DOWN, "newsquall_registry_up == 0", REGISTRY_FOR, "ticket",
        "The model registry does not tell the worker at {{ $labels.instance }} its {{ $labels.alias }}.",
    )  # fmt: skip


def _subjects(settings: Settings) -> Iterator[Operation]:
    yield Operation(
        WATCHLIST_NOT_TAKEN, "newsquall_watchlist_current == 0", SETTLED_FOR, "ticket",
        "The worker at {{ $labels.instance }} cannot read the watchlist that was written: it goes on with the old one.",
    )  # fmt: skip
    shortest = settings.trends.shortest_history
    # The topic other never pages, whatever its history.
    for metric, label, what in (
        ('newsquall_history_seconds{topic!="other"}', "topic", "topics"),
        ("newsquall_entity_history_seconds", "entity", "watched companies"),
    ):
        yield Operation(
            SHORT_HISTORY,
            f"count(max by ({label}) ({metric}) < {_seconds(shortest)})",
            HISTORY_FOR,
            "ticket",
            f"{{{{ $value }}}} of the {what} cannot be judged and page nobody: less than "
            f"{format_duration(shortest)} of history.",
            labels=(("of", label),),
        )


def _feeds() -> Iterator[Operation]:
    yield Operation(
        INGEST_DOWN, f'up{{job="{INGEST_JOB}"}} == 0', DOWN_FOR, "page",
        "Ingest at {{ $labels.instance }} does not answer: its feeds bring no headlines.",
    )  # fmt: skip
    yield Operation(
        FEED_FAILING, "newsquall_feed_failing > 0", FEED_FOR, "ticket",
        "{{ $value }} of the feeds of {{ $labels.source }} cannot be fetched or read.",
    )  # fmt: skip
    yield Operation(
        FEED_SILENT,
        # One that fails is told of by the rule above.
        "time() - newsquall_feed_last_headline_timestamp_seconds > newsquall_feed_silent_after_seconds\n"
        "unless newsquall_feed_failing > 0\n",
        FEED_FOR,
        "ticket",
        "{{ $labels.source }} has brought no headline for {{ $value | humanizeDuration }}.",
    )


def _relay() -> Iterator[Operation]:
    yield Operation(
        RELAY_DOWN, f'up{{job="{RELAY_JOB}"}} == 0\nor newsquall_relay_ready == 0\n', DOWN_FOR, "page",
        "The relay at {{ $labels.instance }} does not answer or cannot take alerts in: no page reaches anybody.",
    )  # fmt: skip
    yield Operation(
        OUTBOX_STUCK,
        f"max by (receiver) (newsquall_relay_oldest_pending_seconds) > {_seconds(PENDING_FOR)}",
        # The age has been waited for.
        AT_ONCE,
        "page",
        "Pages for {{ $labels.receiver }} have not been delivered for {{ $value | humanizeDuration }}.",
    )
    yield Operation(
        WATCHDOG, "vector(1)", AT_ONCE, "none",
        "Prometheus and Alertmanager are at work: this fires for ever.",
    )  # fmt: skip


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.15g}"
