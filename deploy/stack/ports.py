"""Free ports on this machine."""

import random
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_PREFERRED = range(20_000, 30_000)
_TRIES = 200
# Not the program's own random numbers: who seeds those, as tests do, would be given the same ports again and again.
_CHANCE = random.SystemRandom()


def free_port() -> int:
    """A TCP port nobody listens on, random, outside the range of outgoing connections.

    A port from that range could be taken by any client of the machine while a server restarts, even by a
    client that tries to reach that very server: on Linux a connection to a closed local port can meet itself.
    """
    first, last = _ephemeral_range()
    candidates = [port for port in _PREFERRED if not first <= port <= last]
    for port in _CHANCE.sample(candidates, min(_TRIES, len(candidates))):
        if is_free(port):
            return port
    with socket.socket() as probe:  # a machine that uses every port for outgoing connections
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _ephemeral_range() -> tuple[int, int]:
    try:
        first, last = _EPHEMERAL.read_text().split()
    except OSError:
        return 32_768, 65_535
    return int(first), int(last)


def is_free(port: int) -> bool:
    """Whether a server could listen on this TCP port now, on every address of this machine."""
    with socket.socket() as probe:
        # As servers do: connections that are still being forgotten are no obstacle, listeners are.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
