"""Every query of every dashboard on the demo's Prometheus and PostgreSQL, while its squall is on: each has data.

Only Grafana itself is missing; its part, filling in variables, is done as its documentation says
(deploy/bench/view.py).
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import psycopg
import pytest
from pydantic import SecretStr

from alerts.chartrules import chart_group
from alerts.dashboardlinks import SUBJECT
from alerts.page import Page
from alerts.pagebook import PageBook
from alerts.rules import KINDS
from deploy.bench.view import Query, View, filled_in, queries
from deploy.dashboards.catalogue import as_json, dashboards
from deploy.dashboards.push import push
from deploy.dashboards.queries import PROMETHEUS
from deploy.demo.board import scored_total
from deploy.demo.director import OUTLET, SQUALL_SUBJECT
from deploy.demo.outlet import Outlet
from deploy.demo.receiver import Receiver
from deploy.demo.system import System
from deploy.demo.world import World
from stream.archive import Archive
from stream.publisher import Publisher
from stream.settings import GrafanaSettings, load_settings
from stream.verdicts import Verdict, VerdictBook
from tests.grafanaserver import TOKEN, GrafanaServer
from tests.integration.conftest import eventually
from tests.scoredheadlines import scored_headline

COMPANY = SQUALL_SUBJECT.partition("/")[2]


class Squall(NamedTuple):
    """The running system, while the squall's page is open."""

    system: System
    archive: str
    page: Page


@pytest.fixture(scope="module")
def squall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Squall]:
    world = World(7)
    with Outlet(OUTLET) as outlet, Receiver() as receiver:

        def prepare(place: Path) -> None:
            world.write_watchlist(place / "watchlist.csv")
            outlet.write_list(place / "feeds.toml")

        with System(tmp_path_factory.mktemp("dashboards"), receiver.url, prepare) as system:
            outlet.tell(world.headline(datetime.now(UTC)))
            yield Squall(system, system.settings.archive.url, _blow(world, system, receiver))


def _blow(world: World, system: System, receiver: Receiver) -> Page:
    """Two weeks of ordinary news, and then the squall; the page that it becomes."""
    history = world.history(datetime.now(UTC) - timedelta(minutes=2))
    with Publisher(system.kafka.bootstrap) as publisher:
        for headline in history:
            publisher.send(headline)
        publisher.flush()
        eventually(lambda: scored_total(system.samples()) >= len(history), 240, "the history is scored")
        judged = ("newsquall_entity_history_seconds", (("entity", COMPANY),))
        eventually(lambda: system.samples().get(judged, 0) > 86_400, 60, "baselines are learnt")
        for planned in world.squall():
            publisher.send(world.tell(planned.title, planned.source, datetime.now(UTC)))
            publisher.flush()
            # All at once would reach what all topics together need before the company's counts are looked at.
            time.sleep(1.0)
    arrived = receiver.arrived.get(timeout=120).page
    assert (arrived["subject"], arrived["status"]) == (SQUALL_SUBJECT, "firing")
    return msgspec.convert(arrived, Page)


def as_it_is(squall: Squall) -> Page:
    """The squall's page as the book has it now."""
    archive = Archive(squall.archive)
    try:
        page = PageBook(archive.engine, ()).find(squall.page.id)
        assert page is not None
        return page
    finally:
        archive.close()


def judge(url: str, page: Page) -> None:
    archive = Archive(url)
    try:
        VerdictBook(archive.engine).give(page.id, Verdict("real", "rita", datetime.now(UTC)))
    finally:
        archive.close()


def rows(squall: Squall, query: Query, view: View) -> list[Any]:
    """What the source answers."""
    text = filled_in(query, view)
    if query.source == PROMETHEUS:
        if query.instant:
            return squall.system.prometheus.query(text, view.until)
        asked = {"query": text, "start": view.since, "end": view.until, "step": view.step(query.interval, query.points)}
        status, body = squall.system.prometheus.ask("GET", f"/api/v1/query_range?{urlencode(asked)}")
        assert status == 200, (query, body)
        found: list[Any] = msgspec.json.decode(body)["data"]["result"]
        return found
    with psycopg.connect(squall.archive.replace("+psycopg", "")) as connection:
        return connection.execute(text.encode()).fetchall()


def view_of(kind: str, name: str, window: str = "5m", back: float = 3_600) -> View:
    until = time.time()
    return View({"kind": kind, "name": name, "window": window}, until - back, until, least=1.0)


def numbers(query: Query, found: list[Any]) -> list[Any]:
    """Of an answer what is a number: a quantile of nothing is none."""
    if query.source != PROMETHEUS:
        return found
    values = [each["value"][1] for each in found] if query.instant else [v for s in found for _, v in s["values"]]
    return [value for value in values if value != "NaN"]


def test_every_query_of_every_dashboard_has_data_during_a_squall(squall: Squall) -> None:
    settings = load_settings(squall.system.settings_file)
    asked = [
        (dashboard["uid"], subject, query)
        for dashboard in map(as_json, dashboards(settings))
        for subject in (("entity", COMPANY), ("topic", "all"))
        for query in queries(dashboard)
    ]
    assert len(asked) > 100
    # What was scraped or recorded only now comes with the next scrape.
    deadline = time.monotonic() + 30
    while empty := [each for each in asked if not numbers(each[2], rows(squall, each[2], view_of(*each[1])))]:
        assert time.monotonic() < deadline, empty
        time.sleep(1)
        asked = empty


