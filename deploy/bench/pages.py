"""A storm of pages through a relay that is killed again and again, to a receiver that is no better.

All is real but Alertmanager, in whose place the same messages are posted until they are taken, and repeated: the relay
is a process of its own and is ended by SIGKILL, its book is an SQLite file, and the receiver is an HTTP server that
refuses, goes silent, or loses the relay in the middle of an answer. Afterwards its posts are compared with what was
sent.
"""

import http.client
import json
import logging
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from alerts.relay import run_relay
from deploy.probe import ask
from deploy.stack.ports import free_port
from model.errors import ServerError
from stream.settings import Settings

GROUP = 10  # alerts in a message
START_SECONDS, END_SECONDS = 120.0, 600.0
LONGEST_LIFE = 5.0  # seconds until a relay that delivers nothing is killed all the same
MOST_POSTS = 8  # of a life; the kill comes at one of them
REFUSED, SILENT = 0.08, 0.02  # shares of posts that the receiver answers with 500, or not in time
TIMEOUT = timedelta(seconds=1)


class PagesBench(msgspec.Struct, frozen=True):
    """What was measured. A delivery is a page's beginning or its end: two a page.

    `posts`: taken by the receiver, each time that it was. `lost`: deliveries that never came; `doubled`: posts of what
    had come before, with the same Idempotency-Key, by which a receiver leaves them out; `differing`: of these, those
    that said something else; `early`: ends that came before their beginnings. `in_answer`: kills between a receiver's
    taking a page and the relay's hearing of it; `in_intake`: kills while alerts were taken in.
    """

    pages: int
    kills: int
    in_answer: int
    in_intake: int
    deliveries: int
    posts: int
    refused: int
    delivered: int
    lost: int
    doubled: int
    differing: int
    early: int
    seconds: float


