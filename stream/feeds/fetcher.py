"""A feed fetched over HTTP from a server that may do anything: bounded in time, bytes and redirects, polite to hosts,
and never from an address that is not public."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from model.errors import FeedError
from stream.clock import utc_now
from stream.feeds.address import is_address, is_public
from stream.feeds.decoder import ACCEPTED, Decoder
from stream.feeds.feed import LONGEST_URL, host_of, shown
from stream.feeds.pace import HostPace, parse_retry_after
from stream.settings import FeedSettings

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
)
_PIECE = 1 << 16  # bytes read at once
_LONGEST_VALIDATOR = 1_000

_REDIRECTS = {301: True, 302: False, 303: False, 307: False, 308: True}  # whether for good
_THROTTLED = (429, 503)
_GONE = (404, 410)


class Validators(msgspec.Struct, frozen=True):
    """By what a server knows the document that we have (RFC 9110, 8.8), and the address that gave them."""

    url: str = ""
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True)
class Fetched:
    """A document as it came. `whole`: not cut at the bound nor broken off on its way. `moved_to`: where the feed has
    moved to for good, if it has."""

    body: bytes
    content_type: str
    url: str
    whole: bool
    validators: Validators
    moved_to: str = ""


@dataclass(frozen=True)
class Unchanged:
    """The server says that its document is the one we have."""

    moved_to: str = ""


@dataclass(frozen=True)
class _Redirected:
    location: str
    for_good: bool


class Fetcher:
    """Fetches feeds, as an asynchronous context manager.

    One request at a time to a host, `feeds.host_pause` between two, `feeds.fetches` in all. `resolver`: how names
    become addresses, for tests. `clock`, `seconds`: the time in UTC and a monotonic one.
    """

    def __init__(
        self,
        settings: FeedSettings,
        resolver: AbstractResolver | None = None,
        clock: Callable[[], datetime] = utc_now,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._clock = clock
        self._seconds = seconds
        self._allowed = frozenset(host.lower() for host in settings.allow)
        self._pace = HostPace(settings.host_pause.total_seconds())
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}
        self._slots = asyncio.Semaphore(settings.fetches)

    async def __aenter__(self) -> Self:
        agent = f"Newsquall/{version('newsquall')}"
        options: dict[str, Any] = {
            "headers": {
                "User-Agent": f"{agent} ({self._settings.contact})" if self._settings.contact else agent,
                "Accept": _ACCEPT,
                "Accept-Encoding": ACCEPTED,
            },
            "auto_decompress": False,  # it would know no bound
            "cookie_jar": aiohttp.DummyCookieJar(),
            "timeout": aiohttp.ClientTimeout(total=None),  # ours holds for a fetch with its redirects
        }
        self._guarded = aiohttp.ClientSession(connector=self._connector(_public_socket), **options)
        self._trusted = aiohttp.ClientSession(connector=self._connector(None), **options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._guarded.close()
        await self._trusted.close()

    def _connector(self, factory: Callable[[Any], socket.socket] | None) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=0, resolver=self._resolver, socket_factory=factory)

    async def fetch(self, url: str, validators: Validators | None = None) -> Fetched | Unchanged:
        """The document at an address. Raises FeedError.

        `validators`: of the document that we have; sent only to the address that gave them.
        """
        known = validators or Validators()
        left = self._settings.timeout.total_seconds()
        visited: list[str] = []
        moved_to, for_good, trusted = "", True, True
        while True:
            if url in visited or len(visited) > self._settings.redirects:
                how = "in a circle" if url in visited else f"more than {self._settings.redirects} times"
                raise FeedError("redirect", f"redirected {how}, last to {shown(url)}")
            visited.append(url)
            host = host_of(url)
            # A feed from outside must not lead inside, not even to a host from which another feed may be fetched.
            trusted = trusted and host in self._allowed
            async with self._turn(host):
                started = self._seconds()
                answer = await self._asked(url, known if known.url == url else Validators(), left, trusted)
                left -= self._seconds() - started
            if not isinstance(answer, _Redirected):
                return replace(answer, moved_to=moved_to)
            url = answer.location
            for_good = for_good and answer.for_good
            moved_to = url if for_good else moved_to

    @asynccontextmanager
    async def _turn(self, host: str) -> AsyncIterator[None]:
        """Wait for the host first, then for a slot: hosts that make us wait hold up no others."""
        lock, waiting = self._turns.get(host, (asyncio.Lock(), 0))
        self._turns[host] = lock, waiting + 1
        try:
            async with lock:
                await asyncio.sleep(self._pace.wait(host, self._seconds()))
                try:
                    async with self._slots:
                        yield
                finally:
                    self._pace.asked(host, self._seconds())
        finally:
            lock, waiting = self._turns.pop(host)
            if waiting > 1:
                self._turns[host] = lock, waiting - 1

    async def _asked(
        self, url: str, known: Validators, left: float, trusted: bool
    ) -> Fetched | Unchanged | _Redirected:
        """One request, its errors made ours. `trusted`: its host may be at any address."""
        host = host_of(url)
        try:
            async with asyncio.timeout(max(left, 0)):
                return await self._request(url, host, known, trusted)
        except TimeoutError as error:
            limit = self._settings.timeout.total_seconds()
            raise FeedError("timeout", f"{host} took more than {limit:g} s") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise FeedError("dns", f"{host} has no address: {error.os_error}") from error
        except aiohttp.ClientSSLError as error:
            raise FeedError("tls", f"{host}: {error}") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _NotPublicError):
                raise _not_public(host) from error
            raise FeedError("connect", f"{host}: {error.os_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FeedError("protocol", f"{host}: {type(error).__name__}: {error}") from error

    async def _request(
        self, url: str, host: str, known: Validators, trusted: bool
    ) -> Fetched | Unchanged | _Redirected:
        proxy = self._settings.proxy
        # A proxy resolves names, and decides on them; what is written as an address can be told from here.
        if proxy and not trusted and is_address(host) and not is_public(host):
            raise _not_public(host)
        session = self._trusted if trusted or proxy else self._guarded
        headers = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
        sent = {name: value for name, value in headers.items() if value}
        async with session.get(url, headers=sent, allow_redirects=False, proxy=proxy) as response:
            status = response.status
            if status == 200:
                return await self._read(response, url)
            if status == 304 and sent:
                return Unchanged()
            if status in _REDIRECTS:
                location = redirect_target(url, response.headers.get("Location", ""))
                return _Redirected(location, _REDIRECTS[status])
            asked = parse_retry_after(response.headers.get("Retry-After"), self._clock())
            if status in _THROTTLED:
                if asked:
                    self._pace.hold(host, asked.total_seconds(), self._seconds())
                raise FeedError("throttled", f"{host} answered {status}", asked)
            raise FeedError("gone" if status in _GONE else "status", f"{host} answered {status}", asked)

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> Fetched:
        most = self._settings.body_bytes
        decoder = Decoder(response.headers.get("Content-Encoding", ""), most)
        taken, whole = 0, True
        try:
            # What unpacks to nothing may be endless too.
            while not decoder.full and taken < most and (piece := await response.content.read(_PIECE)):
                taken += len(piece)
                decoder.feed(piece)
        except aiohttp.ClientPayloadError:
            # Broken off: what had come may hold whole items. If it is nothing, that is the failure.
            if not decoder.body:
                raise
            whole = False
        whole = whole and decoder.whole and taken < most
        validators = Validators(
            url, _validator(response.headers.get("ETag")), _validator(response.headers.get("Last-Modified"))
        )
        content_type = response.headers.get("Content-Type", "")[:_LONGEST_VALIDATOR]
        return Fetched(bytes(decoder.body), content_type, url, whole, validators)


def redirect_target(url: str, location: str) -> str:
    """Where a redirect leads. Raises FeedError for what is no web address."""
    try:
        target = str(URL(urljoin(url, location.strip())).with_fragment(None))
        usable = bool(location.strip()) and URL(target).scheme in ("http", "https") and bool(host_of(target))
    except ValueError:
        usable = False
    if not usable or len(target) > LONGEST_URL:
        raise FeedError("redirect", f"redirected to what is no web address: {shown(location)[:80]}")
    return target


def _validator(value: str | None) -> str:
    """A header that may be sent back as it came, or nothing."""
    text = value or ""
    return text if len(text) <= _LONGEST_VALIDATOR and text.isascii() and text.isprintable() else ""


class _NotPublicError(OSError):
    """A socket to an address that is not public was asked for."""


def _public_socket(info: Any) -> socket.socket:
    """A socket for the very address that is connected to next: a name that resolves otherwise the second time
    (DNS rebinding) gains nothing."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise _NotPublicError("not a public address")
    return socket.socket(family, kind, protocol)


def _not_public(host: str) -> FeedError:
    return FeedError("address", f"{host} is not at a public address: add it to feeds.allow if it is meant")
