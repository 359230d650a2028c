"""A Grafana as far as `newsquall dashboards push` speaks with one, written from the documentation of its HTTP API
(folders, data sources, dashboards, annotations; version 11). It keeps what it is given in memory.

Nobody here has a Grafana: tests/grafana/ asks the same of a real one where somebody has (make test-grafana).
"""

import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_0123456789abcdef"
ADMIN, EDITOR = "Admin", "Editor"


class Answer(NamedTuple):
    """A status and what is sent as JSON."""

    status: int
    body: Any


class Refused(Exception):  # noqa: N818
    """A request that is not carried out."""

    def __init__(self, code: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.answer = Answer(code, {"message": message, **more})


@dataclass
class GrafanaServer:
    """On a free port of this machine inside the block. `role`: of the token's owner. `provisioned`: uids of dashboards
    and data sources that came from files. `before`: called with method and path before each answer, so that a test can
    be quicker than the client. `prefix`: a path below which it is served."""

    role: str = ADMIN
    prefix: str = ""
    provisioned: set[str] = field(default_factory=set)
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)  # as GET gives them: dashboard and meta
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda _method, _path: None
    _number: int = 0

    def __enter__(self) -> Self:
        grafana = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                answer = grafana.answer(self.command, self.path, self.headers.get("Authorization"), body)
                content = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.prefix}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, authorization: str | None, body: Any) -> Answer:
        """What is answered to a request."""
        parts = urlsplit(target)
        path = unquote(parts.path).removeprefix(f"{self.prefix}/api")
        self.asked.append((method, path))
        self.before(method, path)
        try:
            if path == "/health":
                return Answer(200, {"commit": "x", "database": "ok", "version": "11.6.0"})
            if authorization != f"Bearer {TOKEN}":
                raise Refused(401, "Invalid API key")
            kind, _, rest = path[1:].partition("/")
            handlers = {
                "folders": self._folders,
                "datasources": self._datasources,
                "dashboards": self._dashboards,
                "annotations": self._annotations,
            }
            if kind not in handlers:
                raise Refused(404, "Not found")
            return Answer(200, handlers[kind](method, rest, parse_qs(parts.query), body))
        except Refused as refused:
            return refused.answer

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _folders(self, method: str, uid: str, _query: dict[str, list[str]], body: Any) -> Any:
        if method == "POST":
            if not body.get("title"):
                raise Refused(400, "folder title cannot be empty")
            if body["uid"] in self.folders or any(each["title"] == body["title"] for each in self.folders.values()):
                raise Refused(409, "a folder with the same name already exists in the current location")
            self.folders[body["uid"]] = {"id": self._next(), "uid": body["uid"], "title": body["title"], "version": 1}
            return self.folders[body["uid"]]
        folder = self.folders.get(uid)
        if folder is None:
            raise Refused(404, "folder not found", status="not-found")
        if method == "PUT":
            if not body.get("overwrite") and body.get("version") != folder["version"]:
                raise Refused(412, "the folder has been changed by someone else", status="version-mismatch")
            folder |= {"title": body["title"], "version": folder["version"] + 1}
        if method == "DELETE":
            del self.folders[uid]
        return folder

    def _datasources(self, method: str, rest: str, _query: dict[str, list[str]], body: Any) -> Any:
        if self.role != ADMIN:
            raise Refused(403, "You'll need additional permissions to perform this action.")
        uid = body["uid"] if method == "POST" else rest.removeprefix("uid/")
        if method == "POST":
            if any(each["name"] == body["name"] for each in self.sources.values()):
                raise Refused(409, "data source with the same name already exists")
            self.sources[uid] = {"id": self._next(), "version": 0}
        source = self.sources.get(uid)
        if source is None:
            raise Refused(404, "Data source not found")
        if method == "DELETE":
            del self.sources[uid]
        if method in ("POST", "PUT"):
            if uid in self.provisioned:
                raise Refused(403, "Cannot update read-only data source")
            # What is secret goes in and never comes out.
            self.secrets.setdefault(uid, {}).update(body.pop("secureJsonData", {}))
            source |= {**body, "version": source["version"] + 1, "readOnly": False}
            return {"datasource": source, "id": source["id"], "message": "Datasource added", "name": source["name"]}
        return {**source, "secureJsonFields": dict.fromkeys(self.secrets.get(uid, {}), True)}

    def _dashboards(self, method: str, rest: str, _query: dict[str, list[str]], body: Any) -> Any:
        if method == "POST" and rest == "db":
            return self._save(body)
        uid = rest.removeprefix("uid/")
        if uid not in self.dashboards:
            raise Refused(404, "Dashboard not found")
        return self.dashboards.pop(uid) if method == "DELETE" else self.dashboards[uid]

    def _save(self, request: dict[str, Any]) -> Any:
        new, folder = request["dashboard"], request.get("folderUid", "")
        if not new.get("title"):
            raise Refused(400, "Dashboard title cannot be empty", status="empty-name")
        if folder and folder not in self.folders:
            raise Refused(400, "folder not found")
        there = self.dashboards.get(new["uid"])
        if new["uid"] in self.provisioned:
            raise Refused(400, "Cannot save provisioned dashboard")
        if not request.get("overwrite"):
            for uid, each in self.dashboards.items():
                same_place = each["meta"]["folderUid"] == folder and each["dashboard"]["title"] == new["title"]
                if uid != new["uid"] and same_place:
                    said = "A dashboard with the same name in the folder already exists"
                    raise Refused(412, said, status="name-exists")
            if there and new.get("version") != there["dashboard"]["version"]:
                said = "The dashboard has been changed by someone else"
                raise Refused(412, said, status="version-mismatch")
        version = there["dashboard"]["version"] + 1 if there else 1
        number = there["dashboard"]["id"] if there else self._next()
        self.dashboards[new["uid"]] = {
            "dashboard": {**new, "id": number, "version": version},
            "meta": {"folderUid": folder, "provisioned": False, "message": request.get("message", "")},
        }
        return {"id": number, "uid": new["uid"], "url": f"/d/{new['uid']}", "status": "success", "version": version}

    def _annotations(self, method: str, number: str, query: dict[str, list[str]], body: Any) -> Any:
        if method == "GET":
            return self._found(query)
        if method == "POST":
            if not body.get("text"):
                raise Refused(400, "Failed to save annotation: text field should not be empty")
            made = self._next()
            self.annotations[made] = {"id": made, **self._annotation(body)}
            return {"message": "Annotation added", "id": made}
        if int(number) not in self.annotations:
            raise Refused(404, "Annotation not found")
        if method == "DELETE":
            del self.annotations[int(number)]
            return {"message": "Annotation deleted"}
        self.annotations[int(number)] |= self._annotation(body)
        return {"message": "Annotation updated"}

    def _annotation(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "dashboardUID": "",
            "panelId": 0,
            "time": body["time"],
            "timeEnd": body.get("timeEnd") or body["time"],
            "text": body["text"],
            "tags": body.get("tags") or [],
        }

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        wanted = set(query.get("tags", []))
        since, until = int(query.get("from", ["0"])[0]), int(query.get("to", ["0"])[0])
        found = [each for each in self.annotations.values() if wanted <= set(each["tags"])]
        if since and until:
            found = [each for each in found if each["time"] <= until and each["timeEnd"] >= since]
        newest_first = sorted(found, key=lambda each: -each["timeEnd"])
        return newest_first[: int(query.get("limit", ["100"])[0])]
