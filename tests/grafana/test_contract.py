"""What `newsquall dashboards push` relies on of a Grafana, asked of the double and of a real one alike."""

import time
import uuid
from collections.abc import Iterator

import pytest

from deploy.dashboards.catalogue import as_json, dashboards
from deploy.dashboards.notes import Note, changes
from deploy.dashboards.server import Grafana
from deploy.dashboards.sources import Source, sources_of
from model.errors import GrafanaError
from stream.settings import Settings
from tests.grafana.conftest import Place

FOLDER = "newsquall-contract"


@pytest.fixture
def grafana(place: Place) -> Iterator[Grafana]:
    """Opened, with a folder of the tests' own that is gone afterwards."""
    opened = place.open()
    opened.keep_folder(FOLDER, "Newsquall contract test")
    yield opened
    api = opened._face
    for dashboard in dashboards(Settings()):
        opened._found("", lambda uid=dashboard.uid: api.dashboard.delete_dashboard(f"contract-{uid}"))  # type: ignore[misc]
    api.folder.delete_folder(FOLDER)


def test_it_tells_its_version(grafana: Grafana) -> None:
    assert grafana.version()[0].isdecimal()


def test_a_token_that_is_not_known_is_refused(place: Place) -> None:
    with pytest.raises(GrafanaError, match=r"does not know the token: set grafana\.token"):
        Place(place.url, "glsa_wrong").open().keep_folder(FOLDER, "x")


def test_a_folder_is_made_once_and_renamed(grafana: Grafana) -> None:
    assert grafana.keep_folder(FOLDER, "Newsquall contract test") == "unchanged"
    assert grafana.keep_folder(FOLDER, "Newsquall contract") == "updated"
    assert grafana.keep_folder(FOLDER, "Newsquall contract") == "unchanged"


def test_each_dashboard_is_saved_once_and_saved_again_only_when_it_changes(grafana: Grafana) -> None:
    for dashboard in map(as_json, dashboards(Settings())):
        own = dashboard | {"uid": f"contract-{dashboard['uid']}", "title": f"{dashboard['title']} (contract)"}
        assert grafana.keep_dashboard(own, FOLDER, "made") == "created"
        assert grafana.keep_dashboard(own, FOLDER, "again") == "unchanged"
        assert grafana.keep_dashboard(own | {"description": "other"}, FOLDER, "changed") == "updated"
        assert grafana.keep_dashboard(own, FOLDER, "back") == "updated"


def test_two_dashboards_in_one_folder_with_one_title(grafana: Grafana, place: Place) -> None:
    own = as_json(dashboards(Settings())[0]) | {"uid": "contract-newsquall-weather"}
    grafana.keep_dashboard(own, FOLDER, "made")
    other = own | {"uid": "contract-newsquall-subject"}
    # Newer ones allow it; older ones refuse, and it is told.
    try:
        assert grafana.keep_dashboard(other, FOLDER, "made") == "created"
    except GrafanaError as error:
        assert "is not saved: 412" in str(error)  # noqa: PT017  (either is right)


def test_a_data_source_is_made_once(grafana: Grafana) -> None:
    (source,) = sources_of(Settings())
    name = f"newsquall-contract-{uuid.uuid4().hex[:8]}"
    own = Source(name, source.body | {"uid": name, "name": name})
    try:
        assert grafana.keep_source(own) == "created"
        assert grafana.keep_source(own) == "updated"
        double = Source(f"{name}-2", own.body | {"uid": f"{name}-2"})
        with pytest.raises(GrafanaError, match="another of that name: rename or remove"):
            grafana.keep_source(double)
    finally:
        grafana._face.api.DELETE(f"/datasources/uid/{name}")


def test_notes_are_found_again_changed_and_removed(grafana: Grafana) -> None:
    now = int(time.time() * 1000)
    key = f"page:{uuid.uuid4().hex}"
    note = Note(key, ("page",), now - 60_000, now - 60_000, "18 headlines &amp; more")
    grafana.add_note(note)
    there = [each for each in grafana.notes(["newsquall", "page"], now - 120_000, now) if key in each["tags"]]
    assert len(there) == 1
    assert changes([note], there).same == 1
    over = Note(key, ("page",), note.at, now, "over")
    found = changes([over], there)
    assert list(found.change.values()) == [over]
    for number, changed in found.change.items():
        grafana.change_note(number, changed)
    there = [each for each in grafana.notes(["newsquall", "page"], now - 120_000, now) if key in each["tags"]]
    assert changes([over], there).same == 1
    grafana.remove_note(there[0]["id"])
    left = grafana.notes(["newsquall", "page"], now - 120_000, now)
    assert all(key not in each["tags"] for each in left)
