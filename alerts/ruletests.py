"""Unit tests of the rendered rules, for promtool: made from the same settings, so they hold whatever those
are.

Each alert is shown not firing yet, firing, and what must not make it fire. Only gauges are simulated: a
window that empties is a gauge that falls to what is usual.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from alerts.rules import (
    DOWN_FOR,
    FEED_FAILING,
    FEED_FOR,
    FEED_SILENT,
    INGEST_DOWN,
    INGEST_JOB,
    JOB,
    KINDS,
    NUMBERS,
    REJECTED_FEWEST,
    REJECTED_SHARE,
    REJECTED_WINDOW,
    REJECTIONS,
    SQUALL,
    WORKER_DOWN,
    Kind,
    anchor,
    prometheus_duration,
)
from stream.duration import format_duration
from stream.settings import Settings

# An evaluation in the tests. Well below the five minutes for which Prometheus takes a sample for the present
# one.
STEP = timedelta(minutes=1)
# Evaluations of ordinary news before a squall, and of the squall itself.
QUIET, SQUALLING = 2, 3


@dataclass(frozen=True)
class Window:
    """What one window's gauges show."""

    headlines: float = 0
    baseline: float = 0.25
    surprise: float = 0
    stories: float = 0
    sources: float = 0


@dataclass(frozen=True)
class Shower:
    """One subject's gauges over time: each phase lasts some evaluations and says what windows show; a window
    that it does not name is empty."""

    name: str
    phases: Sequence[tuple[int, Mapping[str, Window]]]
    instance: str = "a"


@dataclass(frozen=True)
class Expected:
    """The subjects that fire at an evaluation (counted from 0), with what their window annotation is made
    of."""

    step: int
    firing: Mapping[str, Mapping[str, Window]] = field(default_factory=dict)


def render_tests(settings: Settings, rules: str) -> dict[str, Any]:
    """A test file for `promtool test rules`. `rules`: the rule file's path."""
    tests = [test for kind in KINDS for test in _squall_tests(settings, kind)]
    return {
        "rule_files": [rules],
        "evaluation_interval": prometheus_duration(STEP),
        "tests": [*tests, *_worker_tests(settings), *_rejection_tests(settings), *_feed_tests(settings)],
    }


def _squall_tests(settings: Settings, kind: Kind) -> Iterator[dict[str, Any]]:
    windows = [format_duration(window) for window in settings.trends.windows]
    calm = format_duration(settings.alerts.calm_window)
    alerts = settings.alerts
    squall = Window(
        headlines=alerts.stories + 13,
        surprise=alerts.surprise + 4,
        stories=alerts.stories,
        sources=alerts.sources,
    )
    blowing = Window(headlines=1)
    quiet: tuple[int, Mapping[str, Window]] = (QUIET, {})

    def only(window: str, shown: Window) -> dict[str, Window]:
        return {calm: blowing, window: shown}

    def case(name: str, showers: Sequence[Shower], *expected: Expected) -> dict[str, Any]:
        return _case(settings, kind, f"{kind.label}: {name}", showers, expected)

    for window in windows:
        shown = only(window, squall)
        yield case(
            f"fires once {window} alone passes, and not before",
            [Shower("acme", [quiet, (SQUALLING, shown)])],
            Expected(QUIET - 1),
            Expected(QUIET, {"acme": shown}),
            Expected(QUIET + SQUALLING - 1, {"acme": shown}),
        )
    window = windows[0]
    short_of = [
        ("surprise", replace(squall, surprise=alerts.surprise * 0.99)),
        ("stories", replace(squall, stories=alerts.stories - 1)),
        ("sources", replace(squall, sources=alerts.sources - 1)),
    ]
    for name, too_little in short_of:
        yield case(
            f"too little of {name} does not fire",
            [Shower("acme", [quiet, (SQUALLING, only(window, too_little))])],
            Expected(QUIET + 1),
        )
    if alerts.stories > 1:
        copied = replace(squall, headlines=40, surprise=alerts.surprise * 4, stories=1, sources=40)
        yield case(
            "one story copied forty times does not fire",
            [Shower("acme", [quiet, (SQUALLING, dict.fromkeys(windows, copied))])],
            Expected(QUIET),
            Expected(QUIET + 1),
        )
    if len(windows) > 1:
        apart = {windows[0]: replace(squall, stories=0, sources=0), windows[-1]: replace(squall, surprise=0)}
        yield case(
            "surprise in one window and stories in another do not fire",
            [Shower("acme", [quiet, (SQUALLING, apart)])],
            Expected(QUIET + 1),
        )
    yield case(
        "each subject fires for itself, and one that two workers export fires once",
        [
            Shower("acme", [quiet, (SQUALLING, only(window, squall))]),
            Shower("acme", [quiet, (SQUALLING, {})], instance="b"),
            Shower("bolt", [quiet, (SQUALLING, only(window, squall))]),
            Shower("calm", [quiet, (SQUALLING, {})]),
        ],
        Expected(QUIET, {"acme": only(window, squall), "bolt": only(window, squall)}),
    )
    if kind.label == "topic":
        yield case(
            "the topic other never fires",
            [Shower("other", [quiet, (SQUALLING, dict.fromkeys(windows, squall))])],
            Expected(QUIET + 1),
        )
        broad = replace(squall, stories=alerts.stories_all)
        narrow = replace(squall, stories=alerts.stories_all - 1)
        yield case(
            "all topics together fire on a broad squall, and not before",
            [Shower("all", [quiet, (SQUALLING, only(window, narrow)), (SQUALLING, only(window, broad))])],
            Expected(QUIET + SQUALLING - 1),
            Expected(QUIET + SQUALLING, {"all": only(window, broad)}),
        )
    yield from _endings(settings, kind, windows, calm, squall)


