"""A page for a WeCom group robot, as markdown (https://developer.work.weixin.qq.com/document/path/91770)."""

from typing import Any

from alerts.page import Page
from alerts.receivers.digest import Digest, fitting
from alerts.receivers.harmless import harmless, markdown_address

LARGEST = 4_096  # bytes of the content


def wecom_message(page: Page) -> dict[str, Any]:
    """What is posted to a robot of WeCom's. It mentions nobody: <@name> in other people's text is made inert."""
    return fitting(page, _message, lambda message: len(message["markdown"]["content"].encode()) <= LARGEST)


def _message(digest: Digest) -> dict[str, Any]:
    parts = [f"**{harmless(digest.heading)}**", *map(harmless, digest.lines)]
    for story in digest.stories:
        title = harmless(story.title)
        parts.append(f"{story.at} [{title}]({markdown_address(story.url)})" if story.url else f"{story.at} {title}")
        parts.append(f"> {harmless(story.told)}")
    parts += [harmless(part) for part in (digest.more, *digest.facts) if part]
    if digest.links:
        parts.append(" · ".join(f"[{link.label}]({markdown_address(link.url)})" for link in digest.links))
    return {"msgtype": "markdown", "markdown": {"content": "\n".join(parts)}}
