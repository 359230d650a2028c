"""Hostile requests by everybody to a running desk, and what they stored in Chromium; `make hostile-desk` sends many
more."""

from pathlib import Path

from tests.hostile.desk import PEOPLE, attack

REQUESTS, BROWSED = 250, 10


def test_no_request_breaks_the_desk_runs_in_a_browser_or_shows_what_is_not_for_who_asks(tmp_path: Path) -> None:
    report = attack(tmp_path, f"sqlite:///{tmp_path}/archive.db", REQUESTS, browsed=BROWSED)
    assert report.well, report.findings
    assert report.requests == REQUESTS
    # The requests have not become so wild that none comes further than the gate.
    assert all(report.statuses[name].get(200, 0) > REQUESTS / 40 for name in PEOPLE.values()), report.statuses
    assert report.statuses["vera"][403] > REQUESTS / 40
    assert report.browsed > BROWSED
