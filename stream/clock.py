"""The clock on the wall, for whoever wires and commands: arithmetic is given the time."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)
