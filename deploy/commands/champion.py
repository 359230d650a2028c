"""What `promote` and `rollback` have in common: who moves the champion, why, and what is said of it."""

import getpass
import os
from collections.abc import Mapping
from typing import Any

import click

from deploy.commands.console import put, say
from model.errors import UsageError
from model.registry import CHAMPION, target_of
from stream.duration import format_duration
from stream.settings import Settings
from training.promotion import LONGEST_REASON, Move


def checked_reason(_context: click.Context, _option: click.Parameter, reason: str) -> str:
    """A reason as it is kept. Raises UsageError if it is too long."""
    reason = " ".join(reason.split())
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason has {len(reason):,} characters, {LONGEST_REASON} are kept: say it shorter")
    return reason


reason_option = click.option(
    "--reason", metavar="TEXT", default="", callback=checked_reason, help="Why; it is kept with the move."
)


by_option = click.option("--by", metavar="NAME", help="Who moves it; the name under which this runs if not given.")


def who() -> str:
    """The name under which this runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return f"user {os.getuid()}"


def moved(move: Move, settings: Settings) -> str:
    """What became of the champion, in a line."""
    told = f"version {move.version} ({move.bundle}) is the champion"
    if move.before is not None:
        told += f"; version {move.before} is kept: newsquall rollback goes back to it"
    target = target_of(settings.scorer.model)
    if target is None or target.alias != CHAMPION:
        return f'{told}. Workers follow it with scorer.model = "champion" in their settings'
    return f"{told}. Workers take it within {format_duration(settings.registry.poll)}"


def tell(line: str, answer: Mapping[str, Any], as_json: bool) -> None:
    """The result: as a line for a person, or as JSON with the line beside it on standard error."""
    if as_json:
        put(answer)
        say(line)
    else:
        click.echo(line)
