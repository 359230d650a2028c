"""A Grafana server, over its HTTP API: what is asked of it, and what its refusals mean.

The package grafana-api speaks for us. Its own methods are used where they still fit; data sources it knows by numbers
only, which Grafana gives up for uids, so those are asked for by the package's plain requests.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace
from pydantic import SecretStr

from deploy.dashboards.notes import Note
from deploy.dashboards.sources import Source
from model.errors import GrafanaError

Answer = TypeVar("Answer")
NOT_FOUND, CONFLICT, PRECONDITION_FAILED, FORBIDDEN = 404, 409, 412, 403
MOST_NOTES = 10_000


class Conflict(Exception):  # noqa: N818  (an answer: somebody else was quicker)
    """Somebody saved the dashboard after we had read it."""


class Grafana:
    """One organisation of a server, as a token's owner sees it. Raises GrafanaError where it fails or refuses.

    url: as people reach it, with the path below which it is served, if any. timeout: seconds for an answer.
    """

    def __init__(self, url: str, token: SecretStr, timeout: float) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        prefix = parts.path.strip("/")
        self.url = url.rstrip("/")
        self._face = GrafanaFace(
            token.get_secret_value(),
            host=f"[{host}]" if ":" in host else host,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            timeout=timeout,
        )
        # A redirected POST becomes a GET, which would look like success.
        self._face.api.s.max_redirects = 0

    def version(self) -> str:
        """Its version, if it tells it."""
        health = self._asked("its health", lambda: self._face.api.GET("/health"))
        if not isinstance(health, dict) or "database" not in health:
            raise GrafanaError(f"what answers at {self.url} is no Grafana: set grafana.url to where people reach it")
        return str(health.get("version", "of unknown version"))

    def keep_source(self, source: Source) -> str:
        """Make a data source, or make it what it should be. What was done: created, updated, or kept (it was set up by
        a file, and only that file changes it)."""
        what = f"the data source {source.name}"
        path = f"/datasources/uid/{source.uid}"
        there = self._found(what, lambda: self._face.api.GET(path))
        body = dict(source.body)
        if source.password is not None:
            body["secureJsonData"] = {"password": source.password.get_secret_value()}
        if there is None:
            self._asked(what, lambda: self._face.datasource.create_datasource(body))
            return "created"
        if there.get("readOnly"):
            return "kept"
        self._asked(what, lambda: self._face.api.PUT(path, json=body))
        return "updated"

    def keep_folder(self, uid: str, title: str) -> str:
        """Make a folder, or give it the title. What was done: created, updated or unchanged."""
        what = f"the folder {title}"
        there = self._found(what, lambda: self._face.folder.get_folder(uid))
        if there is None:
            self._asked(what, lambda: self._face.folder.create_folder(title, uid))
            return "created"
        if there.get("title") == title:
            return "unchanged"
        self._asked(what, lambda: self._face.folder.update_folder(uid, title, overwrite=True))
        return "updated"

    def keep_dashboard(self, dashboard: Mapping[str, Any], folder: str, message: str) -> str:
        """Save a dashboard into a folder (by its uid), unless the same is there. What was done: created, updated or
        unchanged. The server keeps the version before. `message`: stands with the new version."""
        try:
            return self._save(dashboard, folder, message)
        except Conflict:
            try:
                return self._save(dashboard, folder, message)
            except Conflict:
                raise GrafanaError(
                    f"the dashboard {dashboard['title']} is being changed by somebody else: push again"
                ) from None

    def _save(self, dashboard: Mapping[str, Any], folder: str, message: str) -> str:
        what = f"the dashboard {dashboard['title']}"
        there = self._found(what, lambda: self._face.dashboard.get_dashboard(dashboard["uid"]))
        body = dict(dashboard)
        if there is not None:
            meta, known = there.get("meta", {}), there["dashboard"]
            if meta.get("provisioned"):
                raise GrafanaError(f"{what} comes from a provisioning file there: take that away, to push")
            if meta.get("folderUid") == folder and _same(known, dashboard):
                return "unchanged"
            # What we have seen; if it is no longer so, the server says it (412) instead of losing somebody's work.
            body["version"] = known.get("version", 0)
        request = {"dashboard": body, "folderUid": folder, "message": message, "overwrite": False}
        self._asked(what, lambda: self._face.dashboard.update_dashboard(request))
        return "created" if there is None else "updated"

    def notes(self, tags: list[str], since: int, until: int) -> list[Mapping[str, Any]]:
        """The notes with all these tags between two moments, in milliseconds since 1970."""
        found = self._asked(
            "notes",
            lambda: self._face.annotations.get_annotation(
                time_from=max(1, since), time_to=until, ann_type=None, tags=tags, limit=MOST_NOTES
            ),
        )
        if len(found) >= MOST_NOTES:
            raise GrafanaError(f"there are {MOST_NOTES} notes or more tagged {' and '.join(tags)}: remove old ones")
        return list(found)

    def add_note(self, note: Note) -> None:
        """Write a note for the whole organisation."""
        self._asked(
            "a note",
            lambda: self._face.annotations.add_annotation(
                time_from=note.at, time_to=note.until, tags=note.all_tags, text=note.text
            ),
        )

    def change_note(self, number: int, note: Note) -> None:
        """Make a note what it should be."""
        self._asked(
            "a note",
            lambda: self._face.annotations.update_annotation(
                number, time_from=note.at, time_to=note.until, tags=note.all_tags, text=note.text
            ),
        )

    def remove_note(self, number: int) -> None:
        """Remove a note."""
        self._asked("a note", lambda: self._face.annotations.delete_annotations_by_id(number))

    def _found(self, what: str, ask: Callable[[], Answer]) -> Answer | None:
        """The answer; None if it is not there."""
        try:
            return self._asked(what, ask)
        except GrafanaError as error:
            if isinstance(error.__cause__, GrafanaClientError) and error.__cause__.status_code == NOT_FOUND:
                return None
            raise

    def _asked(self, what: str, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except GrafanaUnauthorizedError as error:
            raise GrafanaError(
                f"Grafana at {self.url} does not know the token: set grafana.token to one of a service account there"
            ) from error
        except GrafanaException as error:
            raise self._refusal(what, error) from error
        except requests.exceptions.TooManyRedirects as error:
            raise GrafanaError(f"{self.url} leads elsewhere: set grafana.url to where it leads") from error
        except requests.exceptions.JSONDecodeError as error:
            raise GrafanaError(f"what answers at {self.url} is no Grafana: it sends no JSON") from error
        except requests.exceptions.RequestException as error:
            raise GrafanaError(f"Grafana at {self.url} cannot be reached: {_reason(error)}") from error
        except TypeError as error:
            # The package looks for a message in an error's body, and fails on one that is text with that word in it.
            raise GrafanaError(f"what answers at {self.url} refuses with no JSON: a proxy before Grafana?") from error

    def _refusal(self, what: str, error: GrafanaException) -> Exception:
        said = error.response.get("message") if isinstance(error.response, dict) else None
        reason = f"{error.status_code} {said or ''}".strip()
        if error.status_code == PRECONDITION_FAILED:
            status = error.response.get("status") if isinstance(error.response, dict) else None
            if status == "version-mismatch":
                return Conflict(reason)
            return GrafanaError(f"{what} is not saved: {reason}. Rename or remove the other one there")
        if error.status_code == FORBIDDEN:
            return GrafanaError(
                f"the token may not touch {what} ({reason}): its service account needs the role Editor, and Admin for "
                "data sources"
            )
        if error.status_code == CONFLICT:
            return GrafanaError(f"{what} is not made: {reason}. There is another of that name: rename or remove it")
        return GrafanaError(f"Grafana refuses {what}: {reason}")


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a saved dashboard is the wanted one; the server numbers it and its versions."""
    own = ("id", "version")
    return {name: value for name, value in there.items() if name not in own} == {
        name: value for name, value in wanted.items() if name not in own
    }


def _reason(error: Exception) -> str:
    """The innermost cause's words: the outer ones are the library's."""
    inner: BaseException = error
    while (further := inner.__cause__ or inner.__context__) is not None:
        inner = further
    return str(inner) or type(inner).__name__
