"""Unit tests of the rendered rules, for promtool: made from the same settings, so they hold whatever those are.

Each alert is shown not firing yet, firing, and what must not make it fire. Only gauges are simulated: a window that
empties is a gauge that falls to what is usual.
"""

import math
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
from stream.budget import SEVERITIES, Severity
from stream.duration import format_duration
from stream.settings import Settings
from stream.squall import LOUDER

# Evaluations of ordinary news before a squall, and of the squall itself.
QUIET, SQUALLING = 2, 3
# The surprise from which a subject is paged, and is critical, which a worker learns for each.
PAGED_FROM, CRITICAL_FROM = 5.0, 9.0
USUAL_SHARE = 0.25  # of negatives
REFUSED = 7  # headlines all the time: none in any hour


@dataclass(frozen=True)
class Window:
    """What one window's gauges show."""

    headlines: float = 0
    baseline: float = 0.25
    surprise: float = 0
    stories: float = 0
    sources: float = 0
    share: float = 0.75


@dataclass(frozen=True)
class Shower:
    """One subject's gauges over time: each phase lasts some evaluations and says what windows show; a window
    that it does not name is empty."""

    name: str
    phases: Sequence[tuple[int, Mapping[str, Window]]]
    instance: str = "a"
    paged_from: float = PAGED_FROM
    critical_from: float = CRITICAL_FROM


