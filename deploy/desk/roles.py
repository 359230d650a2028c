"""Who may do what: a viewer looks, an analyst judges and labels, an operator moves models and sends headlines again."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    ANALYST = 2
    OPERATOR = 3

    @property
    def word(self) -> str:
        """Its name as people write it.

        >>> Role.ANALYST.word
        'analyst'
        """
        return self.name.lower()


ROLES = tuple(role.word for role in Role)


def role_named(word: str) -> Role:
    """The role of that name. Raises KeyError.

    >>> role_named("operator") > role_named("viewer")
    True
    """
    return Role[word.upper()]


@dataclass(frozen=True)
class Person:
    """Somebody who has come to the desk. `name`: stands beside labels, verdicts and in the audit log."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether what asks for a role is open to this person."""
        return self.role >= role
