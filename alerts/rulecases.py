"""How a test of an alert is written down for promtool, and the courses of the series in it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from alerts.rules import prometheus_duration

# An evaluation in the tests. Well below the five minutes for which Prometheus takes a sample for the present
# one.
STEP = timedelta(minutes=1)
# A little more than a threshold: less than a tenth, which is what the mutation check moves thresholds by.
MORE, LESS = 1.04, 0.96

# What fires at an evaluation: each alert's summary and its labels.
Fired = list[tuple[str, dict[str, str]]]
Case = dict[str, Any]


def scenario(name: str, alert: str, series: Mapping[str, str], checks: Mapping[int, Fired]) -> Case:
    """A test of an alert. `series`: their values at each evaluation, as promtool writes them. `checks`: what fires at
    which of them."""
    return {
        "name": f"{alert}: {name}",
        "interval": prometheus_duration(STEP),
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [
            {
                "eval_time": prometheus_duration(STEP * step),
                "alertname": alert,
                "exp_alerts": [
                    {"exp_labels": labels, "exp_annotations": {"summary": summary}} for summary, labels in fired
                ],
            }
            for step, fired in sorted(checks.items())
        ],
    }


def held(*phases: tuple[int, float]) -> str:
    """A gauge: for so many evaluations, at a value.

    >>> held((3, 0), (2, 0.5))
    '0x2 0.5x1'
    """
    return " ".join(f"{value:.15g}x{steps - 1}" for steps, value in phases)


def rising(*phases: tuple[int, float]) -> str:
    """A counter: for so many evaluations, more by so much at each.

    >>> rising((3, 0), (2, 5))
    '0 0 0 5 10'
    """
    value, values = 0.0, []
    for steps, more in phases:
        for _ in range(steps):
            value += more
            values.append(value)
    return " ".join(f"{value:.15g}" for value in values)


def crossing(
    alert: str,
    series: str,
    threshold: float,
    lasting: timedelta,
    fired: Fired,
    keeps: timedelta = timedelta(0),
    others: Mapping[str, float] | None = None,
) -> Case:
    """Of a gauge that stands at its threshold, then a little above it, then at it again. `others`: what stands still
    beside it."""
    steps, kept = lasting // STEP, keeps // STEP
    at, above = steps + 2, steps + 3
    over = at + above
    whole = over + kept + 2
    return scenario(
        "fires above the threshold for long enough, and not at it",
        alert,
        {
            series: held((at, threshold), (above, threshold * MORE), (kept + 2, threshold)),
            **{name: held((whole, value)) for name, value in (others or {}).items()},
        },
        {
            at - 1: [],
            **({at + steps - 1: []} if steps else {}),
            at + steps: fired,
            over + kept - 1: fired,
            over + kept: [],
        },
    )


def beside_causes(cases: Sequence[Case], of: Mapping[str, Sequence[str]]) -> Iterator[Case]:
    """Of each alert that has causes, a case of those in which it fires, beside each of them."""
    for alert, causes in of.items():
        fires = next(case for case in cases if _fires(case, alert))

        def beside(name: str, *alerts: tuple[str, str], told: bool, fires: Case = fires, alert: str = alert) -> Case:
            given = [
                {"series": f'ALERTS{{alertname="{each}", alertstate="{state}"}}', "values": "1x2000"}
                for each, state in alerts
            ]
            checks = [{**check, "exp_alerts": list(check["exp_alerts"]) if told else []} for check in _checks(fires)]
            return {
                **fires,
                "name": f"{alert}: {name}",
                "input_series": [*fires["input_series"], *given],
                "alert_rule_test": checks,
            }

        for cause in causes:
            yield beside(f"is not told while {cause} fires", (cause, "firing"), told=False)
        others = [(cause, "pending") for cause in causes]
        yield beside("is told while none of its causes fires", *others, ("Another", "firing"), told=True)


def _checks(case: Case) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = case["alert_rule_test"]
    return checks


def _fires(case: Case, alert: str) -> bool:
    return any(check["alertname"] == alert and check["exp_alerts"] for check in _checks(case))