class Receiver:
    """The HTTP server to which pages are posted. `struck`: called at each post that it takes, before it answers."""

    def __init__(self, chance: random.Random, struck: Callable[[], bool]) -> None:
        self.taken: list[tuple[str, str]] = []
        self.refused = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            """Answers one post."""

            def do_POST(self) -> None:
                """Take it, or not."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    drawn = chance.random()
                    if drawn < REFUSED:
                        outer.refused += 1
                        return self._say(500)
                    outer.taken.append((self.headers["Idempotency-Key"], sha256(body).hexdigest()))
                if drawn < REFUSED + SILENT:
                    time.sleep(TIMEOUT.total_seconds() * 1.5)
                if struck():
                    return None  # the relay is gone, and hears nothing
                return self._say(204)

            def _say(self, status: int) -> None:
                try:
                    self.send_response(status)
                    self.end_headers()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/pages"
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """While the storm lasts."""
        self._thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class Storm:
    """Kills a relay, starts it again, and hands it what Alertmanager would, piece by piece between the kills."""

    def __init__(self, pages: int, kills: int, seed: int, folder: Path) -> None:
        # A seed draws the same faults; when they strike is the machine's.
        self._chance = random.Random(seed)  # noqa: S311
        self._kills, self._killed = kills, 0
        self._in_answer = self._in_intake = 0
        self._lock = threading.Lock()
        self._relay: BaseProcess | None = None
        self._posts_left = 0
        self.receiver = Receiver(random.Random(seed + 1), self._struck)  # noqa: S311
        # Forked from a process that has loaded all: a relay is there in moments, and dies as any other does.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__])
        self._settings = Settings(
            archive={"url": f"sqlite:///{folder / 'archive.db'}"},
            relay={
                "port": free_port(),
                "webhooks": [self.receiver.url],
                "terminal": False,
                "timeout": TIMEOUT,
            },
        )
        self._address = f"http://127.0.0.1:{self._settings.relay.port}"
        self._messages = [
            _message(start, min(start + GROUP, pages), over)
            for over in (False, True)
            for start in range(0, pages, GROUP)
        ]
        self._pages = pages

    def _struck(self) -> bool:
        """At a post: whether it is the one at which the relay is killed."""
        with self._lock:
            self._posts_left -= 1
            if self._posts_left != 0 or self._killed >= self._kills:
                return False
            self._in_answer += 1
            self._kill()
            return True

    def _kill(self) -> None:
        """Once a life; the caller has the lock."""
        if self._relay is not None and self._relay.is_alive():
            self._relay.kill()
            self._killed += 1

    def _start(self) -> None:
        relay = self._processes.Process(target=_run, args=(self._settings,), daemon=True)
        relay.start()
        with self._lock:
            self._posts_left = self._chance.randint(1, MOST_POSTS)
            self._relay = relay
        deadline = time.monotonic() + START_SECONDS
        # It delivers as soon as it is there, and so may be killed before it is ready.
        while relay.is_alive() and not ask(f"{self._address}/-/ready").ok:
            if time.monotonic() > deadline:
                raise ServerError(f"waited {START_SECONDS:g} s for the relay")
            time.sleep(0.02)

    def blow(self, say: Callable[[str], None]) -> PagesBench:
        """The whole storm. Raises ServerError when what is left after it does not come."""
        begun = time.monotonic()
        with self.receiver.serving():
            while self._killed < self._kills:
                self._live()
                if self._killed % 10 == 0:
                    say(f"{self._killed} kills, {len(self.receiver.taken)} posts taken")
            self._start()
            for message in self._messages:
                self._post(message)
            self._wait()
            if self._relay is not None:
                self._relay.terminate()
                self._relay.join()
        return self._measured(time.monotonic() - begun)

    def _live(self) -> None:
        """One life: told some of what there is, old and new, and killed."""
        self._start()
        known = len(self._messages) * (self._killed + 1) // self._kills
        newest = range(max(0, known - 3), known)
        intake = self._chance.random() < 0.2 and bool(newest)
        for number in newest:
            if intake and number == newest[-1]:
                pause = self._chance.random() * 0.05
                threading.Timer(pause, self._kill_in_intake).start()
            self._post(self._messages[number])
        deadline = time.monotonic() + LONGEST_LIFE
        while self._relay and self._relay.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        with self._lock:
            self._kill()
        if self._relay:
            self._relay.join()

    def _kill_in_intake(self) -> None:
        with self._lock:
            before = self._killed
            self._kill()
            self._in_intake += self._killed - before

    def _post(self, message: bytes) -> None:
        """As Alertmanager: until it is taken, or the relay is gone."""
        while self._relay and self._relay.is_alive():
            connection = http.client.HTTPConnection("127.0.0.1", self._settings.relay.port, timeout=30)
            try:
                connection.request("POST", "/alerts", message, {"Content-Type": "application/json"})
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            finally:
                connection.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        while len({key for key, _ in self.receiver.taken}) < 2 * self._pages and time.monotonic() < deadline:
            time.sleep(0.05)

    def _measured(self, seconds: float) -> PagesBench:
        taken = list(self.receiver.taken)
        first: dict[str, int] = {}
        for at, (key, _) in enumerate(taken):
            first.setdefault(key, at)
        ends = [key for key in first if key.endswith("-resolved")]
        bodies = Counter(key for key, _ in set(taken))
        expected = 2 * self._pages
        return PagesBench(
            pages=self._pages,
            kills=self._killed,
            in_answer=self._in_answer,
            in_intake=self._in_intake,
            deliveries=expected,
            posts=len(taken),
            refused=self.receiver.refused,
            delivered=len(first),
            lost=expected - len(first),
            doubled=len(taken) - len(first),
            differing=sum(count - 1 for count in bodies.values()),
            early=sum(first.get(end.replace("-resolved", "-firing"), len(taken)) > first[end] for end in ends),
            seconds=round(seconds, 1),
        )


def measure(pages: int, kills: int, seed: int, say: Callable[[str], None]) -> PagesBench:
    """So many pages, and so many kills in them. Raises ServerError."""
    with TemporaryDirectory() as folder:
        return Storm(pages, kills, seed, Path(folder)).blow(say)


def _run(settings: Settings) -> None:
    # That deliveries fail is the point of it.
    logging.getLogger().addHandler(logging.NullHandler())
    run_relay(settings, lambda _: None)


def _message(start: int, end: int, over: bool) -> bytes:
    began = datetime.now(UTC) - timedelta(minutes=1)
    alerts = [
        {
            "status": "resolved" if over else "firing",
            "labels": {"alertname": "NewsquallWorkerDown", "instance": f"worker-{number}", "severity": "page"},
            "annotations": {"summary": f"The worker at worker-{number} does not answer."},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": began.isoformat() if over else "0001-01-01T00:00:00Z",
            "fingerprint": f"{number:016x}",
        }
        for number in range(start, end)
    ]
    return json.dumps({"version": "4", "alerts": alerts}).encode()
