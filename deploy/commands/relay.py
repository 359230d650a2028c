"""`newsquall relay`: from Alertmanager to the on-call team."""

import click

from stream.settings import Settings


@click.command()
@click.pass_obj
def relay(settings: Settings) -> None:
    """Take alerts from Alertmanager and deliver pages with their evidence, until stopped.

    Prints the address for Alertmanager's webhook once it listens. Settings: [relay] and [alerts].
    """
    from alerts.relay import run_relay  # noqa: PLC0415  (loaded only where a relay runs)

    run_relay(settings, click.echo)
