"""One request to the desk: who comes, and what was given along. What cannot be meant is refused here, for all pages."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from deploy.desk.roles import Person, Role
from model.errors import InputError

LARGEST_FORM = 64_000  # bytes
MOST_FIELDS = 50
LONGEST_TEXT = 2_000  # characters


class RefusedError(InputError):
    """A request that is not let through; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Visit:
    """Somebody's request. `token`: for the forms of the page that answers it; `form`: of a request that changes
    something."""

    request: Request
    person: Person | None
    cookie: str
    token: str
    address: str
    now: datetime
    form: dict[str, str] = field(default_factory=dict)

    @property
    def who(self) -> Person:
        """Who comes, where nobody else is let in."""
        if self.person is None:
            raise RefusedError(401, "Please log in.")
        return self.person

    def may(self, word: str) -> bool:
        """Whether what asks for the role of that name is open here."""
        return self.person is not None and self.person.may(Role[word.upper()])

    @property
    def script(self) -> bool:
        """Whether the page's own script asks, and wants a piece of a page."""
        return self.request.headers.get("x-desk-part") == "1"

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """What the address or the form says under a name; empty if nothing. Raises RefusedError for what is no text."""
        value = self.form.get(name, self.request.query_params.get(name, ""))
        return checked(value, name, longest)

    def path(self, name: str) -> str:
        """A part of the address's path."""
        return checked(str(self.request.path_params[name]), name, LONGEST_TEXT)

    def choice(self, name: str, *among: str) -> str:
        """One of several words; the first if nothing is said. Raises RefusedError for another."""
        value = self.text(name)
        if value and value not in among:
            raise RefusedError(400, f"'{name}' is one of {', '.join(each or 'nothing' for each in among)}.")
        return value or among[0]

    def number(self, name: str, most: int = 2**63 - 1) -> int | None:
        """A whole number from 0 on; None if nothing is said. Raises RefusedError."""
        value = self.text(name, 20)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and int(value) <= most):
            raise RefusedError(400, f"'{name}' is a whole number.")
        return int(value)

    def day(self, name: str) -> datetime | None:
        """A date's beginning in UTC, as a date field sends it; None if nothing is said. Raises RefusedError."""
        value = self.text(name, 32)
        if not value:
            return None
        try:
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise RefusedError(400, f"'{name}' is a date, such as 2026-03-18.") from error


def checked(value: str, name: str, longest: int) -> str:
    """A text that every database takes. Raises RefusedError."""
    if len(value) > longest:
        raise RefusedError(400, f"'{name}' is too long: {longest:,} characters at most.")
    if "\x00" in value or any(0xD800 <= ord(each) < 0xE000 for each in value):
        raise RefusedError(400, f"'{name}' has a character in it that is none.")
    return value.strip()


async def read_form(request: Request) -> dict[str, str]:
    """A posted form's fields, the last of a name. Raises RefusedError for anything else, and for too much of it."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_FORM:
                raise RefusedError(413, f"That is too much: {LARGEST_FORM:,} bytes at most.")
    except ClientDisconnect as error:  # who has gone reads no answer; without one the log has a traceback
        raise RefusedError(400, "That form was cut off.") from error
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        raise RefusedError(415, "That is no form.")
    try:
        fields = parse_qsl(bytes(body).decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise RefusedError(400, "That form cannot be read.") from error
    return dict(fields)
