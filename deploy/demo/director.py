"""The demo's course: history, a trickle, the squall with the syndicated story, the page, the resolve."""

import json
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty
from tempfile import mkdtemp

import msgspec
from rich.console import Console
from rich.live import Live

from alerts.page import Page
from alerts.rendering import show
from deploy.demo.board import Board, Sample, scored_total
from deploy.demo.course import Course, DemoFailed
from deploy.demo.outlet import Outlet
from deploy.demo.receiver import Received, Receiver
from deploy.demo.system import System, newsquall
from deploy.demo.world import HISTORY_DAYS, Planned, World
from model.errors import NewsquallError, UsageError
from stream.duration import format_duration
from stream.publisher import Publisher
from stream.settings import environment_names

SQUALL_SUBJECT = "entity/Kestrovan Engineering"
SYNDICATED_COMPANY = "Pellwick"
OUTLET = "Tideline Markets"  # whose feed has the ordinary news
SEED = 7
TRICKLE_SECONDS = 20.0  # between two ordinary headlines; faster would be a squall of its own
CALM_BEFORE_SECONDS = 15.0
HISTORY_TIMEOUT = 600.0
PAGE_TIMEOUT = 120.0
RESOLVE_TIMEOUT = 240.0
FIFTH = 5


class Director:
    """Runs the demo on a started system."""

    def __init__(
        self,
        system: System,
        receiver: Receiver,
        outlet: Outlet,
        world: World,
        course: Course,
        console: Console,
    ) -> None:
        self._system = system
        self._receiver = receiver
        self._outlet = outlet
        self._world = world
        self._course = course
        self._console = console
        windows = tuple(map(format_duration, system.settings.trends.windows))
        alerts = system.settings.alerts
        self._board = Board(windows[1], windows, alerts.stories, alerts.stories_all)
        self._live: Live | None = None
        self._samples: dict[Sample, float] = {}
        self._next_trickle = float("inf")

    def tell(self, text: str) -> None:
        """Say what happens: on the board where there is one, else as a line."""
        self._board.happened.append(f"{datetime.now(UTC):%H:%M:%S}  {text}")
        if self._live is None:
            self._console.print(text, highlight=False)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """The live board, if a person watches."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def run(self, once: bool) -> None:
        """Play all scenes. Raises DemoFailed if they do not end as they must; without `once` goes on until
        interrupted."""
        with self._watching(), Publisher(self._system.kafka.bootstrap) as publisher:
            self._publisher = publisher
            self._history()
            self._calm()
            self._squall()
            if once:
                self._until(lambda: self._course.over, RESOLVE_TIMEOUT, "the page was not resolved")
                self._course.judge(SQUALL_SUBJECT, SYNDICATED_COMPANY)
            else:
                self._closing_words()
                while True:
                    self._step()

    def _history(self) -> None:
        self._board.stage = f"reading {HISTORY_DAYS} days of history"
        history = self._world.history(datetime.now(UTC) - timedelta(minutes=2))
        self.tell(f"scoring {HISTORY_DAYS} days of history, {len(history):,} headlines, as fast as it goes")
        started = time.monotonic()
        for headline in history:
            self._publisher.send(headline)
        self._publisher.flush()
        total = len(history)
        self._until(lambda: scored_total(self._samples) >= total, HISTORY_TIMEOUT, "the history was not scored")
        seconds = time.monotonic() - started
        self.tell(f"scored and counted {total:,} headlines in {seconds:.0f} s ({total / seconds:.0f} a second)")
        name = SQUALL_SUBJECT.partition("/")[2]
        key = ("newsquall_entity_history_seconds", (("entity", name),))
        days = timedelta(days=HISTORY_DAYS - 4).total_seconds()
        self._until(lambda: self._samples.get(key, 0.0) > days, 60, "the baselines were not learnt")

    def _calm(self) -> None:
        self._board.stage = "an ordinary morning"
        self.tell(f"an ordinary trickle: a headline every {TRICKLE_SECONDS:.0f} seconds, by a feed")
        self._next_trickle = time.monotonic()
        end = time.monotonic() + CALM_BEFORE_SECONDS
        self._until(lambda: time.monotonic() > end, CALM_BEFORE_SECONDS + 30, "")

    def _squall(self) -> None:
        self._board.stage = "squall"
        squall, syndicated = self._world.squall(), self._world.syndicated()
        self.tell(
            f"a squall about {SQUALL_SUBJECT.partition('/')[2]}, and one {SYNDICATED_COMPANY} story that "
            f"{len(syndicated)} outlets copy"
        )
        self._course.squall = time.time()
        scene: list[tuple[Planned, bool]] = sorted(
            [*((each, True) for each in squall), *((each, False) for each in syndicated)],
            key=lambda pair: pair[0].seconds,
        )
        told = 0
        for planned, of_squall in scene:
            due = self._course.squall + planned.seconds
            self._until(lambda due=due: time.time() >= due, planned.seconds + 30, "")  # type: ignore[misc]
            self._publisher.send(self._world.tell(planned.title, planned.source, datetime.now(UTC)))
            told += of_squall
            if of_squall and told == FIFTH:
                self._course.fifth = time.time()
        self.tell("the last of the squall's headlines is out")
        self._until(lambda: bool(self._course.pages), PAGE_TIMEOUT, "no page came")
        self._board.stage = "after the squall"

    def _until(self, done: Callable[[], bool], timeout: float, otherwise: str) -> None:
        """Keep everything going until `done`. Raises DemoFailed with `otherwise` after the timeout, in seconds."""
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                raise DemoFailed(f"{otherwise} within {timeout:.0f} s")
            self._step()

    def _step(self) -> None:
        """A quarter of a second of the demo's life: trickle, pages, board."""
        if time.monotonic() >= self._next_trickle:
            self._next_trickle = time.monotonic() + TRICKLE_SECONDS
            self._outlet.tell(self._world.headline(datetime.now(UTC)))
        for process in self._system.processes.values():
            if not process.running:
                last = " / ".join(process.tail(3))
                raise DemoFailed(f"{process.name} ended: {last}")
        # A busy worker answers the next time; one that is dead was noticed above.
        with suppress(OSError):
            self._samples = self._system.samples()
        if self._live is not None:
            height = self._console.size.height
            self._live.update(self._board.draw(self._samples, datetime.now(UTC), height), refresh=True)
        try:
            received = self._receiver.arrived.get(timeout=0.25)
        except Empty:
            return
        self._arrived(received)

    def _arrived(self, received: Received) -> None:
        told = self._course.take(received)
        about = received.page["subject"]
        what = f"{'an' if told == 'update' else 'a'} {told} about {about.partition('/')[2]} arrived"
        if about == SQUALL_SUBJECT:
            what += f", {received.at - self._course.squall:.1f} s after the squall's first headline"
        self.tell(what)
        show(msgspec.convert(received.page, Page), self._console)

    def _closing_words(self) -> None:
        system = self._system
        desk = f"{system.desk_url}/" if system.desk else "not here: it needs the desk extra (make demo has it)"
        for line in (
            "everything keeps running; Ctrl-C stops it and removes its files. Where to look further:",
            f"Desk          {desk}",
            f"Prometheus    {system.prometheus.url}/graph?g0.expr=newsquall_entity_negative_surprise&g0.tab=0",
            f"Alertmanager  {system.alertmanager.url}",
            f"Pages         {system.relay_url}/pages",
            "your own file, from another terminal:",
            shlex.join(newsquall("--settings", str(system.settings_file), "replay", "FILE", "--speed", "max")),
            "its dashboards, into a Grafana of yours that reaches this machine's Prometheus (needs the extra grafana):",
            "NEWSQUALL_GRAFANA__URL=http://HOST:3000 NEWSQUALL_GRAFANA__TOKEN=... "
            + shlex.join(newsquall("--settings", str(system.settings_file), "dashboards", "push")),
        ):
            self._console.print(line, highlight=False, soft_wrap=True)

    @property
    def headlines(self) -> int:
        """Headlines counted so far."""
        return scored_total(self._samples)


