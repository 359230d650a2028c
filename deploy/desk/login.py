"""Who comes: by a login with the password file, by the header of a trusted proxy, or, where there is neither, as
whoever runs the desk on this machine."""

import getpass
import os
import threading
from datetime import datetime
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response

from deploy.desk.attempts import Attempts
from deploy.desk.desk import Desk
from deploy.desk.passwords import PasswordFile
from deploy.desk.roles import Person, Role
from deploy.desk.sessions import Sessions
from deploy.desk.visit import Visit
from model.errors import SettingsError
from stream.settings import DeskSettings
from training.labelbook import BETWEEN_NAMES

LONGEST_NAME = 64


class Door:
    """Tells who comes. Raises SettingsError if the settings would open the desk to other machines without login."""

    def __init__(self, settings: DeskSettings) -> None:
        self.settings = settings
        self.passwords = PasswordFile(settings.passwords) if settings.passwords else None
        self.sessions = Sessions(settings.session)
        self.attempts = Attempts()
        # Hashing takes a core and 64 MB for a moment: one at a time, however many knock.
        self.hashing = threading.Lock()
        if not self.has_login and not is_loopback(settings.host):
            raise SettingsError(
                f"the desk does not listen on {settings.host} without login: set desk.passwords (newsquall desk --add "
                "NAME writes the file) or desk.proxy_header, or leave desk.host at 127.0.0.1"
            )

    @property
    def has_login(self) -> bool:
        """Whether anybody has to say who it is."""
        return self.passwords is not None or self.settings.proxy_header is not None

    @property
    def secure(self) -> bool:
        """Whether people reach the desk by https."""
        return (self.settings.public_url or "").startswith("https:")

    @property
    def cookie(self) -> str:
        """The cookie's name. With __Host- a browser takes it from nobody but this very host, and only by https."""
        return "__Host-desk" if self.secure else "desk"

    def person(self, request: Request, cookie: str, now: datetime) -> Person | None:
        """Who comes; None if that is not known yet."""
        peer = request.client.host if request.client else ""
        if self.settings.proxy_header and peer in self.settings.trusted_proxies:
            # A semicolon stands between annotators' names.
            name = request.headers.get(self.settings.proxy_header, "").replace(BETWEEN_NAMES, ",").strip()
            if name:
                return self._by_proxy(name[:LONGEST_NAME])
        if self.passwords is not None:
            session = self.sessions.find(cookie, now)
            # A new password or role, or none any more, ends it.
            if session and self.passwords.entries().get(session.entry.person.name) == session.entry:
                return session.entry.person
            return None
        return None if self.has_login else Person(local_name(), Role.OPERATOR)

    def _by_proxy(self, name: str) -> Person:
        if name in self.settings.proxy_operators:
            return Person(name, Role.OPERATOR)
        return Person(name, Role.ANALYST if name in self.settings.proxy_analysts else Role.VIEWER)

    def address(self, request: Request) -> str:
        """Where somebody comes from: as a trusted proxy says, where there is one. Without one anybody on this machine
        could say it, and try as many passwords as there are addresses."""
        peer = request.client.host if request.client else ""
        proxied = self.settings.public_url is not None or self.settings.proxy_header is not None
        if proxied and peer in self.settings.trusted_proxies:
            told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            try:
                return str(ip_address(told))
            except ValueError:
                return peer
        return peer

    def set_cookie(self, response: Response, cookie: str) -> None:
        """Give a visitor a cookie: for as long as the browser is open, out of reach of scripts and of other sites'
        forms."""
        response.set_cookie(self.cookie, cookie, path="/", secure=self.secure, httponly=True, samesite="lax")


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def local_name() -> str:
    """The name under which the desk runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return f"user {os.getuid()}"


def local_path(wanted: str) -> str:
    """Where to go after a login: a page of the desk, whatever was asked for.

    >>> local_path("/search?words=x"), local_path("//evil.example"), local_path("https://x"), local_path("/\\\\x")
    ('/search?words=x', '/', '/', '/')
    """
    fine = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if fine else "/"


class Login:
    """The handlers of the login page."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def ask(self, desk: Desk, visit: Visit) -> Response:
        """The form."""
        target = local_path(visit.text("next"))
        if visit.person is not None:
            return desk.go(target)
        return self._form(desk, visit, target)

    def _form(self, desk: Desk, visit: Visit, target: str, problem: str = "", status: int = 200) -> Response:
        by_password = self._door.passwords is not None
        return desk.page(visit, "login.html", status, target=target, problem=problem, by_password=by_password)

    def give(self, desk: Desk, visit: Visit) -> Response:
        """Check a name and a password."""
        door, target = self._door, local_path(visit.text("next"))
        if door.passwords is None:
            return desk.go(target)
        name, password = visit.text("name", 200)[:LONGEST_NAME], visit.form.get("password", "")
        with door.hashing:
            if wait := door.attempts.wait(name, visit.address, visit.now):
                minutes = max(1, round(wait.total_seconds() / 60))
                return self._form(desk, visit, target, f"Too many tries. Please wait {minutes} min.", 429)
            entry = door.passwords.check(name, password)
            if entry is None:
                door.attempts.failed(name, visit.address, visit.now)
        if entry is None:
            desk.note(visit, "login failed", who=name)
            return self._form(desk, visit, target, "That name and password do not go together.", 403)
        door.attempts.succeeded(name, visit.address)
        desk.note(visit, "logged in", entry.person.role.word, who=name)
        response = desk.go(target)
        door.sessions.end(visit.cookie)
        door.set_cookie(response, door.sessions.begin(entry, visit.now))
        return response

    def leave(self, desk: Desk, visit: Visit) -> Response:
        """Log out."""
        self._door.sessions.end(visit.cookie)
        desk.note(visit, "logged out")
        response = desk.go("/login")
        response.delete_cookie(self._door.cookie, path="/", secure=self._door.secure, httponly=True, samesite="lax")
        return response
