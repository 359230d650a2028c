"""Subject: one topic or watched company. What turned, since when, because of which stories, and was the page right?"""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DynamicConfigValue,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from alerts.chartrules import share_of_page, usual_window
from alerts.dashboardlinks import KIND, NAME, SUBJECT, WINDOW
from deploy.dashboards.frame import Frame, framed
from deploy.dashboards.layout import Section, Shelf
from deploy.dashboards.palette import NEGATIVE, POSITIVE, WATCH
from deploy.dashboards.panels import (
    alarm,
    coloured,
    in_order,
    lines,
    link,
    listing,
    note,
    number,
    styled,
    with_threshold,
    wrapped,
)
from deploy.dashboards.queries import SHOWN, Refs, Sql, highest, now, over_time
from deploy.dashboards.weather import TURNING, negatives
from stream.duration import format_duration
from stream.settings import Settings

HEADLINES = 200
PAGES = 500
# Newer Grafanas put a backslash before a double quote, which is none of SQL's.
_NAME = f"""replace(${{{NAME}:sqlstring}}, '\\"', '"')"""
_KIND = f"${{{KIND}:sqlstring}}"
WITHOUT_ARCHIVE = (
    "Headlines, stories, pages and verdicts stand here where the archive is a PostgreSQL, which Grafana can read "
    "(`archive.url`). This one's is not: `newsquall relay` shows its pages at `/pages`."
)


def subject(settings: Settings, refs: Refs) -> Dashboard:
    """The dashboard."""
    parts: list[Shelf | Section] = [
        Shelf(
            3,
            [
                (5, _surprise(refs)),
                (6, _against_usual(refs)),
                (4, _least("stories", "stories", "Stories", refs)),
                (4, _least("sources", "sources", "Sources", refs)),
                (5, _history(settings, refs)),
            ],
        ),
        Shelf(10, [(16, _negatives(refs)), (8, _polarity(refs))]),
        Shelf(8, [(8, _surprises(settings, refs)), (8, _stories(refs)), (8, _share(refs))]),
    ]
    if refs.archive is None:
        parts.append(Shelf(3, [(24, note("Headlines, pages and verdicts", WITHOUT_ARCHIVE))]))
    else:
        parts += [
            Shelf(8, [(12, _told(refs)), (12, _pages(refs))]),
            Shelf(12, [(24, _headlines(refs))]),
        ]
    frame = Frame(
        SUBJECT,
        "One topic or watched company: its bad news beside what is usual, the stories, the headlines, its pages.",
        variables=_variables(settings, refs),
        squalls=f'subject="${{{KIND}}}/${{{NAME}:raw}}"',
    )
    return framed(frame, parts, refs)


def gauge(name: str, window: str = f"${WINDOW}") -> str:
    """The subject's series of a gauge, whichever kind of subject it is: topics' and companies' differ in a part of
    the metric's name and in the label that names them."""
    of_window = f', window="{window}"' if window else ""
    return f'{{__name__=~"newsquall_(entity_)?{name}", ${{{KIND}}}=${{{NAME}:doublequote}}{of_window}}}'


def _variables(settings: Settings, refs: Refs) -> Sequence[Builder[VariableModel]]:
    windows = [format_duration(window) for window in settings.trends.windows]
    names = dashboard.QueryVariable(NAME).label("Subject").datasource(refs.prometheus)
    # By the gauge that has one series a subject; each window's would be five times as many.
    asked = f'label_values({{__name__=~"newsquall_(entity_)?history_seconds"}}, ${KIND})'
    names.query({"qryType": 5, "query": asked, "refId": "names"})
    names.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    names.current(VariableOption(selected=True, text="all", value="all"))
    return [
        _choice(KIND, "Kind", ["topic", "entity"], "topic"),
        names.multi(False).include_all(False),
        _choice(WINDOW, "Window", windows, usual_window(settings)),
    ]


def _choice(name: str, label: str, values: Sequence[str], first: str) -> Builder[VariableModel]:
    options = [VariableOption(selected=each == first, text=each, value=each) for each in values]
    variable = dashboard.CustomVariable(name).label(label).values(",".join(values)).options(options)
    return variable.current(VariableOption(selected=True, text=first, value=first)).multi(False).include_all(False)


def _surprise(refs: Refs) -> stat.Panel:
    name = share_of_page(f"${{{KIND}}}")
    most = f"max({name}{{${{{KIND}}}=${{{NAME}:doublequote}}}})"
    said = "The surprise of its bad news in the window in which it is most, as a share of what pages."
    steps = [(TURNING, WATCH), (1.0, NEGATIVE)]
    return alarm("Surprise, of a page", said, now(refs, most), at=steps, unit="percentunit")