def run_demo(once: bool, console: Console) -> str:
    """Start the system, play the demo, stop the system; returns the closing line's JSON.

    Raises UsageError, DemoFailed, or ServerError if a part of the system does not start.
    """
    # An exported address of a real broker would have the demo's worker take real headlines away.
    if names := environment_names():
        raise UsageError(f"the demo has settings of its own: unset {', '.join(names)}")
    course = Course(time.time())
    world = World(SEED)
    folder = Path(mkdtemp(prefix="newsquall-demo-"))
    console.print(
        "starting Kafka, PostgreSQL, Prometheus, Alertmanager, a worker, ingest, the relay and the desk",
        highlight=False,
    )

    def prepare(place: Path) -> None:
        world.write_watchlist(place / "watchlist.csv")
        outlet.write_list(place / "feeds.toml")

    outlet = Outlet(OUTLET)
    try:
        with outlet, Receiver() as receiver, System(folder, receiver.url, prepare) as system:
            course.ready = time.time()
            console.print(f"all up after {course.ready - course.started:.0f} s", highlight=False)
            director = Director(system, receiver, outlet, world, course, console)
            director.run(once)
            result = json.dumps(course.result(director.headlines))
    except NewsquallError:
        console.print(f"what the servers wrote is kept in {folder}", highlight=False)
        raise
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        console.print(f"stopped; {folder} is removed", highlight=False)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return result