@dataclass(frozen=True)
class Expected:
    """The subjects that fire at an evaluation (counted from 0), and those that are critical, with what their window
    annotation is made of."""

    step: int
    firing: Mapping[str, Mapping[str, Window]] = field(default_factory=dict)
    critical: Mapping[str, Mapping[str, Window]] = field(default_factory=dict)


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
        surprise=PAGED_FROM,
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
        ("surprise", replace(squall, surprise=PAGED_FROM * 0.99)),
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
        copied = replace(squall, headlines=40, surprise=PAGED_FROM * 4, stories=1, sources=40)
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
    yield case(
        "each subject has its own threshold, and one that is not judged has none that can be reached",
        [
            Shower("acme", [quiet, (SQUALLING, only(window, squall))]),
            Shower("bolt", [quiet, (SQUALLING, only(window, squall))], paged_from=PAGED_FROM * 1.01),
            Shower("calm", [quiet, (SQUALLING, only(window, squall))], paged_from=math.nan),
        ],
        Expected(QUIET, {"acme": only(window, squall)}),
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
    yield from _critical(settings, kind, windows, calm, squall)
    yield from _endings(settings, kind, windows, calm, squall)


def _critical(
    settings: Settings, kind: Kind, windows: Sequence[str], calm: str, squall: Window
) -> Iterator[dict[str, Any]]:
    """When a squall is critical, and until when."""
    keeps = -(-settings.alerts.keep_firing_for // STEP)
    window, other = windows[0], windows[-1]
    short = {calm: Window(headlines=1), window: replace(squall, surprise=CRITICAL_FROM * 0.99)}
    rare = {calm: Window(headlines=1), window: replace(squall, surprise=CRITICAL_FROM)}
    again = {calm: Window(headlines=1), window: squall}
    usual = {calm: Window(headlines=2, baseline=2)}

    def case(name: str, showers: Sequence[Shower], *expected: Expected) -> dict[str, Any]:
        return _case(settings, kind, f"{kind.label}: {name}", showers, expected)

    begins = QUIET + SQUALLING
    over = QUIET + 3 * SQUALLING
    quiet: tuple[int, Mapping[str, Window]] = (QUIET, {})
    yield case(
        "is critical from its own threshold on, not before, and until the squall ends",
        [Shower("acme", [quiet, (SQUALLING, short), (SQUALLING, rare), (SQUALLING, again), (keeps + 2, usual)])],
        Expected(begins - 1, {"acme": short}),
        Expected(begins, {"acme": rare}, {"acme": rare}),
        Expected(over - 1, {"acme": again}, {"acme": again}),
        *(Expected(over + step, {"acme": again}, {"acme": usual}) for step in {0, keeps - 1} if 0 <= step < keeps),
        Expected(over + keeps),
        Expected(over + keeps + 1),
    )
    yield case(
        "what is critical at once is a page too; of another subject it says nothing",
        [Shower("acme", [quiet, (SQUALLING, rare)]), Shower("bolt", [quiet, (SQUALLING, again)])],
        Expected(QUIET, {"acme": rare, "bolt": again}, {"acme": rare}),
        Expected(QUIET + 1, {"acme": rare, "bolt": again}, {"acme": rare}),
    )
    yield case(
        "each subject is critical from its own threshold",
        [
            Shower("acme", [quiet, (SQUALLING, rare)]),
            Shower("bolt", [quiet, (SQUALLING, rare)], critical_from=CRITICAL_FROM * 1.01),
        ],
        Expected(QUIET + 1, {"acme": rare, "bolt": rare}, {"acme": rare}),
    )
    if window != other:
        copied = again | {other: Window(headlines=40, baseline=1, surprise=CRITICAL_FROM, stories=1, sources=1)}
        yield case(
            "one story copied forty times makes no squall critical",
            [Shower("acme", [quiet, (SQUALLING, copied)])],
            Expected(QUIET + 1, {"acme": copied}),
        )
    paged = QUIET + SQUALLING + keeps
    length = settings.trends.windows[0] // STEP
    if settings.alerts.refractory // STEP > length + SQUALLING:
        yield case(
            "an echo that would be critical is none where it is no page",
            [Shower("acme", [quiet, (SQUALLING, rare), (keeps + length + 2, usual), (SQUALLING, rare)])],
            Expected(paged - 1, {"acme": rare}, {"acme": usual if keeps else rare}),
            Expected(paged + length + 2),
            Expected(paged + length + 3),
        )


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

    # As much more surprising as another squall must be which is no echo.
    louder = PAGED_FROM + LOUDER
    for window, length in zip(windows, settings.trends.windows, strict=True):
        again = {calm: Window(headlines=1)} | {window: replace(squall, surprise=louder)}
        first = {calm: Window(headlines=1)} | {window: squall}
        # The last evaluation at which it fires, and the first that does not see that one any more.
        last = over + keeps - 1
        free = last + length // STEP + 1
        yield case(
            f"fires again by {window} once all of that lies after the last, and not before",
            [(QUIET, {}), (SQUALLING, first), (keeps + 1, {calm: usual}), (length // STEP + 2, again)],
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
    yield from _echoes(settings, kind, windows, calm, squall)
    stray = {longest: squall, calm: Window(headlines=1)}
    yield case(
        "a stray headline afterwards does not fire again on a window that still holds the old squall",
        [*squalling, (keeps + 1, becalmed), (2, stray)],
        Expected(over + keeps + 1),
        Expected(over + keeps + 2),
    )
    shortest = windows[0]
    later = -(-settings.trends.windows[0] // STEP)
    loud = replace(squall, surprise=louder)
    second = {longest: loud, calm: loud, shortest: loud}
    if later < settings.trends.windows[-1] // STEP:
        yield case(
            f"a second squall fires when {shortest} lies after the first",
            [*squalling, (keeps + later + 1, becalmed), (1, second)],
            Expected(over + keeps + later),
            Expected(over + keeps + later + 1, {"acme": second}),
        )


def _echoes(
    settings: Settings, kind: Kind, windows: Sequence[str], calm: str, squall: Window
) -> Iterator[dict[str, Any]]:
    """What follows a squall within the refractory time without being ten times rarer."""
    keeps = -(-settings.alerts.keep_firing_for // STEP)
    over, window = QUIET + SQUALLING, windows[0]
    refractory, length = settings.alerts.refractory // STEP, settings.trends.windows[0] // STEP
    if refractory <= keeps + length + 2:
        return
    first = {calm: Window(headlines=1), window: replace(squall, surprise=PAGED_FROM + 1)}
    echo = {calm: Window(headlines=1), window: replace(squall, surprise=PAGED_FROM + 1 + 0.99 * LOUDER)}
    # The first evaluation that does not see the squall any more.
    free = over + refractory
    phases = [(QUIET, {}), (SQUALLING, first), (keeps + length + 2, {calm: Window(2, 2)}), (refractory, echo)]
    yield _case(
        settings,
        kind,
        f"{kind.label}: an echo fires after the refractory time and not before",
        [Shower("acme", phases)],
        [Expected(over + keeps + length + 2), Expected(free - 1), Expected(free, {"acme": echo})],
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
            *(series for shower in showers for series in _threshold_series(kind, shower)),
            *(_usual_share_series(kind, shower) for shower in showers),
            # An alert of another rule about the same subject has nothing to say here.
            *(
                {
                    "series": f'ALERTS{{alertname="Another", alertstate="firing", severity="{severity}", '
                    f'{kind.label}="acme"}}',
                    "values": f"1x{sum(steps for steps, _ in showers[0].phases)}",
                }
                for severity in SEVERITIES
            ),
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
                    _expected_alert(settings, kind, subject, windows, shown, each.step, severity)
                    for severity, fired in zip(SEVERITIES, (each.firing, each.critical), strict=True)
                    for subject, shown in fired.items()
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


def _threshold_series(kind: Kind, shower: Shower) -> Iterator[dict[str, str]]:
    for severity, limit in zip(SEVERITIES, (shower.paged_from, shower.critical_from), strict=True):
        labels = f'{kind.label}="{shower.name}", severity="{severity}", instance="{shower.instance}"'
        yield {
            "series": f"{kind.own}_surprise_threshold{{{labels}}}",
            # One by one: promtool repeats no NaN.
            "values": " ".join([_number(limit)] * sum(steps for steps, _ in shower.phases)),
        }


def _usual_share_series(kind: Kind, shower: Shower) -> dict[str, str]:
    return {
        "series": f'{kind.prefix}_usual_share{{{kind.label}="{shower.name}", instance="{shower.instance}"}}',
        "values": f"{USUAL_SHARE}x{sum(steps for steps, _ in shower.phases)}",
    }


def _expected_alert(
    settings: Settings,
    kind: Kind,
    subject: str,
    windows: Sequence[str],
    shown: Mapping[str, Window],
    step: int,
    severity: Severity,
) -> dict[str, Any]:
    due = {"page": f"a page is due from {PAGED_FROM:.1f}", "critical": f"it is critical from {CRITICAL_FROM:.1f}"}
    # Of a page that of the windows that pass, of what is critical the surprise as it is now.
    windy = shown.values()
    fewest = settings.alerts.stories_of(f"{kind.label}/{subject}")
    broad = [window for window in windy if severity == "critical" or window.stories >= fewest]
    passing = max(window.surprise for window in broad)
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
        "exp_labels": {kind.label: subject, "severity": severity, "subject": f"{kind.label}/{subject}"},
        "exp_annotations": {
            "summary": f"Negative headlines {about} surge: surprise {passing:.1f}, {due[severity]}.",
            "windows": "".join(numbers),
            "usual_share": str(USUAL_SHARE),
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
    return "NaN" if math.isnan(value) else repr(float(value)).removesuffix(".0")
