"""The CPU time of processes is theirs and that of what they started."""

import os
import subprocess
import sys

from deploy.bench.cputime import cpu_milliseconds

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_what_a_child_took_is_its_parents_while_it_runs_and_afterwards():
    before = cpu_milliseconds([os.getpid()])
    with subprocess.Popen([sys.executable, "-c", f"{BURN}\ninput()"], stdin=subprocess.PIPE) as child:
        assert child.stdin
        while cpu_milliseconds([child.pid]) < 280:
            assert child.poll() is None
        running = cpu_milliseconds([os.getpid()])
        child.stdin.write(b"\n")
    assert running - before >= 280
    assert cpu_milliseconds([os.getpid()]) >= running - 20


def test_a_process_that_never_was_took_nothing():
    assert cpu_milliseconds([None, 2**22 + 1]) == 0
