"""Who is logged in: sessions in this process's memory, known by the hash of a cookie, ended by time or by the
password file."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.desk.passwords import Entry

MOST = 10_000


def new_cookie() -> str:
    """A cookie that nobody guesses: 256 bits."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Session:
    """A login. `entry`: the person's line when it began."""

    entry: Entry
    until: datetime


class Sessions:
    """The logins. `lasts`: how long one is good for. A restart ends them all."""

    def __init__(self, lasts: timedelta) -> None:
        self._lasts = lasts
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def begin(self, entry: Entry, now: datetime) -> str:
        """A new login; its cookie. Never the one that the visitor had before, which somebody else may have set."""
        cookie = new_cookie()
        self._sessions[_key(cookie)] = Session(entry, now + self._lasts)
        while len(self._sessions) > MOST:
            self._sessions.popitem(last=False)
        return cookie

    def find(self, cookie: str, now: datetime) -> Session | None:
        """The login that a cookie stands for, if it has not ended."""
        session = self._sessions.get(_key(cookie))
        if session is not None and session.until <= now:
            self.end(cookie)
            return None
        return session

    def end(self, cookie: str) -> None:
        """Log out."""
        self._sessions.pop(_key(cookie), None)


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
