"""The two data sources: Prometheus, and the archive's PostgreSQL, as Grafana's server reaches them."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from pydantic import SecretStr

from alerts.rules import prometheus_duration
from deploy.dashboards.queries import POSTGRESQL, PROMETHEUS, Refs
from model.errors import SettingsError
from stream.settings import Settings

PROMETHEUS_UID, ARCHIVE_UID = "newsquall-prometheus", "newsquall-archive"
_TLS = ("disable", "require", "verify-ca", "verify-full")  # as Grafana knows them
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Source:
    """A data source that is ours to make. `body`: as Grafana's HTTP API takes it, without what is secret."""

    uid: str
    body: dict[str, Any] = field(repr=False)
    password: SecretStr | None = None

    @property
    def name(self) -> str:
        """What people see."""
        return str(self.body["name"])


def refs_of(settings: Settings) -> Refs:
    """How panels name the two, whoever made them."""
    grafana = settings.grafana
    archive = grafana.archive_source or (ARCHIVE_UID if _archive(settings) is not None else None)
    return Refs(
        DataSourceRef(PROMETHEUS, grafana.prometheus_source or PROMETHEUS_UID),
        DataSourceRef(POSTGRESQL, archive) if archive else None,
    )


def sources_of(settings: Settings) -> list[Source]:
    """Those that are to be made. Raises SettingsError if an address does not hold."""
    grafana = settings.grafana
    found = []
    if grafana.prometheus_source is None:
        found.append(_prometheus(settings))
    address = _archive(settings)
    if grafana.archive_source is None and address is not None:
        found.append(_postgresql(address))
    return found


def _prometheus(settings: Settings) -> Source:
    body = {
        "uid": PROMETHEUS_UID,
        "name": "Newsquall Prometheus",
        "type": PROMETHEUS,
        "access": "proxy",
        "url": (settings.grafana.prometheus or settings.relay.prometheus).rstrip("/"),
        # The least step of a chart and a rate: as often as rules look, which is as often as it scrapes.
        "jsonData": {"httpMethod": "POST", "timeInterval": prometheus_duration(settings.alerts.evaluation)},
    }
    return Source(PROMETHEUS_UID, body)


def _archive(settings: Settings) -> sa.engine.URL | None:
    """The archive's address for Grafana; None where it is no PostgreSQL, and Grafana cannot read it."""
    given = settings.grafana.archive
    try:
        address = sa.engine.make_url(given.get_secret_value() if given else settings.archive.url)
    except (sa.exc.ArgumentError, ValueError):
        name = "grafana.archive" if given else "archive.url"
        raise SettingsError(f"{name} is no SQLAlchemy URL: write postgresql+psycopg://USER@HOST/DATABASE") from None
    return address if address.get_backend_name() == "postgresql" else None


def _postgresql(address: sa.engine.URL) -> Source:
    host, wanted = address.host or "localhost", address.query.get("sslmode")
    encrypted = wanted if wanted in _TLS else "disable" if host in _HERE else "require"
    body = {
        "uid": ARCHIVE_UID,
        "name": "Newsquall archive",
        "type": POSTGRESQL,
        "access": "proxy",
        "url": f"{f'[{host}]' if ':' in host else host}:{address.port or 5432}",
        "user": address.username or "",
        "jsonData": {
            "database": address.database or "",
            "sslmode": encrypted,
            "postgresVersion": 1500,
            "maxOpenConns": 10,
            "maxIdleConns": 2,
            "connMaxLifetime": 14400,
        },
    }
    return Source(ARCHIVE_UID, body, SecretStr(address.password) if address.password else None)
