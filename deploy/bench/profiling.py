"""Where a process spends its time, by py-spy, which looks at it from outside a hundred times a second."""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from model.errors import UsageError

NEEDED = "a profile needs py-spy: install the dev extra (uv sync --extra dev)"
SAMPLES_A_SECOND = 100
# A bench is over long before.
LONGEST_SECONDS = 3_600
SHOWN = 25
STOP_SECONDS = 60.0


class Share(msgspec.Struct, frozen=True):
    """Of the samples those in which a function ran itself, and those in which it or what it called did."""

    function: str
    itself: float
    total: float


class Shares(msgspec.Struct, frozen=True):
    """`samples`: how many there were, of threads that held the interpreter's lock: only one can at a time, so it is
    what binds a process. `threads`: the share of each. `functions`: the largest by what they ran themselves, and by
    what they ran in total."""

    samples: int
    threads: dict[str, float]
    by_itself: list[Share]
    by_total: list[Share]


class Profiler:
    """One profile of one process. Raises UsageError where py-spy is not installed."""

    def __init__(self) -> None:
        beside = Path(sys.executable).with_name("py-spy")
        found = str(beside) if beside.exists() else shutil.which("py-spy")
        if found is None:
            raise UsageError(NEEDED)
        self._program = found
        self._popen: subprocess.Popen[bytes] | None = None
        self._file = Path()

    def start(self, pid: int, folder: Path) -> None:
        """Begin to look; what is written goes to the folder."""
        self._file = folder / "profile.txt"
        options = f"--format raw --gil --threads --function --rate {SAMPLES_A_SECOND} --duration {LONGEST_SECONDS}"
        with (folder / "profiler.log").open("wb") as log:
            argv = [self._program, "record", *options.split(), "--pid", str(pid), "--output", str(self._file)]
            self._popen = subprocess.Popen(argv, stdout=log, stderr=log)

    def stop(self) -> Shares:
        """End, and say what was seen. Raises UsageError if py-spy could not look."""
        if self._popen is None:
            return shares_of([])
        self._popen.send_signal(signal.SIGINT)
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
        if not self._file.exists():
            said = self._file.with_name("profiler.log").read_text(errors="replace").strip().splitlines()
            raise UsageError(f"py-spy could not look at the worker: {said[-1] if said else 'it said nothing'}")
        return shares_of(self._file.read_text(errors="replace").splitlines())


def shares_of(lines: Iterable[str]) -> Shares:
    """Read py-spy's raw format: a line a stack, outermost frame first, with the number of samples at its end.

    >>> shares_of(["thread (1): main;run;work 3", "thread (1): main;run 1"]).by_total[0]
    Share(function='run', itself=0.25, total=1.0)
    """
    itself, total, threads = Counter[str](), Counter[str](), Counter[str]()
    for line in lines:
        stack, _, number = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if not frames:
            continue
        samples = int(number)
        threads[_name(thread)] += samples
        itself[frames[-1]] += samples
        for frame in set(frames):
            total[frame] += samples
    count = itself.total()

    def share(function: str) -> Share:
        return Share(function, round(itself[function] / count, 4), round(total[function] / count, 4))

    return Shares(
        samples=count,
        threads={name: round(each / count, 4) for name, each in threads.most_common()},
        by_itself=[share(function) for function, _ in itself.most_common(SHOWN)],
        by_total=[share(function) for function, _ in total.most_common(2 * SHOWN)],
    )


def _name(thread: str) -> str:
    """A thread's name without its number, which differs from run to run."""
    return thread.rpartition(":")[2].strip().strip('"') or thread
