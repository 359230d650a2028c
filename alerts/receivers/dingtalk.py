"""A page for a DingTalk group robot, as markdown
(https://open.dingtalk.com/document/orgapp/custom-bot-send-message-type, .../customize-robot-security-settings)."""

import base64
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from alerts.page import Page
from alerts.receivers.digest import Digest, fitting, json_bytes
from alerts.receivers.harmless import harmless, markdown_address

LARGEST = 20_000  # bytes of a message
TITLE = 100  # characters of what the list of chats shows


def dingtalk_message(page: Page) -> dict[str, Any]:
    """What is posted to a robot of DingTalk's. It mentions nobody: those are mentioned whom `at` lists."""
    return fitting(page, _message, lambda message: json_bytes(message) <= LARGEST)


def _message(digest: Digest) -> dict[str, Any]:
    parts = [f"### {harmless(digest.heading)}", *map(harmless, digest.lines)]
    for story in digest.stories:
        title = harmless(story.title)
        linked = f"[{title}]({markdown_address(story.url)})" if story.url else title
        parts.append(f"{story.at} {linked}  \n{harmless(story.told)}")
    parts += [harmless(part) for part in (digest.more, *digest.facts) if part]
    if digest.links:
        parts.append(" · ".join(f"[{link.label}]({markdown_address(link.url)})" for link in digest.links))
    content = {"title": harmless(digest.heading)[:TITLE], "text": "\n\n".join(parts)}
    return {"msgtype": "markdown", "markdown": content, "at": {"isAtAll": False}}


def dingtalk_address(url: str, secret: str | None, now: datetime) -> str:
    """The robot's address with a signature, where the robot checks one: it holds for an hour."""
    if secret is None:
        return url
    stamp = str(int(now.timestamp() * 1000))
    sign = base64.b64encode(hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), "sha256")).decode()
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'timestamp': stamp, 'sign': sign})}"
