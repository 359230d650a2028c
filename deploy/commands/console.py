"""What commands tell a person: lines on standard error, and progress while somebody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

LONGEST_LINE = 1_000

Advance = Callable[[int], None]


def one_line(text: str) -> str:
    """Text as one line that is safe to print: control characters, which a file may smuggle to a terminal, are
    shown as what they are.

    >>> one_line("a\\nb\\x1b[31m")
    'a b\\\\x1b[31m'
    """
    spaced = " ".join(text.split())
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in spaced)
    return shown if len(shown) <= LONGEST_LINE else shown[:LONGEST_LINE] + "…"


def say(text: str) -> None:
    """One line on standard error."""
    click.echo(one_line(text), err=True)


def put(answer: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Show a count and its rate on standard error while the block runs, if that is a terminal and the results
    go elsewhere; gives a function to call with how many more are done."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _more: None
        return
    from rich.console import Console  # noqa: PLC0415  (only where a person watches)
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,.0f}"),
        TextColumn("{task.speed:,.0f}/s"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=None)
    with bar:
        # Before the first is done there is no speed, which the format above cannot print.
        bar.advance(task, 0)
        yield lambda more: bar.advance(task, more)
