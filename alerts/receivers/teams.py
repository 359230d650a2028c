"""A page for Microsoft Teams: an adaptive card for a workflow 'when a webhook request is received'
(https://adaptivecards.io/explorer, https://learn.microsoft.com/en-us/connectors/teams: about 28 KB a message).

All text stands in RichTextBlocks, whose runs know no markdown; there are no mentions without a list of them, and there
is none.
"""

from typing import Any

import msgspec

from alerts.page import Page
from alerts.receivers.digest import Digest, Link, StoryLine, fitting

# Teams counts UTF-16, and what its own envelope adds.
LARGEST = 26_000  # bytes
ACTIONS = 6  # buttons of a set that are shown


def teams_message(page: Page) -> dict[str, Any]:
    """What is posted to a workflow of Teams."""
    style = "good" if page.status == "resolved" else "attention"
    return fitting(page, lambda digest: _message(digest, style), lambda message: utf16_bytes(message) <= LARGEST)


def utf16_bytes(message: dict[str, Any]) -> int:
    """A message's length as Teams counts."""
    return len(msgspec.json.encode(message).decode().encode("utf-16-le"))


def _message(digest: Digest, style: str) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        {
            "type": "Container",
            "style": style,
            "bleed": True,
            "items": [_block(_run(digest.heading, weight="Bolder", size="Medium"))],
        }
    ]
    body += [_block(_run(line)) for line in digest.lines]
    for story in digest.stories:
        body += [_block(_run(f"{story.at}  ", isSubtle=True), _title(story)), _small(story.told)]
    if digest.more:
        body.append(_small(digest.more))
    body += [_small(fact) for fact in digest.facts]
    body += [_buttons(digest.links[at : at + ACTIONS]) for at in range(0, len(digest.links), ACTIONS)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": _inert(digest.heading),
        "msteams": {"width": "Full"},
        "body": body,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _title(story: StoryLine) -> dict[str, Any]:
    opens = {"selectAction": {"type": "Action.OpenUrl", "url": story.url}} if story.url else {}
    return _run(story.title or "(no title)", **opens)


def _buttons(links: list[Link]) -> dict[str, Any]:
    actions = [{"type": "Action.OpenUrl", "title": link.label, "url": link.url} for link in links]
    return {"type": "ActionSet", "actions": actions}


def _small(text: str) -> dict[str, Any]:
    return {**_block(_run(text, size="Small", isSubtle=True)), "spacing": "None"}


def _block(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **looks: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": _inert(text), **looks}


def _inert(text: str) -> str:
    """Cards replace {{DATE(...)}} and ${...} by what they stand for."""
    return text.replace("{{", "{ {").replace("${", "$ {")
