"""The dashboards as Grafana would be given them: laid out, wired to what is exported, linked, and readable."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from alerts import dashboardlinks
from alerts.chartrules import chart_group
from alerts.operations import DRIFT, LATE_AFTER, OLDEST_UNSCORED
from alerts.rules import KINDS, rule_file
from deploy.bench.view import panels, queries
from deploy.dashboards.catalogue import as_json, dashboards
from deploy.dashboards.frame import TITLES
from deploy.dashboards.layout import COLUMNS, Section, Shelf, arrange
from deploy.dashboards.panels import note
from deploy.dashboards.queries import POSTGRESQL, PROMETHEUS
from stream.metrics import exported_names
from stream.settings import Settings

WITHOUT = Settings()
WITH = Settings(archive={"url": "postgresql+psycopg://desk@db.example/news"})  # type: ignore[arg-type]
RENDERED = [as_json(each) for each in dashboards(WITH)]
IDS = [each["uid"] for each in RENDERED]
# Of a phone 390 pixels wide, what is left for a table within its panel and the page.
PHONE = 358
NARROWEST = 50
every = pytest.mark.parametrize("dashboard", RENDERED, ids=IDS)

Box = tuple[int, int, int, int]


def boxes(dashboard: Mapping[str, Any], opened: bool) -> Iterator[Box]:
    """Left, top, width and height of each panel and heading; of closed rows as they are opened, or not at all."""
    for panel in dashboard["panels"]:
        for each in [panel, *(panel.get("panels") or [] if opened else [])]:
            place = each["gridPos"]
            yield place["x"], place["y"], place["w"], place["h"]


def overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def test_there_are_the_four_that_pages_and_links_lead_to() -> None:
    assert IDS == [dashboardlinks.WEATHER, dashboardlinks.SUBJECT, dashboardlinks.OPERATIONS, dashboardlinks.MODEL]
    assert [each["title"] for each in RENDERED] == list(TITLES.values())


@every
def test_no_panel_lies_on_another_and_each_lies_within_the_width(dashboard: dict[str, Any]) -> None:
    found = list(boxes(dashboard, opened=False))
    assert all(x >= 0 and x + w <= COLUMNS and w > 0 and h > 0 for x, _, w, h in found)
    assert [pair for pair in combinations(found, 2) if overlap(*pair)] == []
    for row in dashboard["panels"]:
        inside = list(boxes({"panels": row.get("panels") or []}, opened=False))
        assert [pair for pair in combinations(inside, 2) if overlap(*pair)] == []
        assert all(top > row["gridPos"]["y"] for _, top, _, _ in inside)


@every
def test_there_is_no_gap_in_the_width(dashboard: dict[str, Any]) -> None:
    by_top: dict[int, int] = {}
    for _, top, width, _ in boxes(dashboard, opened=True):
        by_top[top] = by_top.get(top, 0) + width
    assert set(by_top.values()) == {COLUMNS}


def test_a_shelf_that_does_not_fill_the_width_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="take 20 columns of 24"):
        arrange([Section("x", [Shelf(3, [(20, note("a", "b"))])])])


@every
def test_panels_have_numbers_of_their_own_and_say_what_they_show(dashboard: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in panels(dashboard)] + [
        p["id"] for p in dashboard["panels"] if p["type"] == "row"
    ]
    assert len(numbers) == len(set(numbers))
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel.get("description", "").endswith(".") or panel["type"] == "text", panel["title"]


@every
def test_the_sdk_reads_back_what_was_written(dashboard: dict[str, Any]) -> None:
    plugins.register_default_plugins()
    # Marks of Prometheus have three fields that the SDK does not know.
    for mark in dashboard["annotations"]["list"]:
        for unknown in ("titleFormat", "textFormat", "step"):
            mark.pop(unknown, None)
    read = Dashboard.from_json(json.loads(json.dumps(dashboard)))
    assert as_json(read) == dashboard


@every
def test_queries_ask_for_what_is_exported_or_recorded_and_for_nothing_else(dashboard: dict[str, Any]) -> None:
    rules = [*rule_file(WITH)["groups"][0]["rules"], *chart_group(KINDS, WITH)["rules"]]
    known = {*exported_names(), *(rule["record"] for rule in rules if "record" in rule)}
    names = re.compile(r"newsquall[_:][\w:]*")
    for query in queries(dashboard):
        if query.source == PROMETHEUS:
            text = query.text.replace("${kind}", "topic").replace("(entity_)?", "").replace("newsquall-", "")
            for name in names.findall(re.sub(r"newsquall_\(prediction\|input\)_drift", "newsquall_input_drift", text)):
                assert name in known, (query.panel, name)


@every
def test_no_series_is_asked_for_without_an_aggregation(dashboard: dict[str, Any]) -> None:
    # While a subject moves both workers tell of it: two lines where there is one subject.
    for query in queries(dashboard):
        if query.source == PROMETHEUS:
            assert re.match(r"\(*(sum|max|min|avg|count|histogram_quantile|label_replace|sort_desc|time)\b", query.text)


@every
def test_links_lead_to_dashboards_and_variables_that_there_are(dashboard: dict[str, Any]) -> None:
    variables = {each["uid"]: {v["name"] for v in each["templating"]["list"]} for each in RENDERED}
    links = re.findall(r'"url": "(/d/[^"]*)"', json.dumps(dashboard))
    for link in links:
        uid, _, query = link.removeprefix("/d/").partition("?")
        assert set(re.findall(r"var-(\w+)=", query)) <= variables[uid]
    assert links or dashboard["uid"] != dashboardlinks.WEATHER
    assert any(link["tags"] == ["newsquall"] and link["keepTime"] for link in dashboard["links"])
    assert "newsquall" in dashboard["tags"]


@every
def test_every_table_fits_on_a_phone_without_scrolling_sideways(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        if panel["type"] != "table":
            continue
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert custom["minWidth"] == NARROWEST
        fixed, hidden, flexible = 0, set(), set(columns_of(panel))
        for override in panel["fieldConfig"]["overrides"]:
            properties = {each["id"]: each.get("value") for each in override["properties"]}
            if properties.get("custom.hidden"):
                hidden.add(override["matcher"]["options"])
            elif width := properties.get("custom.width"):
                fixed += width
                flexible.discard(override["matcher"]["options"])
        assert fixed + NARROWEST * len(flexible - hidden) <= PHONE, panel["title"]
        assert flexible - hidden, f"{panel['title']} has no column that takes what is left"


def columns_of(panel: Mapping[str, Any]) -> list[str]:
    for transformation in panel.get("transformations") or []:
        if transformation["id"] == "organize":
            return list(transformation["options"]["renameByName"].values())
    (target,) = panel["targets"]
    # The outermost list of columns begins a line, and so does what it is taken from.
    selected = re.findall(r"^SELECT (.*?)^FROM", target["rawSql"], re.MULTILINE | re.DOTALL)[-1]
    while "(" in selected:
        selected = re.sub(r"\([^()]*\)", "", selected)
    return [each.split(" AS ")[-1].strip().strip('"') for each in selected.split(",")]


def test_thresholds_are_those_of_the_alerts() -> None:
    def steps(uid: str, title: str) -> list[float]:
        dashboard = next(each for each in RENDERED if each["uid"] == uid)
        panel = next(each for each in panels(dashboard) if each["title"] == title)
        return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    assert steps("newsquall-weather", "Topics over time")[-1] == 1.0
    assert steps("newsquall-operations", "Oldest unscored")[-1] == OLDEST_UNSCORED.total_seconds()
    assert steps("newsquall-operations", "From publication to score")[-1] == LATE_AFTER.total_seconds()
    assert steps("newsquall-model", "Largest drift")[-1] == DRIFT
    asked = "\n".join(query.text for each in RENDERED for query in queries(each))
    for recorded in ("${kind}_surprise", "stories", "stories_all", "sources"):
        assert f"newsquall:{recorded}_threshold" in asked


def test_without_a_postgresql_nothing_is_asked_of_it_and_the_panels_say_why() -> None:
    for dashboard in map(as_json, dashboards(WITHOUT)):
        assert POSTGRESQL not in json.dumps(dashboard)
        list(boxes(dashboard, opened=True))
    text = json.dumps([as_json(each) for each in dashboards(WITHOUT)])
    assert text.count("archive is a PostgreSQL") == 2


def test_windows_and_the_first_one_come_from_the_settings() -> None:
    given = Settings(trends={"windows": ["2m", "30m", "2h"]}, alerts={"calm_window": "2m"})  # type: ignore[arg-type]
    subject = as_json(dashboards(given)[1])
    window = next(each for each in subject["templating"]["list"] if each["name"] == "window")
    assert (window["query"], window["current"]["value"]) == ("2m,30m,2h", "30m")


def test_the_sources_are_those_of_the_settings_or_those_that_are_there_already() -> None:
    given = Settings(grafana={"prometheus_source": "mimir", "archive_source": "warehouse"})  # type: ignore[arg-type]
    text = json.dumps([as_json(each) for each in dashboards(given)])
    assert set(re.findall(r'"uid": "([^"]+)"\}', text)) == {"mimir", "warehouse", "-- Grafana --"}
