"""A server for the tests of what fetches."""

from collections.abc import Iterator

import pytest

from tests.feedserver import FeedServer


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as served:
        yield served
