"""A page for PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview).

The page's id is the dedup_key: whatever is sent again, or grows, is the same incident, and its end resolves it.
PagerDuty shows text as it is.
"""

from typing import Any

from alerts.page import Page
from alerts.receivers.digest import Digest, Link, clean, fitting, json_bytes

SUMMARY = 1_024  # characters
LARGEST = 512 * 1024 - 1_024  # bytes of an event
SOURCE = 200
# Ours to theirs. What we do not know is of somebody's own rules: neither the least nor the most urgent.
SEVERITIES = {"critical": "critical", "page": "error", "warning": "warning", "ticket": "info"}


def pagerduty_event(page: Page, routing_key: str) -> dict[str, Any]:
    """What is posted to PagerDuty. `routing_key`: of the service's integration."""
    key = {"routing_key": routing_key, "dedup_key": page.id}
    if page.status == "resolved":
        return {**key, "event_action": "resolve"}
    return fitting(
        page,
        lambda digest: {**key, "event_action": "trigger", **_event(digest, page)},
        lambda event: json_bytes(event) <= LARGEST,
    )


def _event(digest: Digest, page: Page) -> dict[str, Any]:
    return {
        "client": "Newsquall",
        "payload": {
            "summary": clean(page.sentence, SUMMARY),
            "source": clean(page.subject, SOURCE),
            "severity": SEVERITIES.get(page.severity, "error"),
            "timestamp": page.fired_at.isoformat(),
            "component": "newsquall",
            "class": clean(page.alert, SOURCE),
            "custom_details": {
                "what": digest.lines,
                "stories": [f"{each.at}  {each.title} ({each.told}) {each.url}".strip() for each in digest.stories],
                "more": digest.more,
                "facts": digest.facts,
            },
        },
        "links": [_link(link) for link in digest.links],
        # Shown beside an incident, and only by https.
        "images": [{"src": page.links.chart, "alt": "chart"}] if page.links.chart.startswith("https:") else [],
    }


def _link(link: Link) -> dict[str, str]:
    return {"href": link.url, "text": link.label}