def _against_usual(refs: Refs) -> stat.Panel:
    panel = number(
        "Negative in $window",
        "Negative headlines in the window, and how many it usually holds.",
        now(refs, f"max({gauge('negative_headlines')})", "now"),
        now(refs, f"max({gauge('negative_baseline')})", "usual", "B"),
    )
    return panel.override_by_name("usual", styled(decimals=2))


def _negatives(refs: Refs) -> timeseries.Panel:
    counted = f"max({highest(gauge('negative_headlines'))})"
    return negatives(refs, "in $window", counted, f"max({gauge('negative_baseline')})")


def _least(name: str, threshold: str, title: str, refs: Refs) -> stat.Panel:
    """Of the two numbers that a page needs beside surprise: it, and from how many on."""
    return number(
        f"{title} in $window",
        f"Distinct {name} of its negative headlines in the window, and from how many on it may page.",
        now(refs, f"max({gauge(f'negative_{name}')})", "now"),
        now(refs, f"max(newsquall:{threshold}_threshold)", "pages from", "B"),
    )


def _history(settings: Settings, refs: Refs) -> stat.Panel:
    shortest = settings.trends.shortest_history
    said = f"History that its baseline stands on. Below {format_duration(shortest)} it is not judged and pages nobody."
    return number("History", said, now(refs, f"max({gauge('history_seconds', '')})"), unit="s")


def _polarity(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Polarity in $window",
        "Mean polarity of its headlines in the window: -1 is all bad, 1 all good, 0 also where there is none.",
        over_time(refs, f"avg({gauge('polarity')})", "polarity"),
        legend=False,
    )
    panel.min(-1).max(1).decimals(1)
    return panel.override_by_name("polarity", coloured(POSITIVE))


def _surprises(settings: Settings, refs: Refs) -> timeseries.Panel:

    def limit(severity: str) -> str:
        of = f'${{{KIND}}}=${{{NAME}:doublequote}}, severity="{severity}"'
        return f"max(newsquall:${{{KIND}}}_surprise_threshold{{{of}}})"

    panel = lines(
        "Surprise by window",
        "-log10 of the chance of so many negatives by its own history: 3 is one window in a thousand.",
        over_time(refs, f"max by (window) ({gauge('negative_surprise', '')})", "{{window}}"),
        over_time(refs, limit("page"), "pages from", "B"),
        over_time(refs, limit("critical"), "critical from", "C"),
    )
    in_order(panel, [format_duration(window) for window in settings.trends.windows])
    return with_threshold(panel, "pages from", "critical from")


def _stories(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Stories and sources in $window",
        "Distinct negative stories, and distinct sources that tell them. One story of many outlets pages nobody.",
        over_time(refs, f"max({gauge('negative_stories')})", "stories"),
        over_time(refs, f"max({gauge('negative_sources')})", "sources", "B"),
        over_time(refs, "max(newsquall:stories_threshold)", "stories that page", "C"),
    )
    return with_threshold(in_order(panel, ["sources", "stories"]), "stories that page")


def _share(refs: Refs) -> timeseries.Panel:
    panel = lines(
        "Share of bad news in $window",
        "Its negative headlines as a share of all of its headlines. More headlines at the usual share are no turn.",
        over_time(refs, f"max({gauge('negative_share')})", "share"),
        over_time(refs, f"max({gauge('negative_usual_share', '')})", "usual", "B"),
        unit="percentunit",
        legend=False,
    )
    panel.override_by_name("share", coloured(NEGATIVE, custom__fillOpacity=20))
    return with_threshold(panel, "usual")


def _told(refs: Refs) -> table.Panel:
    panel = listing(
        "Stories that paged",
        "The main stories of its pages in this time, as each page had them at its end; the newest first.",
        Sql(
            refs,
            f"""
            {_PAGES}
            SELECT to_timestamp(min(told.first_at) / 1000) AS "first told", told.title AS story,
                   max(told.copies) AS copies, max(told.outlets) AS sources, max(told.url) AS url
            FROM (
                SELECT extract(epoch FROM (story->>'first_at')::timestamptz) * 1000 AS first_at,
                       story->>'title' AS title, (story->>'copies')::int AS copies,
                       jsonb_array_length(story->'sources') AS outlets, {_web("story->>'url'")} AS url
                FROM found CROSS JOIN LATERAL jsonb_array_elements(found.page->'stories') AS story
            ) AS told
            GROUP BY told.title ORDER BY 1 DESC LIMIT {HEADLINES}
            """,
        ),
        empty="No page in this time.",
    )
    for name, width in (("copies", 58), ("sources", 64)):
        panel.override_by_name(name, styled(decimals=0, custom__width=width))
    return _linked(panel, "story", "first told")


