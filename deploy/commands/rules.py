"""`newsquall rules`: the Prometheus rules, from the settings."""

from pathlib import Path

import click

from deploy.commands.console import say
from model.errors import RulesError, UsageError
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
    """Let promtool read the rules, and see that every metric in them is exported."""
    from alerts import promtool  # noqa: PLC0415

    click.echo(promtool.check(settings))


@rules.command()
@click.option("--mutate", is_flag=True, help="Change every rule in every small way, and see that a test notices each.")
@click.option("--alert", help="The tests of this alert only.")
@click.pass_obj
def test(settings: Settings, mutate: bool, alert: str | None) -> None:
    """Let promtool show on simulated series that the rules fire when they should, and only then.

    --mutate prints, for each alert, how many changes of its rules were tried, how many a test noticed, and which
    survived; it takes minutes, and ends with 1 if one survived that must not.
    """
    from alerts import promtool  # noqa: PLC0415
    from alerts.rules import alert_names  # noqa: PLC0415

    if alert is not None and alert not in (names := alert_names(settings)):
        raise UsageError(f"there is no alert '{alert}': they are {', '.join(names)}")
    if mutate:
        _mutate(settings, alert)
    else:
        click.echo(promtool.test(settings, alert))


def _mutate(settings: Settings, alert: str | None) -> None:
    from alerts.mutation import all_mutants, tallies  # noqa: PLC0415

    tried = [mutant for mutant in all_mutants(settings) if alert in (None, mutant.alert)]
    say(f"{len(tried)} changes to be tried")
    click.echo(f"{'alert':<32}{'mutants':>8}{'killed':>8}{'excused':>8}{'survived':>9}")
    done = []
    for tally in tallies(settings, tried):
        done.append(tally)
        counts = (len(tally.excused), len(tally.survived))
        click.echo(f"{tally.alert:<32}{tally.mutants:>8}{tally.killed:>8}{counts[0]:>8}{counts[1]:>9}")
    for tally in done:
        for change, reason in tally.excused:
            click.echo(f"excused   {tally.alert}  {change}: {reason}")
        for change in tally.survived:
            click.echo(f"survived  {tally.alert}  {change}")
        for change in tally.unneeded:
            click.echo(f"killed, though it is excused  {tally.alert}  {change}")
    say(f"{sum(tally.mutants for tally in done)} changes, {sum(tally.killed for tally in done)} noticed")
    if not all(tally.holds for tally in done):
        click.get_current_context().exit(1)
