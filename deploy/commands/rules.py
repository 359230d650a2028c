"""`newsquall rules`: the Prometheus rules, from the settings."""

from pathlib import Path

import click

from model.errors import RulesError
from stream.settings import Settings


@click.group()
def rules() -> None:
    """Prometheus rules, rendered from the settings."""


@rules.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write here instead of standard output.")
@click.pass_obj
def render(settings: Settings, out: Path | None) -> None:
    """Print the rule file."""
    from alerts.rules import render as rendered  # noqa: PLC0415

    text = rendered(settings)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RulesError(f"the rules cannot be written to {out}: {error.strerror}") from error


@rules.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Let promtool read the rules."""
    from alerts import promtool  # noqa: PLC0415

    click.echo(promtool.check(settings))


@rules.command()
@click.pass_obj
def test(settings: Settings) -> None:
    """Let promtool show on simulated squalls that the rules fire when they should, and only then."""
    from alerts import promtool  # noqa: PLC0415

    click.echo(promtool.test(settings))
