"""A receiver of pages, as an on-call team's tool would be: it keeps what the relay posts, and when."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self


class Received(NamedTuple):
    """A page and the moment of its arrival, in seconds since 1970."""

    at: float
    page: dict[str, Any]


class Receiver:
    """An HTTP server on a free port of this machine. `arrived` gives what has come, in order."""

    def __init__(self) -> None:
        self.arrived: SimpleQueue[Received] = SimpleQueue()
        arrived = self.arrived

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                arrived.put(Received(time.time(), json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing: the board has the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/page"
        self._thread = Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