def _pages(refs: Refs) -> table.Panel:
    panel = listing(
        "Pages and verdicts",
        "Its pages in this time, those too that another subject's page took in, and what people said of each. Of all "
        "topics together: every page.",
        Sql(
            refs,
            f"""
            {_PAGES}
            SELECT to_timestamp(found.fired_at / 1000000.0) AS fired, found.page->>'sentence' AS page,
                   coalesce(said.verdict, '-') AS verdict, coalesce(said.who, '') AS by
            FROM found LEFT JOIN LATERAL (
                SELECT verdict, who FROM verdicts WHERE page_id = found.id ORDER BY number DESC LIMIT 1
            ) AS said ON true
            ORDER BY found.fired_at DESC LIMIT {HEADLINES}
            """,
        ),
        empty="No page in this time.",
    )
    panel.override_by_name("page", wrapped())
    panel.override_by_name("verdict", styled(custom__width=84))
    panel.override_by_name("by", styled(custom__width=60))
    return panel.override_by_name("fired", _moment())


def _headlines(refs: Refs) -> table.Panel:
    shown = f"LIMIT {HEADLINES}"
    rows = "h.id, h.published_at, h.title, h.source, h.url, h.p_negative, h.entities"
    panel = listing(
        "Negative headlines",
        f"The newest {HEADLINES} of this time, with the model's probability of negative: for a company, towards it.",
        Sql(
            refs,
            f"""
            WITH found AS (
                (SELECT {rows} FROM headlines AS h
                 WHERE {_KIND} = 'topic' AND {_NAME} = 'all' AND h.sentiment = 'negative'
                   AND h.published_at {SHOWN}
                 ORDER BY h.published_at DESC {shown})
                UNION ALL
                (SELECT {rows} FROM headlines AS h
                 WHERE {_KIND} = 'topic' AND h.topic = {_NAME} AND h.sentiment = 'negative'
                   AND h.published_at {SHOWN}
                 ORDER BY h.published_at DESC {shown})
                UNION ALL
                (SELECT {rows} FROM mentions AS m JOIN headlines AS h ON h.id = m.headline_id
                 WHERE {_KIND} = 'entity' AND m.entity = {_NAME} AND m.sentiment = 'negative'
                   AND m.published_at {SHOWN}
                 ORDER BY m.published_at DESC {shown})
            )
            SELECT to_timestamp(published_at / 1000000.0) AS published, title, source,
                   coalesce((nullif(entities, '')::jsonb #> ARRAY[{_NAME}, 'negative'])::float, p_negative) AS negative,
                   {_web("url")} AS url
            FROM found ORDER BY published_at DESC {shown}
            """,
        ),
        empty="No negative headline in this time.",
    )
    panel.override_by_name("negative", styled(unit="percentunit", decimals=0, custom__width=70))
    panel.override_by_name("source", [*styled(custom__width=96), *wrapped()])
    return _linked(panel, "title", "published")


# A page stands with its own subject, with those that the same squall made fire, and with all topics together. JSON is
# read of the newest pages only.
_PAGES = f"""WITH newest AS (
                SELECT id, fired_at, page::jsonb AS page FROM pages
                WHERE fired_at {SHOWN} ORDER BY fired_at DESC LIMIT {PAGES}
            ), found AS (
                SELECT * FROM newest
                WHERE page->>'subject' = {_KIND} || '/' || {_NAME}
                   OR page->'also_subjects' ? ({_KIND} || '/' || {_NAME})
                   OR {_KIND} || '/' || {_NAME} = 'topic/all'
            )"""


def _web(field: str) -> str:
    """A link if it is one: what a feed writes there is not for a browser to run."""
    return f"CASE WHEN {field} ~* '^https?://' THEN {field} ELSE '' END"


def _linked(panel: table.Panel, field: str, moment: str) -> table.Panel:
    panel.override_by_name(field, [*styled(links=[link("Read it", "${__data.fields.url}")]), *wrapped()])
    panel.override_by_name(moment, _moment())
    return panel.override_by_name("url", styled(custom__hidden=True))


def _moment() -> list[DynamicConfigValue]:
    # Broken after the date, which leaves a phone room for what is told.
    return [*styled(unit="dateTimeAsLocalNoDateIfToday", custom__width=92), *wrapped()]
