"""What every message is made of."""

import unicodedata
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.page import Links, Page, VerdictLinks, resolved_page
from alerts.receivers.digest import clean, digest, web_address


def test_a_firing_page_says_what_happens_then_since_when_then_the_stories(page: Page) -> None:
    found = digest(page)
    assert found.heading == "PAGE: 18 negative headlines about Kestrovan in 5 minutes, usually 0.01"
    assert found.lines == [
        "Since 02:39:00 UTC: 18 headlines, 12 stories, 8 sources",
        "The same squall shows in fraud_governance, all topics",
    ]
    assert found.stories[4] == (
        "02:39",
        "Auditor of Kestrovan resigns & withdraws opinion 5",
        "Wire 0, Wire 1 and 3 more, 5 copies, negative 93%",
        "https://news.example/5?a=1&b=2",
    )
    assert found.more == "and 7 more"
    assert found.facts == [
        "surprise 5.3 in 5 minutes: by its history a chance of 1 in 200,000",
        "model bundled-1",
        "page 0123456789abcdef",
    ]
    assert [link.label for link in found.links] == ["graph", "silence", "runbook"]


def test_the_end_is_told_in_short(ended: Page) -> None:
    found = digest(ended)
    assert found.heading.startswith("RESOLVED: The squall about Kestrovan is over")
    assert found.lines[-1] == "Fired at 02:40:00 UTC, resolved at 04:03:00 UTC"
    assert (found.stories, found.more) == ([], "")


def test_the_squall_before_is_a_line_of_a_page_that_fires_and_of_no_end(page: Page, hostile: Page) -> None:
    told = msgspec.structs.replace(page, previous=hostile.previous)
    assert digest(told).lines[-1].startswith("The squall before: 4 Apr 2026 02:40 UTC (in the page about ")
    judged = msgspec.structs.replace(told, circumstances=hostile.circumstances)
    assert digest(judged).lines[-1].startswith("Data or model? Also changed: ")
    ended = resolved_page(told, page.fired_at + timedelta(minutes=3), None)
    assert not any("squall before" in line for line in digest(ended).lines)


def test_without_evidence_it_says_so(page: Page) -> None:
    found = digest(msgspec.structs.replace(page, since=None, stories=[], story_count=0))
    assert found.lines[0].startswith("The archive has no negative headline")


def test_a_path_is_no_link(page: Page) -> None:
    links = Links("http://prom/graph", "http://am/#/silences", "docs/oncall.md#x")
    assert [link.label for link in digest(msgspec.structs.replace(page, links=links)).links] == ["graph", "silence"]


@given(st.text(max_size=400), st.integers(2, 60))
def test_clean_text_is_one_line_of_characters_that_are_seen(text: str, limit: int) -> None:
    found = clean(text, limit)
    assert len(found) <= limit
    assert found == found.strip()
    for character in found:
        assert character in "\u200c\u200d" or unicodedata.category(character) not in (
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Zl",
            "Zp",
        )


def test_text_that_hides_its_direction_is_shown_as_it_is_written() -> None:
    assert clean("invoice\u202egnp.exe\u2069\u200f") == "invoicegnp.exe"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x.example",
        "https:///path",
        "https://x.example/ y",
        "https://x.example/a>b",
        "https://x.example/a|b",
        "https://x.example/\u202e",
        "https://[x",
        "https://x.example/" + "y" * 2_000,
    ],
)
def test_what_leads_to_no_web_page_is_no_link(url: str) -> None:
    assert web_address(url) == ""


def test_a_web_page_is_a_link() -> None:
    assert web_address("https://x.example/新闻?a=(b)&c=d") == "https://x.example/新闻?a=(b)&c=d"


def test_a_page_that_is_told_again_says_so_and_keys_are_links(page: Page) -> None:
    verdicts = VerdictLinks("https://r/verdicts/a", "https://r/verdicts/b", "https://r/verdicts/c")
    links = msgspec.structs.replace(page.links, chart="https://r/charts/x.png", verdicts=verdicts)
    found = digest(msgspec.structs.replace(page, revision=1, links=links))
    assert found.heading.startswith("UPDATE, PAGE: 18 negative")
    labels = ["chart", "graph", "silence", "runbook", "it was real", "false alarm", "duplicate"]
    assert [link.label for link in found.links] == labels
