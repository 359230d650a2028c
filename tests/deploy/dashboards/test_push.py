"""The whole push to the double of a Grafana, twice; and every way in which it may be refused, told in a line."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from alerts.notification import Alert
from alerts.page import Links, Page
from alerts.pagebook import PageBook
from deploy import cli
from deploy.dashboards.push import push
from model.errors import GrafanaError, SettingsError, UsageError
from stream.archive import Archive
from stream.settings import Settings, load_settings
from tests.grafanaserver import ADMIN, EDITOR, TOKEN, GrafanaServer

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
PAGE = Page(
    "0a1b", "firing", "NegativeNewsSquall", "entity/Acme", "18 headlines about Acme", NOW,
    Links("http://prometheus", "http://alertmanager", "docs"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    with GrafanaServer() as server:
        yield server


def settings_of(url: str, token: str | None = TOKEN, **more: Any) -> Settings:
    return Settings(grafana={"url": url, "token": token, **more})  # type: ignore[arg-type]


def test_twice_pushed_nothing_doubles(grafana: GrafanaServer) -> None:
    settings = settings_of(grafana.url)
    first = push(settings)
    assert (first.grafana, first.folder, first.sources) == ("11.6.0", "created", {"newsquall-prometheus": "created"})
    assert set(first.dashboards.values()) == {"created"}
    assert len(first.dashboards) == 4
    kept = json.dumps([grafana.folders, grafana.dashboards, grafana.annotations], sort_keys=True)
    second = push(settings)
    assert (second.folder, set(second.dashboards.values())) == ("unchanged", {"unchanged"})
    assert second.sources == {"newsquall-prometheus": "updated"}
    assert json.dumps([grafana.folders, grafana.dashboards, grafana.annotations], sort_keys=True) == kept
    assert len(grafana.sources) == 1
    assert {each["meta"]["folderUid"] for each in grafana.dashboards.values()} == {"newsquall"}


def test_pages_and_moves_are_noted_once_and_follow_their_ends(
    grafana: GrafanaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.promotion import Move

    moves = [Move(1, "promotion", 1, "newsquall-1", None, NOW, "rita")]
    monkeypatch.setattr("deploy.dashboards.push.history", lambda _registry: moves)
    settings = settings_of(grafana.url)
    archive = Archive(settings.archive.url)
    try:
        book = PageBook(archive.engine, [])
        book.open_page(PAGE, Alert("firing", {"subject": PAGE.subject}, NOW, "f"), [], NOW)
        assert push(settings).notes == {"created": 2}
        assert push(settings).notes == {"unchanged": 2}
        ended = msgspec.structs.replace(PAGE, status="resolved", resolved_at=NOW + timedelta(hours=1), sentence="over")
        book.resolve(ended, NOW + timedelta(hours=1))
    finally:
        archive.close()
    assert push(settings).notes == {"updated": 1, "unchanged": 1}
    page = next(each for each in grafana.annotations.values() if "page:0a1b" in each["tags"])
    assert page["timeEnd"] - page["time"] == 3_600_000
    assert page["text"].startswith("over. <a href=")
    assert len(grafana.annotations) == 2


def test_the_archive_as_grafana_reaches_it_and_its_password_goes_where_secrets_do(
    grafana: GrafanaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.dashboards.push._pages", lambda _settings: [])
    url = "postgresql+psycopg://reader:s3cr3t@db.example:6432/news?sslmode=verify-full"
    done = push(settings_of(grafana.url, archive=url))
    assert done.sources == {"newsquall-prometheus": "created", "newsquall-archive": "created"}
    source = grafana.sources["newsquall-archive"]
    assert (source["url"], source["user"]) == ("db.example:6432", "reader")
    assert (source["jsonData"]["database"], source["jsonData"]["sslmode"]) == ("news", "verify-full")
    assert grafana.secrets["newsquall-archive"] == {"password": "s3cr3t"}
    assert "s3cr3t" not in json.dumps([grafana.sources, grafana.dashboards])


def test_a_subject_path_below_a_prefix(tmp_path: Path) -> None:
    with GrafanaServer(prefix="/grafana") as server:
        assert len(push(settings_of(server.url + "/")).dashboards) == 4


def test_somebody_who_saves_in_between_is_not_overwritten_unseen(grafana: GrafanaServer) -> None:
    settings = settings_of(grafana.url)
    push(settings)
    weather = grafana.dashboards["newsquall-weather"]["dashboard"]
    weather["description"] = "an older one"
    times = 0

    def sooner(method: str, path: str) -> None:
        nonlocal times
        if (method, path) == ("POST", "/dashboards/db") and times < 1:
            times += 1
            weather["version"] += 1  # saved between our look and our save

    grafana.before = sooner
    assert push(settings).dashboards["newsquall-weather"] == "updated"
    weather = grafana.dashboards["newsquall-weather"]["dashboard"]
    assert weather["description"] != "an older one"
    weather["description"], times = "an older one", -1_000
    with pytest.raises(GrafanaError, match="being changed by somebody else: push again"):
        push(settings)


def test_a_dashboard_that_was_moved_comes_back(grafana: GrafanaServer) -> None:
    settings = settings_of(grafana.url)
    push(settings)
    grafana.dashboards["newsquall-model"]["meta"]["folderUid"] = "attic"
    assert push(settings).dashboards["newsquall-model"] == "updated"
    assert grafana.dashboards["newsquall-model"]["meta"]["folderUid"] == "newsquall"


def taken_title(grafana: GrafanaServer) -> None:
    grafana.folders["newsquall"] = {"id": 7, "uid": "newsquall", "title": "Newsquall", "version": 1}
    other = {"title": "Newsquall: subject", "uid": "other", "version": 1, "id": 8}
    grafana.dashboards["other"] = {"dashboard": other, "meta": {"folderUid": "newsquall"}}


def taken_source(grafana: GrafanaServer) -> None:
    grafana.sources["other"] = {"name": "Newsquall Prometheus", "uid": "other"}


def taken_folder(grafana: GrafanaServer) -> None:
    grafana.folders["other"] = {"id": 7, "uid": "other", "title": "Newsquall", "version": 1}


def from_files(grafana: GrafanaServer) -> None:
    push(settings_of(grafana.url))
    for dashboard in grafana.dashboards.values():
        dashboard["meta"]["provisioned"] = True


def an_editor(grafana: GrafanaServer) -> None:
    grafana.role = EDITOR


REFUSALS: dict[str, tuple[Callable[[GrafanaServer], None], str]] = {
    "title": (taken_title, "dashboard Newsquall: subject is not saved: 412 A dashboard with the same name"),
    "source": (taken_source, "data source Newsquall Prometheus is not made: 409 .*rename or remove it"),
    "folder": (taken_folder, "folder Newsquall is not made: 409 "),
    "files": (from_files, "comes from a provisioning file there"),
    "editor": (an_editor, "needs the role Editor, and Admin for data sources"),
}


@pytest.mark.parametrize(("prepare", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals_say_what_to_do(grafana: GrafanaServer, prepare: Callable[[GrafanaServer], None], said: str) -> None:
    prepare(grafana)
    with pytest.raises(GrafanaError, match=said) as refused:
        push(settings_of(grafana.url))
    assert TOKEN not in str(refused.value)


def test_an_editor_is_enough_where_the_sources_are_there_already(grafana: GrafanaServer) -> None:
    grafana.role = EDITOR
    done = push(settings_of(grafana.url, prometheus_source="mimir"))
    assert (done.sources, len(done.dashboards)) == ({}, 4)
    assert "mimir" in json.dumps(grafana.dashboards)


def test_a_data_source_from_a_file_is_left_alone(grafana: GrafanaServer) -> None:
    push(settings_of(grafana.url))
    grafana.sources["newsquall-prometheus"] |= {"url": "http://mine", "readOnly": True}
    assert push(settings_of(grafana.url)).sources == {"newsquall-prometheus": "kept"}
    assert grafana.sources["newsquall-prometheus"]["url"] == "http://mine"


@contextmanager
def site(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """A server that gives the same answer to all."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