def _endings(
    settings: Settings, kind: Kind, windows: Sequence[str], calm: str, squall: Window
) -> Iterator[dict[str, Any]]:
    """How a squall ends, and what may follow it."""
    longest = windows[-1]
    keeps = -(-settings.alerts.keep_firing_for // STEP)
    over = QUIET + SQUALLING
    usual = Window(headlines=2, baseline=2)
    blown = {longest: squall, calm: squall}

    def case(name: str, phases: Sequence[tuple[int, Mapping[str, Window]]], *expected: Expected) -> dict[str, Any]:
        named = f"{kind.label}: {name}"
        return _case(settings, kind, named, [Shower("acme", phases)], expected)

    squalling = [(QUIET, {}), (SQUALLING, blown)]
    while_kept = [Expected(over + step, {"acme": blown}) for step in {0, keeps - 1} if 0 <= step < keeps]
    # The calm window holds no more than usual; a longer one still holds the squall.
    becalmed = {longest: squall, calm: usual} if longest != calm else {calm: usual}
    yield case(
        "is resolved when the calm window has been as usual for keep_firing_for",
        [*squalling, (keeps + 2, becalmed)],
        *while_kept,
        Expected(over + keeps),
        Expected(over + keeps + 1),
    )
    if longest == calm:
        return
    stray = {longest: squall, calm: Window(headlines=1)}
    yield case(
        "a stray headline afterwards does not fire again on a window that still holds the old squall",
        [*squalling, (keeps + 1, becalmed), (2, stray)],
        Expected(over + keeps + 1),
        Expected(over + keeps + 2),
    )
    shortest = windows[0]
    later = -(-settings.trends.windows[0] // STEP)
    second = {longest: squall, calm: squall, shortest: squall}
    if later < settings.trends.windows[-1] // STEP:
        yield case(
            f"a second squall fires when {shortest} lies after the first",
            [*squalling, (keeps + later + 1, becalmed), (1, second)],
            Expected(over + keeps + later),
            Expected(over + keeps + later + 1, {"acme": second}),
        )


def _case(
    settings: Settings, kind: Kind, name: str, showers: Sequence[Shower], expected: Sequence[Expected]
) -> dict[str, Any]:
    windows = [format_duration(window) for window in settings.trends.windows]
    return {
        "name": name,
        "interval": prometheus_duration(STEP),
        "input_series": [series for shower in showers for series in _series(kind, windows, shower)],
        "alert_rule_test": [
            {
                "eval_time": prometheus_duration(STEP * each.step),
                "alertname": SQUALL,
                "exp_alerts": [
                    _expected_alert(settings, kind, subject, windows, shown) for subject, shown in each.firing.items()
                ],
            }
            for each in expected
        ],
    }


def _series(kind: Kind, windows: Sequence[str], shower: Shower) -> Iterator[dict[str, str]]:
    for window in windows:
        for number in NUMBERS:
            values = [
                _number(getattr(shown.get(window, Window()), number))
                for steps, shown in shower.phases
                for _ in range(steps)
            ]
            yield {
                "series": f'{kind.prefix}_{number}{{{kind.label}="{shower.name}", window="{window}", '
                f'instance="{shower.instance}"}}',
                "values": " ".join(values),
            }


def _expected_alert(
    settings: Settings, kind: Kind, subject: str, windows: Sequence[str], shown: Mapping[str, Window]
) -> dict[str, Any]:
    passing = max(window.surprise for window in shown.values())
    about = {"entity": f"about {subject}", "topic": f"of the topic {subject}"}[kind.label]
    if (kind.label, subject) == ("topic", "all"):
        about = "of all topics"
    # As the template sorts them.
    numbers = [
        f"{window} {number} {_number(getattr(shown.get(window, Window()), number))};"
        for window in sorted(windows)
        for number in sorted(NUMBERS)
    ]
    return {
        "exp_labels": {kind.label: subject, "severity": "page", "subject": f"{kind.label}/{subject}"},
        "exp_annotations": {
            "summary": f"Negative headlines {about} surge: surprise {passing:.1f}, a page is due from "
            f"{settings.alerts.surprise:g}.",
            "windows": "".join(numbers),
            "runbook": f"{settings.alerts.runbooks}#{anchor(SQUALL)}",
        },
    }


def _number(value: float) -> str:
    """As Prometheus's templates print it."""
    return repr(float(value)).removesuffix(".0")


def _worker_tests(settings: Settings) -> Iterator[dict[str, Any]]:
    steps = DOWN_FOR // STEP
    down = {
        "exp_labels": {"severity": "page", "job": JOB, "instance": "b"},
        "exp_annotations": {
            "summary": "The worker at b does not answer: its headlines wait for another worker, or for nobody.",
            "runbook": f"{settings.alerts.runbooks}#{anchor(WORKER_DOWN)}",
        },
    }
    yield {
        "name": "a worker that does not answer for long enough fires; another job's target does not",
        "interval": prometheus_duration(STEP),
        "input_series": [
            {"series": f'up{{job="{JOB}", instance="a"}}', "values": f"1x{steps + 4}"},
            {"series": f'up{{job="{JOB}", instance="b"}}', "values": f"1 0x{steps + 4}"},
            {"series": 'up{job="another", instance="c"}', "values": f"0x{steps + 4}"},
        ],
        "alert_rule_test": [
            {"eval_time": prometheus_duration(STEP * steps), "alertname": WORKER_DOWN, "exp_alerts": []},
            {
                "eval_time": prometheus_duration(STEP * (steps + 1)),
                "alertname": WORKER_DOWN,
                "exp_alerts": [down],
            },
        ],
    }


def _rejection_tests(settings: Settings) -> Iterator[dict[str, Any]]:
    steps = REJECTED_WINDOW // STEP
    share = 2 * REJECTED_SHARE
    each = 100
    scored = round(each * (1 - share))
    refused = each - scored
    summed = refused * steps
    fired = {
        "exp_labels": {"severity": "ticket"},
        "exp_annotations": {
            "summary": f"{summed} headlines were rejected in {prometheus_duration(REJECTED_WINDOW)}, "
            f"more than {REJECTED_SHARE:.0%} of all.",
            "runbook": f"{settings.alerts.runbooks}#{anchor(REJECTIONS)}",
        },
    }
    cases: list[tuple[str, int, int, list[dict[str, Any]]]] = [
        ("a tenth and more of the headlines rejected fires", scored, refused, [fired]),
        ("a few among many do not fire", each * 10, refused, []),
    ]
    for name, scored_a_step, refused_a_step, firing in cases:
        yield {
            "name": f"rejections: {name}",
            "interval": prometheus_duration(STEP),
            "input_series": [
                {
                    "series": 'newsquall_batch_size_sum{instance="a"}',
                    "values": f"0+{scored_a_step}x{2 * steps}",
                },
                {
                    "series": 'newsquall_headlines_rejected_total{reason="title"}',
                    "values": f"0x{steps} {refused_a_step}+{refused_a_step}x{steps - 1}",
                },
            ],
            "alert_rule_test": [
                {"eval_time": prometheus_duration(STEP * steps), "alertname": REJECTIONS, "exp_alerts": []},
                {
                    "eval_time": prometheus_duration(STEP * 2 * steps),
                    "alertname": REJECTIONS,
                    "exp_alerts": firing,
                },
            ],
        }
    few = REJECTED_FEWEST - 1
    yield {
        "name": "rejections: a handful does not fire, whatever its share",
        "interval": prometheus_duration(STEP),
        "input_series": [
            {"series": 'newsquall_batch_size_sum{instance="a"}', "values": f"0x{2 * steps}"},
            {
                "series": 'newsquall_headlines_rejected_total{reason="title"}',
                "values": f"0x{steps} {few}x{steps}",
            },
        ],
        "alert_rule_test": [
            {"eval_time": prometheus_duration(STEP * (steps + 2)), "alertname": REJECTIONS, "exp_alerts": []}
        ],
    }


def _feed_tests(settings: Settings) -> Iterator[dict[str, Any]]:
    def case(name: str, series: Mapping[str, str], alert: str, step: int, summary: str, **labels: str) -> Any:
        """Fires at that evaluation for those labels and for no others, and not before."""
        told = {"summary": summary, "runbook": f"{settings.alerts.runbooks}#{anchor(alert)}"}
        fired = [{"exp_labels": labels, "exp_annotations": told}]
        return {
            "name": f"feeds: {name}",
            "interval": prometheus_duration(STEP),
            "input_series": [{"series": of, "values": values} for of, values in series.items()],
            "alert_rule_test": [
                {"eval_time": prometheus_duration(STEP * at), "alertname": alert, "exp_alerts": firing}
                for at, firing in ((step - 1, []), (step, fired))
            ],
        }

    steps, hour = DOWN_FOR // STEP, FEED_FOR // STEP
    yield case(
        "ingest that does not answer for long enough fires",
        {f'up{{job="{INGEST_JOB}", instance="a"}}': f"1 0x{steps + 4}"}, INGEST_DOWN, steps + 1,
        "Ingest at a does not answer: its feeds bring no headlines.", severity="page", job=INGEST_JOB, instance="a",
    )  # fmt: skip
    failing, of_source = "newsquall_feed_failing", '{{source="{}"}}'.format
    yield case(
        "one that fails for an hour fires, one that recovers in time does not",
        {failing + of_source("Wire"): f"0 2x{2 * hour}", failing + of_source("Bank"): f"1x{hour - 5} 0x{hour}"},
        FEED_FAILING, hour + 1,
        "2 of the feeds of Wire cannot be fetched or read.", severity="ticket", source="Wire",
    )  # fmt: skip
    values = {"last_headline_timestamp_seconds": (0, 0, 0), "silent_after_seconds": (3600, 86400, 3600)}
    quiet = {
        f"newsquall_feed_{name}{of_source(source)}": f"{value}x{3 * hour}"
        for name, each in {**values, "failing": (0, 0, 1)}.items()
        for source, value in zip(("Wire", "Bank", "Dead"), each, strict=True)
    }
    yield case(
        "one that is silent for longer than it should be fires, unless it fails",
        quiet, FEED_SILENT, hour + 3600 // 60 + 1,
        "Wire has brought no headline for 2h 1m 0s.", severity="ticket", source="Wire",
    )  # fmt: skip
