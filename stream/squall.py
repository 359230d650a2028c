"""A squall is one event with a beginning, a peak and an end, however long it lasts."""

from collections.abc import Sequence
from dataclasses import dataclass

_BLOWING = 1.0  # surprise of the calm window
LOUDER = 1.0  # in surprise: ten times rarer


@dataclass(frozen=True, slots=True)
class Gust:
    """What a window of so many minutes holds at a moment, what is usual for it, and how surprising that is."""

    window: int
    count: float
    usual: float
    surprise: float


@dataclass
class Squall:
    """fired_at, resolved_at, peak_at: minutes since 1970, resolved_at None while it goes on. fired: the gust that it
    began with. peak: of all its gusts the most surprising."""

    fired_at: float
    fired: Gust
    peak_at: float
    peak: Gust
    resolved_at: float | None = None


@dataclass(frozen=True)
class Policy:
    """When a squall is over, and when another one begins; all in minutes.

    calm_window: it goes on while this window, or the next longer one there is, holds what one window in ten does.
    calm_for: ... or did so in so much time; a quarter of the window that shows it where that is longer. refractory: in
    so much time after it another one must be `louder` than it was, in surprise (1 is ten times rarer): echoes are no
    news.
    """

    calm_window: int = 15
    calm_for: int = 10
    refractory: int = 12 * 60
    louder: float = LOUDER


class Watch:
    """Tells one subject's squalls, moment after moment."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.current: Squall | None = None
        self._last: Squall | None = None
        self._fresh = 0.0  # when the calm window last was none

    def step(self, now: float, gusts: Sequence[Gust], threshold: float) -> Squall | None:
        """Take the windows as they are at `now`, shortest first; gives back a squall that begins here."""
        loudest = max(gusts, key=lambda gust: gust.surprise)
        if self.current is not None:
            self._go_on(self.current, now, gusts, loudest, threshold)
            return None
        if loudest.surprise < threshold or not self._news(now, loudest):
            return None
        self.current = Squall(now, loudest, now, loudest)
        self._fresh = now
        return self.current

    def _news(self, now: float, loudest: Gust) -> bool:
        last = self._last
        if last is None or last.resolved_at is None:
            return True
        since = now - last.resolved_at
        if since >= max(self._policy.refractory, loudest.window):
            return True
        return since >= loudest.window and loudest.surprise >= last.peak.surprise + self._policy.louder

    def _go_on(self, squall: Squall, now: float, gusts: Sequence[Gust], loudest: Gust, threshold: float) -> None:
        if loudest.surprise > squall.peak.surprise:
            squall.peak, squall.peak_at = loudest, now
        calm = next((gust for gust in gusts if gust.window >= self._policy.calm_window), gusts[-1])
        if calm.surprise >= _BLOWING and loudest.surprise >= threshold / 2:
            self._fresh = now
        if now - self._fresh >= max(self._policy.calm_for, squall.peak.window / 4):
            squall.resolved_at = now
            self._last, self.current = squall, None
