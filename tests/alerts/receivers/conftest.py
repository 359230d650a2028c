"""Pages as receivers get them: an ordinary one, and one whose every text is somebody's attack."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from alerts.circumstances import Circumstances
from alerts.page import Links, Page, PageStory, PreviousSquall, resolved_page

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
LINKS = Links(
    "https://prom.example/graph?g0.expr=newsquall_entity_negative_headlines%7Bentity%3D%22Kestrovan%22%7D&g0.tab=0",
    "https://am.example/#/silences/new?filter=%7Balertname%3D%22NegativeNewsSquall%22%7D",
    "https://docs.example/oncall.md#negativenewssquall",
)
ATTACKS = (
    '<!channel> <!here> <@U024BE7LH> @all @everyone <at user_id="all">all</at> <at>Everyone</at> <@all>',
    "[Sign in](https://evil.example/login) **bold** _it_ `code` ~s~ # head > quote ![](https://evil.example/pixel.png)",
    "<https://evil.example|Sign in> &lt;!channel&gt; {{DATE(2026-01-01T00:00:00Z)}} ${secret} :skull:",
    "<script>alert(1)</script><img src=https://evil.example/p> \u202egnp.exe\u202c \u2066x\u2069 \u200b \x1b[2J\x00",
    "康采恩的审计师辞职并撤回其意见，" * 125,
)


@pytest.fixture
def page() -> Page:
    stories = [
        PageStory(
            f"Auditor of Kestrovan resigns & withdraws opinion {number}",
            [f"Wire {each}" for each in range(number)],
            f"https://news.example/{number}?a=1&b=2",
            NOW - timedelta(minutes=1),
            NOW,
            number,
            0.934,
        )
        for number in range(1, 6)
    ]
    return Page(
        id="0123456789abcdef",
        status="firing",
        alert="NegativeNewsSquall",
        subject="entity/Kestrovan",
        sentence="18 negative headlines about Kestrovan in 5 minutes, usually 0.01",
        fired_at=NOW,
        links=LINKS,
        also_subjects=["topic/fraud_governance", "topic/all"],
        since=NOW - timedelta(minutes=1),
        last_at=NOW,
        window="5m",
        count=18,
        baseline=0.01,
        surprise=5.3,
        stories=stories,
        headlines=18,
        story_count=12,
        source_count=8,
        models=["bundled-1"],
    )


@pytest.fixture
def ended(page: Page) -> Page:
    return resolved_page(page, NOW + timedelta(minutes=83), None)


@pytest.fixture
def hostile(page: Page) -> Page:
    """Attacks in each place that somebody else writes, at the greatest length that gets there."""
    stories = [
        msgspec.structs.replace(
            story,
            title=(attack * 40)[:2_000],
            sources=[(attack * 3)[:256], "Wire"],
            url="javascript:alert(1)" if number == 0 else f"https://news.example/(a)[b]{'x' * 1_000}",
        )
        for number, (story, attack) in enumerate(zip(page.stories, ATTACKS, strict=True))
    ]
    name = (ATTACKS[0] * 4)[:250]
    return msgspec.structs.replace(
        page,
        stories=stories,
        subject=f"entity/{name}",
        sentence=f"18 negative headlines about {name} in 5 minutes, usually 0.01",
        also_subjects=[f"entity/{attack[:250]}" for attack in ATTACKS],
        models=["m" * 128] * 3,
        previous=PreviousSquall(
            page="f" * 16,
            subject=f"entity/{name[::-1]}",
            fired_at=NOW - timedelta(days=90),
            resolved_at=None,
            since=None,
            last_at=None,
            headlines=40,
            story_count=12,
            story=(ATTACKS[1] * 40)[:2_000],
            verdict="false_alarm",
        ),
        circumstances=Circumstances(f"Also changed: {ATTACKS[2]} sends 90 other headlines, none before", [], 7, NOW),
    )
