"""A page for a Feishu or Lark group robot, as a post: rich text by structure, which knows no markup
(https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot)."""

import base64
import hmac
from datetime import datetime
from typing import Any

from alerts.page import Page
from alerts.receivers.digest import Digest, StoryLine, fitting, json_bytes

LARGEST = 20_000 - 200  # bytes of a request, without its signature


def feishu_message(page: Page) -> dict[str, Any]:
    """What is posted to a robot of Feishu's. It mentions nobody: that takes a part of its own kind."""
    return fitting(page, _message, lambda message: json_bytes(message) <= LARGEST)


def _message(digest: Digest) -> dict[str, Any]:
    lines = [[_text(line)] for line in digest.lines]
    for story in digest.stories:
        lines += [[_text(f"{story.at}  "), _title(story)], [_text(story.told)]]
    lines += [[_text(part)] for part in (digest.more, *digest.facts) if part]
    if digest.links:
        lines.append([part for link in digest.links for part in (_link(link.label, link.url), _text("  "))])
    return {"msg_type": "post", "content": {"post": {"en_us": {"title": _inert(digest.heading), "content": lines}}}}


def feishu_signed(message: dict[str, Any], secret: str | None, now: datetime) -> dict[str, Any]:
    """A message with its signature, where the robot checks one: it holds for an hour."""
    if secret is None:
        return message
    stamp = str(int(now.timestamp()))
    # The key is what others sign, and what is signed is nothing: so Feishu documents it.
    sign = base64.b64encode(hmac.digest(f"{stamp}\n{secret}".encode(), b"", "sha256")).decode()
    return {"timestamp": stamp, "sign": sign, **message}


def _title(story: StoryLine) -> dict[str, str]:
    return _link(story.title, story.url) if story.url else _text(story.title)


def _link(text: str, url: str) -> dict[str, str]:
    return {"tag": "a", "text": _inert(text), "href": url}


def _text(text: str) -> dict[str, str]:
    return {"tag": "text", "text": _inert(text)}


def _inert(text: str) -> str:
    """In a message of text <at user_id="all"> is a mention; a post should show it, and older clients are not asked."""
    return text.replace("<", "＜").replace(">", "＞")
