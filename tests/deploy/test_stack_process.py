"""A child process is started, waited for, stopped, and never outlives its parent."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.stack.errors import ProgramMissingError, ServerNotReadyError
from deploy.stack.ports import free_port
from deploy.stack.process import Process
from deploy.stack.server import program
from model.errors import NewsquallError

ROOT = Path(__file__).resolve().parents[2]
TRAPS_TERM = "trap 'echo asked to stop; exit 7' TERM; echo up; while :; do sleep 0.05; done"
Ending = Callable[[Process], int | None]
IGNORES_TERM = "trap '' TERM; echo up; while :; do sleep 0.05; done"


@pytest.fixture
def child() -> Iterator[Process]:
    process = Process("Child")
    yield process
    process.kill()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "child.log"


def until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return true()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def says(process: Process, line: str) -> Callable[[], bool]:
    return lambda: line in process.tail()


def test_it_runs_with_its_environment_folder_and_log(child: Process, log: Path, tmp_path: Path) -> None:
    assert (child.pid, child.running, child.exit_code, child.tail()) == (None, False, None, [])
    child.start(["sh", "-c", 'echo "$WORD in $PWD, $$"; exec sleep 60'], log, {"WORD": "squall"}, tmp_path)
    child.wait_ready(says(child, f"squall in {tmp_path}, {child.pid}"), 10, "a word")
    assert child.running
    assert child.exit_code is None


def test_stop_asks_first_and_gives_the_exit_code(child: Process, log: Path) -> None:
    child.start(["sh", "-c", TRAPS_TERM], log)
    child.wait_ready(says(child, "up"), 10, "its word")
    assert child.stop() == 7
    assert child.tail() == ["up", "asked to stop"]
    assert not child.running
    assert child.stop() == 7, "a second stop changes nothing"


def test_stop_ends_by_force_what_does_not_listen(child: Process, log: Path) -> None:
    child.start(["sh", "-c", IGNORES_TERM], log)
    child.wait_ready(says(child, "up"), 10, "its word")
    began = time.monotonic()
    assert child.stop(grace=0.3) == -signal.SIGKILL
    assert 0.3 <= time.monotonic() - began < 5


@pytest.mark.parametrize("end", [Process.stop, Process.kill])
def test_what_the_child_started_ends_with_it(end: Ending, child: Process, log: Path) -> None:
    child.start(["sh", "-c", "sleep 60 & echo $!; wait"], log)
    child.wait_ready(lambda: bool(child.tail()), 10, "the grandchild")
    grandchild = int(child.tail()[0])
    end(child)
    assert until(lambda: not alive(grandchild))


def test_what_a_dead_child_left_behind_ends_with_the_next_start(child: Process, log: Path) -> None:
    child.start(["sh", "-c", "sleep 60 & echo $!"], log)
    assert until(lambda: not child.running)
    grandchild = int(child.tail()[0])
    assert alive(grandchild)
    child.start(["sleep", "60"], log)
    assert until(lambda: not alive(grandchild))


def test_it_starts_again_and_tells_its_own_lines_from_those_before(child: Process, log: Path) -> None:
    child.start(["sh", "-c", "echo first"], log)
    assert until(lambda: child.exit_code == 0)
    child.start(["sh", "-c", "echo second; exec sleep 60"], log)
    assert until(says(child, "second"))
    assert child.tail() == ["second"]
    assert log.read_text() == "first\nsecond\n"
    with pytest.raises(RuntimeError, match="running already"):
        child.start(["true"], log)


def test_it_is_in_a_session_of_its_own(child: Process, log: Path) -> None:
    child.start(["sleep", "60"], log)
    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_signals_reach_it_as_they_would_without_us(child: Process, log: Path) -> None:
    child.start(["grep", "^Sig[BI]", "/proc/self/status"], log)
    assert until(lambda: child.exit_code == 0)
    masks = dict(line.split(":\t") for line in child.tail())
    ours = re.findall(r"^SigIgn:\t(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    # Python ignores these two for itself; what it was started with (nohup, a shell's background) is passed on.
    own = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ))
    expected = {"SigBlk": 0, "SigIgn": int(ours[0], 16) & ~own}
    assert {name: int(mask, 16) for name, mask in masks.items()} == expected


def test_one_that_ends_before_it_is_ready_says_why_at_once(child: Process, log: Path) -> None:
    child.start(["sh", "-c", "echo reading settings; echo 'bind: address already in use' >&2; exit 3"], log)
    began = time.monotonic()
    with pytest.raises(ServerNotReadyError) as caught:
        child.wait_ready(lambda: False, 30, "an answer")
    assert time.monotonic() - began < 10
    assert isinstance(caught.value, NewsquallError)
    assert str(caught.value) == (
        "Child did not come up: it ended with code 3 while we waited for an answer. "
        f"{log} says: bind: address already in use. "
        "Another process took its port: start again."
    )
    assert (caught.value.server, caught.value.log) == ("Child", log)
    assert caught.value.last_lines == ["reading settings", "bind: address already in use"]


def test_one_that_never_is_ready_says_so_when_the_time_is_up(child: Process, log: Path) -> None:
    child.start(["sleep", "60"], log)

    def nobody_listens() -> bool:
        raise ConnectionRefusedError

    with pytest.raises(ServerNotReadyError, match=r"waited 0\.2 s for an answer\..* says: nothing"):
        child.wait_ready(nobody_listens, 0.2, "an answer")
    assert child.running, "whether to end it is the caller's choice"


def test_a_program_that_does_not_exist_is_named(child: Process, log: Path) -> None:
    child.start(["/nowhere/kafka"], log)
    with pytest.raises(ServerNotReadyError, match="/nowhere/kafka: No such file or directory"):
        child.wait_ready(lambda: False, 10, "an answer")
    with pytest.raises(ProgramMissingError, match="nowhere-kafka is not installed: run `make setup`"):
        program("nowhere-kafka", "nor-here")


def test_a_child_started_by_a_thread_outlives_the_thread(child: Process, log: Path) -> None:
    thread = threading.Thread(target=child.start, args=(["sleep", "60"], log))
    thread.start()
    thread.join()
    assert not until(lambda: not child.running, seconds=0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_its_parent(number: signal.Signals, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from deploy.stack.process import Process\n"
        "child = Process('Child'); child.start(['sh', '-c', sys.argv[2]], Path(sys.argv[1]))\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "log"), IGNORES_TERM]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            assert until(lambda: (tmp_path / "log").read_text() == "up\n")
            assert alive(pid)
            parent.send_signal(number)
            parent.wait(10)
            assert until(lambda: not alive(pid))
        finally:
            parent.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_free_ports_are_others_though_somebody_seeds_the_random_numbers() -> None:
    ports = []
    for _ in range(2):
        random.seed(0)
        ports.append([free_port() for _ in range(5)])
    assert ports[0] != ports[1]


def test_a_free_port_is_free_and_no_outgoing_connection_takes_it() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) > 15, "they are drawn at random"
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if not (first <= 20_000 and last >= 29_999):
        assert not [port for port in ports if first <= port <= last]
