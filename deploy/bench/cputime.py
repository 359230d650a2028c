"""The CPU time that processes have taken, which says what work costs where others keep the machine busy."""

import os
from collections.abc import Iterable
from pathlib import Path


def cpu_milliseconds(pids: Iterable[int | None]) -> float:
    """CPU time of processes and all that they started, what has ended included; to the clock's tick, mostly 10 ms. None
    is a process that was never started."""
    parents, times = dict[int, int](), dict[int, int]()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text(errors="replace")
            except OSError:  # it has just ended
                continue
            # After the name, which may have anything in it: state, parent and so on (proc(5)).
            fields = stat.rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
            # In user and kernel mode, its own and that of its ended children.
            times[int(folder.name)] = sum(map(int, fields[11:15]))
    family = {pid for pid in pids if pid is not None}
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return 1000 * sum(times.get(pid, 0) for pid in family) / os.sysconf("SC_CLK_TCK")
