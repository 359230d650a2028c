"""`newsquall rollback`: the champion before this one, again."""

import click

from deploy.commands import options
from deploy.commands.champion import by_option, moved, reason_option, tell, who
from model.registry import Registry
from stream.clock import utc_now
from stream.settings import Settings
from training.promotion import Because
from training.promotion import rollback as go_back


@click.command()
@reason_option
@by_option
@options.as_json
@click.pass_obj
def rollback(settings: Settings, *, reason: str, by: str | None, as_json: bool) -> None:
    """Make the model the champion again that was it before.

    Nothing is compared, so that it takes seconds. Twice is back again: the two change places.
    """
    because = Because(by or who(), utc_now(), reason)
    move = go_back(Registry(settings.registry.place()), because)
    tell(moved(move, settings), {"version": move.version, "previous": move.before, "bundle": move.bundle}, as_json)
