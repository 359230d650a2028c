"""Unit tests of the alerts about the monitor itself, for promtool: each is shown not firing yet, firing, over, and
what must not make it fire, at the very threshold too. Made from the rules' own numbers.
"""

from collections.abc import Iterator

from alerts import operations as ops
from alerts.rulecases import LESS, MORE, STEP, Case, Fired, beside_causes, crossing, held, rising, scenario
from alerts.rules import anchor
from stream.duration import format_duration
from stream.settings import Settings


def operation_tests(settings: Settings) -> Iterator[Case]:
    """The tests of all alerts in alerts/operations.py, as promtool reads them."""
    cases = [
        *_down(),
        *_no_worker(),
        *_lag(),
        *_scores_late(),
        *_surges(),
        *_drift(),
        *_gpu(),
        *_histories(settings),
        *_feeds(),
        *_relay(),
    ]
    for case in (*cases, *beside_causes(cases, ops.CAUSES)):
        for check in case["alert_rule_test"]:
            for fired in check["exp_alerts"]:
                fired["exp_annotations"]["runbook"] = f"{settings.alerts.runbooks}#{anchor(check['alertname'])}"
        yield case


def _down() -> Iterator[Case]:
    """Of what is 1 while all is well."""
    worker = "at b"
    for alert, metric, labels, lasting, summary in (
        (
            ops.WORKER_DOWN, "up", {"job": ops.JOB}, ops.DOWN_FOR,
            f"The worker {worker} does not answer: its headlines wait for another worker, or for nobody.",
        ),
        (
            ops.INGEST_DOWN, "up", {"job": ops.INGEST_JOB}, ops.DOWN_FOR,
            "Ingest at b does not answer: its feeds bring no headlines.",
        ),
        (
            ops.RELAY_DOWN, "up", {"job": ops.RELAY_JOB}, ops.DOWN_FOR,
            "The relay at b does not answer or cannot take alerts in: no page reaches anybody.",
        ),
        (
            ops.RELAY_DOWN, "newsquall_relay_ready", {}, ops.DOWN_FOR,
            "The relay at b does not answer or cannot take alerts in: no page reaches anybody.",
        ),
        (
            ops.ARCHIVE_DOWN, "newsquall_archive_up", {}, ops.DOWN_FOR,
            "The archive does not take the headlines of b: it scores nothing more until it does.",
        ),
        (
            ops.REGISTRY_DOWN, "newsquall_registry_up", {"alias": "champion"}, ops.REGISTRY_FOR,
            f"The model registry does not tell the worker {worker} its champion.",
        ),
        (
            ops.MODEL_NOT_TAKEN, "newsquall_model_current", {"alias": "champion"}, ops.SETTLED_FOR,
            f"The worker {worker} cannot take the registry's new champion into use.",
        ),
        (
            ops.WATCHLIST_NOT_TAKEN, "newsquall_watchlist_current", {}, ops.SETTLED_FOR,
            f"The worker {worker} cannot read the watchlist that was written: it goes on with the old one.",
        ),
    ):  # fmt: skip
        pages = {ops.WORKER_DOWN, ops.INGEST_DOWN, ops.RELAY_DOWN, ops.ARCHIVE_DOWN}
        severity = "page" if alert in pages else "ticket"
        steps = lasting // STEP
        selector = ", ".join(f'{label}="{value}"' for label, value in labels.items())

        def of(instance: str, metric: str = metric, selector: str = selector) -> str:
            return f"{metric}{{{', '.join(filter(None, (selector, f'instance={instance!r}')))}}}".replace("'", '"')

        series = {of("a"): held((2 * steps + 4, 1)), of("b"): held((2, 1), (2 * steps + 1, 0), (1, 1))}
        if metric == "up":
            series['up{job="another", instance="c"}'] = held((2 * steps + 4, 0))
        fired: Fired = [(summary, {"severity": severity, "instance": "b", **labels})]
        yield scenario(
            f"{metric} is 0 for long enough, and of no other",
            alert,
            series,
            {1: [], steps + 1: [], steps + 2: fired, 2 * steps + 2: fired, 2 * steps + 3: []},
        )


