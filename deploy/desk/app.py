"""The desk as a web application: its pages by address and role, and the one way that every request takes."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from alerts.pagebook import PageBook
from deploy.desk import audit, board, feeds, models, pages, rejected, review, search, story, subject
from deploy.desk.auditbook import AuditBook
from deploy.desk.board import Live
from deploy.desk.csrf import FIELD, HEADER, CsrfTokens, from_elsewhere
from deploy.desk.desk import Clock, Desk
from deploy.desk.explainer import Explainer
from deploy.desk.headers import SafeHeaders
from deploy.desk.jobs import BusyError, Jobs
from deploy.desk.labelqueue import LabelQueue
from deploy.desk.login import Door, Login, is_loopback
from deploy.desk.readings import Readings
from deploy.desk.roles import Role
from deploy.desk.sessions import new_cookie
from deploy.desk.view import STATIC, View
from deploy.desk.visit import RefusedError, Visit, read_form
from model.errors import ArchiveError, InputError, NewsquallError, ServerError, SettingsError, UsageError
from stream.archive import Archive
from stream.archivedcounts import ArchivedCounts
from stream.clock import utc_now
from stream.search import SearchIndex
from stream.settings import Settings
from stream.verdicts import VerdictBook
from stream.watchlist import WatchlistFile
from training.labelbook import LabelBook

log = logging.getLogger(__name__)

# Handlers that wait for the database, each in a thread: as many as SQLAlchemy's pool has connections.
THREADS = 12
# Of many headlines an index takes minutes: the desk does not stay for it when it is told to stop.
MAKING_SECONDS = 2.0
TITLES = {
    400: "That cannot be read",
    401: "Please log in",
    403: "Not for you",
    404: "Not here",
    503: "Not just now",
}
DONE = "That cannot be done"

Handler = Callable[[Desk, Visit], Response]


class Entry(NamedTuple):
    """A page: its address, who may see it (None: everybody, before the login too), and what draws it or does it."""

    path: str
    role: Role | None
    get: Handler | None = None
    post: Handler | None = None


def entries(login: Login) -> list[Entry]:
    """The pages. What a viewer may post changes nothing but the viewer's own login."""
    return [
        Entry("/login", None, login.ask, login.give),
        Entry("/logout", Role.VIEWER, post=login.leave),
        Entry("/", Role.VIEWER, board.show),
        Entry("/pages", Role.VIEWER, pages.list_),
        Entry("/pages/{page}", Role.VIEWER, pages.show),
        Entry("/pages/{page}/verdict", Role.ANALYST, post=pages.judge),
        Entry("/review", Role.ANALYST, review.show, review.label),
        Entry("/models", Role.VIEWER, models.show),
        Entry("/models/compare", Role.VIEWER, models.compare),
        Entry("/models/report", Role.VIEWER, models.report),
        Entry("/models/train", Role.OPERATOR, post=models.train),
        Entry("/models/promote", Role.OPERATOR, post=models.promote),
        Entry("/models/rollback", Role.OPERATOR, post=models.rollback),
        Entry("/jobs/{job}", Role.VIEWER, models.job),
        Entry("/jobs/{job}/stop", Role.OPERATOR, post=models.stop),
        Entry("/jobs/{job}/again", Role.OPERATOR, post=models.again),
        Entry("/feeds", Role.VIEWER, feeds.show),
        Entry("/rejected", Role.VIEWER, rejected.show),
        Entry("/rejected", Role.OPERATOR, post=rejected.retry),
        Entry("/guide", Role.VIEWER, review.guide),
        Entry("/search", Role.VIEWER, search.show),
        Entry("/search.csv", Role.VIEWER, search.export),
        Entry("/subjects/{kind}/{name:path}", Role.VIEWER, subject.show),
        Entry("/story", Role.VIEWER, story.show),
        Entry("/words", Role.VIEWER, story.words),
        Entry("/audit", Role.OPERATOR, audit.show),
    ]


