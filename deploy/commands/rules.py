"""`newsquall rules`: the Prometheus rules, from the settings."""

from datetime import timedelta
from pathlib import Path

import click

from deploy.commands import options
from deploy.commands.console import put, say
from model.errors import RulesError, UsageError
from model.providers import ProviderChoice
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


@rules.command()
@click.argument("file")
@options.model
@options.provider
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png", help="Draw the table.")
@options.as_json
@options.strict
@click.pass_obj
def tune(
    settings: Settings,
    file: str,
    model: str | None,
    provider: ProviderChoice | None,
    plot: Path | None,
    as_json: bool,
    strict: bool,
) -> None:
    """Budget against delay: what each budget would have paged of the headlines of FILE, and how soon it would have told
    of squalls of 2, 4, 8 and 16 times the usual, laid into them at moments drawn by chance.

    Choose a line, and write its budget as alerts.budget.
    """
    from alerts.tuning import tune as tuned  # noqa: PLC0415
    from alerts.wording import lasted_words  # noqa: PLC0415
    from deploy.commands.past import judged_by, read_past  # noqa: PLC0415

    past, version = read_past(settings, file, model, provider, strict)
    choices = tuned(past, *judged_by(settings, past, None))
    if plot:
        from alerts.tradeoff import draw_tradeoff  # noqa: PLC0415  (Pillow, only where it is asked for)

        plot.write_bytes(draw_tradeoff(choices))
        say(f"drawn: {plot}")
    if as_json:
        put({"choices": choices, "headlines": past.headlines, "from": past.since, "to": past.until, "model": version})
        return
    sizes = [f"{each.size:g} times" for each in choices[0].squalls]
    click.echo("budget  pages in 30 days" + "".join(f"{size:>19}" for size in sizes))
    for choice in choices:
        cells = (
            f"{each.share:.0%} {'' if each.minutes is None else lasted_words(timedelta(minutes=each.minutes))}"
            for each in choice.squalls
        )
        click.echo(f"{choice.budget:>6g}{choice.pages_a_month:>18.2f}" + "".join(f"{cell:>19}" for cell in cells))
    say("of the squalls: the share that was told of within six hours, and the median time that took")


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
