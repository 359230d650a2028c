"""What takes its time: a training, a promotion, a rollback, headlines sent again; each a process of its own with a log,
one at a time.

A job is a call of the command line in a folder of its own, which says all that is known of it: whoever starts the desk
again finds it there.
"""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from model.errors import InputError, NewsquallError
from training.wholefile import write_whole

RECORD, LOG, RESULT, LABELS, BUNDLE = "job.json", "log.txt", "result.json", "labels.csv", "bundle"
# Not the working folder's modules, whatever lies there.
OURS = (sys.executable, "-P", "-c", "from deploy.cli import main; main()")
TAIL_BYTES = 20_000
KILL_SECONDS = 10.0
_NAME = re.compile(r"\d{8}-\d{6}-(train|promote|rollback|retry)-[0-9a-f]{4}")


class JobError(NewsquallError):
    """A job could not be started: why."""


class Job(msgspec.Struct, frozen=True):
    """A job. `about`: what it was given, for a person; `status`: the exit status, None while it runs; -1 if the desk
    ended before it did."""

    name: str
    kind: str
    who: str
    started_at: datetime
    about: str = ""
    ended_at: datetime | None = None
    status: int | None = None

    @property
    def runs(self) -> bool:
        """Whether it is under way."""
        return self.status is None


class Jobs:
    """The jobs in a folder. `settings`: the settings file that they are given, if there is one."""

    def __init__(self, folder: Path, settings: Path | None, command: Sequence[str] = OURS) -> None:
        self.folder = folder
        self._call = [*command, *(["--settings", str(settings.absolute())] if settings else [])]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._running: str | None = None
        self._waiting: threading.Thread | None = None

    def all(self) -> list[Job]:
        """The jobs, the newest first."""
        if not self.folder.is_dir():
            return []
        names = sorted((each.name for each in self.folder.iterdir() if _NAME.fullmatch(each.name)), reverse=True)
        return [job for name in names if (job := self.find(name)) is not None]

    def find(self, name: str) -> Job | None:
        """A job by its name."""
        if not _NAME.fullmatch(name):
            return None
        try:
            job = msgspec.json.decode((self.folder / name / RECORD).read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError):
            return None
        return job if not job.runs or name == self._running else msgspec.structs.replace(job, status=-1)

    @property
    def running(self) -> Job | None:
        """The one that is under way."""
        return self.find(self._running) if self._running else None

    def place(self, name: str) -> Path:
        """A job's folder."""
        return self.folder / name

    def prepare(self, kind: str, now: datetime) -> str:
        """A new job's name, and its folder made. Raises InputError while another one runs, JobError."""
        self._require_free()
        name = f"{now:%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"
        try:
            self.place(name).mkdir(parents=True)
        except OSError as error:
            raise JobError(f"desk.runs {self.folder} cannot be written: {error.strerror}") from error
        return name

    def _require_free(self) -> None:
        if (running := self.running) is not None:
            raise InputError(f"a {running.kind} is under way, of {running.who}: one at a time")

    def start(self, name: str, arguments: Sequence[str], who: str, now: datetime, about: str = "") -> Job:
        """Start a prepared job with the command line's arguments. Raises InputError while another one runs."""
        with self._lock:
            self._require_free()
            job = Job(name, name.split("-")[2], who, now, about)
            place = self.place(name)
            self._write(job)
            with (place / LOG).open("wb") as log, (place / RESULT).open("wb") as result:
                try:
                    self._process = subprocess.Popen(
                        [*self._call, *arguments],
                        stdin=subprocess.DEVNULL,
                        stdout=result,
                        stderr=log,
                        start_new_session=True,  # a Ctrl-C is for the desk, which ends it in its own way
                    )
                except OSError as error:
                    raise JobError(f"it cannot be started: {error.strerror}") from error
            self._running = name
            self._waiting = threading.Thread(target=self._wait, args=(job, self._process), daemon=True)
            self._waiting.start()
            return job

    def _wait(self, job: Job, process: "subprocess.Popen[bytes]") -> None:
        status = process.wait()
        ended = datetime.now(job.started_at.tzinfo)
        self._write(msgspec.structs.replace(job, status=status, ended_at=ended))
        self._running = None

    def _write(self, job: Job) -> None:
        write_whole(self.place(job.name) / RECORD, msgspec.json.encode(job))

    def stop(self) -> None:
        """End the job that is under way; a training that is started again alike goes on where it was."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if self._waiting is not None:
            self._waiting.join(KILL_SECONDS)

    def log(self, name: str) -> str:
        """The end of a job's log."""
        try:
            with (self.place(name) / LOG).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - TAIL_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def result(self, name: str) -> dict[str, Any]:
        """What a job said at its end, where that is a JSON object."""
        try:
            said = msgspec.json.decode((self.place(name) / RESULT).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return {}
        return said if isinstance(said, dict) else {}
