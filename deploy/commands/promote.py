"""`newsquall promote`: a model through the gate, and on to the workers."""

from collections.abc import Iterator, Sequence
from typing import Any

import click
import msgspec

from deploy.commands import options
from deploy.commands.champion import by_option, moved, reason_option, tell, who
from deploy.commands.console import counted, one_line, put, say
from model.bundle import Bundle
from model.errors import BundleError, PromotionError, UsageError
from model.masking import Masker
from model.registry import CHAMPION, Registry, resolve
from model.scorer import Scorer
from stream.clock import utc_now
from stream.settings import Settings
from training import heldout
from training.gate import Check, Decision
from training.labels import corpus_files
from training.promotion import Because, Move, alone, known_version, require_fit
from training.promotion import promote as make_champion
from training.runs import run_of
from training.trial import require_working, trial

# Of the kinds of text on which a challenger is not refused, so many are told: those where it loses most.
KINDS_SHOWN = 5
HEADINGS = ("champion", "challenger", "difference", "rows")
ADVICE = "the champion stays as it is (--force --reason TEXT promotes all the same)"


@click.command()
@click.argument("model", metavar="DIR")
@click.option(
    "--labels",
    multiple=True,
    metavar="FILE",
    help="Judge by these labelled rows; by the project's own headlines and the labels that were imported if not given.",
)
@options.more_labels
@click.option("--force", is_flag=True, help="Promote although the gate refuses; needs --reason.")
@reason_option
@by_option
@options.as_json
@click.pass_obj
def promote(
    settings: Settings,
    *,
    model: str,
    labels: tuple[str, ...],
    more: tuple[str, ...],
    force: bool,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Put the model in DIR beside the champion; make it the champion if it is no worse beyond chance.

    Both are asked about the same rows, which no training has seen: a tenth of the label files, by a hash. Prints the
    table; a refusal says why, and the exit status is 1. Files after the first of --labels are label files too.
    """
    if force and not reason:
        raise UsageError("--force needs a reason, which is kept with the version: --reason TEXT")
    if more and not labels:
        raise UsageError(f"one model is promoted at a time: {model}, not {', '.join(more)} too")
    place = settings.registry.place()
    registry = Registry(place)
    challenger = resolve(model, place)
    with alone(place):  # what cannot be written to is told before anything is compared
        beside = registry.alias(CHAMPION)
    version = known_version(registry, challenger)
    if version is not None and version == beside:
        answer = outcome(challenger, None, None) | {"version": version}
        tell(f"{challenger.version} is the champion already, as version {version}: nothing was moved", answer, as_json)
        return
    require_fit(registry, challenger, version)
    require_working(challenger, lambda bundle: scorer_of(bundle, settings))
    decision, refusals = None, []
    try:
        champion = registry.bundle(beside) if beside else resolve("bundled")
        decision = compared(settings, champion, challenger, [*labels, *more])
        refusals = decision.refusals
    except BundleError as error:  # the champion's: the challenger has shown that it works
        if not force:
            raise
        refusals = [f"nothing was compared: {error}"]
    if decision is not None and not as_json:
        of = f"version {beside}" if beside else "the bundled model, since there is no champion yet"
        click.echo("\n".join(table(decision, of)))
    if refusals and not force:
        if as_json:
            put(outcome(challenger, decision, None))
        rest = f"; and {counted(len(refusals) - 1, 'reason')} more" if len(refusals) > 1 else ""
        raise PromotionError(f"{challenger.version} is not promoted: {refusals[0]}{rest}; {ADVICE}")
    for refusal in refusals:
        say(f"promoted all the same: {refusal}")
    because = Because(by or who(), utc_now(), reason, bool(refusals), tuple(refusals))
    move = make_champion(registry, challenger, because, beside, run_of(registry, challenger))
    if move is None:
        told = f"{challenger.version} is the champion already: another promotion of it was faster"
    else:
        told = moved(move, settings)
    tell(told, outcome(challenger, decision, move), as_json)


def scorer_of(bundle: Bundle, settings: Settings) -> Scorer:
    """A bundle's scorer, where the settings want it."""
    return Scorer(bundle, settings.scorer.provider, settings.scorer.threads)


def compared(settings: Settings, champion: Bundle, challenger: Bundle, files: Sequence[str]) -> Decision:
    """What the gate finds, and by which rows."""
    taxonomy = champion.taxonomy.with_topics(challenger.taxonomy.topics)
    masker = Masker(settings.masking.handles)
    if files:
        held = heldout.of_files(files, taxonomy, masker)
    else:
        languages = (*champion.manifest.languages, *challenger.manifest.languages)
        held = heldout.of_files(corpus_files(languages), taxonomy, masker)
        held += heldout.of_book(settings.archive.url, taxonomy)
    for problem in held.problems:
        say(problem)
    origins = ", ".join(f"{name} {count:,}" for name, count in held.origins().items())
    say(f"{counted(len(held.rows), 'held-back row')} of {held.read:,}{f' ({origins})' if origins else ''}")
    unknown = {bundle.version for bundle in (champion, challenger) if not heldout.keeps_apart(bundle)}
    for version in sorted(unknown):
        say(f"{version} does not say what it was trained on: if it has seen these rows, they flatter it")

    return trial(champion, challenger, held.rows, lambda bundle: scorer_of(bundle, settings))


def table(decision: Decision, of: str) -> Iterator[str]:
    """The checks as lines for a person; of the kinds of text only those on which the challenger loses most. `of`: what
    the champion is."""
    yield f"{decision.challenger} beside {decision.champion} ({of})"
    yield f"  {'':<44}{HEADINGS[0]:>9}{HEADINGS[1]:>11}  {HEADINGS[2]:<25}{HEADINGS[3]:>6}"
    kinds = [check for check in decision.checks if check.part == "slice" and check.difference is not None]
    losing = sorted((check for check in kinds if lost(check) < 0), key=lost)[:KINDS_SHOWN]
    for check in decision.checks:
        if check.part != "slice" or check in losing or check.verdict == "fail":
            yield row(check)
    worse = sum(check.verdict == "fail" for check in kinds)
    few = sum(check.part == "slice" and check.difference is None for check in decision.checks)
    told = f"  of {counted(len(kinds), 'kind')} of text {worse or 'none'} worse by more than chance"
    yield f"{told}; {few} more have too few rows" if few else told


def lost(check: Check) -> float:
    """How much a check's score changed; below 0 it fell."""
    return check.difference.estimate if check.difference else 0.0


def row(check: Check) -> str:
    """A check as a line."""
    change = ""
    if check.difference is not None:
        change = _change(check)
    values = [_value(check, each) for each in (check.champion, check.challenger)]
    n = f"{check.n:,}" if check.n else ""
    told = f"  {one_line(check.name):<44}{values[0]:>9}{values[1]:>11}  {change:<25}{n:>6}  "
    return told + f"{check.verdict}: {one_line(check.reason)}"


def _value(check: Check, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if check.part in ("size", "speed") else f"{value:.3f}"


def _change(check: Check) -> str:
    found = check.difference
    assert found is not None
    if check.part == "size":
        return f"{found.estimate:+.2f}"
    if check.part == "speed":
        return f"{found.estimate:+.0%} ({found.low:+.0%} to {found.high:+.0%})"
    return f"{found.estimate:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def outcome(bundle: Bundle, decision: Decision | None, move: Move | None) -> dict[str, Any]:
    """What became of it, for a script. Without a decision nothing was compared."""
    return {
        "promoted": move is not None,
        "version": move.version if move else None,
        "previous": move.before if move else None,
        "bundle": bundle.version,
        "forced": move.forced if move else False,
        "passed": decision.passed if decision else None,
        "champion": decision.champion if decision else None,
        "rows": decision.rows if decision else 0,
        "checks": msgspec.to_builtins(decision.checks) if decision else [],
        "refusals": decision.refusals if decision else [],
    }
