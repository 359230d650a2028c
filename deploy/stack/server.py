"""What every local server has in common: a folder, a process, a port, and start and stop."""

import http.client
import shutil
import signal
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from deploy.stack.errors import ProgramMissingError, ServerNotReadyError, ServerRefusedError
from deploy.stack.ports import free_port, is_free
from deploy.stack.process import Process


class Server(ABC):
    """A server on 127.0.0.1 that keeps its settings, data and log under one folder.

    As a context manager it runs inside the block. Started again after stop() or kill() it has the same port
    and the same data. The constructor starts nothing and writes nothing.

    folder: made when it does not exist. port: where it listens; a free one by default.
    """

    NAME: ClassVar[str]
    START_SECONDS: ClassVar[float] = 60.0
    STOP_SIGNAL: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self.port = port or free_port()
        self.process = Process(self.NAME)

    @property
    def log(self) -> Path:
        """The file that the server's output is appended to."""
        return self.folder / f"{self.NAME.lower()}.log"

    @property
    def pid(self) -> int | None:
        """The server's process id; None before the first start."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.process.running

    def start(self) -> None:
        """Start the server and return when it answers; nothing happens when it runs already.

        Raises ProgramMissingError when it is not installed, ServerNotReadyError when it does not come up.
        """
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        argv = self._prepare()
        if not is_free(self.port):  # or the other's answers would be taken for this one's
            taken = f"another process listens on port {self.port}"
            raise ServerNotReadyError(self.NAME, taken, self.log, [])
        try:
            self.process.start(argv, self.log, cwd=self.folder)
            self.process.wait_ready(self._ready, self.START_SECONDS, f"an answer on 127.0.0.1:{self.port}")
        except BaseException:
            self.process.kill()
            raise

    def stop(self, grace: float = 20.0) -> None:
        """Shut it down in order, after `grace` seconds by force."""
        self.process.stop(grace, self.STOP_SIGNAL)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self.process.kill()

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Write what the server reads; the command that starts it."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether it serves; may raise OSError."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class HttpServer(Server):
    """A server that people and programs reach by HTTP, ready when /-/ready says so."""

    START_SECONDS: ClassVar[float] = 30.0

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: str | None = None, timeout: float = 10.0) -> tuple[int, str]:
        """The status and body of one request. body: JSON. timeout: seconds.

        Raises ServerRefusedError when there is no answer.
        """
        try:
            return self._ask(method, path, body, timeout)
        except (OSError, http.client.HTTPException) as error:
            raise ServerRefusedError(
                f"{self.NAME} does not answer at {self.url}: {error}. Its log: {self.log}"
            ) from error

    def _ask(self, method: str, path: str, body: str | None, timeout: float) -> tuple[int, str]:
        # http.client rather than urllib.request, which would send this through a proxy of the environment.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def _ready(self) -> bool:
        try:
            return self._ask("GET", "/-/ready", None, 2.0)[0] == http.client.OK
        except http.client.HTTPException:
            return False


def program(*names: str) -> str:
    """The path of the first of these programs that is installed.

    Raises ProgramMissingError, naming the first, when none is.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise ProgramMissingError(names[0])


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of the old or all of the new text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
