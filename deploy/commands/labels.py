"""`newsquall labels`: people's labels in and out, what to label next, and public sets."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec

from alerts.pagespans import page_spans
from deploy.commands import options
from deploy.commands.console import counted, one_line, say
from deploy.commands.score import scored_rows
from model.errors import InputError, UsageError
from model.masking import Masker
from model.scorer import Scorer
from model.taxonomy import Taxonomy
from stream.archive import Archive, archive_errors
from stream.clock import utc_now
from stream.duration import format_duration
from stream.headlines import read_headlines
from stream.records import DIGITS, ScoredHeadline
from stream.settings import Settings
from training import publicsets
from training.exchange import UNNAMED, Reader, as_csv, as_json, as_jsonl, label_row, require_new_topic
from training.intake import take_in
from training.labelbook import LabelBook, agreed, disagreements, training_notes
from training.labelstudio import labelled_task, predicted_task
from training.queue import Suggestion, next_to_label, shortlist
from training.rehearsal import REHEARSED, rehearsal_sheet, to_rehearse
from training.wholefile import write_whole

COLUMNS = ("id", "title", "topic", "sentiment", "entities", "language", "source", "annotator", "labelled_at")
# As a sheet: what a person fills in stands beside the title, and what the model says apart from it.
SHEET = "title,topic,sentiment,why,model_topic,model_sentiment,id,source,published_at,url".split(",")
FORMATS = ("csv", "jsonl", "label-studio")

to_file = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write here, not to standard output."
)


@click.group()
def labels() -> None:
    """People's labels of headlines: in, out, what to label next, and public sets."""


