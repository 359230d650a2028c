"""`newsquall evaluate`: a model beside labelled headlines."""

import sys

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import counted, progress, say
from model.errors import InputError
from stream.settings import Settings
from training import evaluation
from training.evaluation import HeadScores
from training.labels import read_labels

HEADS = ("sentiment", "topic")


@click.command()
@options.labels
@options.more_labels
@options.model
@options.as_json
@click.pass_obj
def evaluate(
    settings: Settings, labels: tuple[str, ...], more: tuple[str, ...], model: str | None, as_json: bool
) -> None:
    """Compare a model with rows that have a topic, a sentiment or both.

    Columns: title (or text), topic, sentiment. Files after the first of --labels are label files too.
    """
    files = [*labels, *more]
    with options.open_scorer(settings.scorer, model) as scorer:
        found = read_labels(files, scorer.taxonomy)
        for problem in found.problems:
            say(problem)
        if not found.rows:
            raise InputError(f"no usable row in {', '.join(files)}: it needs a column 'sentiment' or 'topic'")
        with progress("labelled headlines") as advance:
            result = evaluation.evaluate(scorer, found.rows)
            advance(len(found.rows))
    heads: dict[str, HeadScores] = {head: result[head] for head in HEADS if head in result}
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(heads) + b"\n")
    else:
        click.echo("\n\n".join(table(head, scores) for head, scores in heads.items()))
    unread = f", {result['unscorable']} that the model cannot read" if "unscorable" in result else ""
    say(f"{counted(len(found.rows), 'row')} compared, {counted(len(found.problems), 'bad row')}{unread}")


def table(head: str, scores: HeadScores) -> str:
    """One head's scores as lines of text."""
    lines = [
        f"{head}: accuracy {scores.accuracy:.3f}, macro-F1 {scores.macro_f1:.3f}, "
        f"calibration error {scores.ece:.3f}, {counted(scores.n, 'row')}",
        f"  {'':<20}{'precision':>11}{'recall':>11}{'F1':>11}{'rows':>11}",
    ]
    lines += [
        f"  {name:<20}{each.precision:>11.3f}{each.recall:>11.3f}{each.f1:>11.3f}{each.n:>11,}"
        for name, each in scores.per_class.items()
    ]
    return "\n".join(lines)
