"""What takes its time: a training, a promotion, a rollback, headlines sent again; each a process of its own with a log,
one at a time.

A job is a call of the command line in a folder of its own, which says all that is known of it: whoever starts the desk
again finds it there. That one is under way is said by a lock on a file, which its process holds until it is gone,
whatever becomes of the desk that started it: a second desk, or the next one, sees it and starts none beside it.
"""

import fcntl
import logging
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from model.errors import InputError, NewsquallError
from training.wholefile import write_whole

log = logging.getLogger(__name__)

RECORD, LOG, RESULT, BUNDLE = "job.json", "log.txt", "result.json", "bundle"
LABELS, NEWS = "labels.csv", "news.csv"  # what a training is given: what people said, and what the model reads
UNDER_WAY = "under-way"  # the file with the lock; it names the job
# Not the working folder's modules, whatever lies there.
OURS = (sys.executable, "-P", "-c", "from deploy.cli import main; main()")
KINDS = {"train": "training", "promote": "promotion", "rollback": "rollback", "retry": "sending again"}
TAIL_BYTES = 20_000
KILL_SECONDS = 10.0
# A training takes minutes of all cores, and the worker may score on the same ones: it comes second (docs/LOG.md). The
# others take seconds, and a promotion measures speed.
NICE = ("nice", "-n", "10")
# Who looks whether a job is under way holds the lock for a moment; who starts one waits for so long.
LOOK_SECONDS = 1.0
LOST = -1  # the status of a job whose end nobody saw
STOPPED = (130, -signal.SIGTERM)
_NAME = re.compile(r"\d{8}-\d{6}-(train|promote|rollback|retry)-[0-9a-f]{4}")
_EPOCH = re.compile(r"^epoch (\d+)/(\d+)(?:  batch (\d+)/(\d+))?", re.MULTILINE)


class JobError(NewsquallError):
    """A job could not be started: why."""


class BusyError(InputError):
    """A job is not started while another one is under way."""


class Job(msgspec.Struct, frozen=True):
    """A job. `about`: what it was given, for a person; `arguments`: its call; `pid`: its process; `status`: the exit
    status, None while it runs, LOST if the desk was gone before it ended."""

    name: str
    kind: str
    who: str
    started_at: datetime
    about: str = ""
    ended_at: datetime | None = None
    status: int | None = None
    arguments: tuple[str, ...] = ()
    pid: int = 0

    @property
    def runs(self) -> bool:
        """Whether it is under way."""
        return self.status is None

    @property
    def words(self) -> str:
        """What it is, for a person."""
        return KINDS[self.kind]


