"""What tests of several folders share."""

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.stack.postgres import Postgres
from model.bundle import Bundle
from model.registry import Registry, RegistryPlace, resolve
from model.scorer import Scorer

# The same examples in every run: what fails here fails there. `pytest --hypothesis-profile=default` looks further.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

# Tests run two at once, and what they train is small: two threads of each would wait for one another (seven times as
# long on two cores). Read when torch is first imported, also by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
SERVERS = Path(__file__).parent / "integration"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests on servers first: they are the longest files, and two processes (`make test`) take file after file."""
    items.sort(key=lambda item: SERVERS not in item.path.parents)


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle that ships."""
    return resolve("bundled")


@pytest.fixture(scope="session")
def scorer(bundle: Bundle):
    """The shipped bundle on the CPU."""
    with Scorer(bundle, "cpu") as opened:
        yield opened


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables and nothing in them, which take seconds to make."""
    file = tmp_path_factory.mktemp("registry") / "models.db"
    with Registry(RegistryPlace(f"sqlite:///{file}", str(file.parent), "newsquall", file.parent)).talking(make=True):
        return file


@pytest.fixture
def place(empty_registry: Path, tmp_path: Path) -> RegistryPlace:
    """A registry of the test's own."""
    shutil.copyfile(empty_registry, tmp_path / "models.db")
    return RegistryPlace(f"sqlite:///{tmp_path}/models.db", f"{tmp_path}/models", "newsquall", tmp_path / "cache")


@pytest.fixture
def registry(place: RegistryPlace) -> Registry:
    """The same, connected."""
    return Registry(place)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server, which a test must leave running; a database of its own is made with create()."""
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'archive.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create(uuid.uuid4().hex)


@pytest.fixture
def shared_data() -> Path:
    """Public data that does not belong to the project; a test that wants it skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data sets are not here")
    return SHARED_DATA