def _no_worker() -> Iterator[Case]:
    steps = ops.DOWN_FOR // STEP
    fired: Fired = [("No worker answers: nothing is scored, and no squall can page.", {"severity": "page"})]
    another = {'up{job="another", instance="c"}': held((4 * steps + 9, 1))}
    a, b = (f'up{{job="{ops.JOB}", instance="{instance}"}}' for instance in "ab")
    last = 2 * steps + 2
    yield scenario(
        "fires when the last one is gone",
        ops.NO_WORKER,
        {a: held((last, 0), (2 * steps, 0), (1, 1)), b: held((last, 1), (2 * steps + 1, 0)), **another},
        {
            last - 1: [],
            last + steps - 1: [],
            last + steps: fired,
            last + 2 * steps - 1: fired,
            last + 2 * steps: [],
        },
    )
    yield scenario(
        "fires where Prometheus knows of none", ops.NO_WORKER, another, {steps - 1: [], steps: fired, steps + 1: fired}
    )


def _lag() -> Iterator[Case]:
    yield crossing(
        ops.LAG_OLD,
        'newsquall_oldest_unscored_seconds{instance="a"}',
        ops.OLDEST_UNSCORED.total_seconds(),
        ops.OLD_FOR,
        [
            (
                "The oldest headline that is not scored waits since 5m 12s: squalls page that late.",
                {"severity": "page"},
            )
        ],
        ops.OLDEST_UNSCORED,
        {'newsquall_oldest_unscored_seconds{instance="b"}': 0},
    )
    lasts, fewest = ops.GROWING_FOR // STEP, ops.LAG_FEWEST
    first, second, copy = (
        f'newsquall_consumer_lag{{partition="{partition}", instance="{instance}"}}'
        for partition, instance in (("0", "a"), ("1", "b"), ("0", "b"))
    )

    def waiting(headlines: float) -> Fired:
        return [(f"{headlines:g} headlines wait to be scored, and they become more.", {"severity": "ticket"})]

    # It reaches the fewest when there is something to compare it with, and passes them at the next evaluation.
    each = fewest / 2 / lasts
    full = 3 * lasts
    grows = f"0+{each:g}x{full} {each * full:g}x{3 * lasts}"
    yield scenario(
        "fires once it has grown for long enough beyond a few batches, and a while longer",
        ops.LAG_GROWING,
        {first: grows, second: grows, copy: grows},
        {
            2 * lasts: [],
            2 * lasts + 1: waiting(2 * each * (2 * lasts + 1)),
            # As much as at the offset for the first time, and as long as it is kept.
            full + 2 * lasts - 1: waiting(2 * each * full),
            full + 2 * lasts: [],
        },
    )
    yield scenario(
        "grows in stairs",
        ops.LAG_GROWING,
        {first: held(*((lasts * 4 // 5, fewest * 2 + stair) for stair in range(6)))},
        {lasts + lasts - 1: [], lasts + lasts: waiting(fewest * 2 + 2)},
    )
    for name, values in (
        ("one that is as long as ever does not fire", held((4 * lasts, fewest * 2))),
        ("one that is worked off does not fire", f"{fewest * 20}-{fewest // 10}x{4 * lasts}"),
        ("one that has grown once does not fire", held((lasts + 5, fewest * 2), (4 * lasts, fewest * 3))),
        ("a short one that grows does not fire", rising((4 * lasts, fewest / 5 / lasts))),
    ):
        yield scenario(name, ops.LAG_GROWING, {first: values}, {2 * lasts + 5: [], 3 * lasts: [], 4 * lasts - 1: []})


def _scores_late() -> Iterator[Case]:
    steps = ops.LATE_WINDOW // STEP

    def delays(a_window: float, *phases: tuple[int, float]) -> dict[str, str]:
        """So many headlines in each window; for so many steps, such a share of them in time."""
        each = a_window / steps
        name = "newsquall_publication_to_score_seconds"
        # From a first sample of 0 on: increase() reckons with no more than it has seen.
        every = [(1, 0.0), *((length, each) for length, _ in phases)]
        in_time = [(1, 0.0), *((length, each * share) for length, share in phases)]
        buckets = {"300": [(4 * steps, 0.0)], "900": in_time, "3600": every, "+Inf": every}
        return {
            **{f'{name}_bucket{{le="{le}"}}': rising(*course) for le, course in buckets.items()},
            f"{name}_count": rising(*every),
        }

    def told(delay: str) -> Fired:
        window = format_duration(ops.LATE_WINDOW)
        summary = f"Half of the headlines of the last {window} were scored more than {delay} after they had been "
        return [(f"{summary}published.", {"severity": "ticket"})]

    full = steps
    late, fewest = 0.495, ops.LATE_FEWEST
    yield scenario(
        "fires when half of a few headlines have been late for long enough",
        ops.SCORES_LATE,
        delays(fewest, (3 * steps, late)),
        {full: [], full + steps - 1: [], full + steps: told("15m 26s")},
    )
    # With a fifth in time at first, it takes so many steps until half of a window's are.
    until = 12
    yield scenario(
        "ends when half of the window's headlines are in time",
        ops.SCORES_LATE,
        delays(5.0 * fewest, (3 * steps, 0.2), (steps, 1.0)),
        {3 * steps + until - 1: told("15m 35s"), 3 * steps + until: []},
    )
    for name, a_window, in_time in (
        ("half of them just in time do not fire", 5.0 * fewest, 0.5),
        ("fewer do not fire", fewest - 1.0, late),
    ):
        yield scenario(name, ops.SCORES_LATE, delays(a_window, (4 * steps, in_time)), {2 * full: [], 4 * steps - 1: []})


def _surges() -> Iterator[Case]:
    def rejected(summed: float) -> Fired:
        window = format_duration(ops.REJECTED_WINDOW)
        told = f"{summed:.0f} headlines were rejected in {window}, more than {ops.SURGE_SHARE:.0%} of all."
        return [(told, {"severity": "ticket"})]

    def too_late(summed: float) -> Fired:
        told = (
            f"{summed:.0f} headlines of {format_duration(ops.TOO_LATE_WINDOW)} were of days that are closed, more than "
            f"{ops.SURGE_SHARE:.0%} of all: they are counted nowhere."
        )
        return [(told, {"severity": "ticket"})]

    share, fewest = ops.SURGE_SHARE, ops.SURGE_FEWEST
    for alert, of, window, told, in_batches in (
        (ops.REJECTIONS, "rejected_total", ops.REJECTED_WINDOW, rejected, 1 - share),
        # What is too late is scored like the rest.
        (ops.LATE_HEADLINES, "late_total", ops.TOO_LATE_WINDOW, too_late, 1.0),
    ):
        counter = f'newsquall_headlines_{of}{{instance="a"}}'
        steps = window // STEP
        each = 100
        some = each * share

        def surge_case(
            name: str, surge: float, scored: float, checks: dict[int, Fired],
            alert: str = alert, counter: str = counter, steps: int = steps,
        ) -> Case:  # fmt: skip
            series = {
                'newsquall_batch_size_sum{instance="a"}': rising((5 * steps, scored)),
                counter: rising((2 * steps + 1, 0), (3 * steps, surge)),
            }
            return scenario(name, alert, series, checks)

        begins, full = 2 * steps, 4 * steps
        yield surge_case(
            "a little more than the share fires",
            some * MORE,
            each * in_batches,
            {begins: [], full: told(some * MORE * steps)},
        )
        yield surge_case("the share itself does not fire", some, each * in_batches, {begins: [], full: []})
        for many, fired in ((fewest, []), (fewest + 1, told(fewest + 1))):
            once = {
                'newsquall_batch_size_sum{instance="a"}': held((5 * steps, 0)),
                counter: held((2 * steps, 0), (3 * steps, many)),
            }
            yield scenario(
                f"{many} at once {'fire, and only for as long as the window' if fired else 'do not fire'}",
                alert,
                once,
                {2 * steps - 1: [], 2 * steps: fired, 3 * steps - 1: fired, 3 * steps: []},
            )


def _drift() -> Iterator[Case]:
    index = ops.DRIFT * MORE
    for alert, metric, label, value, told in (
        (
            ops.INPUT_DRIFT, "newsquall_input_drift", "feature", "length",
            f"By their length the headlines are not those that the model was made with: stability index {index:.2f}, "
            f"large from {ops.DRIFT}.",
        ),
        (
            ops.PREDICTION_DRIFT, "newsquall_prediction_drift", "head", "topic",
            f"By their topic the labels chosen are not those of its training: stability index {index:.2f}, "
            f"large from {ops.DRIFT}.",
        ),
    ):  # fmt: skip
        yield crossing(
            alert,
            f'{metric}{{{label}="{value}", instance="a"}}',
            ops.DRIFT,
            ops.DRIFT_FOR,
            [(told, {"severity": "ticket", label: value})],
            others={f'{metric}{{{label}="{value}", instance="b"}}': 0, f'{metric}{{{label}="x", instance="a"}}': 0.1},
        )


def _gpu() -> Iterator[Case]:
    steps = ops.SETTLED_FOR // STEP
    whole = 2 * steps + 4
    expected = 'newsquall_gpu_expected{{job="newsquall", instance="{}"}}'.format
    provider = 'newsquall_execution_provider{{job="newsquall", instance="{}", provider="{}"}}'.format
    used = {"a": (1, 1, 0), "b": (0, 1, 0), "c": (1, 0, 1)}
    series = {expected(each): held((whole, values[0])) for each, values in used.items()}
    series |= {
        provider(each, name): held((whole, value))
        for each, values in used.items()
        for name, value in zip(("cpu", "cuda"), values[1:], strict=True)
    }
    series[provider("a", "cpu")] = held((2, 0), (2 * steps + 1, 1), (1, 0))
    fired: Fired = [
        (
            "The worker at a scores on the CPU, though it has a GPU to score on.",
            {"severity": "ticket", "job": "newsquall", "instance": "a"},
        )
    ]
    yield scenario(
        "fires for a worker on the CPU that should not be, and for no other",
        ops.GPU_NOT_USED,
        series,
        {steps + 1: [], steps + 2: fired, 2 * steps + 2: fired, 2 * steps + 3: []},
    )


def _histories(settings: Settings) -> Iterator[Case]:
    shortest = settings.trends.shortest_history
    steps = ops.HISTORY_FOR // STEP
    enough, short = shortest.total_seconds(), shortest.total_seconds() * LESS
    for label, metric, what in (
        ("topic", "newsquall_history_seconds", "topics"),
        ("entity", "newsquall_entity_history_seconds", "watched companies"),
    ):
        if not shortest:
            continue  # then everything is judged
        of = (metric + '{{{}="{}", instance="{}"}}').format
        others = {"acme": enough, "bolt": 2 * enough} | ({"other": 0} if label == "topic" else {})
        fired: Fired = [
            (
                f"1 of the {what} cannot be judged and page nobody: less than {format_duration(shortest)} of history.",
                {"severity": "ticket", "of": label},
            )
        ]
        made = scenario(
            "fires for what is not judged, and only while it is not",
            ops.SHORT_HISTORY,
            {
                of(label, "calm", "a"): held((2, enough), (2 * steps + 1, short), (1, enough)),
                of(label, "calm", "b"): held((2 * steps + 4, 0)),
                **{of(label, name, "a"): held((2 * steps + 4, value)) for name, value in others.items()},
            },
            {1: [], steps + 1: [], steps + 2: fired, 2 * steps + 2: fired, 2 * steps + 3: []},
        )
        yield {**made, "name": f"{label}: {made['name']}"}


def _feeds() -> Iterator[Case]:
    hour = ops.FEED_FOR // STEP
    failing, of_source = "newsquall_feed_failing", '{{source="{}"}}'.format
    fired: Fired = [
        ("1 of the feeds of Wire cannot be fetched or read.", {"severity": "ticket", "source": "Wire"}),
    ]
    yield scenario(
        "one that fails for an hour fires, one that recovers in time does not",
        ops.FEED_FAILING,
        {
            failing + of_source("Wire"): held((2, 0), (2 * hour + 1, 1), (1, 0)),
            failing + of_source("Bank"): held((hour - 5, 1), (hour + 9, 0)),
        },
        {hour + 1: [], hour + 2: fired, 2 * hour + 2: fired, 2 * hour + 3: []},
    )
    values = {"last_headline_timestamp_seconds": (0, 0, 0), "silent_after_seconds": (3600, 86400, 3600)}
    quiet = {
        f"newsquall_feed_{name}{of_source(source)}": f"{value}x{3 * hour}"
        for name, each in {**values, "failing": (0, 0, 1)}.items()
        for source, value in zip(("Wire", "Bank", "Dead"), each, strict=True)
    }
    heard = 2 * hour + 5
    quiet[f"newsquall_feed_last_headline_timestamp_seconds{of_source('Wire')}"] = held((heard, 0), (hour, heard * 60))
    labels = {"severity": "ticket", "source": "Wire"}
    told = "Wire has brought no headline for {}.".format
    first = hour + 3600 // 60 + 1
    yield scenario(
        "one that is silent for longer than it should be fires, unless it fails",
        ops.FEED_SILENT,
        quiet,
        {
            first - 1: [],
            first: [(told("2h 1m 0s"), labels)],
            heard - 1: [(told("2h 4m 0s"), labels)],
            heard: [],
        },
    )


def _relay() -> Iterator[Case]:
    yield crossing(
        ops.OUTBOX_STUCK,
        'newsquall_relay_oldest_pending_seconds{receiver="desk", instance="a"}',
        ops.PENDING_FOR.total_seconds(),
        ops.AT_ONCE,
        [("Pages for desk have not been delivered for 5m 12s.", {"severity": "page", "receiver": "desk"})],
        others={'newsquall_relay_oldest_pending_seconds{receiver="terminal", instance="a"}': 0},
    )
    always: Fired = [("Prometheus and Alertmanager are at work: this fires for ever.", {"severity": "none"})]
    yield scenario("fires from the first evaluation on, whatever there is", ops.WATCHDOG, {}, {0: always, 60: always})
