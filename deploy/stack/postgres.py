"""A PostgreSQL server of its own, as the archive of several workers has it in production."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql

from deploy.stack.errors import ProgramMissingError, ServerNotReadyError
from deploy.stack.server import Server, program

PACKAGES = Path("/usr/lib/postgresql")
"""Where Debian keeps the server's programs, a folder a version; they are not on the PATH."""

USER = "newsquall"
_SYSTEM_USER = "postgres"  # of the Debian package
_MAKE_SECONDS = 120.0

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "log_min_messages": "warning",
    # Processes die here, not machines, and what a killed one has written the kernel still has.
    "fsync": "off",
}


class Postgres(Server):
    """A PostgreSQL server on this machine; anyone on the machine may connect, without a password.

    folder: its data and log. port: a free one by default.

    PostgreSQL refuses to run as root. A root's server runs as the system user that the package brings, with the one
    capability that lets it into folders that are closed to that user, such as a test's.
    """

    NAME: ClassVar[str] = "PostgreSQL"
    # Fast shutdown. SIGTERM would wait until the last client has gone.
    STOP_SIGNAL: ClassVar[signal.Signals] = signal.SIGINT

    def url(self, database: str = USER) -> str:
        """A database's SQLAlchemy URL."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database; its SQLAlchemy URL. Raises psycopg.Error, as when there is one of that name."""
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url(database)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL): the server and the processes that serve its clients, at once."""
        super().kill()
        # Each has a session of its own, and one that is left keeps the shared memory, so that none can be started.
        while left := list(self._left()):
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def _left(self) -> Iterator[int]:
        """The processes that work in the data folder; what they are called differs."""
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                try:
                    at = (process / "cwd").readlink()
                except OSError:  # it is gone, or somebody else's
                    continue
                if at == self._data:
                    yield int(process.name)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _prepare(self) -> list[str]:
        if not (self._data / "PG_VERSION").exists():
            self._make()
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        return [*_as_ordinary_user(), _program("postgres"), "-D", str(self._data), *settings]

    def _make(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # what a killed initdb left behind
        self._data.mkdir(mode=0o700)
        argv = [*_as_ordinary_user(), _program("initdb"), "-D", str(self._data), "--auth=trust", f"--username={USER}"]
        argv += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        if _is_root():
            shutil.chown(self._data, _SYSTEM_USER)
        with self.log.open("ab") as log:
            ended = subprocess.run(
                argv, stdout=log, stderr=log, cwd=self.folder, timeout=_MAKE_SECONDS, check=False
            ).returncode
        if ended != 0:
            lines = self.log.read_text(errors="replace").splitlines()[-20:]
            raise ServerNotReadyError(self.NAME, f"making its data folder ended with code {ended}", self.log, lines)

    def _connect(self) -> psycopg.Connection:
        address = f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres connect_timeout=2"
        return psycopg.connect(address, autocommit=True)

    def _ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_ordinary_user() -> list[str]:
    """What stands before a command so that it does not run as root. The kernel forgets at the change of the user that
    it is to end the process with its parent, so it is asked again."""
    if not _is_root():
        return []
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError as error:
        raise ProgramMissingError(f"PostgreSQL (no user {_SYSTEM_USER})") from error
    ids = ["--reuid", _SYSTEM_USER, "--regid", _SYSTEM_USER, "--clear-groups"]
    into_closed_folders = ["--inh-caps", "-all,+dac_override", "--ambient-caps", "-all,+dac_override"]
    return [program("setpriv"), *ids, *into_closed_folders, "--pdeathsig", "KILL", "--"]


def _program(name: str) -> str:
    """One of the server's programs, of the newest version that is installed."""
    versions = sorted(PACKAGES.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]), reverse=True)
    return str(versions[0]) if versions else program(name)
