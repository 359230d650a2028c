"""A page: its words, its links, and how it looks on a terminal."""

import io
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from alerts.circumstances import Circumstances
from alerts.evidence import gather
from alerts.notification import Alert, Reading
from alerts.page import (
    Links,
    Page,
    PageStory,
    PreviousSquall,
    page_id,
    plain_page,
    previous_words,
    resolved_page,
    share_words,
    squall_page,
)
from alerts.receivers.digest import digest
from alerts.rendering import show
from alerts.wording import about, chance_words, lasted_words, usual_words, window_words
from stream.settings import DeskSettings, Settings

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LINKS = Links("http://prometheus/graph?g0.expr=x", "http://alertmanager/#/silences/new", "docs/oncall.md#x")
SETTINGS = Settings(
    relay={"prometheus": "https://prom.example/p/", "alertmanager": "https://am.example"}  # type: ignore[arg-type]
)


def alert_of(subject: str) -> Alert:
    kind, _, name = subject.partition("/")
    labels = {"alertname": "NegativeNewsSquall", "severity": "page", "subject": subject, kind: name}
    return Alert("firing", labels, NOW, "0a1b")


def story(number: int, title: str = "Auditor of Kestrovan resigns") -> PageStory:
    sources = [f"Wire {each}" for each in range(number)]
    return PageStory(title, sources, f"https://news.example/{number}", NOW - MINUTE, NOW, number, 0.934)


PAGE = Page(
    id="0123456789abcdef",
    status="firing",
    alert="NegativeNewsSquall",
    subject="entity/Kestrovan",
    sentence="18 negative headlines about Kestrovan in 5 minutes, usually 0.01",
    fired_at=NOW,
    links=LINKS,
    also_subjects=["topic/fraud_governance", "topic/all"],
    since=NOW - MINUTE,
    last_at=NOW,
    window="5m",
    count=18,
    baseline=0.01,
    surprise=5.3,
    stories=[story(number) for number in range(1, 6)],
    headlines=18,
    story_count=12,
    source_count=8,
    models=["bundled-1"],
)


def printed(page: Page, width: int = 100) -> str:
    out = io.StringIO()
    show(page, Console(file=out, width=width))
    return out.getvalue()


