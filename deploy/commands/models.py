"""`newsquall models`: what was promoted, when, by whom and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import one_line, put, say
from model.registry import Registry, Version
from stream.settings import Settings
from training.evaluation import HEADS
from training.promotion import SCORE, Move, history

COLUMNS = ("version", "alias", "bundle", "sentiment", "topic", "promoted (UTC)", "by", "how")


@click.command()
@options.as_json
@click.pass_obj
def models(settings: Settings, as_json: bool) -> None:
    """Show the versions of the registry, the newest first.

    sentiment, topic: the macro-F1 on the part that the training held back, by the model's own report. Models that were
    trained on other labels are compared by `newsquall evaluate --against REF`.
    """
    place = settings.registry.place()
    registry = Registry(place)
    versions, aliases, moves = registry.versions(), registry.aliases(), history(registry)
    rows = [told(version, aliases, moves) for version in reversed(versions)]
    if as_json:
        put({"models": rows, "moves": msgspec.to_builtins(moves)})
    elif rows:
        click.echo("\n".join(table(rows)))
        say("sentiment, topic: macro-F1 on what each one's own training held back: of other labels, no comparison")
    if not rows:
        say(f"the registry {place} has no model yet: newsquall promote DIR")


def told(version: Version, aliases: Mapping[str, int], moves: Sequence[Move]) -> dict[str, Any]:
    """What is known of a version."""
    made = next((move for move in reversed(moves) if move.kind == "promotion" and move.version == version.number), None)
    came_or_went = [move for move in moves if version.number in (move.version, move.before)]
    undone = came_or_went[-1] if came_or_went else None
    if undone and (undone.kind == "promotion" or undone.version == version.number):
        undone = None
    return {
        "version": version.number,
        "aliases": sorted(name for name, number in aliases.items() if number == version.number),
        "bundle": version.bundle,
        "created": msgspec.to_builtins(version.created),
        "macro_f1": {head: float(version.tags[SCORE + head]) for head in HEADS if SCORE + head in version.tags},
        "run": version.run_id,
        "promoted": None
        if made is None
        else {
            "at": msgspec.to_builtins(made.at),
            "by": made.by,
            "how": "forced" if made.forced else "gate",
            "reason": made.reason,
            "refusals": list(made.refusals),
        },
        "rolled_back": None
        if undone is None
        else {"at": msgspec.to_builtins(undone.at), "by": undone.by, "reason": undone.reason},
    }


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The versions as lines for a person, the reasons below each."""
    cells = [COLUMNS, *map(_cells, rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    for line, row in zip(cells, [None, *rows], strict=True):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        if row is not None:
            yield from (f"{'':<{widths[0]}}  {one_line(each)}" for each in _reasons(row))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    promoted = row["promoted"] or {}
    scores = [f"{row['macro_f1'][head]:.3f}" if head in row["macro_f1"] else "-" for head in HEADS]
    when = promoted.get("at", "-")[:16].replace("T", " ")
    alias = ", ".join(row["aliases"]) or "-"
    by, how = (one_line(promoted.get(name, "-")) for name in ("by", "how"))
    return (str(row["version"]), alias, row["bundle"] or "-", *scores, when, by, how)


def _reasons(row: Mapping[str, Any]) -> Iterator[str]:
    promoted, undone = row["promoted"] or {}, row["rolled_back"]
    if promoted.get("reason"):
        yield f"promoted: {promoted['reason']}"
    if refusals := promoted.get("refusals"):
        yield f"the gate had refused: {', '.join(each.partition(': ')[0] for each in refusals)}"
    if undone:
        yield f"rolled back {undone['at'][:16].replace('T', ' ')} by {undone['by']}" + (
            f": {undone['reason']}" if undone["reason"] else ""
        )
