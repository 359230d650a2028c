"""Operations: does the monitor itself do its work, and how fast? What is scored, what waits, what was refused."""

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode, ScaleDistribution
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.chartrules import BATCHES, DELAYS, FROM_FEEDS, REFUSED, SCORED, SCORING
from alerts.dashboardlinks import OPERATIONS
from alerts.operations import JOB, LAG_FEWEST, LATE_AFTER, OLDEST_UNSCORED, SURGE_SHARE
from alerts.rules import SQUALL
from deploy.dashboards.frame import Frame, framed
from deploy.dashboards.layout import Section, Shelf
from deploy.dashboards.palette import CALM, NEGATIVE, NEUTRAL, POSITIVE, WATCH
from deploy.dashboards.panels import (
    Query,
    alarm,
    bars,
    coloured,
    columns,
    descending,
    filled,
    in_order,
    limit,
    lines,
    listing,
    merged,
    number,
    states,
    steps,
    styled,
    wrapped,
)
from deploy.dashboards.queries import Refs, now, over_time, rows
from stream.settings import Settings

# A partition that moves from one worker to another may be told of by both.
_LAG = "max by (partition) (newsquall_consumer_lag)"
_SHOWN = 8


def operations(settings: Settings, refs: Refs) -> Dashboard:  # noqa: ARG001  (all dashboards are made alike)
    """The dashboard."""
    parts: list[Shelf | Section] = [
        Shelf(
            3,
            [
                (3, _workers(refs)),
                (3, _archive(refs)),
                (4, _oldest(refs)),
                (4, _waiting(refs)),
                (4, _refused(refs)),
                (3, _pages_waiting(refs)),
                (3, _provider(refs)),
            ],
        ),
        Shelf(9, [(12, _delay(refs)), (12, _rates(refs))]),
        Shelf(8, [(8, _lag(refs)), (8, _scoring(refs)), (8, _batches(refs))]),
        Shelf(7, [(16, _alerts(refs)), (8, _outbox(refs))]),
        Shelf(9, [(8, _errors(refs)), (8, _rejections(refs)), (8, _masked(refs))]),
        # Closed: where nobody runs `newsquall ingest` there is nothing in it.
        Section(
            "Feeds (newsquall ingest)",
            [
                Shelf(12, [(16, _feeds(refs)), (8, _failures(refs))]),
                Shelf(8, [(12, _brought(refs)), (12, _passed_over(refs))]),
            ],
        ),
    ]
    about = "Does the monitor do its work, and how fast? What is scored, what waits, what was refused, what is unwell."
    return framed(Frame(OPERATIONS, about, since="now-6h"), parts, refs)


def _workers(refs: Refs) -> stat.Panel:
    asked = now(refs, f'count(up{{job="{JOB}"}} == 1) or vector(0)')
    return alarm("Workers", "Workers whose /metrics answer.", asked, at=[]).thresholds(steps(NEGATIVE, (1, CALM)))


def _archive(refs: Refs) -> stat.Panel:
    said = "Share of the workers whose archive does their work. Below 100 % one waits for its database."
    panel = alarm("Archive", said, now(refs, "avg(newsquall_archive_up)"), at=[], unit="percentunit")
    return panel.thresholds(steps(NEGATIVE, (1, CALM)))


def _oldest(refs: Refs) -> stat.Panel:
    said = (
        "Since the oldest headline that is read and not acknowledged yet came into Kafka. It pages from 5 minutes on."
    )
    at = [(60, WATCH), (OLDEST_UNSCORED.total_seconds(), NEGATIVE)]
    return alarm(
        "Oldest unscored", said, now(refs, "max(newsquall_oldest_unscored_seconds)"), at=at, unit="s", decimals=1
    )


def _waiting(refs: Refs) -> stat.Panel:
    said = "Headlines on Kafka that no worker has read yet."
    return alarm("Waiting", said, now(refs, f"sum({_LAG})"), at=[(LAG_FEWEST, WATCH)])


