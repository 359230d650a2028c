"""The board: every topic and watched company, how much bad news there is beside what is usual, and what is firing.

The counts and the sparklines are the archive's, which every desk has; what is usual, the stories and the surprise are
the workers' by way of Prometheus. Without Prometheus the board goes on with the counts, and says so.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from alerts.page import Page
from deploy.desk.desk import Desk
from deploy.desk.readings import Window
from deploy.desk.subject import after
from deploy.desk.visit import Visit
from model.errors import NewsquallError
from stream.duration import format_duration
from stream.subjects import ALL

log = logging.getLogger(__name__)

STEP, STEPS = timedelta(minutes=10), 36  # of a sparkline: six hours
COMPANIES = 40  # those with most bad news; the others by the search
EVERY = 2.0  # seconds between two looks
HEARTBEAT = 15.0  # seconds after which a line is sent though nothing has changed: proxies end what is silent


@dataclass(frozen=True)
class Row:
    """A subject. `count`: negatives in the short window; `now`: that window by the workers, None if unknown;
    `loudest`: the most surprising window; `usual`: negatives in a step of the sparkline; `threshold`: the
    surprise that pages it, None if it is not judged; `page`: that is open."""

    subject: str
    count: int
    counts: list[int]
    now: Window | None
    loudest: tuple[str, Window] | None
    usual: float | None
    threshold: float | None
    page: Page | None

    @property
    def turning(self) -> bool:
        """Whether its surprise is one that pages."""
        return self.loudest is not None and self.threshold is not None and self.loudest[1].surprise >= self.threshold

    @property
    def rank(self) -> tuple[object, ...]:
        """What comes first."""
        surprise = self.loudest[1].surprise if self.loudest else 0.0
        return (self.page is None, -round(surprise, 1), -self.count, -sum(self.counts), self.subject)


@dataclass(frozen=True)
class Board:
    """The board at a moment. `window`: the short one's name; `trouble`: what is not known, and why."""

    all: Row
    topics: list[Row]
    companies: list[Row]
    firing: list[Page]
    window: str
    trouble: str


def look(desk: Desk, now: datetime) -> Board:
    """The board now. Raises ArchiveError."""
    windows = desk.settings.trends.windows
    short = windows[1] if len(windows) > 1 else windows[0]
    name = format_duration(short)
    until = after(now, STEP)
    entities = desk.entities()
    counts = desk.history.negatives_by_subject(until - STEP * STEPS, until, STEP, entities)
    # What is dated a little ahead counts, as it does for the workers.
    recent = desk.history.negatives_by_subject(now - short, until, until - now + short, entities)
    reading = desk.readings.now(now)
    entries = [entry.page for entry in desk.pages.open_entries()]
    pages = {subject: page for page in reversed(entries) for subject in (page.subject, *page.also_subjects)}

    def row(subject: str) -> Row:
        known = reading.of(subject, name)
        return Row(
            subject,
            sum(recent.get(subject, [0])),
            counts.get(subject, [0] * STEPS),
            known,
            reading.loudest(subject),
            desk.usual(reading.windows.get(subject, {}), STEP),
            reading.thresholds.get(subject),
            pages.get(subject),
        )

    topics = sorted((row(f"topic/{topic}") for topic in desk.topics()), key=lambda each: each.rank)
    companies = sorted((row(f"entity/{entity}") for entity in entities), key=lambda each: each.rank)
    return Board(row(ALL), topics, companies[:COMPANIES], entries, name, reading.trouble)


def show(desk: Desk, visit: Visit) -> Response:
    """The board's page, which goes on by itself."""
    return desk.page(visit, "board.html", board=look(desk, visit.now), steps=STEPS)


class Live:
    """The board as it changes, for all who look at it: drawn once, however many do."""

    def __init__(self, desk: Desk, every: float = EVERY) -> None:
        self._desk = desk
        self._every = every
        self._changed = asyncio.Condition()
        self._piece = ""
        self._number = 0
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None

    async def pieces(self, may_look: Callable[[], bool]) -> AsyncIterator[str]:
        """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), until the visitor goes
        or may look no more."""
        self._watchers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="the live board")
        seen = 0
        try:
            while may_look():
                if self._number == seen:
                    try:
                        async with asyncio.timeout(HEARTBEAT), self._changed:
                            await self._changed.wait()
                    except TimeoutError:
                        yield ": still there\n\n"
                        continue
                seen = self._number
                yield "event: piece\n" + "".join(f"data: {line}\n" for line in self._piece.splitlines()) + "\n"
        finally:
            self._watchers -= 1

    async def _watch(self) -> None:
        while self._watchers:
            try:
                piece = await run_in_threadpool(self._draw)
            except NewsquallError as error:
                log.error("the board waits: %s", error)
            else:
                if piece != self._piece:
                    self._piece, self._number = piece, self._number + 1
                    async with self._changed:
                        self._changed.notify_all()
            await asyncio.sleep(self._every)

    def _draw(self) -> str:
        now = self._desk.clock()
        return self._desk.view.draw("board_piece.html", board=look(self._desk, now), now=now)

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
