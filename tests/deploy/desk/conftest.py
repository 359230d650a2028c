"""A desk in process, on an archive of its own, and people who come to it."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deploy.desk.app import build_desk
from deploy.desk.passwords import write_password
from stream.archive import Archive
from stream.records import ScoredHeadline
from stream.settings import DeskSettings, Settings
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
PASSWORD = "a long enough one"
# By role: what each logs in as.
PEOPLE = {"viewer": "vera", "analyst": "anna", "operator": "olaf"}


class Clock:
    """The desk's clock, which a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **passed: float) -> None:
        self.now += timedelta(**passed)


class Visitor:
    """A browser without scripts: follows redirects, keeps cookies, sends the form's token along."""

    def __init__(self, app: Starlette, host: str = "127.0.0.1") -> None:
        self.http = TestClient(app, base_url=f"http://{host}:9111", raise_server_exceptions=True)
        self.token = ""

    def get(self, path: str, **options: Any) -> Any:
        answer = self.http.get(path, **options)
        if found := re.search(r'name="token" value="(\w+)"|data-token="(\w+)"', answer.text):
            self.token = found[1] or found[2]
        return answer

    def post(self, path: str, **fields: str) -> Any:
        return self.http.post(path, data={"token": self.token, **fields})

    def log_in(self, name: str, password: str = PASSWORD, target: str = "/") -> Any:
        self.get("/login")
        answer = self.post("/login", name=name, password=password, next=target)
        self.get("/login")
        return answer


@pytest.fixture(scope="session")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody of each role, all with the same password."""
    path = tmp_path_factory.mktemp("desk") / "passwords"
    for role, name in PEOPLE.items():
        write_password(path, name, role, PASSWORD)
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path, archive: Archive) -> Settings:
    """Nothing is asked that is not in process."""
    return Settings(
        archive={"url": archive.engine.url.render_as_string(hide_password=False)},
        registry={
            "uri": f"sqlite:///{tmp_path}/models.db",
            "artifacts": f"{tmp_path}/models",
            "cache": tmp_path / "cache",
        },
        relay={"prometheus": "http://127.0.0.1:9"},
        kafka={"bootstrap": "127.0.0.1:9"},
    )


@pytest.fixture
def desk(settings: Settings, archive: Archive, clock: Clock) -> Iterator[Visitor]:
    """A desk without login, and who runs it there."""
    visitor = Visitor(build_desk(settings, archive, clock))
    with visitor.http:
        while visitor.get("/search?words=ready").status_code == 400:  # its index of words is being made
            time.sleep(0.01)
        yield visitor


@pytest.fixture
def guarded(settings: Settings, archive: Archive, clock: Clock, password_file: Path) -> Starlette:
    """A desk with login."""
    return build_desk(with_desk(settings, passwords=password_file), archive, clock)


@pytest.fixture
def log_in(guarded: Starlette) -> Iterator[Callable[[str], Visitor]]:
    """Somebody of a role who has logged in."""
    opened = []

    def enter(role: str) -> Visitor:
        visitor = Visitor(guarded)
        visitor.http.__enter__()
        opened.append(visitor)
        visitor.log_in(PEOPLE[role])
        return visitor

    yield enter
    for visitor in opened:
        visitor.http.__exit__(None, None, None)


def with_desk(settings: Settings, **desk: Any) -> Settings:
    return settings.model_copy(update={"desk": DeskSettings(**desk)})


def scored(id_: str, title: str, minutes: float = 0.0, **given: Any) -> ScoredHeadline:
    """A negative headline, so many minutes before NOW."""
    given = {"url": f"https://news.example/{id_}", "scored_at": NOW, "model": "toy-1", **given}
    return scored_headline(title, NOW - timedelta(minutes=minutes), id=id_, **given)