def _refused(refs: Refs) -> stat.Panel:
    refused, scored = (f"sum(increase({each}[15m]))" for each in (_REFUSED, _SCORED))
    said = "Of the headlines of the last 15 minutes, how many were refused."
    asked = now(refs, f"{refused} / clamp_min({refused} + {scored}, 1)")
    return alarm("Refused", said, asked, at=[(SURGE_SHARE, WATCH)], unit="percentunit", decimals=1)


def _pages_waiting(refs: Refs) -> stat.Panel:
    said = "Pages that some receiver has not got yet."
    return alarm("Pages waiting", said, now(refs, "sum(newsquall_relay_pending_pages) or vector(0)"), at=[(1, WATCH)])


def _provider(refs: Refs) -> stat.Panel:
    asked = now(refs, "count by (provider) (newsquall_execution_provider == 1)", "{{provider}}")
    return number("Scores on", "Where the arithmetic runs.", asked).text_mode(BigValueTextMode.NAME)


_SCORED = "newsquall_batch_size_sum"
_REFUSED = "newsquall_headlines_rejected_total"


def _delay(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "From publication to score",
        "How long after its publication a headline is scored, of which a feed's own delay is a part. Half, nine in ten "
        "and 99 in 100 are faster. The axis is logarithmic: a back-fill of months is far above.",
        *_percentiles(refs, DELAYS, (("50 %", 0.5), ("90 %", 0.9), ("99 %", 0.99))),
        unit="s",
    )
    panel.scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))
    return limit(in_order(panel, ["50 %", "90 %", "99 %"]), (LATE_AFTER.total_seconds(), WATCH))


def _percentiles(refs: Refs, recorded: str, of: Sequence[tuple[str, float]]) -> Iterator[Query]:
    for ref, (name, quantile) in zip("ABC", of, strict=False):
        yield over_time(refs, f"histogram_quantile({quantile}, sum by (le) ({recorded}))", name, ref)


def _rates(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Headlines a second",
        "Scored, and refused.",
        over_time(refs, f"sum({SCORED})", "scored"),
        over_time(refs, f"sum({REFUSED})", "refused", "B"),
    )
    panel.override_by_name("scored", coloured(POSITIVE, custom__fillOpacity=20))
    return panel.override_by_name("refused", coloured(NEGATIVE))


def _lag(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Waiting on Kafka",
        "Headlines that no worker has read yet: all, and of the partition with the most.",
        over_time(refs, f"sum({_LAG})", "all"),
        over_time(refs, f"max({_LAG})", "largest partition", "B"),
    )
    return in_order(panel, ["all", "largest partition"])


def _scoring(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Time to score a micro-batch",
        "Half and 99 in 100 are faster.",
        *_percentiles(refs, SCORING, (("50 %", 0.5), ("99 %", 0.99))),
        unit="s",
    )
    return in_order(panel, ["50 %", "99 %"])


def _batches(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Headlines in a micro-batch",
        "On average. Full ones (worker.batch) for long: more comes than is scored.",
        over_time(refs, f"sum({SCORED}) / sum({BATCHES})", "mean"),
        legend=False,
    )
    return panel.override_by_name("mean", coloured(POSITIVE))


def _alerts(refs: Refs) -> statetimeline.Panel:
    firing = f'ALERTS{{alertname=~"Newsquall.*|{SQUALL}", alertstate="firing"}}'
    panel = states(
        "Alerts",
        "What fired when. The watchdog fires for ever: where its row has a gap, no alert could have.",
        over_time(refs, f"max by (alertname) ({firing})", "{{alertname}}"),
        {"1": ("fires", NEUTRAL)},
    )
    # By the beginning of their names: there are many, and one colour each would say nothing.
    panel.override_by_regexp("(?!NewsquallWatchdog).*", coloured(WATCH, mappings=_fires(WATCH)))
    return panel.override_by_name(SQUALL, coloured(NEGATIVE, mappings=_fires(NEGATIVE)))