def test_the_terminal_says_what_happens_then_since_when_then_the_stories_then_where_to_look() -> None:
    text = printed(PAGE)
    order = [
        "PAGE  Fri 3 Jul 02:40:00 UTC",
        "18 negative headlines about Kestrovan in 5 minutes, usually 0.01",
        "Since 02:39:00 UTC: 18 headlines, 12 stories, 8 sources",
        "The same squall shows in fraud_governance, all topics",
        "02:39  Auditor of Kestrovan resigns",
        "       Wire 0, negative 93%",
        "       Wire 0, Wire 1 and 3 more, 5 copies, negative 93%",
        "       and 7 stories more",
        "surprise  5.3 in 5 minutes: by its history a chance of 1 in 200,000",
        "model     bundled-1",
        "runbook   docs/oncall.md#x",
        "graph     http://prometheus/graph?g0.expr=x",
        "page      0123456789abcdef",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_no_line_is_wider_than_the_terminal_but_an_address_stays_whole() -> None:
    url = "https://news.example/" + "x" * 150
    title = "Kestrovan 康采恩 " * 14
    page = msgspec.structs.replace(PAGE, stories=[msgspec.structs.replace(story(1, title), url=url)])
    for width in (60, 100, 200):
        lines = printed(page, width).splitlines()
        assert any(line.strip() == url for line in lines)
        console = Console(width=1000)
        for line in lines:
            assert url in line or console.measure(line).maximum <= min(width, 100)


def test_a_headline_cannot_steer_the_terminal() -> None:
    page = msgspec.structs.replace(PAGE, stories=[story(1, "[red]Kestrovan[/red] \x1b[2J\x1b]0;gone\x07 resigns\r")])
    text = printed(page)
    assert "[red]Kestrovan[/red]" in text
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\r" not in text


def test_the_end_is_told_in_short() -> None:
    ended = resolved_page(PAGE, NOW + 83 * MINUTE, None)
    text = printed(ended)
    assert "RESOLVED  Fri 3 Jul 04:03:00 UTC" in text
    assert "The squall about Kestrovan is over: 18 negative headlines in 12 stories within 1 min" in text
    assert "Page 0123456789abcdef of 02:40:00 UTC, resolved after 1 h 23 min" in text
    assert len(text.strip().splitlines()) == 4


BEFORE = PreviousSquall(
    page="f" * 16,
    subject="entity/Kestrovan",
    fired_at=datetime(2026, 3, 9, 17, 5, tzinfo=UTC),
    resolved_at=None,
    since=datetime(2026, 3, 9, 17, 1, tzinfo=UTC),
    last_at=datetime(2026, 3, 9, 18, 24, tzinfo=UTC),
    headlines=40,
    story_count=1,
    story="Kestrovan warns on profit",
    verdict="false_alarm",
)


def test_the_squall_before_is_told_in_a_line_of_the_terminal() -> None:
    text = printed(msgspec.structs.replace(PAGE, previous=BEFORE), width=300)
    told = "The squall before: 9 Mar 2026 17:05 UTC, 40 headlines in 1 story within 1 h 23 min; it was a false alarm"
    assert told in " ".join(text.split())
    assert "Kestrovan warns on profit" in text
    assert text.index("The squall before") < text.index("02:39  Auditor")
    assert "The squall before" not in printed(PAGE)


def test_the_terminal_says_whether_it_is_the_data_or_the_model() -> None:
    found = Circumstances("Nothing else changed: the same model v1", [], 7, None)
    text = printed(msgspec.structs.replace(PAGE, previous=BEFORE, circumstances=found), width=300)
    assert "\nData or model? Nothing else changed: the same model v1\n" in text
    assert text.index("The squall before") < text.index("Data or model?") < text.index("02:39  Auditor")


def test_the_squall_before_says_where_it_was_told_and_that_nobody_judged_it() -> None:
    before = msgspec.structs.replace(BEFORE, subject="topic/all", since=None, story="", verdict=None)
    assert previous_words(msgspec.structs.replace(PAGE, previous=before)) == (
        "The squall before: 9 Mar 2026 17:05 UTC (in the page over all topics), 40 headlines in 1 story; "
        "nobody said what it was worth"
    )
    assert previous_words(PAGE) is None


def test_without_evidence_it_says_so() -> None:
    page = squall_page(alert_of("entity/Acme"), Reading("1h", 7, 0.2, 6), gather([], 0.2, MINUTE, NOW), 0, SETTINGS)
    assert page.sentence == "7 negative headlines about Acme in 1 hour, usually 0.2"
    assert "The archive has no negative headline of it" in printed(page)
    assert resolved_page(page, NOW, None).sentence == "The surge of negative headlines about Acme is over"


def test_it_says_whether_the_news_has_turned_or_there_is_only_more_of_it() -> None:
    alert = alert_of("entity/Acme")
    told = msgspec.structs.replace(alert, annotations={**alert.annotations, "usual_share": "0.2"})
    evidence = gather([], 0, MINUTE, NOW)
    reading = Reading("1h", 7, 0.2, 6, share=0.75)
    page = squall_page(told, reading, evidence, 0, SETTINGS)
    assert share_words(page) == "75% of its headlines are negative, usually 20%"
    assert share_words(squall_page(alert, reading, evidence, 0, SETTINGS)) is None
    assert share_words(squall_page(told, None, evidence, 0, SETTINGS)) is None
    seen = msgspec.structs.replace(page, since=NOW)
    assert "75% of its headlines are negative, usually 20%" in printed(seen)
    assert "75% of its headlines are negative, usually 20%" in digest(seen).lines


def test_the_links_find_the_subject() -> None:
    name = 'Acme "A\\B" & Söhne'
    page = squall_page(alert_of(f"entity/{name}"), None, gather([], 0, MINUTE, NOW), 0, SETTINGS)
    graph = urlsplit(page.links.graph)
    assert (graph.netloc, graph.path) == ("prom.example", "/p/graph")
    quoted = '"Acme \\"A\\\\B\\" & Söhne"'
    assert parse_qs(graph.query)["g0.expr"] == [f"newsquall_entity_negative_headlines{{entity={quoted}}}"]
    assert unquote(page.links.silence) == (
        "https://am.example/#/silences/new?filter="
        '{alertname="NegativeNewsSquall", subject="entity/Acme \\"A\\\\B\\" & Söhne"}'
    )
    assert page.links.runbook == "docs/oncall.md#negativenewssquall"
    assert page.links.dashboard == ""


def test_where_there_is_a_grafana_a_page_leads_to_its_subject_there() -> None:
    settings = Settings(grafana={"url": "https://grafana.example/g/"})  # type: ignore[arg-type]
    name = 'Acme "A\\B" & Söhne'
    reading = Reading("6h", 30, 2.0, 6.5)
    page = squall_page(alert_of(f"entity/{name}"), reading, gather([], 0, MINUTE, NOW), 0, settings)
    link = urlsplit(page.links.dashboard)
    assert (link.netloc, link.path) == ("grafana.example", "/g/d/newsquall-subject")
    query = {key: value for key, (value,) in parse_qs(link.query).items()}
    assert (query["var-kind"], query["var-name"], query["var-window"], query["to"]) == ("entity", name, "6h", "now")
    # Two windows before it fired, so that what was usual is seen too.
    assert int(query["from"]) == (NOW - 12 * 60 * MINUTE).timestamp() * 1000
    assert page.links.dashboard in printed(page)
    lag = plain_page(Alert("firing", {"alertname": "NewsquallLagOld"}, NOW, "f"), settings)
    assert "/g/d/newsquall-operations?from=" in lag.links.dashboard
    drift = plain_page(Alert("firing", {"alertname": "NewsquallInputDrift"}, NOW, "f"), settings)
    assert "/g/d/newsquall-model?from=" in drift.links.dashboard


def test_an_alert_about_the_monitor_keeps_its_words_and_its_severity() -> None:
    labels = {"alertname": "NewsquallRejectionsSurge", "severity": "ticket"}
    page = plain_page(Alert("firing", labels, NOW, "f", annotations={"summary": "12 rejected."}), SETTINGS)
    assert (page.subject, page.sentence) == ("alert/NewsquallRejectionsSurge", "12 rejected.")
    text = printed(page)
    assert "TICKET  Fri 3 Jul" in text
    assert "Since" not in text
    assert plain_page(Alert("firing", {}, NOW, "f"), SETTINGS).sentence == "an alert without a name fires."


def test_an_id_is_the_same_for_the_same_firing_only() -> None:
    first = alert_of("entity/Acme")
    assert page_id(first) == page_id(alert_of("entity/Acme"))
    assert page_id(first) != page_id(msgspec.structs.replace(first, starts_at=NOW + MINUTE))


def test_words() -> None:
    assert [about(subject) for subject in ("entity/Acme", "topic/credit_debt", "topic/all")] == [
        "about Acme",
        "on credit and debt",
        "over all topics",
    ]
    assert [window_words(window) for window in ("1m", "6h", "1d")] == ["1 minute", "6 hours", "1 day"]


@given(st.floats(0, 1e6))
def test_what_is_usual_is_never_rounded_to_nothing_or_to_a_heap_of_digits(baseline: float) -> None:
    words = usual_words(baseline)
    assert words.startswith("usually ")
    assert len(words) <= len("usually less than 0.01")
    assert ("none" in words) == (baseline == 0)


@given(st.floats(0, 300))
def test_a_chance_is_in_words_that_a_person_knows(surprise: float) -> None:
    assert len(chance_words(surprise)) <= len("less than 1 in a million")


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_duration_has_two_units_at_most(duration: timedelta) -> None:
    assert 2 <= len(lasted_words(duration).split()) <= 4


@given(
    st.builds(
        Page,
        id=st.text(),
        status=st.sampled_from(["firing", "resolved"]),
        alert=st.text(),
        subject=st.text(),
        sentence=st.text(),
        fired_at=st.datetimes(timezones=st.just(UTC)),
        links=st.just(LINKS),
    )
)
def test_a_page_is_the_same_after_its_json(page: Page) -> None:
    assert msgspec.json.decode(msgspec.json.encode(page), type=Page) == page


def test_a_page_leads_to_the_desk_where_people_can_reach_one():
    alert = Alert("firing", {"alertname": "NewsquallWorkerDown"}, NOW, "0a")
    assert plain_page(alert, Settings()).links.desk == ""
    page = plain_page(alert, Settings(desk=DeskSettings(public_url="https://desk.example/")))
    assert page.links.desk == f"https://desk.example/pages/{page.id}"
    assert [link.url for link in digest(page).links if link.label == "desk"] == [page.links.desk]
