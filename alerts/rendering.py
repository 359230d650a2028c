"""A page on a terminal, for somebody who has just been woken: what happens first, then what to believe, then
where to look."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from alerts.page import (
    Page,
    PageStory,
    also_words,
    circumstances_words,
    extent_words,
    previous_words,
    share_words,
    surprise_words,
    told_words,
)
from alerts.wording import clock_words, lasted_words, number

WIDTH = 100
_INDENT = 7  # of what stands behind or below a story's time
_LABEL = 10


@dataclass(frozen=True)
class _Line:
    """A line before it is broken: `head` stands in the indentation of the first part."""

    text: Text
    head: Text | None = None
    indent: int = 0
    breaks: bool = True


def show(page: Page, console: Console) -> None:
    """Print a page, not wider than 100 columns: only addresses are never broken, so that they can be clicked
    and copied. Raises OSError."""
    for line in rendered(page, min(WIDTH, console.width), console):
        console.print(line, soft_wrap=True)


def rendered(page: Page, width: int, console: Console) -> Iterator[Text]:
    """A page's lines. `console`: knows how wide characters are."""
    yield Text()
    for line in _resolved(page, width) if page.status == "resolved" else _firing(page, width):
        yield from _broken(line, width, console)
    yield Text()


def _broken(line: _Line, width: int, console: Console) -> Iterator[Text]:
    head = line.head or Text(" " * line.indent)
    parts = line.text.wrap(console, max(1, width - line.indent)) if line.breaks else [line.text]
    for part in parts or [Text()]:
        part.rstrip()
        yield Text.assemble(head, part)
        head = Text(" " * line.indent)


def _firing(page: Page, width: int) -> Iterator[_Line]:
    yield _bar(
        f" {'UPDATE, ' if page.revision else ''}{_printable(page.severity).upper()} ",
        page.fired_at,
        "bold white on red",
        "red",
        width,
    )
    yield _Line(Text(_printable(page.sentence), "bold"))
    if page.is_squall:
        yield from _evidence(page)
        yield _Line(Text())
    if surprise := surprise_words(page):
        yield _fact("surprise", surprise)
    if page.models:
        yield _fact("model", ", ".join(page.models))
    if page.links.desk:
        yield _address("desk", page.links.desk)
    yield _address("runbook", page.links.runbook)
    yield _address("graph", page.links.graph)
    if page.links.dashboard:
        yield _address("dashboard", page.links.dashboard)
    yield _address("silence", page.links.silence)
    yield _fact("page", page.id)
    yield _Line(Text("─" * width, "red"))


def _evidence(page: Page) -> Iterator[_Line]:
    if page.since is None:
        said = "The archive has no negative headline of it: the runbook says what that means."
        yield _Line(Text(said, "yellow"))
        return
    yield _Line(Text(f"Since {clock_words(page.since)}: {extent_words(page)}"))
    if share := share_words(page):
        yield _Line(Text(share))
    if page.also_subjects:
        yield _also(page)
    for line in (previous_words(page), circumstances_words(page)):
        if line:
            yield _Line(Text(_printable(line)))
    yield _Line(Text())
    for story in page.stories:
        yield from _story(story)
    more = page.story_count - len(page.stories)
    if more > 0:
        yield _Line(Text(f"and {number(more, 'story', 'stories')} more", "dim"), indent=_INDENT)


def _story(story: PageStory) -> Iterator[_Line]:
    time = Text(f"{story.first_at.astimezone(UTC):%H:%M}".ljust(_INDENT), "cyan")
    yield _Line(Text(_printable(story.title)), time, _INDENT)
    yield _Line(Text(_printable(told_words(story)), "dim"), indent=_INDENT)
    if story.url:
        yield _Line(Text(_printable(story.url), "dim"), indent=_INDENT, breaks=False)


def _resolved(page: Page, width: int) -> Iterator[_Line]:
    ended = page.resolved_at or page.fired_at
    yield _bar(" RESOLVED ", ended, "bold black on green", "green", width)
    yield _Line(Text(_printable(page.sentence), "bold"))
    lasted = lasted_words(ended - page.fired_at)
    yield _Line(Text(f"Page {page.id} of {clock_words(page.fired_at)}, resolved after {lasted}", "dim"))
    if page.also_subjects:
        yield _also(page)


def _bar(label: str, moment: datetime, label_style: str, style: str, width: int) -> _Line:
    # The day's number without its zero, which strftime cannot leave out everywhere.
    day = moment.astimezone(UTC)
    bar = Text.assemble((label, label_style), (f" {day:%a} {day.day} {day:%b} {clock_words(moment)} ", "bold"))
    return _Line(bar.append("─" * max(0, width - bar.cell_len), style))


def _also(page: Page) -> _Line:
    return _Line(Text(_printable(also_words(page))))


def _fact(label: str, value: str, *, breaks: bool = True) -> _Line:
    return _Line(Text(_printable(value)), Text(label.ljust(_LABEL), "dim"), _LABEL, breaks)


def _address(label: str, url: str) -> _Line:
    return _fact(label, url, breaks=False)


def _printable(text: str) -> str:
    """Without what would steer the terminal: a headline is somebody else's text."""
    return "".join(character if character.isprintable() else " " for character in text)
