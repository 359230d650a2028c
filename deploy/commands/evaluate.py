"""`newsquall evaluate`: a model beside labelled headlines, and beside another model."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import counted, progress, say
from model.bundle import MANIFEST
from model.errors import InputError, UsageError
from model.masking import Masker
from stream.settings import Settings
from training.attitudes import AttitudeScores, attitude_scores
from training.comparison import Comparison, compare
from training.evaluation import HeadScores, Predictions, predict
from training.heldout import test_part
from training.labels import LabelledText, LabelSet, read_labels


@click.command()
@options.labels
@options.more_labels
@options.model
@click.option("--against", metavar="REF", help="Another model to compare with on the same rows.")
@click.option(
    "--report",
    "report_to",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE.html",
    help="Write report.html and report.json there: all that can be said of the model on these rows.",
)
@click.option(
    "--held-back", is_flag=True, help="Only the rows that no training of ours sees: a tenth, by a hash of the text."
)
@options.strict
@options.as_json
@click.pass_obj
def evaluate(
    settings: Settings,
    *,
    labels: tuple[str, ...],
    more: tuple[str, ...],
    model: str | None,
    against: str | None,
    report_to: Path | None,
    held_back: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Compare a model with rows that have a topic, a sentiment or both.

    Columns: title (or text), topic, sentiment; entities, source and language if there are. Files after the first of
    --labels are label files too.
    """
    files = [*labels, *more]
    places = None if report_to is None else report_places(report_to)
    with options.open_scorer(settings, model) as scorer:
        found = read_labels(files, scorer.taxonomy, Masker(settings.masking.handles))
        rows = usable(found, files, held_back, strict)
        with progress("labelled headlines") as advance:
            predictions = predict(scorer, rows)
            advance(len(rows))
            heads = predictions.scores()
            attitudes = attitude_scores(scorer, rows) if scorer.bundle.manifest.towards_names else None
            if not heads and attitudes is None:
                raise InputError(nothing_compared(predictions))
            other = None
            if against is not None:
                other = predictions_of(against, settings, rows)
                advance(len(rows))
            if places is not None:
                from training.report import build_report, write_report  # noqa: PLC0415  (only where one is asked for)

                # The rows are the caller's own, and so is the report: all of them may be shown.
                built = build_report(
                    scorer,
                    predictions,
                    {},
                    lambda _row: True,
                    against=other,
                    against_name=against or "",
                    advance=advance,
                )
                write_report(built, *places)
    compared = [] if other is None else compare(other, predictions)
    if as_json:
        answer: dict[str, Any] = dict(heads)
        if attitudes is not None:
            answer["towards_names"] = attitudes
        if against is not None:
            answer["against"] = {"model": against, "differences": compared}
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    else:
        parts = [table(head, scores) for head, scores in heads.items()]
        if attitudes is not None:
            parts.append(towards_names(attitudes))
        if against is not None:
            parts.append(differences(against, compared))
        click.echo("\n\n".join(parts))
    unread = f", {len(predictions.unscorable)} that the model cannot read" if predictions.unscorable else ""
    say(f"{counted(len(predictions.rows), 'row')} compared, {counted(len(found.problems), 'bad row')}{unread}")
    if places is not None:
        say(f"the report is in {places[0]}, its numbers in {places[1]}")


def usable(found: LabelSet, files: Sequence[str], held_back: bool, strict: bool) -> list[LabelledText]:
    """The rows to judge by; bad ones are told. Raises InputError if there are none, or for the first bad one if it is
    `strict`."""
    for problem in found.problems:
        if strict:
            raise InputError(problem)
        say(problem)
    if not found.rows:
        raise InputError(f"no usable row in {', '.join(files)}: it needs a column 'sentiment' or 'topic'")
    rows = test_part(found.rows) if held_back else found.rows
    if not rows:
        raise InputError(f"none of {counted(len(found.rows), 'row')} is one that is held back: leave out --held-back")
    return rows


def nothing_compared(predictions: Predictions) -> str:
    """Why nothing of the rows could be compared."""
    if predictions.rows:
        return "no row has a topic or a sentiment, and the model was not taught the sentiment towards names"
    rows = counted(len(predictions.unscorable), "row")
    return f"the model can read none of {rows}: is it a model of another language?"


def predictions_of(reference: str, settings: Settings, rows: Sequence[LabelledText]) -> Predictions:
    """What the model that a reference means says of the rows."""
    with options.open_scorer(settings, reference) as scorer:
        return predict(scorer, rows)


def report_places(asked: Path) -> tuple[Path, Path]:
    """Where the report's page and its numbers go: into a folder, or beside each other by the page's name.

    Raises UsageError for a model's folder, whose own report is sealed with it, and for a file of another kind.
    """
    if asked.suffix.lower() == ".html" and not asked.is_dir():
        page, data = asked, asked.with_suffix(".json")
    elif asked.exists() and not asked.is_dir():
        raise UsageError(f"--report {asked} is a file: give a folder, or a name that ends in .html")
    else:
        page, data = asked / "report.html", asked / "report.json"
    if (page.parent / MANIFEST).exists():
        raise UsageError(
            f"{page.parent} is a model's folder, which has its own report: give another folder to --report"
        )
    return page, data


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


def towards_names(scores: AttitudeScores) -> str:
    """How well the sentiment towards single names is told, as lines of text."""
    return (
        f"sentiment towards a name: accuracy {scores.accuracy:.3f} (the whole text's would have "
        f"{scores.accuracy_of_text:.3f}), macro-F1 {scores.macro_f1:.3f}, {counted(scores.n, 'name')}\n"
        f"  in texts whose names differ: accuracy {scores.accuracy_divided:.3f} (the whole text's "
        f"{scores.accuracy_of_text_divided:.3f}), {counted(scores.divided, 'name')}"
    )


def differences(reference: str, compared: Sequence[Comparison]) -> str:
    """This model minus the other, as lines of text."""
    if not compared:
        return f"against {reference}: no row has a label that both models know"
    lines = [
        f"against {reference}: this model minus that one, with 95 % intervals",
        f"  {'':<34}{'accuracy':>9}{'':17}{'macro-F1':>9}{'':17}{'rows':>7}",
    ]
    for each in compared:
        name = each.head if each.origin == "all" else f"  {each.origin}"
        shown = "".join(
            f"{interval.estimate:>+9.3f} {f'{interval.low:+.3f} to {interval.high:+.3f}':<16}"
            for interval in (each.accuracy, each.macro_f1)
        )
        lines.append(f"  {name:<34}{shown}{each.n:>7,}  {each.verdict}")
    return "\n".join(lines)