STRANGERS = {
    "a page": (200, b"<html>", {}, "is no Grafana: it sends no JSON"),
    "another service": (200, b'{"status": "ok"}', {}, "is no Grafana: set grafana.url"),
    "a redirect": (302, b"", {"Location": "/login"}, "leads elsewhere: set grafana.url to where it leads"),
    "a proxy's refusal": (502, b"no message from upstream", {}, "refuses with no JSON: a proxy before Grafana"),
    "a broken one": (500, b'{"message": "database is locked"}', {}, "refuses its health: 500 database is locked"),
}


@pytest.mark.parametrize(("status", "body", "headers", "said"), STRANGERS.values(), ids=STRANGERS.keys())
def test_what_is_no_grafana_is_told(status: int, body: bytes, headers: dict[str, str], said: str) -> None:
    with site(status, body, headers) as url, pytest.raises(GrafanaError, match=said):
        push(settings_of(url))


def test_nobody_listens() -> None:
    with pytest.raises(GrafanaError, match=r"cannot be reached: .*refused"):
        push(settings_of("http://127.0.0.1:9"))


def test_a_token_that_is_not_known(grafana: GrafanaServer) -> None:
    with pytest.raises(GrafanaError, match="does not know the token"):
        push(settings_of(grafana.url, token="glsa_other"))


