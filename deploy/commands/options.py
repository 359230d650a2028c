"""Options that several commands share, and the scorer that they ask for."""

from datetime import timedelta
from typing import Any

import click

from model.providers import ProviderChoice
from model.registry import resolve
from model.scorer import Scorer
from stream.duration import parse_duration
from stream.settings import Settings

model = click.option(
    "--model",
    metavar="REF",
    help="'bundled', a bundle's folder, or of the registry: champion, a version's number; scorer.model of the settings "
    "if not given.",
)
provider = click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    help="Where the arithmetic runs; scorer.provider of the settings if not given.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text for people.")
strict = click.option("--strict", is_flag=True, help="Stop at the first bad row.")
labels = click.option("--labels", multiple=True, required=True, metavar="FILE", help="Labelled rows, .jsonl or .csv.")
# An option takes one value: what a shell's * adds comes as arguments.
more_labels = click.argument("more", nargs=-1, metavar="[FILE]...")


class Period(click.ParamType):
    """A duration as the settings write it."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the option."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def open_scorer(settings: Settings, reference: str | None, choice: ProviderChoice | None = None) -> Scorer:
    """A scorer by the options, and by the settings where an option was not given.

    Raises UsageError, RegistryError, BundleError or ProviderError.
    """
    scorer = settings.scorer
    bundle = resolve(reference or scorer.model, settings.registry.place())
    return Scorer(bundle, choice or scorer.provider, scorer.threads)
