"""The Prometheus rules: when a subject's negative headlines are a squall, and when the monitor itself is
unwell (alerts/operations.py).

A squall begins when, in some window, the surprise AND the distinct stories AND the distinct sources reach
their thresholds: one syndicated story never does. It goes on while some window passes and the calm window
holds more negatives than it usually does. After it, a window may start another one only when all of it lies
after the last: otherwise the first stray headline of the afternoon would page again on the morning's, which a
window of a day still holds. For `alerts.refractory` it must also be ten times rarer than the last one came to be:
echoes are no news (the policy that mattered most in Numenta's anomaly benchmark, Lavin and Ahmad, 2015).

While a squall is paged it may become critical, by a surprise of its own; then it is so until its end.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from alerts.chartrules import chart_group
from alerts.operations import CAUSES, Operation, operations
from stream.budget import Severity
from stream.duration import format_duration
from stream.settings import Settings
from stream.squall import LOUDER

GROUP = "newsquall"
# One name for topics and entities: Alertmanager groups by it, so that one squall's subjects come in one
# message.
SQUALL = "NegativeNewsSquall"

# What a page is told of each window; the gauges' names end so.
NUMBERS = ("headlines", "baseline", "surprise", "stories", "sources", "share")


@dataclass(frozen=True)
class Kind:
    """A kind of subject: the label that names it and what its gauges' names begin with."""

    label: str
    prefix: str
    own: str  # ... those of the subject as a whole
    selector: str
    about: str  # in the template of a summary

    @property
    def threshold(self) -> str:
        """The recording rule that holds the surprise which each subject has to reach."""
        return f"newsquall:{self.label}_surprise_threshold"

    @property
    def squall(self) -> str:
        """The recording rule that holds the surprise of every window that passes all thresholds."""
        return f"newsquall:{self.label}_squall"

    @property
    def paged(self) -> str:
        """The recording rule that holds the surprise of every subject that is paged, while it passes them."""
        return f"newsquall:{self.label}_squall_paged"

    def limit(self, severity: Severity) -> str:
        """The surprise from which a subject has a squall of a severity."""
        return f'{self.threshold}{{severity="{severity}"}}'

    def fires(self, severity: Severity) -> str:
        """What Prometheus records of the subjects that have a squall of a severity."""
        return f'ALERTS{{alertname="{SQUALL}", alertstate="firing", severity="{severity}", {self.label}!=""}}'


