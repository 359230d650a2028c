"""`newsquall train`: labelled headlines in, a bundle out, and how it went on record."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import click

from deploy.commands import options
from deploy.commands.console import say
from model.bundle import MANIFEST, Bundle
from model.errors import UsageError
from model.masking import Masker
from model.registry import Registry, resolve, target_of
from stream.settings import Settings
from training.exchange import require_new_topic
from training.runs import described, recorded

# What is low-rank has to go further for the same effect.
LOW_RANK_STEPS = 5.0
NEEDED = ("torch", "transformers", "onnx", "accelerate", "peft")


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
    help="What to start from: an encoder's hub name or folder, or a model (bundled, champion, a bundle's folder) that "
    "shall learn these labels beside what it knows. The encoder that comes as a package if not given.",
)
@click.option(
    "--teacher", "teachers", multiple=True, metavar="REF", help="A model whose opinion is learnt beside the labels."
)
@click.option(
    "--rehearse",
    "rehearsed",
    multiple=True,
    metavar="FILE",
    help="Texts of which the model in --base shall go on to think what it thinks: the news that it reads, say. A "
    "sample is shown again; labels are not needed and not read.",
)
@click.option("--topic", "topics", multiple=True, metavar="NAME", help="A new topic that the labels name.")
@click.option("--language", help="The language of the labels; that of the model in --base, or else en.")
@click.option("--epochs", type=click.IntRange(min=1), help="Most passes over the rows.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True, max=1), help="The largest step's length.")
@click.option("--lora", type=click.IntRange(min=1), metavar="RANK", help="Train low-rank changes, not all weights.")
@click.option("--seed", type=int, help="Another order of the rows and another beginning of the heads.")
@click.option(
    "--withhold-texts", is_flag=True, help="No text but the project's own in the report: for a model to give away."
)
@options.strict
@click.pass_obj
def train(
    settings: Settings,
    labels: tuple[str, ...],
    more: tuple[str, ...],
    out: Path,
    base: str | None,
    teachers: tuple[str, ...],
    rehearsed: tuple[str, ...],
    topics: tuple[str, ...],
    language: str | None,
    epochs: int | None,
    learning_rate: float | None,
    lora: int | None,
    seed: int | None,
    withhold_texts: bool,
    strict: bool,
) -> None:
    """Fine-tune a model on rows that have a topic, a sentiment or both; write a bundle that --model takes.

    Files after the first of --labels are label files too. Prints the bundle's version; report.html beside it has its
    scores on rows that were held back. Called again alike after an interruption, it goes on where it was. The registry
    (settings: [registry]) keeps a record of the run.
    """
    finetune = import_training()
    from accelerate import PartialState  # noqa: PLC0415

    from training.train import train as fine_tune  # noqa: PLC0415  (torch, which the plain install does not have)

    start = starting_point(settings, base)
    if isinstance(start, Bundle) and language not in (None, *start.manifest.languages):
        raise UsageError(
            f"{start.version} reads {', '.join(start.manifest.languages)}, not {language}: start from an encoder of it"
        )
    if rehearsed and not isinstance(start, Bundle):
        raise UsageError("only a model has something to rehearse: give one to start from (--base bundled)")
    recipe = finetune.CONTINUED if isinstance(start, Bundle) else finetune.Recipe()
    recipe = replace(
        recipe,
        epochs=epochs or recipe.epochs,
        learning_rate=learning_rate or recipe.learning_rate * (LOW_RANK_STEPS if lora else 1.0),
        lora_rank=lora or recipe.lora_rank,
        seed=recipe.seed if seed is None else seed,
    )
    topics = tuple(map(require_new_topic, topics))
    files = [*labels, *more]
    asked = [resolve(teacher, settings.registry.place()) for teacher in teachers]
    with ExitStack() as exits:
        run = None
        if PartialState().is_main_process:  # of several, which make one bundle
            parameters = run_parameters(files, rehearsed, start, asked, topics, language, asdict(recipe))
            run = exits.enter_context(recorded(Registry(settings.registry.place()), parameters, out, say))
        bundle = fine_tune(
            files,
            out,
            start,
            teachers=asked,
            topics=topics,
            language=language,
            recipe=recipe,
            withhold_texts=withhold_texts,
            strict=strict,
            masker=Masker(settings.masking.handles),
            rehearsed=rehearsed,
            report=say,
            on_epoch=run.epoch if run else lambda _number, _loss, _scores: None,
        )
        if run is not None and bundle is not None:
            run.trained(bundle)
    if bundle is not None:  # the first of several processes has it
        say(f"the bundle is in {bundle.folder}")
        click.echo(bundle.version)


def run_parameters(
    files: Sequence[str],
    rehearsed: Sequence[str],
    start: str | Bundle | None,
    teachers: Sequence[Bundle],
    topics: Sequence[str],
    language: str | None,
    recipe: dict[str, object],
) -> dict[str, str]:
    """What a run is remembered by: all that decides how the training goes."""
    return {
        "base": start.version if isinstance(start, Bundle) else start or "the encoder that comes as a package",
        "teachers": ", ".join(teacher.version for teacher in teachers) or "none",
        "topics": ", ".join(topics) or "none new",
        "language": language or "not given",
        **{f"labels/{number}": described(path) for number, path in enumerate(files, start=1)},
        **{f"rehearsed/{number}": described(path) for number, path in enumerate(rehearsed, start=1)},
        **{f"recipe/{name}": str(value) for name, value in recipe.items()},
    }


def import_training() -> ModuleType:
    """training.finetune, if what it needs is installed. Raises UsageError."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {', '.join(missing)}: install the train extra (uv sync --extra train)")
    return import_module("training.finetune")


def starting_point(settings: Settings, base: str | None) -> str | Bundle | None:
    """A model that --base names, or the encoder's name as it was given."""
    if base is None:
        return None
    is_model = base == "bundled" or target_of(base) is not None or (Path(base) / MANIFEST).is_file()
    return resolve(base, settings.registry.place()) if is_model else base
