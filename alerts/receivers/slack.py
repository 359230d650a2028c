"""A page for Slack's incoming webhooks, as blocks
(https://docs.slack.dev/reference/block-kit/blocks, .../messaging/formatting-message-text).

All of other people's text stands in rich_text and plain_text, which know no markup and no mentions; only the
notification's text is mrkdwn, and escaped.
"""

from collections.abc import Iterator
from typing import Any

from alerts.page import Page
from alerts.receivers.digest import Digest, Link, StoryLine, fitting

HEADER = 150  # characters of a header block
BLOCKS, BLOCK_TEXT = 50, 3_000
# Not documented: above 13,200 characters in all blocks together Slack answers msg_blocks_too_long.
MESSAGE_TEXT = 12_000


def slack_message(page: Page) -> dict[str, Any]:
    """What is posted to a webhook of Slack's."""
    return fitting(page, _message, lambda message: sum(map(_text_length, message["blocks"])) <= MESSAGE_TEXT)


def _message(digest: Digest) -> dict[str, Any]:
    return {
        "text": escaped(digest.heading),
        "blocks": list(_blocks(digest)),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(digest: Digest) -> Iterator[dict[str, Any]]:
    whole = len(digest.heading) <= HEADER
    short = digest.heading if whole else f"{digest.heading[: HEADER - 1]}…"
    yield {"type": "header", "text": _plain(short)}
    if not whole:
        yield {"type": "section", "text": _plain(digest.heading)}
    if digest.lines:
        yield {"type": "section", "text": _plain("\n".join(digest.lines)[:BLOCK_TEXT])}
    for story in digest.stories:
        yield _rich(_story(story))
    if digest.more:
        yield {"type": "context", "elements": [_plain(digest.more)]}
    yield {"type": "context", "elements": [_plain(fact) for fact in digest.facts]}
    if digest.links:
        yield _rich(_row(digest.links))


def _story(story: StoryLine) -> Iterator[dict[str, Any]]:
    yield {"type": "text", "text": f"{story.at}  "}
    if story.url:
        yield {"type": "link", "url": story.url, "text": story.title}
    else:
        yield {"type": "text", "text": story.title or "(no title)"}
    yield {"type": "text", "text": f"\n{story.told}"}


def _row(links: list[Link]) -> Iterator[dict[str, Any]]:
    for number, link in enumerate(links):
        if number:
            yield {"type": "text", "text": "  ·  "}
        yield {"type": "link", "url": link.url, "text": link.label}


def _rich(elements: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def _plain(text: str) -> dict[str, Any]:
    # :smile: in a headline stays what it is.
    return {"type": "plain_text", "text": text, "emoji": False}


def escaped(text: str) -> str:
    """Text that Slack shows as it is: without these three there is no mention, no link and no command.

    >>> escaped("<!channel> Smith & Sons")
    '&lt;!channel&gt; Smith &amp; Sons'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text_length(part: Any) -> int:
    if isinstance(part, dict):
        return sum(map(_text_length, part.values()))
    if isinstance(part, list):
        return sum(map(_text_length, part))
    return len(part) if isinstance(part, str) else 0
