"""`newsquall train`: labelled headlines in, a bundle out."""

from importlib.util import find_spec
from pathlib import Path

import click

from deploy.commands import options
from deploy.commands.console import say
from model.errors import UsageError

NEEDED = ("torch", "transformers", "onnx")


@click.command()
@options.labels
@options.more_labels
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the bundle.",
)
@click.option(
    "--base",
    metavar="NAME_OR_DIR",
    help="Encoder to start from; the one that comes as a package if not given.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Most passes over the rows.")
def train(labels: tuple[str, ...], more: tuple[str, ...], out: Path, base: str | None, epochs: int | None) -> None:
    """Fine-tune a model on rows that have a topic, a sentiment or both; write a bundle that --model takes.

    Files after the first of --labels are label files too. Prints the bundle's version; report.json beside it
    has its scores on rows that were held back.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {', '.join(missing)}: install the train extra (uv sync --extra train)")
    from training.finetune import Recipe  # noqa: PLC0415  (torch, which the plain install does not have)
    from training.train import train as fine_tune  # noqa: PLC0415

    recipe = Recipe(epochs=epochs) if epochs else Recipe()
    bundle = fine_tune([*labels, *more], out, base, recipe=recipe, report=say)
    say(f"the bundle is in {bundle.folder}")
    click.echo(bundle.version)