def subjects(squall: Squall) -> dict[str, Any]:
    """The subject's dashboard."""
    found = map(as_json, dashboards(load_settings(squall.system.settings_file)))
    return next(each for each in found if each["uid"] == SUBJECT)


def panel(squall: Squall, title: str, view: View) -> list[Any]:
    """The answer to the first query of a panel."""
    found = map(as_json, dashboards(load_settings(squall.system.settings_file)))
    query = next(query for dashboard in found for query in queries(dashboard) if query.panel == title)
    return rows(squall, query, view)


def test_a_subject_shows_its_stories_headlines_page_and_verdict(squall: Squall) -> None:
    judge(squall.archive, squall.page)
    view = view_of("entity", COMPANY)
    page, told, pages = None, [], []
    # It is told again while it grows and when it becomes critical: what was read beside such a change is read anew.
    while page != (page := as_it_is(squall)):
        told, pages = panel(squall, "Stories that paged", view), panel(squall, "Pages and verdicts", view)
    assert {row[1] for row in told} == {story.title for story in page.stories}
    ((_, sentence, verdict, who),) = pages
    assert (sentence, verdict, who) == (page.sentence, "real", "rita")
    headlines = panel(squall, "Negative headlines", view)
    assert len(headlines) >= squall.page.headlines
    assert all(row[4].startswith("https://") and row[3] > 0.5 for row in headlines)
    assert headlines == sorted(headlines, key=lambda row: row[0], reverse=True)
    # All topics together take in every page; a company of which nothing bad is told has none.
    assert len(panel(squall, "Pages and verdicts", view_of("topic", "all"))) == 1
    assert panel(squall, "Pages and verdicts", view_of("entity", "Pellwick")) == []


@pytest.mark.parametrize("name", ["O'Brien & Sons", 'the "Best" Co', "'; DROP TABLE headlines; --", "沃丰银行", "$x"])
def test_a_name_is_a_name_whatever_is_in_it(squall: Squall, name: str) -> None:
    keep_headline(squall.archive, name)
    view = view_of("entity", name)
    for query in queries(subjects(squall)):
        rows(squall, query, view)
    ((_, title, _, sure, url),) = panel(squall, "Negative headlines", view)
    # Towards it, not the title's own; and what is no link to a page is none.
    assert (title, sure, url) == (f"{name} slumps as others gain", 0.75, "")


def keep_headline(url: str, name: str) -> None:
    headline = scored_headline(
        f"{name} slumps as others gain",
        datetime.now(UTC) - timedelta(seconds=2),
        "neutral",
        source="Tideline",
        url="javascript:alert(1)",
        topic="markets_general",
        entities={name: "negative"},
        entity_probabilities={name: {"negative": 0.75, "neutral": 0.2, "positive": 0.05}},
    )
    archive = Archive(url)
    try:
        archive.keep([headline])
    finally:
        archive.close()


def test_what_is_recorded_for_charts_is_what_the_raw_series_say(squall: Squall) -> None:
    settings = load_settings(squall.system.settings_file)
    for rule in chart_group(KINDS, settings)["rules"]:
        if "increase" in rule["expr"] or "rate" in rule["expr"]:  # moving, so never the same twice
            assert squall.system.prometheus.query(rule["record"]), rule
            continue

        def agrees(rule: dict[str, str] = rule) -> bool:
            recorded, raw = (squall.system.prometheus.query(rule[each]) for each in ("record", "expr"))
            return labelled(recorded) == labelled(raw) != {}

        eventually(agrees, 30, rule["record"])


def labelled(found: list[dict[str, Any]]) -> dict[frozenset[tuple[str, str]], float]:
    return {
        frozenset((name, value) for name, value in each["metric"].items() if name != "__name__"): round(
            float(each["value"][1]), 1
        )
        for each in found
    }


def test_the_names_to_choose_from_are_those_that_there_are(squall: Squall) -> None:
    subject = subjects(squall)
    asked = next(each["query"]["query"] for each in subject["templating"]["list"] if each["name"] == "name")
    selector = asked.removeprefix("label_values(").rpartition(", $kind)")[0]
    for kind, name in (("topic", "all"), ("entity", COMPANY)):
        path = f"/api/v1/label/{kind}/values?{urlencode({'match[]': selector})}"
        _, body = squall.system.prometheus.ask("GET", path)
        assert name in msgspec.json.decode(body)["data"]


def test_squalls_are_marked(squall: Squall) -> None:
    for dashboard in map(as_json, dashboards(load_settings(squall.system.settings_file))):
        for mark in dashboard["annotations"]["list"]:
            if "expr" in mark:
                view = view_of("entity", COMPANY)
                text = filled_in(Query("", "A", PROMETHEUS, mark["expr"], False, None, None), view)
                found = squall.system.prometheus.query(f"max_over_time({text}[1h])")
                assert [each["metric"]["subject"] for each in found] == [SQUALL_SUBJECT], mark


def test_a_push_from_the_running_system_notes_its_page_once(squall: Squall) -> None:
    with GrafanaServer() as server:
        grafana = GrafanaSettings(url=server.url, token=SecretStr(TOKEN))
        settings = load_settings(squall.system.settings_file).model_copy(update={"grafana": grafana})
        first = push(settings)
        assert first.sources == {"newsquall-prometheus": "created", "newsquall-archive": "created"}
        push(settings)
        (note,) = server.annotations.values()
        assert f"page:{squall.page.id}" in note["tags"]
        assert COMPANY in note["text"]
