"""A receiver of pages, as an on-call team's tool would be: it keeps what the relay posts, and when."""

import json
import time
from queue import SimpleQueue
from typing import Any, NamedTuple

from deploy.demo.localserver import LocalServer, QuietHandler


class Received(NamedTuple):
    """A page and the moment of its arrival, in seconds since 1970."""

    at: float
    page: dict[str, Any]


class Receiver(LocalServer):
    """An HTTP server on a free port of this machine. `arrived` gives what has come, in order."""

    def __init__(self) -> None:
        self.arrived: SimpleQueue[Received] = SimpleQueue()
        arrived = self.arrived

        class Handler(QuietHandler):
            def do_POST(self) -> None:  # noqa: N802  (the standard library asks for it by this name)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                arrived.put(Received(time.time(), json.loads(body)))
                self.send_response(204)
                self.end_headers()

        super().__init__("receiver", Handler)
        self.url = f"{self.address}/page"