class Jobs:
    """The jobs in a folder. `settings`: the settings file that they are given, if there is one."""

    def __init__(self, folder: Path, settings: Path | None, command: Sequence[str] = OURS) -> None:
        self.folder = folder
        self._call = [*command, *(["--settings", str(settings.absolute())] if settings else [])]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._running: str | None = None
        self._ended: Job | None = None  # the last one, where a full disk kept it from being written down
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
        if self._ended is not None and self._ended.name == name:
            return self._ended
        try:
            job = msgspec.json.decode((self.folder / name / RECORD).read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError):
            return None
        if not job.runs or name in (self._running, self._locked_by()):
            return job
        return msgspec.structs.replace(job, status=LOST)

    @property
    def running(self) -> Job | None:
        """The one that is under way, whichever desk started it."""
        name = self._running or self._locked_by()
        job = self.find(name) if name else None
        return job if job is not None and job.runs else None

    def _locked_by(self) -> str | None:
        """The job whose process holds the lock; None if none does."""
        try:
            with (self.folder / UNDER_WAY).open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return file.read(100).decode("ascii", "replace")
        except OSError:  # there was none yet
            return None
        return None

    def place(self, name: str) -> Path:
        """A job's folder."""
        return self.folder / name

    def prepare(self, kind: str, now: datetime) -> str:
        """A new job's name, and its folder made. Raises BusyError while another one runs, JobError."""
        self._require_free()
        name = f"{now:%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"
        with self._written():
            self.place(name).mkdir(parents=True)
        return name

    def give(self, name: str, file: str, text: str) -> Path:
        """Lay a file that a prepared job is to read into its folder. Raises JobError."""
        path = self.place(name) / file
        with self._written():
            write_whole(path, text.encode())
        return path

    def _require_free(self) -> None:
        if (running := self.running) is not None:
            raise BusyError(f"A {running.words} of {running.who} is under way: one at a time.")

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JobError(f"It cannot be started in desk.runs ({self.folder}): {error.strerror}.") from error

    def start(self, name: str, arguments: Sequence[str], who: str, now: datetime, about: str = "") -> Job:
        """Start a prepared job with the command line's arguments. Raises BusyError while another one runs, JobError."""
        return self._started(Job(name, name.split("-")[2], who, now, about, arguments=tuple(arguments)))

    def again(self, job: Job, who: str, now: datetime) -> Job:
        """Start a job that was ended once more, in its folder: a training goes on where it was. Raises BusyError while
        one runs, JobError."""
        return self._started(Job(job.name, job.kind, who, now, job.about, arguments=job.arguments))

    def _started(self, job: Job) -> Job:
        with self._lock:
            self._require_free()
            place = self.place(job.name)
            with self._written(), self._alone(job) as held:
                self._write(job)
                with (place / LOG).open("ab") as out, (place / RESULT).open("wb") as result:
                    process = subprocess.Popen(
                        [*(NICE if job.kind == "train" else ()), *self._call, *job.arguments],
                        stdin=subprocess.DEVNULL,
                        stdout=result,
                        stderr=out,
                        start_new_session=True,  # a Ctrl-C is for the desk, which ends it in its own way
                        pass_fds=(held,),
                    )
            job = msgspec.structs.replace(job, pid=process.pid)
            self._process, self._running, self._ended = process, job.name, None
            with suppress(OSError):  # without its number only this desk can end it
                self._write(job)
            self._waiting = threading.Thread(target=self._wait, args=(job, process), daemon=True)
            self._waiting.start()
            return job

    @contextmanager
    def _alone(self, job: Job) -> Iterator[int]:
        """The lock's file descriptor, for a process to inherit. Raises BusyError where another desk was faster."""
        deadline = time.monotonic() + LOOK_SECONDS
        with (self.folder / UNDER_WAY).open("ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise BusyError("Another desk's job is under way: one at a time.") from None
                    time.sleep(0.02)
            file.truncate(0)
            file.write(job.name.encode())
            file.flush()
            yield file.fileno()

    def _wait(self, job: Job, process: "subprocess.Popen[bytes]") -> None:
        status = process.wait()
        ended = msgspec.structs.replace(job, status=status, ended_at=datetime.now(job.started_at.tzinfo))
        try:
            self._write(ended)
        except OSError as error:
            log.error("the end of %s could not be written down: %s", job.name, error)
            self._ended = ended
        self._running = None

    def _write(self, job: Job) -> None:
        write_whole(self.place(job.name) / RECORD, msgspec.json.encode(job))

    def stop(self) -> None:
        """End the job that is under way, whichever desk started it."""
        running = self.running
        if running is None or running.name == self._running:
            self.close()
        elif running.pid:
            self._end(running.pid, lambda: self._locked_by() != running.name)

    def close(self) -> None:
        """End the job that this desk started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._end(process.pid, lambda: process.poll() is not None)
        if self._waiting is not None:
            self._waiting.join(KILL_SECONDS)

    @staticmethod
    def _end(pid: int, gone: Callable[[], bool]) -> None:
        """Ask a job's processes to end, and make them if they do not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)
            deadline = time.monotonic() + KILL_SECONDS
            while time.monotonic() < deadline:
                if gone():
                    return
                time.sleep(0.05)

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


def trouble(job: Job, log_: str) -> str:
    """Why a job that is over did not come to its end, in a line; empty if it did.

    >>> from datetime import UTC
    >>> job = Job("", "train", "olaf", datetime(2026, 7, 3, tzinfo=UTC), status=1)
    >>> trouble(job, "epoch 1\\nnewsquall: No space left on device: bundle\\n")
    'No space left on device: bundle'
    """
    if not job.status:
        return ""
    if job.status == LOST:
        return "The desk was gone before it ended: how far it came stands in its log."
    if job.status in STOPPED:
        return "It was stopped."
    if job.status < 0:
        return f"The system ended it ({signal.strsignal(-job.status)}), as it does where memory is short."
    said = [line.strip() for line in log_.splitlines() if line.strip()]
    return said[-1].removeprefix("newsquall: ") if said else f"It failed (exit status {job.status}) and said nothing."


def progress(log_: str) -> tuple[float, int] | None:
    """How many epochs a training has behind it, and of how many; None before the first.

    >>> progress("epoch 1/3  validation macro-F1 topic 0.8\\nepoch 2/3  batch 50/200  loss 0.3")
    (1.25, 3)
    """
    found = _EPOCH.findall(log_)
    if not found:
        return None
    epoch, of, batch, batches = found[-1]
    return (int(epoch) - 1 + int(batch) / int(batches) if batch else float(epoch)), int(of)