@labels.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--annotator", metavar="NAME", default=UNNAMED, help="Who labelled the rows that do not say.")
@click.option("--topic", "topics", multiple=True, metavar="NAME", help="A new topic that rows name; may be repeated.")
@click.option("--replace", is_flag=True, help="Take a label that contradicts an earlier one in its place.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of each row.")
@options.strict
@options.as_json
@click.pass_obj
def import_(
    settings: Settings,
    *,
    files: tuple[str, ...],
    annotator: str,
    topics: tuple[str, ...],
    replace: bool,
    dry_run: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Take the labels of each FILE: .csv, .jsonl, or an export of Label Studio's as .json.

    Columns: title (or text), topic and/or sentiment; if you have them id, annotator, entities, language, labelled_at.
    Good rows are taken and the others told, with their line and why. The same call again changes nothing.
    """
    new = [require_new_topic(name) for name in topics]
    with _book(settings) as (_, book):
        known = sorted({label.topic for label in book.current() if label.topic})
        reader = Reader(Taxonomy().with_topics([*known, *new]), annotator, utc_now(), Masker(settings.masking.handles))
        intake = take_in(book, reader, files, replace, dry_run, strict)
        held = book.current()
    for where, reason in intake.refusals():
        say(f"{where}: {reason}")
    notes = intake.advice()
    if not dry_run:
        notes += training_notes(held)
        if differing := len(disagreements(held)):
            notes.append(
                f"annotators differ on {counted(differing, 'text')}: left out of an export, but for --majority"
            )
    for note in notes:
        say(note)
    if as_json:
        _put(None, msgspec.json.encode({**intake.told(), "notes": notes, "labels": len(held)}) + b"\n")
    else:
        for line in intake.summary():
            click.echo(one_line(line))
    say(f"the book has {counted(len(held), 'label')}")
    if not intake.usable:
        raise InputError(f"no label was taken: there is nothing usable in {', '.join(files)}")


@labels.command()
@to_file
@click.option("--format", "form", type=click.Choice(FORMATS), help="By the suffix of --out if not given, else csv.")
@click.option("--majority", is_flag=True, help="Where annotators differ, what more than half of them say.")
@click.pass_obj
def export(settings: Settings, *, out: Path | None, form: str | None, majority: bool) -> None:
    """Write the labels, one row a text, as `newsquall train --labels` reads them."""
    with _book(settings) as (archive, book):
        taken, disputed = agreed(book.current(), majority)
        if not (taken or disputed):
            raise InputError("there are no labels yet: newsquall labels import FILE")
        with archive_errors("the archive cannot be read"):
            told = archive.find(label.headline_id for label in taken)
    sources = {id_: headline.source for id_, headline in told.items()}
    rows = [label_row(label, sources.get(label.headline_id, "")) for label in taken]
    form = form or {".jsonl": "jsonl", ".json": "label-studio"}.get(out.suffix.lower() if out else "", "csv")
    _put(out, _written(form, COLUMNS, rows, [labelled_task(row) for row in rows]))
    say(f"{counted(len(rows), 'text')} written, {len(disputed):,} left out on which annotators differ")
    if new := sorted({label.topic for label in taken if label.topic} - set(Taxonomy().topics)):
        say(f"topics that are new: train with {' '.join(f'--topic {name}' for name in new)}")


@labels.command()
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="How many headlines.")
@options.model
@click.option("--challenger", metavar="REF", help="Another model: what the two disagree about is of interest, too.")
@click.option(
    "--since", type=options.Period(), default="7d", show_default=True, help="How far back to look in the archive."
)
@click.option("--from", "file", metavar="FILE", help="Choose from a file's headlines, not from the archive's.")
@click.option("--format", "form", type=click.Choice((*FORMATS, "table")), default="table", show_default=True)
@to_file
@options.as_json
@click.pass_obj
def queue(
    settings: Settings,
    *,
    limit: int,
    model: str | None,
    challenger: str | None,
    since: timedelta,
    file: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Say what to label next, and why: of what the model is unsure and what decides a page, nothing twice.

    As csv the columns topic and sentiment are empty, to be filled in and imported. As label-studio what the model
    says is the pre-annotation of a task.
    """
    now = utc_now()
    with _book(settings) as (archive, book), options.open_scorer(settings, model) as scorer:
        labelled = [label.title for label in book.current()]
        pages = page_spans(archive, now)
        headlines = _scored(file, settings, scorer) if file else archive.published(now - since, now)
        with archive_errors("the archive cannot be read"):
            candidates = shortlist(headlines, labelled, pages, explore=challenger is not None)
        if challenger is None:
            suggestions = next_to_label(candidates, labelled, pages, scorer, None, limit)
        else:
            with options.open_scorer(settings, challenger) as other:
                suggestions = next_to_label(candidates, labelled, pages, scorer, other, limit)
        version = scorer.version
    where = f"in {file}" if file else f"of the last {format_duration(since)} in the archive"
    if not suggestions:
        advice = "" if file else ": look further back with --since, or in a file with --from"
        raise InputError(f"of {counted(candidates.seen, 'headline')} {where} there is none to label{advice}")
    rows = [_queue_row(each, version) for each in suggestions]
    if as_json:
        counts = {
            "headlines": candidates.seen,
            "labelled": candidates.labelled,
            "shortlisted": len(candidates.headlines),
        }
        _put(out, msgspec.json.encode({"queue": rows, **counts, "model": version}) + b"\n")
    elif form == "table":
        _put(out, _table(rows))
    else:
        sheet = [{**row, "why": "; ".join(row["why"])} for row in rows]
        tasks = [_task(row, each, version) for row, each in zip(sheet, suggestions, strict=True)]
        _put(out, _written(form, SHEET, sheet, tasks, mark=True))
    say(
        f"{len(rows):,} of {counted(candidates.seen, 'headline')} {where}; {candidates.labelled:,} are labelled already"
    )


def _queue_row(suggestion: Suggestion, version: str) -> dict[str, Any]:
    headline = suggestion.headline
    return {
        "id": headline.id,
        "title": headline.title,
        "source": headline.source,
        "url": headline.url,
        "published_at": msgspec.to_builtins(headline.published_at),
        "model": version,
        "model_topic": suggestion.topic,
        "model_topic_probability": round(suggestion.topic_probability, DIGITS),
        "model_sentiment": suggestion.sentiment,
        "model_sentiment_probability": round(suggestion.sentiment_probability, DIGITS),
        "unsure": round(suggestion.unsure, DIGITS),
        "disagreement": round(suggestion.disagreement, DIGITS),
        "page": suggestion.page,
        "why": list(suggestion.reasons),
    }


def _task(row: Mapping[str, Any], suggestion: Suggestion, version: str) -> dict[str, Any]:
    data = {name: row[name] for name in ("id", "title", "source", "url", "published_at", "why")}
    sure = min(suggestion.topic_probability, suggestion.sentiment_probability)
    return predicted_task(data, {"topic": suggestion.topic, "sentiment": suggestion.sentiment}, version, sure)


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = []
    for number, row in enumerate(rows, start=1):
        lines += [f"{number:>4}  {one_line(row['title'])}", f"      {one_line('; '.join(row['why']))}"]
    return ("\n".join(lines) + "\n").encode()


def _scored(file: str, settings: Settings, scorer: Scorer) -> Iterator[ScoredHeadline]:
    """A file's headlines, scored; bad rows are told."""
    rows = read_headlines(file, utc_now, settings.trends.future_tolerance)
    for line, result in scored_rows(rows, scorer, lambda _title: {}, Masker(settings.masking.handles)):
        if isinstance(result, ScoredHeadline):
            yield result
        else:
            say(f"{file}:{line}: {result}")


@labels.command()
@click.option(
    "--limit", type=click.IntRange(min=1), default=REHEARSED, show_default=True, help="How many headlines at most."
)
@click.option(
    "--since", type=options.Period(), default="30d", show_default=True, help="How far back to look in the archive."
)
@to_file
@click.pass_obj
def sample(settings: Settings, *, limit: int, since: timedelta, out: Path | None) -> None:
    """Write a sample of the archive's headlines as CSV, without labels: what `newsquall train --rehearse` shows again,
    so that a model does not forget the news that it reads."""
    now = utc_now()
    with _book(settings) as (archive, _), archive_errors("the archive cannot be read"):
        drawn = to_rehearse(archive.published(now - since, now), limit)
    if not drawn:
        period = format_duration(since)
        raise InputError(f"the archive has no headlines of the last {period}: look further back with --since")
    _put(out, rehearsal_sheet(drawn).encode())
    say(f"{counted(len(drawn), 'headline')} written")


@labels.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder for the files.")
@click.option("--accept-licence", is_flag=True, help="For sets that are for research only.")
def fetch(*, names: tuple[str, ...], out: Path | None, accept_licence: bool) -> None:
    """Fetch public sets by their names; without a name, list them with their licences."""
    if not names:
        for each in publicsets.SETS.values():
            only = ", for research only: --accept-licence" if each.research_only else ""
            click.echo(
                f"{each.name}: {each.about}\n  about {each.rows:,} rows, {each.licence}{only}\n  {each.citation}"
            )
        return
    wanted = [_public_set(name) for name in dict.fromkeys(names)]
    publicsets.require_licence(wanted, accept_licence)
    if out is None:
        raise UsageError("--out DIR is missing: the folder to write to")
    for each in wanted:
        for path, rows, expected in publicsets.fetch(each, out, publicsets.from_the_web):
            click.echo(f"{path}: {counted(rows, 'row')}, {each.licence}")
            if abs(rows - expected) > publicsets.TOLERANCE * expected:
                say(f"{path}: {expected:,} rows were expected: the set is not what it used to be")


def _public_set(name: str) -> publicsets.PublicSet:
    if name not in publicsets.SETS:
        near = get_close_matches(name, publicsets.SETS, n=1)
        advice = f"did you mean '{near[0]}'?" if near else "newsquall labels fetch lists them"
        raise UsageError(f"there is no public set '{name}': {advice}")
    return publicsets.SETS[name]


@contextmanager
def _book(settings: Settings) -> Iterator[tuple[Archive, LabelBook]]:
    archive = Archive(settings.archive.url)
    try:
        yield archive, LabelBook(archive.engine)
    finally:
        archive.close()


def _written(
    form: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    mark: bool = False,
) -> bytes:
    """Rows in a format. `mark`: begin CSV with the mark by which a spreadsheet knows UTF-8."""
    if form == "csv":
        return as_csv(columns, rows).encode("utf-8-sig" if mark else "utf-8")
    return (as_jsonl(columns, rows) if form == "jsonl" else as_json(tasks)).encode()


def _put(out: Path | None, content: bytes) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        return
    write_whole(out, content)
