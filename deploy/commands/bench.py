"""`newsquall bench`: how fast it is on this machine."""

import sys

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import say
from model.providers import ProviderChoice
from stream.settings import Settings


@click.group()
def bench() -> None:
    """Measure speed on this machine. The last line of standard output is JSON."""


@bench.command()
@click.argument("file", required=False)
@click.option("--rows", type=click.IntRange(min=1), help="Texts to measure with; 1,500 of our own if no FILE.")
@click.option("--batch", type=click.IntRange(min=1), default=32, show_default=True, help="The pipeline's batch.")
@options.model
@options.provider
@click.pass_obj
def scorer(
    settings: Settings,
    *,
    file: str | None,
    rows: int | None,
    batch: int,
    model: str | None,
    provider: ProviderChoice | None,
) -> None:
    """The scorer beside the plain transformers pipeline, on the titles of FILE or on our own.

    The pipeline runs the same encoder in full precision with one head; the scorer has two and does both.
    """
    from deploy.bench.scorer import measure, pipeline_of, texts_of  # noqa: PLC0415

    texts = texts_of(file, rows)
    with options.open_scorer(settings.scorer, model, provider) as ours:
        on_gpu = ours.provider != "cpu"
        pipeline = pipeline_of(ours.threads, batch, on_gpu)
        say(
            f"{len(texts):,} texts, {ours.threads} threads, provider {ours.provider}; "
            f"the pipeline has one head and batches of {batch}, the scorer two heads"
        )
        result = measure(texts, ours, pipeline, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
