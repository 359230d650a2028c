"""The relay as a web server: Alertmanager's webhook in, pages out.

POST /alerts    Alertmanager's webhook payload, version 4. 200 once what follows from it is written down;
                4xx for what is none; 503 while the database fails, so that Alertmanager sends it again.
GET  /pages     {"pages": [...]}: the newest pages as they are now; ?limit=1 to 500, 50 if not given.
GET  /-/ready   200 while alerts can be taken in.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import msgspec
from aiohttp import web

from alerts.delivery import Courier, DeliveryError, Receiver
from alerts.notification import Alert, decode_notification
from alerts.pagebook import PageBook
from alerts.pager import Pager
from alerts.receivers.roster import receivers_of
from model.errors import ArchiveError, InputError, ServerError
from stream.archive import Archive
from stream.clock import utc_now
from stream.settings import Settings

log = logging.getLogger(__name__)

LARGEST_BODY = 10_000_000  # bytes; thousands of alerts
# How long to wait for an archive that is behind the metrics: a page with half its evidence is better than
# none late.
LAG_CHECKS, LAG_PAUSE = 8, 0.25  # and seconds
PAGES, MOST_PAGES = 50, 500

Clock = Callable[[], datetime]


def build_relay(
    settings: Settings,
    archive: Archive,
    clock: Clock = utc_now,
    receivers: Sequence[Receiver] | None = None,
) -> web.Application:
    """The relay's web application; deliveries begin when it starts. Raises ArchiveError.

    `receivers`: who gets pages; those of the settings by default.
    """
    taken = receivers_of(settings, clock=clock) if receivers is None else receivers
    book = PageBook(archive.engine, [receiver.name for receiver in taken])
    relay = _Relay(Pager(settings, archive, book), taken, clock)
    app = web.Application(client_max_size=LARGEST_BODY)
    app.add_routes(
        [
            web.post("/alerts", relay.alerts),
            web.get("/pages", relay.pages),
            web.get("/-/ready", relay.ready),
        ]
    )
    app.cleanup_ctx.append(relay.delivering)
    return app


class _Relay:
    """The handlers. What blocks runs in threads; alerts are decided on one after the other."""

    def __init__(self, pager: Pager, receivers: Sequence[Receiver], clock: Clock) -> None:
        self._pager = pager
        self._courier = Courier(pager.book, receivers, clock)
        self._clock = clock
        self._deciding = asyncio.Lock()
        self._delivering: asyncio.Task[None] | None = None

    async def delivering(self, _app: web.Application) -> AsyncIterator[None]:
        """Deliver while the application runs."""
        self._delivering = asyncio.create_task(self._courier.run())
        self._delivering.add_done_callback(_tell_failure)
        yield
        self._delivering.cancel()
        await asyncio.wait([self._delivering])

    async def alerts(self, request: web.Request) -> web.Response:
        try:
            notification = decode_notification(await request.read())
        except InputError as error:
            log.warning("refused from %s: %s", request.remote, error)
            return web.json_response({"error": str(error)}, status=400)
        except web.HTTPRequestEntityTooLarge:
            log.warning("refused from %s: a body of more than %d bytes", request.remote, LARGEST_BODY)
            return web.json_response({"error": f"more than {LARGEST_BODY} bytes"}, status=413)
        if notification.truncated_alerts:
            log.warning("Alertmanager left out %d alerts: its max_alerts should be 0", notification.truncated_alerts)
        try:
            self._check_deliveries()
            async with self._deciding:
                await self._take(notification.alerts)
        except (ArchiveError, DeliveryError) as error:
            log.error("alerts not taken in, Alertmanager will send them again: %s", error)
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response({"taken": len(notification.alerts)})

    def _check_deliveries(self) -> None:
        """A relay that takes pages in and delivers none would be silent when it matters. Raises
        DeliveryError."""
        if self._delivering is None or self._delivering.done():
            raise DeliveryError("deliveries have stopped: the relay's log says why; start it again")

    async def _take(self, alerts: Sequence[Alert]) -> None:
        for _ in range(LAG_CHECKS):
            if not await asyncio.to_thread(self._pager.lags, alerts, self._clock()):
                break
            await asyncio.sleep(LAG_PAUSE)
        await asyncio.to_thread(self._pager.take, alerts, self._clock())
        self._courier.wake()

    async def pages(self, request: web.Request) -> web.Response:
        given = request.query.get("limit", str(PAGES))
        if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= MOST_PAGES:
            return web.json_response({"error": f"limit is a number from 1 to {MOST_PAGES}"}, status=400)
        try:
            pages = await asyncio.to_thread(self._pager.book.recent, int(given))
        except ArchiveError as error:
            log.error("pages cannot be shown: %s", error)
            return web.json_response({"error": str(error)}, status=503)
        return web.Response(body=msgspec.json.encode({"pages": pages}), content_type="application/json")

    async def ready(self, _request: web.Request) -> web.Response:
        try:
            self._check_deliveries()
            await asyncio.to_thread(self._pager.book.recent, 1)
        except (ArchiveError, DeliveryError) as error:
            return web.Response(text=f"{error}\n", status=503)
        return web.Response(text="ready\n")


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("deliveries have stopped", exc_info=task.exception())


async def serve(settings: Settings, app: web.Application, announce: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve a relay until `stop` is set. `announce` is told its address once it listens.

    Raises ServerError when the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        host, port = settings.relay.host, settings.relay.port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ServerError(
                f"the relay cannot listen on {host}:{port} ({error.strerror}): set relay.port; 0 takes any"
            ) from error
        announce(f"relay listens on http://{host}:{runner.addresses[0][1]}/alerts")
        await stop.wait()
    finally:
        await runner.cleanup()


def run_relay(settings: Settings, announce: Callable[[str], None]) -> None:
    """Run the relay until SIGTERM or SIGINT. Raises ArchiveError, ServerError."""
    archive = Archive(settings.archive.url)
    try:
        asyncio.run(_until_stopped(settings, archive, announce))
    finally:
        archive.close()


async def _until_stopped(settings: Settings, archive: Archive, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    receivers = receivers_of(settings)
    if not receivers:
        log.warning("pages go to nobody: settings [relay] and [mail] name no receiver, and relay.terminal is off")
    await serve(settings, build_relay(settings, archive, receivers=receivers), announce, stop)