def test_without_an_address_or_a_token_the_call_was_wrong(grafana: GrafanaServer) -> None:
    with pytest.raises(UsageError, match=r"set grafana\.url"):
        push(Settings())
    with pytest.raises(UsageError, match="NEWSQUALL_GRAFANA__TOKEN"):
        push(settings_of(grafana.url, token=None))
    with pytest.raises(SettingsError, match=r"grafana\.archive is no SQLAlchemy URL"):
        push(settings_of(grafana.url, archive="nonsense"))


def test_the_command_pushes_and_says_where_to_look(
    grafana: GrafanaServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEWSQUALL_GRAFANA__URL", grafana.url)
    monkeypatch.setenv("NEWSQUALL_GRAFANA__TOKEN", TOKEN)
    assert cli.run(["dashboards", "push"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["dashboards"]["newsquall-weather"] == "created"
    assert f"look at {grafana.url}/d/newsquall-weather" in said.err
    assert "panels of headlines and pages are left out" in said.err
    assert TOKEN not in said.out + said.err + repr(load_settings())
    assert grafana.role == ADMIN
    # To look for pages made no archive.
    assert list(Path().iterdir()) == []


def test_the_command_renders_files_without_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import yaml

    monkeypatch.setenv("NEWSQUALL_GRAFANA__ARCHIVE", "postgresql+psycopg://reader:s3cr3t@db.example/ne$ws")
    assert cli.run(["dashboards", "render", "--out", "made", "--path", "/var/lib/grafana/newsquall"]) == 0
    made = tmp_path / "made"
    files = sorted(str(each.relative_to(made)) for each in made.rglob("*") if each.is_file())
    assert files == [
        "dashboards/newsquall-model.json",
        "dashboards/newsquall-operations.json",
        "dashboards/newsquall-subject.json",
        "dashboards/newsquall-weather.json",
        "provisioning/dashboards/newsquall.yaml",
        "provisioning/datasources/newsquall.yaml",
    ]
    assert all("s3cr3t" not in (made / each).read_text() for each in files)
    (provider,) = yaml.safe_load((made / files[4]).read_text())["providers"]
    assert (provider["folderUid"], provider["options"]["path"]) == ("newsquall", "/var/lib/grafana/newsquall")
    _, archive = yaml.safe_load((made / files[5]).read_text())["datasources"]
    assert archive["secureJsonData"] == {"password": "${ARCHIVE_PASSWORD}"}
    # Grafana puts its environment in where a $ stands.
    assert archive["jsonData"]["database"] == "ne$$ws"


def test_rendered_to_standard_output_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["dashboards", "render"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads(found["dashboards/newsquall-weather.json"])["uid"] == "newsquall-weather"


def test_without_the_packages_it_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.commands.dashboards import grafana_packages

    with pytest.raises(UsageError, match="extra 'grafana'"), grafana_packages():
        raise ModuleNotFoundError("No module named 'grafana_foundation_sdk'", name="grafana_foundation_sdk.builders")
    with pytest.raises(ModuleNotFoundError), grafana_packages():
        raise ModuleNotFoundError("No module named 'stream.nothing'", name="stream.nothing")


def test_help_needs_no_packages() -> None:
    assert "push" in CliRunner().invoke(cli.newsquall, ["dashboards", "--help"]).output
