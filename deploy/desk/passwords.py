"""The password file: a line each person, name:role:hash, the hash by Argon2id (RFC 9106).

It is read anew when it is written, so that who is taken out of it is out at once.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from deploy.desk.roles import ROLES, Person, role_named
from model.errors import InputError, SettingsError
from training.wholefile import write_whole

SHORTEST, LONGEST = 10, 200  # characters of a password
_NAME = re.compile(r"[\w.@+-]{1,64}")

_hasher = PasswordHasher()
# Compared with where there is no such name, so that an answer's time does not tell which names there are.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5IGhhcyB0aGlz$Vq3r3WkcmWxT5y1XN0Zz1kMZcJ2lqK6mJ0r9rQ1Zs3E"


@dataclass(frozen=True)
class Entry:
    """A person's line."""

    person: Person
    hash: str


class PasswordFile:
    """The file, as it is at each moment. Raises SettingsError if it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._entries: dict[str, Entry] = {}
        self.entries()

    def entries(self) -> dict[str, Entry]:
        """The lines by name."""
        try:
            found = self.path.stat()
            stamp = found.st_mtime_ns, found.st_size
            if stamp != self._seen:
                self._entries = _read(self.path)
                self._seen = stamp
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"desk.passwords {self.path} cannot be read ({reason}): newsquall desk --add NAME writes it"
            ) from error
        return self._entries

    def check(self, name: str, password: str) -> Entry | None:
        """The entry of the person who has this name and password; None if nobody has. Takes some 50 ms of a core."""
        entry = self.entries().get(name)
        try:
            _hasher.verify(entry.hash if entry else _NOBODYS, password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return None
        return entry


def _read(path: Path) -> dict[str, Entry]:
    entries = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        role, _, hashed = rest.partition(":")
        if not _NAME.fullmatch(name) or role not in ROLES or not hashed.startswith("$argon2"):
            raise SettingsError(
                f"desk.passwords {path}:{number} is no line name:role:hash: write it by desk --add NAME"
            )
        entries[name] = Entry(Person(name, role_named(role)), hashed)
    return entries


def write_password(path: Path, name: str, role: str, password: str) -> None:
    """Put a person into the file, in place of an earlier line of the name. Raises InputError for what cannot be taken,
    SettingsError for a file that cannot be read."""
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name}' is no name: 1 to 64 letters, digits, and . @ + - _")
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"a password has {SHORTEST} to {LONGEST} characters")
    entries = PasswordFile(path).entries() if path.exists() else {}
    _write(path, {**entries, name: Entry(Person(name, role_named(role)), _hasher.hash(password))})


def remove_password(path: Path, name: str) -> None:
    """Take a person out of the file. Raises InputError if there is none of the name."""
    entries = dict(PasswordFile(path).entries())
    if entries.pop(name, None) is None:
        raise InputError(f"{path} has nobody of the name '{name}'")
    _write(path, entries)


def _write(path: Path, entries: dict[str, Entry]) -> None:
    lines = [f"{name}:{entry.person.role.word}:{entry.hash}\n" for name, entry in sorted(entries.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    write_whole(path, "".join(lines).encode())
    path.chmod(0o600)