def build_desk(
    settings: Settings, archive: Archive, clock: Clock = utc_now, settings_file: Path | None = None
) -> Starlette:
    """The desk's web application. `settings_file`: given to what it starts. Raises SettingsError, ArchiveError."""
    door = Door(settings.desk)
    labels, explainer = LabelBook(archive.engine), Explainer(settings)
    desk = Desk(
        settings=settings,
        archive=archive,
        clock=clock,
        view=View(),
        audit=AuditBook(archive.engine),
        pages=PageBook(archive.engine, ()),
        verdicts=VerdictBook(archive.engine),
        search=SearchIndex(archive.engine),
        history=ArchivedCounts(archive.engine),
        readings=Readings(settings.relay.prometheus),
        explainer=explainer,
        watchlist=WatchlistFile(settings.trends.watchlist, settings.trends.most_entities),
        labels=labels,
        queue=LabelQueue(archive, labels, explainer, settings.desk.second_opinions, clock),
        jobs=Jobs(settings.desk.runs, settings_file),
        has_login=door.has_login,
    )
    gate, live = _Gate(desk, door), Live(desk)

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        # Beside the pages, which work without them, only slower.
        making = threading.Thread(target=_prepare, args=(desk,), daemon=True)
        making.start()
        yield
        await live.close()
        await run_in_threadpool(desk.jobs.close)
        await run_in_threadpool(making.join, MAKING_SECONDS)
        await run_in_threadpool(desk.queue.wait, MAKING_SECONDS)

    routes = [
        Route(each.path, gate.endpoint(handler, each.role), methods=[method])
        for each in entries(Login(door))
        for method, handler in (("GET", each.get), ("POST", each.post))
        if handler is not None
    ]
    app = Starlette(
        routes=[*routes, Route("/board/live", gate.live(live)), Mount("/static", StaticFiles(directory=STATIC))],
        middleware=[Middleware(SafeHeaders, hosts=_hosts(settings), secure=door.secure)],
        exception_handlers={404: gate.lost, 405: gate.lost},
        lifespan=running,
    )
    # It would lead to whatever host the request names.
    app.router.redirect_slashes = False
    return app


def _prepare(desk: Desk) -> None:
    """Make the archive's search indexes, where they are not there."""
    try:
        if taken := desk.search.prepare():
            log.info("%d headlines were taken into the search index", taken)
    except ArchiveError as error:
        log.error("search is slow or finds nothing until the desk is started again: %s", error)


def _hosts(settings: Settings) -> set[str] | None:
    """The names under which the desk answers: any, where it listens to other machines and so has a login."""
    desk = settings.desk
    if not is_loopback(desk.host):
        return None
    named = urlsplit(desk.public_url or "").hostname
    return {"localhost", "127.0.0.1", "::1", desk.host, *([named] if named else [])}


