"""Market weather: is anything turning, and what? The first look in the morning, and the picture on the wall."""

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts.chartrules import POLARITY, SLOWER, share_of_page, usual_window
from alerts.dashboardlinks import KIND, NAME, OPERATIONS, SUBJECT, WEATHER
from alerts.operations import WATCHDOG
from alerts.rules import KINDS, SQUALL, Kind, prometheus_duration
from deploy.dashboards.frame import Frame, framed
from deploy.dashboards.layout import Shelf
from deploy.dashboards.palette import CALM, FAINT, NEGATIVE, POSITIVE, USUAL, WATCH
from deploy.dashboards.panels import (
    alarm,
    coloured,
    columns,
    descending,
    filled,
    heat,
    in_order,
    lines,
    link,
    listing,
    merged,
    number,
    steps,
    styled,
    with_threshold,
    wrapped,
)
from deploy.dashboards.queries import Refs, highest, now, over_time, rows
from stream.settings import Settings

# Of the surprise that pages: from here on a subject is worth a look, and is called turning.
TURNING = 0.6
STIRRING = 0.3
RANKED = 15
TOPIC, ENTITY = KINDS
_STEPS = ((STIRRING, FAINT), (TURNING, WATCH), (1.0, NEGATIVE))


def weather(settings: Settings, refs: Refs) -> Dashboard:
    """The dashboard."""
    window = usual_window(settings)
    of_all = f'topic="all", window="{window}"'
    parts = [
        Shelf(
            3,
            [
                (4, _firing(refs)),
                (4, _turning(refs)),
                (6, _against_usual(refs, of_all, window)),
                (3, _polarity(refs, of_all, window)),
                (4, _rate(refs)),
                (3, _unwell(refs)),
            ],
        ),
        Shelf(14, [(13, _heat(settings, refs)), (11, _ranked(ENTITY, refs, window))]),
        Shelf(13, [(13, _ranked(TOPIC, refs, window)), (11, _polarities(refs, window))]),
        Shelf(
            9,
            [(7, _what_fires(refs)), (9, _negatives(refs, of_all, window)), (8, _stories(refs, of_all, window))],
        ),
    ]
    frame = Frame(
        WEATHER,
        "Is anything turning? Every topic and every watched company, by how far its bad news is from what is usual.",
        squalls='subject!=""',
    )
    return framed(frame, parts, refs)


def subject_link(kind: Kind, value: str) -> dict[str, object]:
    """From a row or a cell to its subject, over the same time."""
    url = f"/d/{SUBJECT}?var-{KIND}={kind.label}&var-{NAME}={value}&${{__url_time_range}}"
    return link("Look at the subject", url)


def negatives(refs: Refs, what: str, counted: str, usual: str) -> timeseries.Panel:
    """A window's negative headlines over what is usual, by a query for each."""
    panel = lines(
        f"Negative headlines {what}, and what is usual",
        "The line: negative headlines in the window. The area: how many the window usually holds at that hour of that "
        "weekday. What stands far above the area is a squall, if it is several stories from several sources.",
        over_time(refs, counted, "negative"),
        over_time(refs, usual, "usual", "B"),
    )
    panel.override_by_name("negative", coloured(NEGATIVE))
    return panel.override_by_name("usual", coloured(USUAL, custom__fillOpacity=35, custom__lineWidth=0))


def _gauge(kind: Kind, selector: str) -> str:
    return f"max({kind.prefix}_{{}}{{{{{selector}}}}})"


def _firing(refs: Refs) -> stat.Panel:
    expression = f'count(ALERTS{{alertname="{SQUALL}", alertstate="firing", severity="page"}}) or vector(0)'
    said = "Subjects whose squall fires now. One squall may show in several subjects; it is one page."
    return alarm("Squalls now", said, now(refs, expression), at=[(1, NEGATIVE)])


def _turning(refs: Refs) -> stat.Panel:
    counted = " + ".join(f"(count({share_of_page(kind.label)} >= {TURNING}) or vector(0))" for kind in KINDS)
    said = f"Topics and watched companies whose surprise, in some window, is {TURNING:.0%} or more of what pages."
    return alarm("Turning", said, now(refs, counted), at=[(1, WATCH)])


def _against_usual(refs: Refs, of_all: str, window: str) -> stat.Panel:
    gauge = _gauge(TOPIC, of_all)
    panel = number(
        f"Negative in {window}",
        "Negative headlines of all topics in the window, and how many it usually holds.",
        now(refs, gauge.format("headlines"), "now"),
        now(refs, gauge.format("baseline"), "usual", "B"),
    )
    return panel.override_by_name("usual", styled(decimals=1))


def _negatives(refs: Refs, of_all: str, window: str) -> timeseries.Panel:
    counted = f"max({highest(f'{TOPIC.prefix}_headlines{{{of_all}}}')})"
    return negatives(refs, f"of all topics in {window}", counted, _gauge(TOPIC, of_all).format("baseline"))


def _polarity(refs: Refs, of_all: str, window: str) -> stat.Panel:
    said = "Mean polarity of all topics' headlines in the window: -1 is all bad, 1 all good."
    return number(f"Polarity in {window}", said, now(refs, f"avg(newsquall_polarity{{{of_all}}})"), decimals=2)


def _rate(refs: Refs) -> stat.Panel:
    said = "Headlines scored a minute, over five minutes."
    return number("Headlines a minute", said, now(refs, "sum(rate(newsquall_batch_size_sum[5m])) * 60"))


