"""Each service's message: as its documentation asks, within its limits, and deaf to what a headline says."""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from alerts.page import Page
from alerts.receivers.dingtalk import dingtalk_address, dingtalk_message
from alerts.receivers.feishu import feishu_message, feishu_signed
from alerts.receivers.pagerduty import pagerduty_event
from alerts.receivers.slack import slack_message
from alerts.receivers.teams import teams_message, utf16_bytes
from alerts.receivers.wecom import wecom_message

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)


def parts(message: Any) -> Iterator[dict[str, Any]]:
    """All objects of a message, whole first."""
    if isinstance(message, dict):
        yield message
        for value in message.values():
            yield from parts(value)
    elif isinstance(message, list):
        for value in message:
            yield from parts(value)


def words(message: Any) -> str:
    return json.dumps(message, ensure_ascii=False)


class TestSlack:
    def test_it_is_blocks_with_the_heading_first_and_links_that_can_be_followed(self, page: Page) -> None:
        message = slack_message(page)
        assert message["text"] == "PAGE: 18 negative headlines about Kestrovan in 5 minutes, usually 0.01"
        first = message["blocks"][0]
        assert (first["type"], first["text"]["text"]) == ("header", message["text"])
        links = {part["url"]: part["text"] for part in parts(message) if part.get("type") == "link"}
        assert links["https://news.example/5?a=1&b=2"] == "Auditor of Kestrovan resigns & withdraws opinion 5"
        assert links[page.links.graph] == "graph"

    @pytest.mark.parametrize("which", ["page", "hostile", "ended"])
    def test_it_is_within_the_limits_of_blocks(self, which: str, request: pytest.FixtureRequest) -> None:
        blocks = slack_message(request.getfixturevalue(which))["blocks"]
        assert 0 < len(blocks) <= 50
        for block in blocks:
            texts = [part["text"] for part in parts(block) if isinstance(part.get("text"), str)]
            assert all(texts)
            assert sum(map(len, texts)) <= (150 if block["type"] == "header" else 3_000)
            if block["type"] == "context":
                assert len(block["elements"]) <= 10
        assert sum(len(words(block)) for block in blocks) < 20_000

    def test_nothing_that_others_write_is_read_as_markup(self, hostile: Page) -> None:
        message = slack_message(hostile)
        assert not re.search("[<>]", message["text"])
        # Blocks without markup, and none of them a mention.
        kinds = {part["type"] for part in parts(message["blocks"]) if "type" in part}
        assert kinds == {"header", "section", "context", "plain_text", "rich_text", "rich_text_section", "text", "link"}
        assert "javascript" not in words(message)
        assert "\u202e" not in words(message)


