"""The Prometheus rules: when a subject's negative headlines are a squall, and when the monitor itself is
unwell (alerts/operations.py).

A squall begins when, in some window, the surprise AND the distinct stories AND the distinct sources reach
their thresholds: one syndicated story never does. It goes on while some window passes and the calm window
holds more negatives than it usually does. After it, a window may start another one only when all of it lies
after the last: otherwise the first stray headline of the afternoon would page again on the morning's, which a
window of a day still holds (refractory time; the policy that mattered most in Numenta's anomaly benchmark,
Lavin and Ahmad, 2015).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from alerts.operations import CAUSES, Operation, operations
from stream.duration import format_duration
from stream.settings import Settings

GROUP = "newsquall"
# One name for topics and entities: Alertmanager groups by it, so that one squall's subjects come in one
# message.
SQUALL = "NegativeNewsSquall"

# What a page is told of each window; the gauges' names end so.
NUMBERS = ("headlines", "baseline", "surprise", "stories", "sources")


@dataclass(frozen=True)
class Kind:
    """A kind of subject: the label that names it and what its gauges' names begin with."""

    label: str
    prefix: str
    selector: str
    about: str  # in the template of a summary

    @property
    def squall(self) -> str:
        """The recording rule that holds the surprise of every window that passes all thresholds."""
        return f"newsquall:{self.label}_squall"


KINDS = (
    # What is about no company, asset, market or economy wakes nobody.
    Kind(
        "topic",
        "newsquall_negative",
        '{topic!="other"}',
        'of {{ if eq $labels.topic "all" }}all topics{{ else }}the topic {{ $labels.topic }}{{ end }}',
    ),
    Kind("entity", "newsquall_entity_negative", "", "about {{ $labels.entity }}"),
)


def prometheus_duration(duration: timedelta) -> str:
    """A duration as Prometheus and Alertmanager read it: whole numbers only.

    >>> prometheus_duration(timedelta(seconds=0.5))
    '500ms'
    """
    if duration % timedelta(seconds=1):
        return f"{duration // timedelta(milliseconds=1)}ms"
    return format_duration(duration)


def anchor(alert: str) -> str:
    """The anchor of an alert's heading in the runbook.

    >>> anchor("NegativeNewsSquall")
    'negativenewssquall'
    """
    return alert.lower()


