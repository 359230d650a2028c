"""The relay as a web server: Alertmanager's webhook in, pages out.

POST /alerts    Alertmanager's webhook payload, version 4. 200 once what follows from it is written down;
                4xx for what is none; 503 while the database fails, so that Alertmanager sends it again.
GET  /pages     {"pages": [...]}: the newest pages as they are now, each with its verdict (verdict, who, given_at) or
                null, and without the links that are keys; ?limit=1 to 500, 50 if not given.
GET  /charts/KEY.png    a page's chart, to those who have the link.
GET, POST  /verdicts/KEY    a form with one button, and what it sends: what somebody says of a page.
GET  /-/ready   200 while alerts can be taken in.
GET  /metrics   for Prometheus: what is not delivered yet, and for how long (stream/metrics.py).
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from alerts.chart import chart_of
from alerts.delivery import Courier, DeliveryError, Receiver
from alerts.keyedlinks import KeyedLinks, without_keys
from alerts.notification import Alert, decode_notification
from alerts.pagebook import PageBook
from alerts.pager import Pager
from alerts.receivers.roster import receivers_of
from alerts.verdicts import VerdictForms
from model.errors import ArchiveError, InputError, ServerError
from stream.archive import Archive
from stream.clock import utc_now
from stream.metrics import RelayMetrics
from stream.settings import Settings
from stream.verdicts import VerdictBook

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
    if receivers is None:
        receivers = receivers_of(settings, clock=clock, picture=lambda page: chart_of(page, archive, clock()))
    if not receivers:
        log.warning("pages go to nobody: settings [relay] and [mail] name no receiver, and relay.terminal is off")
    book = PageBook(archive.engine, [receiver.name for receiver in receivers])
    metrics = RelayMetrics(CollectorRegistry(), [receiver.name for receiver in receivers])
    links, verdicts = KeyedLinks.of(settings.relay), VerdictBook(archive.engine)
    relay = _Relay(Pager(settings, archive, book, verdicts), verdicts, receivers, metrics, clock, settings.relay.watch)
    charts = _Charts(links, archive, book, clock)
    forms = VerdictForms(links, book, verdicts, clock)
    app = web.Application(client_max_size=LARGEST_BODY)
    app.add_routes(
        [
            web.post("/alerts", relay.alerts),
            web.get("/pages", relay.pages),
            web.get("/charts/{token}.png", charts.chart),
            web.get("/verdicts/{token}", forms.ask),
            web.post("/verdicts/{token}", forms.give),
            web.get("/-/ready", relay.ready),
            web.get("/metrics", relay.metrics),
        ]
    )
    app.cleanup_ctx.append(relay.working)
    return app


class _Relay:
    """The handlers. What blocks runs in threads; alerts are decided on one after the other."""

    def __init__(
        self,
        pager: Pager,
        verdicts: VerdictBook,
        receivers: Sequence[Receiver],
        metrics: RelayMetrics,
        clock: Clock,
        watch: timedelta,
    ) -> None:
        self._pager = pager
        self._verdicts = verdicts
        self._metrics = metrics
        self._courier = Courier(pager.book, receivers, clock)
        self._clock = clock
        self._deciding = asyncio.Lock()
        self._delivering: asyncio.Task[None] | None = None
        self._watch = watch.total_seconds()

    async def working(self, _app: web.Application) -> AsyncIterator[None]:
        """Deliver, and watch open pages, while the application runs."""
        self._delivering = asyncio.create_task(self._courier.run(), name="deliveries")
        tasks = [self._delivering]
        if self._watch:
            tasks.append(asyncio.create_task(self._watching(), name="the watch over open pages"))
        for task in tasks:
            task.add_done_callback(_tell_failure)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _watching(self) -> None:
        while True:
            await asyncio.sleep(self._watch)
            try:
                async with self._deciding:
                    grown = await asyncio.to_thread(self._pager.watch, self._clock())
            except ArchiveError as error:
                log.error("open pages are not watched: %s", error)
                continue
            if grown:
                self._courier.wake()

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
            pages = await asyncio.to_thread(self._judged, int(given))
        except ArchiveError as error:
            log.error("pages cannot be shown: %s", error)
            return web.json_response({"error": str(error)}, status=503)
        return web.Response(body=msgspec.json.encode({"pages": pages}), content_type="application/json")

    def _judged(self, limit: int) -> list[dict[str, Any]]:
        pages = self._pager.book.recent(limit)
        verdicts = self._verdicts.newest([page.id for page in pages])
        return [{**msgspec.to_builtins(without_keys(page)), "verdict": verdicts.get(page.id)} for page in pages]

    async def ready(self, _request: web.Request) -> web.Response:
        try:
            self._check_deliveries()
            await asyncio.to_thread(self._pager.book.recent, 1)
        except (ArchiveError, DeliveryError) as error:
            return web.Response(text=f"{error}\n", status=503)
        return web.Response(text="ready\n")

    async def metrics(self, _request: web.Request) -> web.Response:
        try:
            self._check_deliveries()
            outstanding = await asyncio.to_thread(self._pager.book.outstanding)
        except (ArchiveError, DeliveryError):
            # It says so itself where alerts come; what was known of the outbox stands.
            self._metrics.ready.set(0)
        else:
            self._metrics.ready.set(1)
            now = self._clock()
            for receiver, left in outstanding.items():
                age = (now - left.since).total_seconds() if left.since else 0.0
                self._metrics.pending_pages.labels(receiver).set(left.pages)
                self._metrics.oldest_pending.labels(receiver).set(max(0.0, age))
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Charts:
    """Draws pages' charts for those who have their links."""

    def __init__(self, links: KeyedLinks | None, archive: Archive, book: PageBook, clock: Clock) -> None:
        self._links, self._archive, self._book, self._clock = links, archive, book, clock
        # Drawing takes a core for some milliseconds, and a link may be opened by a whole channel at once.
        self._drawing = asyncio.Lock()

    async def chart(self, request: web.Request) -> web.Response:
        try:
            if self._links is None:
                raise InputError("There are no charts without relay.public_url.")
            page_id = self._links.chart(request.match_info["token"], self._clock())
        except InputError as error:
            return web.Response(text=f"{error}\n", status=403)
        try:
            async with self._drawing:
                png = await asyncio.to_thread(self._drawn, page_id)
        except ArchiveError as error:
            log.error("a chart cannot be drawn: %s", error)
            return web.Response(text="The archive does not answer.\n", status=503)
        if png is None:
            return web.Response(text="There is no chart of this page.\n", status=404)
        return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "private, max-age=60"})

    def _drawn(self, page_id: str) -> bytes | None:
        page = self._book.find(page_id)
        return None if page is None else chart_of(page, self._archive, self._clock())


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("%s stopped", task.get_name(), exc_info=task.exception())


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
    await serve(settings, build_relay(settings, archive), announce, stop)
