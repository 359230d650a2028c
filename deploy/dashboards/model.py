"""Model: does it still fit the stream, is it sure, and were its pages right?"""

from grafana_foundation_sdk.builders import annotationslist, bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts import operations
from alerts.chartrules import HEADLINES_BY_SENTIMENT
from alerts.dashboardlinks import MODEL
from alerts.operations import DRIFT
from deploy.dashboards.frame import MODEL_TAG, TAG, Frame, framed
from deploy.dashboards.layout import COLUMNS, Section, Shelf
from deploy.dashboards.palette import CALM, NEGATIVE, NEUTRAL, POSITIVE, WATCH
from deploy.dashboards.panels import (
    Panel,
    alarm,
    bars,
    coloured,
    columns,
    descending,
    in_order,
    limit,
    lines,
    listing,
    merged,
    moves,
    note,
    number,
    shares,
    states,
    steps,
    styled,
    wrapped,
)
from deploy.dashboards.queries import SAMPLE, SHOWN, Refs, Sql, now, over_time, rows
from stream.drift import FEATURES, FEWEST, HEADS
from stream.settings import Settings

# By custom no drift to speak of lies below it.
SMALL_DRIFT = 0.1
SOURCES = 25
MONTHS = 24
_ALERTS = "|".join(
    (operations.INPUT_DRIFT, operations.PREDICTION_DRIFT, operations.MODEL_NOT_TAKEN, operations.REGISTRY_DOWN)
)
WITHOUT_ARCHIVE = (
    "Confidence, the mix by source and the precision of pages stand here where the archive is a PostgreSQL, which "
    "Grafana can read (`archive.url`). This one's is not."
)


