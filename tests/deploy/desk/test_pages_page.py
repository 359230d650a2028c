"""Pages on the desk: as they were sent, with their evidence, and what is said of them."""

import re
from datetime import timedelta

import pytest

from alerts.notification import Alert
from alerts.pagebook import PageBook
from alerts.pager import Pager
from stream.fingerprint import fingerprint
from stream.settings import Settings
from stream.verdicts import VerdictBook

from .conftest import NOW, scored

EVENTS = ("auditor resigns", "headquarters raided", "banks freeze credit", "finance chief arrested", "plants stop work")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def page_id(archive) -> str:
    """A page about a squall, told to two receivers of whom one has got it."""
    archive.keep(
        [
            scored(
                f"k{number}",
                f"<b>Kestrovan</b> {event}",
                number / 10,
                entities={"Kestrovan": "negative"},
                source=("Wire", "Post", "Herald")[number % 3],
                fingerprint=fingerprint(f"Kestrovan {event}"),
            )
            for number, event in enumerate(EVENTS)
        ]
    )
    book = PageBook(archive.engine, ["desk", "hook"])
    told = {"alertname": "NegativeNewsSquall", "entity": "Kestrovan", "subject": "entity/Kestrovan", "severity": "page"}
    numbers = {"windows": "5m headlines 5;5m baseline 0.01;5m surprise 20;5m stories 5;5m sources 3;"}
    Pager(Settings(), archive, book, VerdictBook(archive.engine)).take([Alert("firing", told, NOW, "fp", numbers)], NOW)
    (delivery,) = book.pending("desk")
    book.delivered(delivery, NOW + MINUTE)
    return delivery.page.id


def test_a_page_is_shown_with_its_evidence_numbers_and_deliveries(desk, page_id):
    text = desk.get(f"/pages/{page_id}").text
    assert "5 negative headlines about Kestrovan in 5 minutes, usually 0.01" in text
    assert "&lt;b&gt;Kestrovan&lt;/b&gt; auditor resigns" in text
    assert "<b>Kestrovan" not in text
    assert 'class="mark"' in text
    assert "not yet" in text
    assert "3 Jul 2026 02:41" in text
    assert "/story?id=k" in text
    assert desk.get(re.search(r'href="(/story[^"]+)"', text)[1]).status_code == 200
    assert f"/pages/{page_id}" in desk.get("/pages").text
    assert f"/pages/{page_id}" in desk.get("/subjects/entity/Kestrovan?range=6h").text
    assert desk.get("/pages/none").status_code == 404


def test_the_newest_verdict_counts_and_all_are_kept_and_written_down(archive, log_in, page_id, clock):
    anna = log_in("analyst")
    for verdict in ("false_alarm", "real"):
        clock.turn(minutes=1)
        assert anna.post(f"/pages/{page_id}/verdict", verdict=verdict).status_code == 200
    assert VerdictBook(archive.engine).newest([page_id])[page_id].verdict == "real"
    said = VerdictBook(archive.engine).all(page_id)
    assert [(each.verdict, each.who) for each in said] == [("real", "anna"), ("false_alarm", "anna")]
    text = anna.get(f"/pages/{page_id}").text
    assert "anna says it was real" in text
    assert "anna says it was a false alarm" in text
    assert "it was a false alarm" in log_in("operator").get("/audit").text
    assert anna.post(f"/pages/{page_id}/verdict", verdict="maybe").status_code == 400
    assert anna.post("/pages/none/verdict", verdict="real").status_code == 404


def test_a_viewer_sees_a_page_and_no_buttons(log_in, page_id):
    vera = log_in("viewer")
    text = vera.get(f"/pages/{page_id}").text
    assert "Kestrovan" in text
    assert 'name="verdict"' not in text
    assert vera.post(f"/pages/{page_id}/verdict", verdict="real").status_code == 403


def test_secrets_that_are_keys_are_not_shown(desk, page_id, archive):
    assert "/verdicts/" not in desk.get(f"/pages/{page_id}").text
    assert "/charts/" not in desk.get(f"/pages/{page_id}").text


@pytest.mark.parametrize("before", ["x", "0001-01-01", "9999-12-31T23:59:59-23:59", "%00"])
def test_earlier_pages_are_asked_for_by_a_time(desk, page_id, before):
    assert desk.get(f"/pages?before={before}").status_code in (200, 400)
    assert page_id not in desk.get("/pages?before=2026-07-03T02:40:00Z").text
