"""What can go wrong with a local server.

NewsquallError
`-- ServerError                 (model/errors.py)
    |-- ProgramMissingError     a program or file it needs is not installed
    |-- ServerNotReadyError     it was started and did not come up
    `-- ServerRefusedError      it runs and answered with an error, or did not answer
"""

import re
from collections.abc import Sequence
from pathlib import Path

from model.errors import ServerError

# How servers word what a person can put right.
_REMEDIES = (
    (("address already in use", "address in use"), "Another process took its port: start again."),
    (("unsupportedclassversionerror",), "This Java is older than 17: run `make setup`."),
    (
        ("outofmemoryerror", "insufficient memory", "cannot allocate memory"),
        "Free some memory and start again.",
    ),
    (("no space left",), "Free some disk space and start again."),
    (("permission denied",), "Check who owns its folder."),
)
_COMPLAINT = re.compile(r"(?i)\b(error|fatal|panic|\w*exception|denied|cannot|already)\b")
_LONGEST = 400  # characters of one log line in a message
_OTHERWISE = "Read the log; `make setup` puts back what is missing."


class ProgramMissingError(ServerError):
    """A program or file that a local server needs is not there; `make setup` installs it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not installed: run `make setup`.")


class ServerNotReadyError(ServerError):
    """A server was started and did not come up.

    server: its name. log: the file it writes to. last_lines: the end of that file, oldest first.
    """

    def __init__(self, server: str, reason: str, log: Path, last_lines: Sequence[str]) -> None:
        # A server that gives up says why, and then stops part by part, a line for each.
        telling = [line for line in last_lines if _COMPLAINT.search(line)] or last_lines
        said = " | ".join(line.strip()[:_LONGEST] for line in telling[-3:]) or "nothing"
        everything = "\n".join(last_lines).lower()
        remedy = next((do for words, do in _REMEDIES if any(word in everything for word in words)), _OTHERWISE)
        super().__init__(f"{server} did not come up: {reason}. {log} says: {said}. {remedy}")
        self.server = server
        self.log = log
        self.last_lines = list(last_lines)


class ServerRefusedError(ServerError):
    """A running server answered a request with an error, or did not answer at all."""
