"""What several files of these tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.archive import Archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty archive in SQLite."""
    archive = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    yield archive
    archive.close()
