"""One HTTP question with a short patience, and what came of it in plain words."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 3.0


@dataclass(frozen=True)
class Answer:
    """A response's status and body; status 0 and `trouble` where there was none."""

    status: int
    body: bytes = b""
    trouble: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was answered with success."""
        return self.status == http.client.OK

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def ask(url: str, seconds: float = PATIENCE_SECONDS, headers: Mapping[str, str] | None = None) -> Answer:
    """GET a URL, not by way of a proxy: the servers are those that the settings name. Raises nothing."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return Answer(0, trouble="no address: write http://host:port")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.netloc, timeout=seconds)
        try:
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, trouble=getattr(error, "strerror", None) or str(error) or type(error).__name__)
    trouble = "" if response.status == http.client.OK else f"it answers {response.status} {response.reason}"
    return Answer(response.status, body, trouble)
