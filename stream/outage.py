"""A server that is away: said once, said again now and then, and when it is over."""

from collections.abc import Callable

REMIND_SECONDS = 10.0


class Outage:
    """What is told of a server that is waited for. `what`: how messages call it. `say`: where they go.
    `remind`: after so many seconds it is said again, though nothing is new."""

    def __init__(self, what: str, say: Callable[[str], None], remind: float = REMIND_SECONDS) -> None:
        self._what = what
        self._say = say
        self._remind = remind
        self._said: tuple[str, float] | None = None

    def now(self, reason: str, at: float) -> None:
        """It is away. `at`: seconds, monotonic."""
        if self._said is None or self._said[0] != reason or at - self._said[1] >= self._remind:
            self._said = (reason, at)
            self._say(f"{self._what} is not ready ({reason}): still trying")

    def over(self) -> None:
        """It is there, again or still."""
        if self._said is not None:
            self._said = None
            self._say(f"{self._what} is ready")
