"""A page cut down to lines of plain text, from which each service's message is made.

Titles, sources and addresses are other people's text. Here they lose what steers a reader's eye (control characters,
line breaks, marks that turn the direction of writing) and what is beyond any reader's patience; what is markup or a
mention to one service only is that service's file's business.
"""

import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

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
from alerts.wording import clock_words

TITLE, LINE, ADDRESS = 300, 500, 1_500  # characters at most; a title may have 2,000, an address 4,096
# Joiners shape letters in Persian, Hindi and emoji; every other format character can only mislead.
_JOINERS = "\u200c\u200d"


class StoryLine(NamedTuple):
    """A story: when it was first told (HH:MM, UTC), its title, who tells it, and a link, or nothing."""

    at: str
    title: str
    told: str
    url: str


class Link(NamedTuple):
    """An address and what stands in its place."""

    label: str
    url: str


class Digest(NamedTuple):
    """What a message says. `heading`: the first line, which a lock screen shows."""

    heading: str
    lines: list[str]
    stories: list[StoryLine]
    more: str
    facts: list[str]
    links: list[Link]


def clean(text: str, limit: int = LINE) -> str:
    """Text on one line, without characters that are not seen, of `limit` characters at most.

    >>> clean("Acme\\u202e collapses\\r\\n\\x1b[2J today"), clean("abcdef", 4)
    ('Acme collapses [2J today', 'abc…')
    """
    # Twice as much as is shown may be spaces and marks; the rest need not be looked at.
    seen = "".join(_seen(character) for character in text[: 4 * limit])
    line = " ".join(seen.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _seen(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category[0] == "C" and character not in _JOINERS else character


def web_address(url: str) -> str:
    """The address if it leads to a web page and nothing else, or nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    # Some services' own links (Slack's, WeCom's) end at < > | or a space.
    if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > ADDRESS:
        return ""
    ends = any(character in ' <>|"`\\' or not character.isprintable() for character in url)
    return "" if ends else url


def digest(page: Page) -> Digest:
    """A page's digest."""
    firing = page.status == "firing"
    lines = []
    if firing and page.is_squall:
        if page.since is None:
            lines.append("The archive has no negative headline of it: the runbook says what that means.")
        else:
            lines.append(f"Since {clock_words(page.since)}: {extent_words(page)}")
            lines += [said for said in [share_words(page)] if said]
    if page.also_subjects:
        lines.append(also_words(page))
    if firing:
        lines += [said for said in (previous_words(page), circumstances_words(page)) if said]
    if page.status == "resolved" and page.resolved_at:
        lines.append(f"Fired at {clock_words(page.fired_at)}, resolved at {clock_words(page.resolved_at)}")
    facts = [f"surprise {said}" for said in [surprise_words(page)] if said and firing]
    if page.models and firing:
        facts.append(f"model {', '.join(page.models)}")
    facts.append(f"page {page.id}")
    more = page.story_count - len(page.stories)
    return Digest(
        heading=clean(f"{label(page)}: {page.sentence}"),
        lines=[clean(line) for line in lines],
        stories=[_story(story) for story in page.stories] if firing else [],
        more=f"and {more} more" if more > 0 and firing else "",
        facts=[clean(fact) for fact in facts],
        links=_links(page),
    )


def label(page: Page) -> str:
    """The word that a message begins with."""
    if page.status == "resolved":
        return "RESOLVED"
    return f"UPDATE, {page.severity.upper()}" if page.revision else page.severity.upper()


def _story(story: PageStory) -> StoryLine:
    at = clock_words(story.first_at)[:5]
    return StoryLine(at, clean(story.title, TITLE), clean(told_words(story)), web_address(story.url))


def _links(page: Page) -> list[Link]:
    links = page.links
    given = {"desk": links.desk, "chart": links.chart, "dashboard": links.dashboard, "graph": links.graph}
    given |= {"silence": links.silence, "runbook": links.runbook}
    if links.verdicts:
        given |= {"it was real": links.verdicts.real, "false alarm": links.verdicts.false_alarm}
        given |= {"duplicate": links.verdicts.duplicate}
    return [Link(name, url) for name, url in given.items() if web_address(url)]


Message = dict[str, Any]


def fitting(page: Page, message: Callable[[Digest], Message], fits: Callable[[Message], bool]) -> Message:
    """A page's message with as many of its stories as go into it: the weightiest stay. What has no room even without
    any loses its links, too: a heading that arrives is worth more than a whole page that is refused."""
    whole = digest(page)
    for kept in range(len(whole.stories), -1, -1):
        found = message(_shortened(whole, page, kept) if kept < len(whole.stories) else whole)
        if fits(found):
            return found
    return message(_shortened(whole, page, 0)._replace(links=[]))


def _shortened(whole: Digest, page: Page, kept: int) -> Digest:
    more = page.story_count - kept
    return whole._replace(stories=whole.stories[:kept], more=f"and {more} more" if whole.stories and more > 0 else "")


def json_bytes(message: Message) -> int:
    """A message's length as it is posted, in bytes."""
    return len(msgspec.json.encode(message))
