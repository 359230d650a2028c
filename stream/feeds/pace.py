"""When a feed is fetched next, and when a host may be asked again. Times are given, and so is chance."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

# A feed that fails is tried ever more seldom, until this.
LONGEST_PAUSE = timedelta(hours=6)
# A server may ask for peace, but not for ever: it may be a typing error.
LONGEST_RETRY = timedelta(hours=24)
# Feeds that start together do not go on in step.
JITTER = 0.1


def after_success(now: datetime, every: timedelta, chance: Random) -> datetime:
    """When a feed that was fetched is due again: its interval, a tenth more or less."""
    return now + every * chance.uniform(1 - JITTER, 1 + JITTER)


def after_failure(
    now: datetime, every: timedelta, failures: int, chance: Random, retry_after: timedelta | None = None
) -> datetime:
    """When a feed that failed is due again: its interval doubled with each failure in a row (`failures`, from 1), to
    six hours or its own interval if that is longer, of which chance takes up to a half; not before what its server
    asked for (exponential back-off with equal jitter, AWS Architecture Blog, 2015)."""
    longest = max(LONGEST_PAUSE, every)
    pause = min(longest, every * 2.0 ** min(failures, 20))
    return now + max(pause * chance.uniform(0.5, 1.0), retry_after or timedelta(0))


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, seconds or a date (RFC 9110, 10.2.3), a day at most; None if it cannot be
    read.

    >>> parse_retry_after("120", datetime(2026, 3, 4, tzinfo=UTC))
    datetime.timedelta(seconds=120)
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return min(timedelta(seconds=int(text)), LONGEST_RETRY)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return min(max(date - now, timedelta(0)), LONGEST_RETRY)


def resumed(due: datetime, failures: int, now: datetime, every: timedelta) -> datetime:
    """When a feed is due after a restart: as it was, but a feed that is well not later than its interval from now
    (it may have been shortened), and none later than a server can ask for (the clock may have been wrong)."""
    latest = now + (LONGEST_RETRY if failures else every)
    return min(due, latest)


class HostPace:
    """From when on each host may be asked, in seconds of a monotonic clock, which is an argument. Forgets hosts that
    may be asked anyway: redirects can name any number."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._free_at: dict[str, float] = {}

    def wait(self, host: str, now: float) -> float:
        """Seconds until the host may be asked."""
        return max(0.0, self._free_at.get(host, now) - now)

    def asked(self, host: str, now: float) -> None:
        """The host has answered, or failed to, just now."""
        self.hold(host, self._pause, now)

    def hold(self, host: str, seconds: float, now: float) -> None:
        """The host is not to be asked for so long; an earlier, longer hold stays."""
        self._free_at = {name: at for name, at in self._free_at.items() if at > now}
        self._free_at[host] = max(self._free_at.get(host, now), now + seconds)
