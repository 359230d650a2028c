"""`newsquall worker`: one stream worker."""

import click

from stream.settings import Settings


@click.command()
@click.pass_obj
def worker(settings: Settings) -> None:
    """Score news.headlines and keep the trends, until stopped.

    Start as many as there are partitions; they share the work. /metrics is served on worker.metrics_port.
    """
    from stream.worker import run_worker  # noqa: PLC0415  (Faust is loaded only where a worker runs)

    run_worker(settings)
