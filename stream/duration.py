"""Durations as people write them: 50ms, 15s, 5m, 6h, 1d."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> timedelta:
    """A duration as people write it. Raises ValueError.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|[smhd])", text.strip())
    if not match:
        raise ValueError(f"'{text}' is no duration: write a number and ms, s, m, h or d, such as 15m")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def format_duration(duration: timedelta) -> str:
    """The shortest way to write a duration.

    >>> format_duration(timedelta(hours=6))
    '6h'
    """
    seconds = duration.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


Duration = Annotated[
    timedelta,
    BeforeValidator(lambda value: parse_duration(value) if isinstance(value, str) else value),
    Field(ge=timedelta(0)),
]