class TestTeams:
    def test_it_is_an_adaptive_card_in_a_message(self, page: Page) -> None:
        message = teams_message(page)
        (attachment,) = message["attachments"]
        assert (message["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
        card = attachment["content"]
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        opened = [part["url"] for part in parts(card) if part.get("type") == "Action.OpenUrl"]
        assert "https://news.example/5?a=1&b=2" in opened
        assert page.links.silence in opened
        assert all(len(part["actions"]) <= 6 for part in parts(card) if part.get("type") == "ActionSet")

    @pytest.mark.parametrize("which", ["page", "hostile", "ended"])
    def test_it_is_below_28_kb(self, which: str, request: pytest.FixtureRequest) -> None:
        assert utf16_bytes(teams_message(request.getfixturevalue(which))) < 28_000

    def test_nothing_that_others_write_is_read_as_markup(self, hostile: Page) -> None:
        message = teams_message(hostile)
        kinds = {part["type"] for part in parts(message) if "type" in part}
        # A TextBlock would read markdown.
        assert kinds == {
            "message",
            "AdaptiveCard",
            "Container",
            "RichTextBlock",
            "TextRun",
            "ActionSet",
            "Action.OpenUrl",
        }
        assert "entities" not in words(message)
        assert "{{" not in words(message).replace("}}", "")
        assert "${" not in words(message)


class TestPagerDuty:
    def test_the_pages_id_is_the_key_from_the_trigger_to_the_resolve(self, page: Page, ended: Page) -> None:
        event = pagerduty_event(page, "k" * 32)
        assert (event["routing_key"], event["event_action"], event["dedup_key"]) == ("k" * 32, "trigger", page.id)
        assert event["payload"]["summary"] == page.sentence
        assert event["payload"]["timestamp"] == "2026-07-03T02:40:00+00:00"
        assert {"href": page.links.graph, "text": "graph"} in event["links"]
        assert pagerduty_event(ended, "k" * 32) == {
            "routing_key": "k" * 32,
            "event_action": "resolve",
            "dedup_key": page.id,
        }

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [("critical", "critical"), ("page", "error"), ("warning", "warning"), ("ticket", "info"), ("P2", "error")],
    )
    def test_severities_are_theirs(self, page: Page, ours: str, theirs: str) -> None:
        event = pagerduty_event(msgspec.structs.replace(page, severity=ours), "k")
        assert event["payload"]["severity"] == theirs

    def test_it_is_within_its_limits(self, hostile: Page) -> None:
        long = msgspec.structs.replace(hostile, sentence="x" * 5_000)
        event = pagerduty_event(long, "k")
        assert len(event["payload"]["summary"]) <= 1_024
        assert len(event["dedup_key"]) <= 255
        assert len(msgspec.json.encode(event)) <= 512 * 1024


class TestDingTalk:
    def test_it_is_markdown_that_mentions_nobody(self, page: Page) -> None:
        message = dingtalk_message(page)
        assert (message["msgtype"], message["at"]) == ("markdown", {"isAtAll": False})
        text = message["markdown"]["text"]
        assert text.startswith("### PAGE: 18 negative headlines about Kestrovan")
        assert "[Auditor of Kestrovan resigns & withdraws opinion 5](https://news.example/5?a=1&b=2)" in text

    @pytest.mark.parametrize("which", ["page", "hostile", "ended"])
    def test_it_is_below_20_kb(self, which: str, request: pytest.FixtureRequest) -> None:
        assert len(msgspec.json.encode(dingtalk_message(request.getfixturevalue(which)))) <= 20_000

    def test_a_signature_is_theirs(self) -> None:
        url = dingtalk_address("https://oapi.example/robot/send?access_token=t", "SECx", NOW)
        query = parse_qs(urlsplit(url).query)
        stamp = "1783046400000"
        expected = base64.b64encode(hmac.new(b"SECx", f"{stamp}\nSECx".encode(), "sha256").digest()).decode()
        assert query == {"access_token": ["t"], "timestamp": [stamp], "sign": [expected]}
        assert dingtalk_address("https://x", None, NOW) == "https://x"


class TestFeishu:
    def test_it_is_a_post(self, page: Page) -> None:
        message = feishu_message(page)
        post = message["content"]["post"]["en_us"]
        assert message["msg_type"] == "post"
        assert post["title"].startswith("PAGE: 18 negative headlines")
        assert {"tag": "a", "text": "graph", "href": page.links.graph} in post["content"][-1]

    @pytest.mark.parametrize("which", ["page", "hostile", "ended"])
    def test_it_is_below_20_kb_and_mentions_nobody(self, which: str, request: pytest.FixtureRequest) -> None:
        message = feishu_signed(feishu_message(request.getfixturevalue(which)), "s", NOW)
        assert len(msgspec.json.encode(message)) <= 20_000
        assert {part["tag"] for part in parts(message) if "tag" in part} <= {"text", "a"}
        assert "<at" not in words(message)

    def test_a_signature_is_theirs(self, page: Page) -> None:
        signed = feishu_signed(feishu_message(page), "s", NOW)
        key = b"1783046400\ns"
        assert signed["timestamp"] == "1783046400"
        assert signed["sign"] == base64.b64encode(hmac.new(key, digestmod="sha256").digest()).decode()
        assert "sign" not in feishu_signed(feishu_message(page), None, NOW)


class TestWeCom:
    def test_it_is_markdown(self, page: Page) -> None:
        message = wecom_message(page)
        assert message["msgtype"] == "markdown"
        assert message["markdown"]["content"].startswith("**PAGE: 18 negative headlines about Kestrovan")

    @pytest.mark.parametrize("which", ["page", "hostile", "ended"])
    def test_it_is_below_4096_bytes(self, which: str, request: pytest.FixtureRequest) -> None:
        content = wecom_message(request.getfixturevalue(which))["markdown"]["content"]
        assert 0 < len(content.encode()) <= 4_096

    def test_what_does_not_fit_is_left_out_from_the_end(self, page: Page) -> None:
        stories = [msgspec.structs.replace(story, title="康" * 300) for story in page.stories]
        content = wecom_message(msgspec.structs.replace(page, stories=stories))["markdown"]["content"]
        assert "news.example/1" in content
        assert "news.example/5" not in content
        assert re.search(r"and (9|10|11) more", content)
        assert "[silence](" in content


@pytest.mark.parametrize("write", [dingtalk_message, wecom_message])
def test_markdown_has_no_link_and_no_mention_but_ours(write: Any, hostile: Page) -> None:
    message = write(hostile)["markdown"]
    text = message.get("text") or message["content"]
    leads_to = {urlsplit(url).hostname for url in re.findall(r"\]\(([^)]*)\)", text)}
    assert leads_to <= {"news.example", "prom.example", "am.example", "docs.example"}
    assert "<" not in text
    assert "@" not in text
    assert "![" not in text
    assert "`" not in text