def render(settings: Settings) -> str:
    """The rules as a Prometheus rule file (YAML)."""
    text = yaml.dump(rule_file(settings), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return "# Rendered by `newsquall rules render` from the settings: change those, not this file.\n" + text


def rule_file(settings: Settings) -> dict[str, Any]:
    """The rules as Prometheus documents them."""
    rules = [*_thresholds(settings)]
    for kind in KINDS:
        rules += [_windows_that_pass(kind), _squall(kind, settings)]
    rules += [_operation(each, settings) for each in operations(settings)]
    return {"groups": [{"name": GROUP, "interval": prometheus_duration(settings.alerts.evaluation), "rules": rules}]}


def alert_names(settings: Settings) -> list[str]:
    """The alerts' names, each once, in the order of the file."""
    rules = rule_file(settings)["groups"][0]["rules"]
    return list(dict.fromkeys(rule["alert"] for rule in rules if "alert" in rule))


def rules_of(rules: dict[str, Any], alert: str) -> dict[str, Any]:
    """A rule file's content without the other alerts; what is recorded stays."""
    return {
        "groups": [
            {**group, "rules": [rule for rule in group["rules"] if rule.get("alert", alert) == alert]}
            for group in rules["groups"]
        ]
    }


def metrics_of(rule: dict[str, Any]) -> set[str]:
    """The metrics of ours that a rule reads, in its expression and in the queries of its annotations, and what other
    rules record for it (newsquall:...).

    >>> sorted(metrics_of({"expr": "newsquall_lag > 5", "annotations": {"a": 'query "newsquall_(up|down)"'}}))
    ['newsquall_down', 'newsquall_lag', 'newsquall_up']
    """
    text = "\n".join((rule["expr"], *rule.get("annotations", {}).values()))
    found: set[str] = set()
    for prefix, several in re.findall(r"\b(newsquall[_:]\w*)(?:\(([\w|]+)\))?", text):
        found.update(f"{prefix}{each}" for each in (several.split("|") if several else [""]))
    # What a template cuts a prefix off by is no metric.
    return {name for name in found if not name.endswith("_")}


def unexported(settings: Settings, exported: Collection[str]) -> list[tuple[str, str]]:
    """Rules that read a metric which is not among those `exported`, each with the metric: such a rule never fires."""
    rules = rule_file(settings)["groups"][0]["rules"]
    known = {*exported, *(rule["record"] for rule in rules if "record" in rule)}
    return [(rule.get("alert") or rule["record"], name) for rule in rules for name in sorted(metrics_of(rule) - known)]


def _thresholds(settings: Settings) -> list[dict[str, Any]]:
    """Recorded, so that a graph shows what a squall has to pass."""
    alerts = settings.alerts
    return [
        {"record": f"newsquall:{name}_threshold", "expr": f"vector({value!r})"}
        for name, value in (
            ("surprise", alerts.surprise),
            ("stories", alerts.stories),
            ("stories_all", alerts.stories_all),
            ("sources", alerts.sources),
        )
    ]


def _windows_that_pass(kind: Kind) -> dict[str, Any]:
    # The maximum over instances: while a subject moves from one worker to another, both may export it.
    def passes(number: str, selector: str = "", threshold: str | None = None) -> str:
        gauge = f"max by ({kind.label}, window) ({kind.prefix}_{number}{selector})"
        return f"{gauge} >= scalar(newsquall:{threshold or number}_threshold)"

    stories = passes("stories")
    if kind.label == "topic":
        # All topics together hold every squall there is, and everybody's ordinary bad news beside it. What is one
        # company's or one topic's is paged as that; all together page for what is broader.
        each, together = passes("stories", '{topic!="all"}'), passes("stories", '{topic="all"}', "stories_all")
        stories = f"({each}\n  or {together})"
    expression = "\nand ".join((passes("surprise", kind.selector), stories, passes("sources")))
    return {"record": kind.squall, "expr": expression + "\n"}


def _squall(kind: Kind, settings: Settings) -> dict[str, Any]:
    windows = [format_duration(window) for window in settings.trends.windows]
    calm = f'{{window="{format_duration(settings.alerts.calm_window)}"}}'
    fired = f'ALERTS{{alertname="{SQUALL}", alertstate="firing", {kind.label}!=""}}'
    begins = [
        f'{kind.squall}{{window="{window}"}} unless on ({kind.label}) max_over_time({fired}[{window}])'
        for window in windows
    ]
    goes_on = f"{kind.squall} and on ({kind.label}) {fired}"
    some_window = "\n  or ".join([*begins, goes_on])
    negatives, usual = (f"max by ({kind.label}) ({kind.prefix}_{number}{calm})" for number in ("headlines", "baseline"))
    subject = f"{kind.label}/{{{{ $labels.{kind.label} }}}}"
    return {
        "alert": SQUALL,
        "expr": f"max by ({kind.label}) (\n  {some_window}\n)\nand {negatives} > {usual}\n",
        "for": "0s",
        "keep_firing_for": prometheus_duration(settings.alerts.keep_firing_for),
        "labels": {"severity": "page", "subject": subject},
        "annotations": {
            "summary": f"Negative headlines {kind.about} surge: surprise "
            f'{{{{ $value | printf "%.1f" }}}}, a page is due from {settings.alerts.surprise:g}.',
            "windows": _windows_template(kind),
            "rejected": _rejected_template(),
            "runbook": _runbook(settings, SQUALL),
        },
    }


def _windows_template(kind: Kind) -> str:
    """`5m headlines 18;5m baseline 0.01;...`: all numbers of all windows, read back by
    alerts/notification.py.

    A template of Prometheus; `query` asks at the moment of the evaluation.
    """
    gauges = f'{{__name__=~"{kind.prefix}_({"|".join(NUMBERS)})", {kind.label}=%q}}'
    query = f'label_join(max by (__name__, window) ({gauges}), "of", " ", "window", "__name__")'
    return (
        f'{{{{ range query (printf `{query}` $labels.{kind.label}) | sortByLabel "of" }}}}'
        f'{{{{ .Labels.of | reReplaceAll "{kind.prefix}_" "" }}}} {{{{ .Value }}}};{{{{ end }}}}'
    )


def _rejected_template() -> str:
    """`now 12;usual 0.5;`: headlines refused in the last hour, and in an hour of the day before that (read back by
    alerts/notification.py): what is refused stands in no archive."""
    refused = "newsquall_headlines_rejected_total"
    queries = {"now": f"sum(increase({refused}[1h]))", "usual": f"sum(increase({refused}[1d] offset 1h)) / 24"}
    return "".join(
        f"{{{{ range query `{query}` }}}}{name} {{{{ .Value }}}};{{{{ end }}}}" for name, query in queries.items()
    )


def _operation(operation: Operation, settings: Settings) -> dict[str, Any]:
    keeps = {"keep_firing_for": prometheus_duration(operation.keeps)} if operation.keeps else {}
    return {
        "alert": operation.alert,
        "expr": _unexplained(operation),
        "for": prometheus_duration(operation.lasting),
        **keeps,
        "labels": {"severity": operation.severity, **dict(operation.labels)},
        "annotations": {"summary": operation.summary, "runbook": _runbook(settings, operation.alert)},
    }


def _unexplained(operation: Operation) -> str:
    causes = CAUSES.get(operation.alert)
    if not causes:
        return operation.expression
    firing = f'ALERTS{{alertname=~"{"|".join(causes)}", alertstate="firing"}}'
    return f"({operation.expression.rstrip()})\nunless on () {firing}\n"


def _runbook(settings: Settings, alert: str) -> str:
    return f"{settings.alerts.runbooks}#{anchor(alert)}"


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
