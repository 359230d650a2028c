"""One child process: started, waited for, stopped by its own pid, and gone when its parent is gone."""

import functools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from deploy.stack.errors import ServerNotReadyError

_LEASH = Path(__file__).with_name("leash.py")
_POLL = 0.05  # seconds between two looks at a process
_TAIL_BYTES = 32_768
_Start = Callable[[], subprocess.Popen[bytes]]


class Process:
    """A server or worker as a child process that writes to a log file.

    It runs in a session of its own: Ctrl-C at the terminal reaches only the parent, which stops its children
    in the order it wants. When the parent dies, by kill -9 too, the kernel kills the child (Linux; elsewhere
    it may be left behind). One object can be started again after it has ended.

    name: how messages call it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._popen: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None
        self._log_start = 0
        self._lock = threading.Lock()  # so that no signal is sent to a pid that has just been given up

    def start(
        self,
        argv: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start the program; returns once it runs, which is before it is ready.

        argv: the program and its arguments. One that does not exist ends at once with code 1 and says
        so in the log. log: its output is appended there. env: added to this process's environment.
        Raises RuntimeError when it is running already.
        """
        if self.running:
            raise RuntimeError(f"{self.name} is running already, pid {self.pid}")
        self.kill()  # what an earlier run may have left in its process group
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *map(str, argv)]
        with log.open("ab") as output:
            self._log, self._log_start = log, output.tell()
            self._popen = _starter(os.getpid()).run(
                lambda: subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                    start_new_session=True,
                )
            )

    @property
    def pid(self) -> int | None:
        """The process id of the current or last run; None before the first."""
        return self._popen.pid if self._popen else None

    @property
    def exit_code(self) -> int | None:
        """The code it ended with, minus the signal's number where a signal ended it; None while it runs."""
        if self._popen is None:
            return None
        if self._popen.returncode is not None:
            return self._popen.returncode
        # Look without reaping: the pid, and the process group named after it, stay ours until kill().
        try:
            end = os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # reaped a moment ago, by kill() in another thread
            return self._popen.poll()
        if end is None:
            return None
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._popen is not None and self.exit_code is None

    def wait_ready(self, check: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until `check` is true.

        check: asked every 50 ms; an OSError (nobody listens yet) counts as not ready. timeout: seconds.
        what: completes "waited 30 s for ...".
        Raises ServerNotReadyError when the time is up, or at once when the process has ended.
        """
        deadline = time.monotonic() + timeout
        while not self._passes(check):
            if self._popen is None or not self.running:
                raise self._not_ready(f"it ended with code {self.exit_code} while we waited for {what}")
            if time.monotonic() > deadline:
                raise self._not_ready(f"waited {timeout:g} s for {what}")
            time.sleep(_POLL)

    def stop(self, grace: float = 10.0, by: signal.Signals = signal.SIGTERM) -> int | None:
        """End it: by a signal, after `grace` seconds by SIGKILL to it and all it started. Returns its exit code.

        Nothing happens when it has not been started or has been stopped before.
        """
        self._signal(by)
        deadline = time.monotonic() + grace
        while self.running and time.monotonic() < deadline:
            time.sleep(_POLL)
        return self.kill()

    def kill(self) -> int | None:
        """End it and all it started with SIGKILL, as a crash would. Returns its exit code."""
        with self._lock:
            if self._popen is None:
                return None
            if self._popen.returncode is None:
                os.killpg(self._popen.pid, signal.SIGKILL)
                self._popen.wait()
            return self._popen.returncode

    def tail(self, lines: int = 20) -> list[str]:
        """The last lines that its current or last run wrote to the log, oldest first."""
        if self._log is None or not self._log.exists():
            return []
        with self._log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()][-lines:]

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._popen is not None and self._popen.returncode is None:
                os.kill(self._popen.pid, number)

    @staticmethod
    def _passes(check: Callable[[], bool]) -> bool:
        try:
            return check()
        except OSError:
            return False

    def _not_ready(self, reason: str) -> ServerNotReadyError:
        return ServerNotReadyError(self.name, reason, self._log or Path("(no log)"), self.tail(40))


class _Starter:
    """The thread that starts every child of this process, and lives as long as the process does.

    The kernel ties PR_SET_PDEATHSIG to the *thread* that started the child: a child started from a pool or
    test thread would be killed when that thread returns. This one is a daemon thread that only ever waits for
    the next start, so it ends when the process ends and not before.
    """

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[tuple[_Start, Future[subprocess.Popen[bytes]]]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="process-starter", daemon=True).start()

    def run(self, start: _Start) -> subprocess.Popen[bytes]:
        started: Future[subprocess.Popen[bytes]] = Future()
        self._wanted.put((start, started))
        return started.result()

    def _serve(self) -> None:
        while True:
            start, started = self._wanted.get()
            try:
                started.set_result(start())
            except BaseException as error:  # it belongs to the caller; this thread must go on
                started.set_exception(error)


@functools.cache
def _starter(pid: int) -> _Starter:  # noqa: ARG001  one a process: a fork has no threads but its own
    return _Starter()
