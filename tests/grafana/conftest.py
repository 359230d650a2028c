"""A Grafana: the double always, and a real one where GRAFANA_URL and GRAFANA_TOKEN name it (make test-grafana)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from deploy.dashboards.server import Grafana
from tests.grafanaserver import TOKEN, GrafanaServer


@dataclass(frozen=True)
class Place:
    """Where it is, and with which token."""

    url: str
    token: str

    def open(self) -> Grafana:
        return Grafana(self.url, SecretStr(self.token), 20.0)


@pytest.fixture(params=["double", "real"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "real":
        url, token = os.environ.get("GRAFANA_URL"), os.environ.get("GRAFANA_TOKEN")
        if not url or not token:
            pytest.skip("GRAFANA_URL and GRAFANA_TOKEN name no Grafana")
        yield Place(url, token)
        return
    with GrafanaServer() as server:
        yield Place(server.url, TOKEN)
