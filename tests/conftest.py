"""What tests of several folders share."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from model.bundle import Bundle
from model.registry import resolve
from model.scorer import Scorer

# The same examples in every run: what fails here fails there. `pytest --hypothesis-profile=default` looks further.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle that ships."""
    return resolve("bundled")


@pytest.fixture(scope="session")
def scorer(bundle: Bundle):
    """The shipped bundle on the CPU."""
    with Scorer(bundle, "cpu") as opened:
        yield opened


@pytest.fixture
def shared_data() -> Path:
    """Public data that does not belong to the project; a test that wants it skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data sets are not here")
    return SHARED_DATA
