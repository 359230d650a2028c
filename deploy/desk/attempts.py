"""How often somebody may try to log in: so many failures within a while, of a name from an address, and of an
address."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

# A person mistypes now and then; somebody who guesses has a few hundred tries a day.
OF_A_NAME, OF_AN_ADDRESS = 5, 20
WITHIN = timedelta(minutes=15)
# What is remembered is bounded, whoever knocks.
MOST_KEYS = 10_000


class Attempts:
    """Failed logins. Keeps nothing of those that succeeded."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()

    def wait(self, name: str, address: str, now: datetime) -> timedelta:
        """How long a login has to wait; zero if it may be tried now."""
        limits = (((name, address), OF_A_NAME), (("", address), OF_AN_ADDRESS))
        return max(self._wait(key, limit, now) for key, limit in limits)

    def _wait(self, key: tuple[str, str], limit: int, now: datetime) -> timedelta:
        failures = self._failures.get(key)
        if failures is None:
            return timedelta(0)
        while failures and failures[0] <= now - WITHIN:
            failures.popleft()
        if len(failures) < limit:
            return timedelta(0)
        return failures[-limit] + WITHIN - now

    def failed(self, name: str, address: str, now: datetime) -> None:
        """Remember a failure."""
        for key in ((name, address), ("", address)):
            self._failures.setdefault(key, deque(maxlen=OF_AN_ADDRESS)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the name's failures from there."""
        self._failures.pop((name, address), None)
