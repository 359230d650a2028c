"""`newsquall demo`: the whole local system, from one command."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import click


@click.command()
@click.option("--once", is_flag=True, help="End after the page and its resolve; the last line is JSON.")
def demo(once: bool) -> None:
    """Start Kafka, Prometheus, Alertmanager, a worker and the relay here; show a squall become a page.

    All ports are free ones, all files lie in a temporary folder, and all of it is stopped and removed at the end.
    With --once the exit status is 0 only if exactly the right page came and was resolved, and the syndicated story
    paged nobody.
    """
    from rich.console import Console  # noqa: PLC0415  (heavy, and only for this command)

    from deploy.demo.director import run_demo  # noqa: PLC0415

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)

    click.echo(run_demo(once, Console(stderr=True, width=None if sys.stderr.isatty() else 100)))