def model(settings: Settings, refs: Refs) -> Dashboard:  # noqa: ARG001  (all dashboards are made alike)
    """The dashboard."""
    top: list[Panel] = [_versions(refs), _unwell(refs), _worst_drift(refs), _judged_on(refs)]
    if refs.archive is not None:
        top += [_precision(refs), _said(refs)]
    parts: list[Shelf | Section] = [
        Shelf(3, [(COLUMNS // len(top), each) for each in top]),
        Shelf(8, [(12, _drift("prediction", "head", HEADS, refs)), (12, _drift("input", "feature", FEATURES, refs))]),
        Shelf(8, [(10, _in_use(refs)), (14, _mix(refs))]),
        Shelf(7, [(10, _scored_by(refs)), (14, _moves())]),
    ]
    if refs.archive is None:
        parts.append(Shelf(3, [(24, note("What the archive would say", WITHOUT_ARCHIVE))]))
    else:
        parts += [
            Shelf(11, [(14, _by_source(refs)), (10, _confidence(refs))]),
            Shelf(7, [(24, _by_month(refs))]),
        ]
    about = (
        "Which models score, whether they still fit the stream, how sure they are, and whether their pages were right."
    )
    return framed(Frame(MODEL, about, since="now-7d"), parts, refs)


def _versions(refs: Refs) -> stat.Panel:
    said = "Versions in use now. Two for longer than a swap takes: a worker could not take the new one."
    asked = now(refs, "count(count by (version) (newsquall_model_info == 1)) or vector(0)")
    return alarm("Versions in use", said, asked, at=[]).thresholds(steps(NEGATIVE, (1, CALM), (2, WATCH)))


def _unwell(refs: Refs) -> stat.Panel:
    firing = f'ALERTS{{alertname=~"{_ALERTS}", alertstate="firing"}}'
    said = "Alerts about the model that fire: drift, a version that was not taken, a registry that is away."
    return alarm("Model's alerts", said, now(refs, f"count({firing}) or vector(0)"), at=[(1, WATCH)])


def _worst_drift(refs: Refs) -> stat.Panel:
    said = f"The largest stability index of all. Below {SMALL_DRIFT} is none to speak of; {DRIFT} and more is large."
    worst = 'max({__name__=~"newsquall_(prediction|input)_drift"})'
    return alarm("Largest drift", said, now(refs, worst), at=[(SMALL_DRIFT, WATCH), (DRIFT, NEGATIVE)], decimals=2)


def _judged_on(refs: Refs) -> stat.Panel:
    said = f"Headlines that the drift stands on; below {FEWEST} nothing is said and the indices are 0."
    return number("Drift stands on", said, now(refs, "max(newsquall_drift_headlines)"))


def _precision(refs: Refs) -> stat.Panel:
    said = "Of the pages of this time that people judged real or a false alarm, how many were real."
    asked = Sql(refs, f"{_JUDGED} SELECT {_PRECISION} AS precision FROM judged")
    return number("Pages that were right", said, asked, unit="percentunit").no_value("none judged")


def _said(refs: Refs) -> stat.Panel:
    said = "Of the pages of this time, how many people gave a verdict on."
    asked = Sql(refs, f"{_JUDGED} SELECT count(verdict)::float / greatest(count(*), 1) AS judged FROM judged")
    return number("Pages with a verdict", said, asked, unit="percentunit")


# The newest verdict on a page is the one that counts.
_JUDGED = f"""WITH judged AS (
                SELECT p.fired_at, said.verdict FROM pages AS p LEFT JOIN LATERAL (
                    SELECT verdict FROM verdicts WHERE page_id = p.id ORDER BY number DESC LIMIT 1
                ) AS said ON true
                WHERE p.fired_at {SHOWN}
            )"""
_PRECISION = (
    "(count(*) FILTER (WHERE verdict = 'real'))::float"
    " / nullif(count(*) FILTER (WHERE verdict IN ('real', 'false_alarm')), 0)"
)


def _drift(what: str, label: str, names: tuple[str, ...], refs: Refs) -> timeseries.Panel:
    of = {"prediction": "the labels chosen", "input": "the texts"}[what]
    panel = lines(
        f"Drift of {of}",
        f"Population stability index of {of} against the training's, over the worker's newest 2,000 headlines. "
        f"Dashed: {SMALL_DRIFT} and {DRIFT}, from which it is large.",
        over_time(refs, f"max by ({label}) (newsquall_{what}_drift)", f"{{{{{label}}}}}"),
    )
    panel.axis_soft_max(DRIFT * 1.2)
    return limit(in_order(panel, list(names)), (SMALL_DRIFT, NEUTRAL), (DRIFT, NEGATIVE))


def _in_use(refs: Refs) -> statetimeline.Panel:
    return states(
        "Versions over time",
        "Which version scored when. A promotion is a row that ends and one that begins.",
        over_time(refs, "max by (version) (newsquall_model_info == 1)", "{{version}}"),
        {"1": ("in use", POSITIVE)},
    )


def _mix(refs: Refs) -> timeseries.Panel:
    scored = f"sum by (sentiment) ({HEADLINES_BY_SENTIMENT})"
    panel = lines(
        "Sentiments, their shares",
        "Of the headlines counted within an hour. A shift that begins with a version is the model's, not the market's.",
        over_time(refs, scored, "{{sentiment}}"),
    )
    shares(panel)
    for name, colour in (("negative", NEGATIVE), ("neutral", NEUTRAL), ("positive", POSITIVE)):
        panel.override_by_name(name, coloured(colour))
    return panel


def _scored_by(refs: Refs) -> table.Panel:
    total = "sum by (model) (max by (model, topic, sentiment) (newsquall_headlines_scored_total))"
    bad = 'sum by (model) (max by (model, topic, sentiment) (newsquall_headlines_scored_total{sentiment="negative"}))'
    panel = listing(
        "What each model has scored",
        "All headlines in the ledger, by the model that scored them, and the share of them that it called negative.",
        rows(refs, total, "A"),
        rows(refs, f"{bad} / {total}", "B"),
    )
    merged(panel)
    columns(panel, {"model": "model", "Value #A": "headlines", "Value #B": "negative"}, hidden=["Time"])
    panel.sort_by([descending("headlines")]).decimals(0)
    panel.override_by_name("model", wrapped())
    panel.override_by_name("headlines", styled(custom__width=90))
    return panel.override_by_name("negative", styled(unit="percentunit", decimals=1, custom__width=76))


def _moves() -> annotationslist.Panel:
    said = "Promotions and rollbacks with who made them and why, as `newsquall dashboards push` wrote them down."
    return moves("Promotions and rollbacks", said, [TAG, MODEL_TAG])


_SAMPLED = f"""WITH newest AS (
                SELECT source, sentiment, greatest(p_negative, p_neutral, p_positive) AS confidence
                FROM headlines WHERE published_at {SHOWN} ORDER BY published_at DESC LIMIT {SAMPLE}
            )"""


def _by_source(refs: Refs) -> table.Panel:
    panel = listing(
        "Sentiments by source",
        f"Of the newest {SAMPLE:,} headlines of this time. A source of which all is neutral is one that the model "
        "does not understand, or one that does not write about markets.",
        Sql(
            refs,
            f"""
            {_SAMPLED}
            SELECT source, count(*) AS count,
                   avg((sentiment = 'negative')::int) AS negative, avg((sentiment = 'neutral')::int) AS neutral,
                   avg((sentiment = 'positive')::int) AS positive, avg(confidence) AS sure
            FROM newest GROUP BY source ORDER BY count DESC LIMIT {SOURCES}
            """,
        ),
        empty="No headline in this time.",
    )
    for name, width in (("negative", 68), ("neutral", 60), ("positive", 64), ("sure", 50)):
        panel.override_by_name(name, styled(unit="percentunit", decimals=0, custom__width=width))
    panel.override_by_name("source", wrapped())
    return panel.override_by_name("count", styled(decimals=0, custom__width=56))


def _confidence(refs: Refs) -> bargauge.Panel:
    tenths = ", ".join(
        f"count(*) FILTER (WHERE confidence >= {low / 10} AND confidence < {(low + 1) / 10 if low < 9 else 2})"
        f' AS "{low * 10} to {low * 10 + 10} %"'
        for low in range(3, 10)
    )
    said = (
        f"The probability of the chosen sentiment, of the newest {SAMPLE:,} headlines of this time: how many lie in "
        "each tenth. Where most move to the left, the texts are not those that it learnt."
    )
    return bars("How sure it is", said, Sql(refs, f"{_SAMPLED} SELECT {tenths} FROM newest"), POSITIVE)


def _by_month(refs: Refs) -> table.Panel:
    panel = listing(
        "Verdicts by month",
        "The pages of this time, what people said of them, and of the real and false alarms how many were right.",
        Sql(
            refs,
            f"""
            {_JUDGED}
            SELECT to_char(to_timestamp(fired_at / 1000000.0) AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
                   count(*) AS pages,
                   count(*) FILTER (WHERE verdict = 'real') AS real,
                   count(*) FILTER (WHERE verdict = 'false_alarm') AS "false",
                   count(*) FILTER (WHERE verdict = 'duplicate') AS double,
                   {_PRECISION} AS right
            FROM judged GROUP BY month ORDER BY month DESC LIMIT {MONTHS}
            """,
        ),
        empty="No page in this time.",
    )
    panel.decimals(0)
    return panel.override_by_name("right", styled(unit="percentunit", decimals=0))
