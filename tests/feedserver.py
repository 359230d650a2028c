"""A web server whose every byte a test decides on: friendly, or hostile in ways that no framework would let it be."""

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

WAIT_SECONDS = 60.0


class Request(NamedTuple):
    """What was asked. `headers`: names in lower case. `at`: seconds, monotonic."""

    path: str
    headers: Mapping[str, str]
    at: float


class Reply(NamedTuple):
    """An answer as it should be."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}

    def head(self) -> bytes:
        """The head as it goes over the wire, with the body's length."""
        lines = [f"HTTP/1.1 {self.status} X", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


Handler = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
Route = Reply | Callable[[Request], Reply] | Handler


class FeedServer:
    """Serves `routes` on loopback from a thread of its own, until the end of the block. A route is a reply, a function
    that makes one, or a coroutine that writes what it likes. `busy`: requests being answered, `most_busy` at once."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.routes: dict[str, Route] = {}
        self.requests: list[Request] = []
        self.busy = self.most_busy = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed-server", daemon=True)

    def url(self, path: str, host: str | None = None) -> str:
        """The address of a path, by another name of this machine if one is given."""
        return f"http{'s' if self.tls else ''}://{host or self.host}:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        """The requests for a path so far."""
        return [request for request in list(self.requests) if request.path == path]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._answer, self.host, self.port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
                path = head[0].split(" ")[1]
                request = Request(path, {name.lower(): value for name, value in fields.items()}, time.monotonic())
                self.requests.append(request)
                self.busy += 1
                self.most_busy = max(self.most_busy, self.busy)
                try:
                    if not await self._routed(request, writer):
                        break
                finally:
                    self.busy -= 1
        writer.close()

    async def _routed(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        route = self.routes.get(request.path, Reply(b"no such page", 404))
        if asyncio.iscoroutinefunction(route):
            await route(request, writer)
            return False
        reply = route if isinstance(route, Reply) else route(request)  # type: ignore[operator]
        assert isinstance(reply, Reply)
        writer.write(reply.head() + reply.body)
        await writer.drain()
        return True


def rss(*titles: str, date: str = "", guid: Callable[[str], str] = lambda title: title) -> bytes:
    """An RSS document of items with these titles, the first one on top. `date`: of all of them; `guid`: made of the
    title; none if it is empty."""
    items = "".join(
        f"<item><title>{title}</title>"
        + (f"<guid isPermaLink='false'>{guid(title)}</guid>" if guid(title) else "")
        + (f"<pubDate>{date}</pubDate>" if date else "")
        + "</item>"
        for title in titles
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>T</title>{items}</channel></rss>'.encode()
