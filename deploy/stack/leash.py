"""Run as a script: become another program, which the kernel kills when the process that started it dies.

    python -I -S leash.py PARENT_PID PROGRAM ARGUMENT...

The kernel's request (prctl PR_SET_PDEATHSIG) survives exec, so the program keeps this pid and needs to know
nothing. Asking for it here, in a fresh process of one thread, spares the parent a `preexec_fn`, which may
deadlock when the parent has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was in place
            sys.exit(1)
    # Python ignores these two, and what is ignored stays ignored across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(program[0], program)  # noqa: S606  the program is the caller's own choice
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