def _unwell(refs: Refs) -> stat.Panel:
    firing = f'ALERTS{{alertname=~"Newsquall.*", alertname!="{WATCHDOG}", alertstate="firing"}}'
    said = "Alerts about the monitor itself that fire. While one does, the weather may be worse than it looks."
    panel = alarm("Monitor's alerts", said, now(refs, f"count({firing}) or vector(0)"), at=[(1, WATCH)])
    return panel.override_by_field_type("number", styled(links=[link("Operations", f"/d/{OPERATIONS}")]))


def _heat(settings: Settings, refs: Refs) -> statetimeline.Panel:
    panel = heat(
        "Topics over time",
        "How surprising each topic's bad news is, in the window in which it is most, as a share of what pages. At "
        "100 % it pages if it is several stories from several sources.",
        over_time(refs, f"max by (topic) ({highest(share_of_page('topic'))})", "{{topic}}"),
        at=_STEPS,
    )
    # Asked for more often than it is recorded, there would be gaps.
    panel.interval(prometheus_duration(settings.alerts.evaluation * SLOWER))
    return panel.override_by_field_type(
        "number", styled(links=[subject_link(TOPIC, "${__field.labels.topic:percentencode}")])
    )


def _what_fires(refs: Refs) -> table.Panel:
    # Prometheus writes down since when; what has ended within the last quarter of an hour is still of interest.
    since = f'max by (subject) (last_over_time(ALERTS_FOR_STATE{{alertname="{SQUALL}"}}[15m])) * 1000'
    kind = f'label_replace({since}, "kind", "$1", "subject", "([^/]+)/.*")'
    both = f'label_replace({kind}, "name", "$1", "subject", "[^/]+/(.*)")'
    panel = listing(
        "Fires, or just did",
        "Squalls that fire, or did within the last 15 minutes, and since when.",
        rows(refs, both),
        empty="Nothing fires.",
    )
    columns(panel, {"name": "name", "kind": "kind", "Value": "since"}, hidden=["Time", "subject"])
    url = f"/d/{SUBJECT}?var-{KIND}=${{__data.fields.kind}}&var-{NAME}=${{__data.fields.name:percentencode}}"
    panel.override_by_name("name", [*styled(links=[link("Look at the subject", url)]), *wrapped()])
    panel.override_by_name("kind", styled(custom__width=62))
    return panel.override_by_name("since", styled(unit="dateTimeFromNow", custom__width=110))


def _ranked(kind: Kind, refs: Refs, window: str) -> table.Panel:
    by = kind.label

    def ranked(number: str, selector: str) -> str:
        return f"max by ({by}) ({kind.prefix}_{number}{selector})"

    at = f'{{window="{window}"}}'
    # Of equal surprise, which is most often 0, the one with more bad news comes first.
    order = f"max by ({by}) ({share_of_page(by)}) + {ranked('headlines', at)} / 1e6"
    first = f"topk({RANKED}, {order})"
    asked = {
        "A": f"max by ({by}) ({share_of_page(by)})",
        "B": ranked("headlines", at),
        "C": ranked("baseline", at),
        "D": ranked("stories", at),
        "E": ranked("sources", at),
    }
    panel = listing(
        "Topics ranked" if by == "topic" else "Watchlist ranked",
        f"The {RANKED} with the most surprising bad news in any window, as a share of what pages. Counts: {window}.",
        *(rows(refs, f"({expression}) and on ({by}) {first}", ref) for ref, expression in asked.items()),
        empty="None is watched.",
    )
    merged(panel)
    names = {by: by, "Value #A": "of a page", "Value #B": "bad", "Value #C": "usual"}
    names |= {"Value #D": "stories", "Value #E": "sources"}
    columns(panel, names, hidden=["Time"])
    panel.sort_by([descending("of a page")]).decimals(0)
    url = subject_link(kind, "${__value.raw:percentencode}")
    panel.override_by_name(by, [*styled(links=[url]), *wrapped()])
    panel.override_by_name("of a page", [*styled(unit="percentunit", custom__width=68), *filled(*_STEPS)])
    panel.override_by_name("usual", styled(decimals=1, custom__width=50))
    for name, width in (("bad", 44), ("stories", 56), ("sources", 60)):
        panel.override_by_name(name, styled(custom__width=width))
    return panel


def _stories(refs: Refs, of_all: str, window: str) -> timeseries.Panel:
    gauge = _gauge(TOPIC, of_all)
    panel = lines(
        f"Stories and sources in {window}",
        "Distinct negative stories and distinct sources of all topics, and from how many stories they page together.",
        over_time(refs, gauge.format("stories"), "stories"),
        over_time(refs, gauge.format("sources"), "sources", "B"),
        over_time(refs, "max(newsquall:stories_all_threshold)", "stories that page", "C"),
    )
    return with_threshold(in_order(panel, ["sources", "stories"]), "stories that page")


def _polarities(refs: Refs, window: str) -> statetimeline.Panel:
    panel = heat(
        f"Polarity by topic in {window}",
        "Mean polarity of each topic's headlines: bad below 0, good above. A window without headlines is 0.",
        over_time(refs, f"max by (topic) ({POLARITY})", "{{topic}}"),
        at=[(-0.25, CALM), (0.25, POSITIVE)],
        unit="short",
    )
    return panel.thresholds(steps(NEGATIVE, (-0.25, CALM), (0.25, POSITIVE))).decimals(2)
