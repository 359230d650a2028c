"""Unit tests of the rendered rules, for promtool: made from the same settings, so they hold whatever those are.

Each alert is shown not firing yet, firing, and what must not make it fire. Only gauges are simulated: a window that
empties is a gauge that falls to what is usual.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from alerts.operationtests import operation_tests
from alerts.rulecases import STEP
from alerts.rules import (
    KINDS,
    NUMBERS,
    SQUALL,
    Kind,
    anchor,
    prometheus_duration,
)
from stream.duration import format_duration
from stream.settings import Settings

# Evaluations of ordinary news before a squall, and of the squall itself.
QUIET, SQUALLING = 2, 3
REFUSED = 7  # headlines all the time: none in any hour


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
    """The subjects that fire at an evaluation (counted from 0), with what their window annotation is made of."""

    step: int
    firing: Mapping[str, Mapping[str, Window]] = field(default_factory=dict)


def render_tests(settings: Settings, rules: str) -> dict[str, Any]:
    """A test file for `promtool test rules`. `rules`: the rule file's path."""
    tests = [test for kind in KINDS for test in _squall_tests(settings, kind)]
    return {
        "rule_files": [rules],
        "evaluation_interval": prometheus_duration(STEP),
        "tests": [*tests, *operation_tests(settings)],
    }


def tests_of(settings: Settings, rules: str, alert: str) -> dict[str, Any]:
    """As render_tests, but those of one alert only."""
    content = render_tests(settings, rules)
    tests = [each for each in content["tests"] if each["alert_rule_test"][0]["alertname"] == alert]
    return {**content, "tests": tests}


def _squall_tests(settings: Settings, kind: Kind) -> Iterator[dict[str, Any]]:
    windows = [format_duration(window) for window in settings.trends.windows]
    calm = format_duration(settings.alerts.calm_window)
    alerts = settings.alerts
    squall = Window(
        headlines=alerts.stories + 13,
        surprise=alerts.surprise,
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
        for other in windows:
            # What is usual there says nothing about calm.
            shown.setdefault(other, Window(headlines=40, baseline=40))
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

    for window, length in zip(windows, settings.trends.windows, strict=True):
        again = {calm: Window(headlines=1)} | {window: squall}
        # The last evaluation at which it fires, and the first that does not see that one any more.
        last = over + keeps - 1
        free = last + length // STEP + 1
        yield case(
            f"fires again by {window} once all of that lies after the last, and not before",
            [(QUIET, {}), (SQUALLING, again), (keeps + 1, {calm: usual}), (length // STEP + 2, again)],
            Expected(free - 1),
            Expected(free, {"acme": again}),
        )
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
        "input_series": [
            *(series for shower in showers for series in _series(kind, windows, shower)),
            # An alert of another rule about the same subject has nothing to say here.
            {
                "series": f'ALERTS{{alertname="Another", alertstate="firing", {kind.label}="acme"}}',
                "values": f"1x{sum(steps for steps, _ in showers[0].phases)}",
            },
            {
                "series": 'newsquall_headlines_rejected_total{reason="no_words"}',
                "values": f"{REFUSED}x{sum(steps for steps, _ in showers[0].phases)}",
            },
        ],
        "alert_rule_test": [
            {
                "eval_time": prometheus_duration(STEP * each.step),
                "alertname": SQUALL,
                "exp_alerts": [
                    _expected_alert(settings, kind, subject, windows, shown, each.step)
                    for subject, shown in each.firing.items()
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
    settings: Settings, kind: Kind, subject: str, windows: Sequence[str], shown: Mapping[str, Window], step: int
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
            "rejected": _refused(step),
            "runbook": f"{settings.alerts.runbooks}#{anchor(SQUALL)}",
        },
    }


def _refused(step: int) -> str:
    """What the squall's alert says of rejections, of which there are REFUSED and no more to come: nothing until two
    evaluations lie in the time asked for."""
    hour = timedelta(hours=1) // STEP
    return ("now 0;" if step >= 1 else "") + ("usual 0;" if step >= hour + 1 else "")


def _number(value: float) -> str:
    """As Prometheus's templates print it."""
    return repr(float(value)).removesuffix(".0")