KINDS = (
    # What is about no company, asset, market or economy wakes nobody.
    Kind(
        "topic",
        "newsquall_negative",
        "newsquall",
        '{topic!="other"}',
        'of {{ if eq $labels.topic "all" }}all topics{{ else }}the topic {{ $labels.topic }}{{ end }}',
    ),
    Kind("entity", "newsquall_entity_negative", "newsquall_entity", "", "about {{ $labels.entity }}"),
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
    """All rules as a Prometheus rule file (YAML): alerts with what they stand on, and what is recorded for charts."""
    charts = chart_group(KINDS, settings)
    charts |= {"interval": prometheus_duration(charts["interval"])}
    content = {"groups": [*rule_file(settings)["groups"], charts]}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return "# Rendered by `newsquall rules render` from the settings: change those, not this file.\n" + text


def rule_file(settings: Settings) -> dict[str, Any]:
    """The alerts and what is recorded for them, as Prometheus documents it."""
    rules = [*_thresholds(settings)]
    for kind in KINDS:
        rules += [_windows_that_pass(kind), _squall(kind, settings), _paged(kind), _critical(kind, settings)]
    rules += [_operation(each, settings) for each in operations(settings)]
    return {"groups": [{"name": GROUP, "interval": prometheus_duration(settings.alerts.evaluation), "rules": rules}]}


def alert_names(settings: Settings) -> list[str]:
    """The alerts' names, each once, in the order of the file."""
    rules = rule_file(settings)["groups"][0]["rules"]
    return list(dict.fromkeys(rule["alert"] for rule in rules if "alert" in rule))


def rules_of(rules: dict[str, Any], alert: str) -> dict[str, Any]:
    """A rule file's content without the other alerts; what is recorded in the alert's group stays."""
    return {
        "groups": [
            {**group, "rules": [rule for rule in group["rules"] if rule.get("alert", alert) == alert]}
            for group in rules["groups"]
            if any(rule.get("alert") == alert for rule in group["rules"])
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
    charts = chart_group(KINDS, settings)["rules"]
    rules = [*rule_file(settings)["groups"][0]["rules"], *charts]
    known = {*exported, *(rule["record"] for rule in rules if "record" in rule)}
    return [(rule.get("alert") or rule["record"], name) for rule in rules for name in sorted(metrics_of(rule) - known)]


def _thresholds(settings: Settings) -> list[dict[str, Any]]:
    """Recorded, so that a graph shows what a squall has to pass. The surprise is each subject's own: a worker learns
    it from the subject's past and the budget."""
    alerts = settings.alerts
    own = [
        # The maximum over instances, as of the surprise.
        {"record": kind.threshold, "expr": f"max by ({kind.label}, severity) ({kind.own}_surprise_threshold)"}
        for kind in KINDS
    ]
    return own + [
        {"record": f"newsquall:{name}_threshold", "expr": f"vector({value!r})"}
        for name, value in (
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

    surprise = f"max by ({kind.label}, window) ({kind.prefix}_surprise{kind.selector})"
    surprise += f" >= on ({kind.label}) group_left () {kind.limit('page')}"
    stories = passes("stories")
    if kind.label == "topic":
        # All topics together hold every squall there is, and everybody's ordinary bad news beside it. What is one
        # company's or one topic's is paged as that; all together page for what is broader.
        each, together = passes("stories", '{topic!="all"}'), passes("stories", '{topic="all"}', "stories_all")
        stories = f"({each}\n  or {together})"
    expression = "\nand ".join((surprise, stories, passes("sources")))
    return {"record": kind.squall, "expr": expression + "\n"}


def _squall(kind: Kind, settings: Settings) -> dict[str, Any]:
    calm = f'{{window="{format_duration(settings.alerts.calm_window)}"}}'
    goes_on = f"{kind.squall} and on ({kind.label}) {kind.fires('page')}"
    some_window = f"{_begins(kind, settings)}\n  or {goes_on}"
    negatives, usual = (f"max by ({kind.label}) ({kind.prefix}_{number}{calm})" for number in ("headlines", "baseline"))
    return {
        "alert": SQUALL,
        "expr": f"max by ({kind.label}) (\n  {some_window}\n)\nand {negatives} > {usual}\n",
        "for": "0s",
        "keep_firing_for": prometheus_duration(settings.alerts.keep_firing_for),
        **_told(kind, settings, "page", "a page is due"),
    }


def _begins(kind: Kind, settings: Settings) -> str:
    """The windows that may begin a squall: those that lie after the last one, and are no echo of it."""
    since = f"unless on ({kind.label}) max_over_time({kind.fires('page')}"
    after = "\n    or ".join(
        f'{kind.squall}{{window="{format_duration(window)}"}} {since}[{prometheus_duration(window)}])'
        for window in settings.trends.windows
    )
    peak = f"max_over_time({kind.paged}[{prometheus_duration(settings.alerts.refractory)}])"
    echoes = f"{kind.squall} < on ({kind.label}) group_left () ({peak} + {LOUDER:g})"
    return f"({after})\n  unless on ({kind.label}, window) ({echoes})"


def _paged(kind: Kind) -> dict[str, Any]:
    # After the alert in its group, so that it knows of what has just begun.
    passes = f"max by ({kind.label}) ({kind.squall}) and on ({kind.label}) {kind.fires('page')}"
    return {"record": kind.paged, "expr": passes}


def _critical(kind: Kind, settings: Settings) -> dict[str, Any]:
    becomes = f"{kind.squall} >= on ({kind.label}) group_left () {kind.limit('critical')}"
    surprise = f"max by ({kind.label}) ({kind.prefix}_surprise)"
    return {
        "alert": SQUALL,
        "expr": f"{surprise}\nand on ({kind.label}) ({becomes}\n  or {kind.fires('critical')})\n"
        f"and on ({kind.label}) {kind.fires('page')}\n",
        "for": "0s",
        **_told(kind, settings, "critical", "it is critical"),
    }


def _told(kind: Kind, settings: Settings, severity: Severity, due: str) -> dict[str, Any]:
    """A squall's labels and annotations."""
    subject = f"{kind.label}/{{{{ $labels.{kind.label} }}}}"
    return {
        "labels": {"severity": severity, "subject": subject},
        "annotations": {
            "summary": f"Negative headlines {kind.about} surge: surprise "
            f'{{{{ $value | printf "%.1f" }}}}, {due} from {_threshold_template(kind, severity)}.',
            "windows": _windows_template(kind),
            "usual_share": _usual_share_template(kind),
            "rejected": _rejected_template(),
            "runbook": _runbook(settings, SQUALL),
        },
    }


def _threshold_template(kind: Kind, severity: Severity) -> str:
    found = f'query (printf `{kind.threshold}{{severity="{severity}", {kind.label}=%q}}` $labels.{kind.label})'
    return f'{{{{ range {found} }}}}{{{{ .Value | printf "%.1f" }}}}{{{{ end }}}}'


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


def _usual_share_template(kind: Kind) -> str:
    """The share of negatives in the subject's history: whether its news has turned, or it is only more in the news."""
    found = f"query (printf `max({kind.prefix}_usual_share{{{kind.label}=%q}})` $labels.{kind.label})"
    return f"{{{{ range {found} }}}}{{{{ .Value }}}}{{{{ end }}}}"


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
