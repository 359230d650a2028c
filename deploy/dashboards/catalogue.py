"""All dashboards, and the files by which a Grafana takes them and their data sources up by itself (provisioning)."""

import json
from collections.abc import Mapping
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards.model import model
from deploy.dashboards.operations import operations
from deploy.dashboards.sources import Source, refs_of, sources_of
from deploy.dashboards.subject import subject
from deploy.dashboards.weather import weather
from stream.settings import Settings

FOLDER_UID = "newsquall"
PASSWORD = "ARCHIVE_PASSWORD"  # noqa: S105  (the name of Grafana's variable that has it)
DASHBOARDS = "dashboards"


def dashboards(settings: Settings) -> list[Dashboard]:
    """All of them, the first look first."""
    refs = refs_of(settings)
    return [make(settings, refs) for make in (weather, subject, operations, model)]


def as_json(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana keeps it."""
    found: dict[str, Any] = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    return found


def files(settings: Settings, place: str) -> Mapping[str, str]:
    """All files by their names below a folder. `place`: where Grafana's server finds the JSON files.

    No secret is among them: Grafana puts the archive's password in from its own environment, ARCHIVE_PASSWORD.
    """
    found = {
        f"{DASHBOARDS}/{each.uid}.json": json.dumps(as_json(each), indent=2, ensure_ascii=False) + "\n"
        for each in dashboards(settings)
    }
    provider = {
        "name": "newsquall",
        "folder": settings.grafana.folder,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": False,
        "updateIntervalSeconds": 30,
        "allowUiUpdates": False,
        "options": {"path": place},
    }
    sources = [_provisioned(source) for source in sources_of(settings)]
    found["provisioning/dashboards/newsquall.yaml"] = _yaml({"providers": [_literal(provider)]})
    found["provisioning/datasources/newsquall.yaml"] = _yaml({"datasources": sources})
    return found


def _provisioned(source: Source) -> dict[str, Any]:
    body: dict[str, Any] = _literal({**source.body, "editable": False})
    if source.password is not None:
        body["secureJsonData"] = {"password": f"${{{PASSWORD}}}"}
    return body


def _literal(value: Any) -> Any:
    """The value so that Grafana, which puts its environment in where a $ stands, reads it as it is."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {name: _literal(each) for name, each in value.items()}
    return value


def _yaml(content: dict[str, Any]) -> str:
    said = "# Rendered by `newsquall dashboards render` from the settings: change those, not this file.\n"
    return said + yaml.safe_dump({"apiVersion": 1, **content}, sort_keys=False, allow_unicode=True)