class _Gate:
    """What every request goes through: who comes, may it be, does the form come from us; and what errors become."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door
        self._tokens = CsrfTokens()

    def endpoint(self, handler: Handler, role: Role | None) -> Callable[[Request], Awaitable[Response]]:
        """A handler behind the gate."""

        async def serve(visit: Visit) -> Response:
            request = visit.request
            response = await self._served(handler, role, visit)
            if visit.cookie != request.cookies.get(self._door.cookie) and "set-cookie" not in response.headers:
                self._door.set_cookie(response, visit.cookie)
            return response

        return self._met(serve)

    def _met(self, serve: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Who comes is asked first. Without its password file the desk lets nobody in."""

        async def met(request: Request) -> Response:
            try:
                visit = self._visit(request)
            except SettingsError as error:
                log.error("nobody can be let in: %s", error)
                return PlainTextResponse("Who may log in cannot be read just now.\n", status_code=503)
            return await serve(visit)

        return met

    def live(self, live: Live) -> Callable[[Request], Awaitable[Response]]:
        """What is sent as it changes, to who may look, for as long as that is so."""

        async def serve(visit: Visit) -> Response:
            if visit.person is None:
                return self._told(visit, 401, "Please log in.")

            def may_look() -> bool:
                try:
                    return self._door.person(visit.request, visit.cookie, self._desk.clock()) is not None
                except SettingsError:
                    return False

            return StreamingResponse(live.pieces(may_look), media_type="text/event-stream")

        return self._met(serve)

    def _visit(self, request: Request) -> Visit:
        cookie = request.cookies.get(self._door.cookie, "")
        now = self._desk.clock()
        person = self._door.person(request, cookie, now)
        cookie = cookie if 20 <= len(cookie) <= 100 else new_cookie()
        return Visit(request, person, cookie, self._tokens.token(cookie), self._door.address(request), now)

    async def _served(self, handler: Handler, role: Role | None, visit: Visit) -> Response:
        request = visit.request
        try:
            if request.method == "POST":
                visit = replace(visit, form=await read_form(request))
                self._require_ours(visit)
            if role is not None and visit.person is None:
                if request.method == "GET" and not visit.script:
                    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return self._desk.go(f"/login?next={quote(target)}")
                raise RefusedError(401, "Please log in.")
            if role is not None and not visit.who.may(role):
                raise RefusedError(403, f"This is for the role {role.word}; you are {visit.who.role.word}.")
            return await run_in_threadpool(handler, self._desk, visit)
        except RefusedError as error:
            return self._told(visit, error.status, str(error))
        except (InputError, UsageError) as error:
            return self._told(visit, 409 if isinstance(error, BusyError) else 400, str(error), DONE)
        except NewsquallError as error:
            log.error("%s: %s", request.url.path, error)
            away = "The archive does not answer. Please try again in a minute."
            return self._told(visit, 503, away if isinstance(error, ArchiveError) else str(error))
        except Exception:  # an error of ours; what answers it must carry the policy, too
            log.exception("%s", request.url.path)
            return self._told(visit, 500, "An error of the desk's own. Its log says more.")

    def _require_ours(self, visit: Visit) -> None:
        request = visit.request
        given = visit.form.get(FIELD) or request.headers.get(HEADER, "")
        sent = request.cookies.get(self._door.cookie, "")
        if from_elsewhere(request.headers) or not self._tokens.holds(sent, given):
            raise RefusedError(
                403, "This form is from another place or an earlier time: go back, reload, send it again."
            )

    def _told(self, visit: Visit, status: int, text: str, title: str = "") -> Response:
        return self._desk.message(visit, status, title or TITLES.get(status, DONE), text)

    async def lost(self, request: Request, error: Exception) -> Response:
        """There is no such page, or it takes no such request."""
        status = getattr(error, "status_code", 404)
        return self._told(self._visit(request), status, "There is no such page." if status == 404 else "Not this way.")


class _Server(uvicorn.Server):
    """Says when it listens, and ends when it is told to, by us: uvicorn would raise the signal again at its end."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listens()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, app: Starlette, announce: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve the desk until `stop` is set. `announce` is told its address once it listens.

    Raises ServerError when the address cannot be had.
    """
    host, port = settings.desk.host, settings.desk.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"the desk cannot listen on {host}:{port} ({error.strerror}): set desk.port; 0 takes any"
            ) from error
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=65_536,
        )
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/"
        server = _Server(config, lambda: announce(f"the desk is at {address}"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        await serving


def run_desk(settings: Settings, announce: Callable[[str], None], settings_file: Path | None = None) -> None:
    """Run the desk until SIGTERM or SIGINT. `settings_file`: where the settings are from.

    Raises SettingsError, ArchiveError, ServerError.
    """
    archive = Archive(settings.archive.url)
    try:
        app = build_desk(settings, archive, settings_file=settings_file)
        asyncio.run(_until_stopped(settings, app, announce))
    finally:
        archive.close()


async def _until_stopped(settings: Settings, app: Starlette, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    await serve(settings, app, announce, stop)