def _fires(colour: str) -> list[dict[str, object]]:
    return [{"type": "value", "options": {"1": {"text": "fires", "color": colour, "index": 0}}}]


def _outbox(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Pages not delivered",
        "How many wait for some receiver, and for how many minutes the oldest does.",
        over_time(refs, "sum(newsquall_relay_pending_pages)", "pages"),
        over_time(refs, "max(newsquall_relay_oldest_pending_seconds) / 60", "oldest, minutes", "B"),
    )
    return in_order(panel, ["pages", "oldest, minutes"])


def _errors(refs: Refs) -> bargauge.Panel:
    counted = {
        "refused headlines": _REFUSED,
        "too late to count": "newsquall_headlines_late_total",
        "models not taken": "newsquall_model_swap_failures_total",
        "watchlists not taken": "newsquall_watchlist_failures_total",
        "partitions dealt anew": "newsquall_rebalances_total",
    }
    found = [
        now(refs, f"sum(increase({metric}[1d]))", name, ref)
        for ref, (name, metric) in zip("ABCDE", counted.items(), strict=True)
    ]
    panel = bars("What went wrong", "In the last day. A worker's start deals partitions anew, too.", found[0], WATCH)
    for each in found[1:]:
        panel.with_target(each)
    return panel


def _rejections(refs: Refs) -> bargauge.Panel:
    said = "In the last day; docs/operator.md says what to do about each reason."
    return _most("Refused, by reason", said, _REFUSED, "reason", NEGATIVE, refs)


def _masked(refs: Refs) -> bargauge.Panel:
    said = "Pieces of personal data that were masked in the last day."
    return _most("Masked, by kind", said, "newsquall_personal_data_masked_total", "kind", NEUTRAL, refs)


def _most(title: str, said: str, metric: str, label: str, colour: str, refs: Refs) -> bargauge.Panel:
    expression = f"sort_desc(topk({_SHOWN}, sum by ({label}) (increase({metric}[1d]))))"
    return bars(title, said, now(refs, expression, f"{{{{{label}}}}}"), colour)


def _feeds(refs: Refs) -> table.Panel:
    def of(metric: str) -> str:
        return f"max by (source) (newsquall_feed_{metric})"

    panel = listing(
        "Sources",
        "Of each the date of its newest headline, when it was last looked at with success, and how many feeds fail.",
        rows(refs, f"{of('failing')}", "A"),
        rows(refs, f"{of('last_headline_timestamp_seconds')} * 1000", "B"),
        rows(refs, f"{of('last_success_timestamp_seconds')} * 1000", "C"),
        rows(refs, f"time() - {of('last_headline_timestamp_seconds')} > bool {of('silent_after_seconds')}", "D"),
        empty="No newsquall ingest runs.",
    )
    merged(panel)
    names = {"source": "source", "Value #A": "failing", "Value #D": "silent"}
    names |= {"Value #B": "newest", "Value #C": "looked at"}
    columns(panel, names, hidden=["Time"]).sort_by([descending("failing")]).decimals(0)
    for name in ("newest", "looked at"):
        panel.override_by_name(name, [*styled(unit="dateTimeFromNow", custom__width=84), *wrapped()])
    for name in ("failing", "silent"):
        panel.override_by_name(name, [*styled(custom__width=62), *filled((1, WATCH))])
    return panel


def _failures(refs: Refs) -> bargauge.Panel:
    said = "Looks at feeds that failed in the last day."
    return _most("Failures, by reason", said, "newsquall_feed_failures_total", "reason", WATCH, refs)


def _brought(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Headlines a minute from feeds",
        "Sent to Kafka and acknowledged.",
        over_time(refs, f"sum({FROM_FEEDS}) * 60", "headlines"),
        legend=False,
    )
    return panel.override_by_name("headlines", coloured(POSITIVE, custom__fillOpacity=20))


def _passed_over(refs: Refs) -> bargauge.Panel:
    said = "New items that became no headline in the last day."
    return _most("Passed over, by reason", said, "newsquall_feed_items_passed_over_total", "reason", NEUTRAL, refs)
