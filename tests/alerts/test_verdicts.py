"""Verdicts on pages by the links in them, and charts by theirs: in process, over HTTP, with every way of misuse."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from alerts.page import Page
from alerts.pagebook import Delivery
from alerts.relay import build_relay
from stream.archive import Archive
from stream.settings import Settings
from stream.verdicts import Verdict, VerdictBook

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
RELAY = {"public_url": "https://relay.example/newsquall/", "link_secrets": ["the-present-secret-of-links"]}
SQUALL: dict[str, Any] = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "NegativeNewsSquall", "subject": "entity/Kes<b>", "severity": "page"},
            "annotations": {"windows": "5m headlines 8;5m baseline 0.01;5m surprise 20;5m stories 8;5m sources 3;"},
            "startsAt": "2026-07-03T02:39:00Z",
            "fingerprint": "0a",
        }
    ],
}


class Desk:
    name = "desk"

    def __init__(self) -> None:
        self.got: asyncio.Queue[Page] = asyncio.Queue()

    async def deliver(self, delivery: Delivery) -> None:
        self.got.put_nowait(delivery.page)


class Time:
    """A clock that is set by hand."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def client(archive: Archive, desk: Desk, time: Time, monkeypatch: Any) -> AsyncIterator[TestClient[Any, Any]]:
    monkeypatch.setattr("alerts.relay.LAG_PAUSE", 0.0)
    app = build_relay(Settings(relay=RELAY), archive, time, [desk])  # type: ignore[arg-type]
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def page(client: TestClient[Any, Any], desk: Desk) -> Page:
    assert (await client.post("/alerts", json=SQUALL)).status == 200
    return await desk.got.get()


def path_of(link: str) -> str:
    base = RELAY["public_url"]
    assert isinstance(base, str)
    assert link.startswith(base)
    return "/" + link.removeprefix(base)


def link_of(page: Page, verdict: str) -> str:
    return path_of(getattr(page.links.verdicts, verdict))


async def stands(client: TestClient[Any, Any]) -> Any:
    (page,) = (await (await client.get("/pages")).json())["pages"]
    return page["verdict"]


async def test_opening_a_link_records_nothing_and_its_button_does(client: TestClient[Any, Any], page: Page) -> None:
    link = link_of(page, "false_alarm")
    for _ in range(2):  # a mail scanner, then a person
        form = await client.get(link)
        text = await form.text()
        assert (form.status, "Say that it was a false alarm" in text) == (200, True)
        assert "<script" not in text
        assert "Kes&lt;b&gt;" in text
        assert form.headers["Referrer-Policy"] == "no-referrer"
    assert (await client.head(link)).status == 200
    assert await stands(client) is None
    given = await client.post(link, data={"who": "Ada\r\n<i>"})
    assert "Thank you. It is recorded by Ada &lt;i&gt; on 2026-07-03" in await given.text()
    assert await stands(client) == {"verdict": "false_alarm", "who": "Ada <i>", "given_at": "2026-07-03T02:40:00Z"}


async def test_a_link_used_twice_changes_nothing_and_says_so(
    client: TestClient[Any, Any], page: Page, archive: Archive, time: Time
) -> None:
    link = link_of(page, "real")
    answers = await asyncio.gather(*(client.post(link, data={"who": "Ada"}) for _ in range(5)))
    unchanged = [("Nothing changed" in await answer.text()) for answer in answers]
    assert sorted(unchanged) == [False, True, True, True, True]
    time.now = NOW + timedelta(hours=1)
    assert "Nothing changed. It is recorded by Ada" in await (await client.post(link)).text()
    assert "It is recorded by Ada" in await (await client.get(link)).text()
    with archive.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM verdicts")).scalar() == 1


async def test_a_second_thought_counts(client: TestClient[Any, Any], page: Page) -> None:
    for verdict in ("real", "false_alarm", "real", "duplicate"):
        assert "Thank you" in await (await client.post(link_of(page, verdict))).text()
        assert (await stands(client))["verdict"] == verdict


async def test_an_altered_link_is_refused(client: TestClient[Any, Any], page: Page) -> None:
    link = link_of(page, "real")
    chart = path_of(page.links.chart)
    others = [
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link[:-5],
        "/verdicts/" + link.removeprefix("/verdicts/")[1:],
        "/verdicts/x",
        "/verdicts/" + "a" * 5_000,
        "/verdicts/" + chart.removeprefix("/charts/").removesuffix(".png"),
    ]
    for other in others:
        for answer in (await client.get(other), await client.post(other)):
            assert answer.status == 403
            assert "This link is not whole or not ours" in await answer.text()
    assert await stands(client) is None
    assert (await client.get("/charts/" + link.removeprefix("/verdicts/") + ".png")).status == 403


async def test_a_link_expires(client: TestClient[Any, Any], page: Page, time: Time) -> None:
    time.now = NOW + timedelta(days=15)
    for answer in (await client.get(link_of(page, "real")), await client.post(link_of(page, "real"))):
        assert answer.status == 403
        assert "has expired" in await answer.text()
    assert (await client.get(path_of(page.links.chart))).status == 403


async def test_the_secret_can_be_changed_under_links_that_are_out(
    page: Page, archive: Archive, desk: Desk, time: Time
) -> None:
    relay = {**RELAY, "link_secrets": ["the-next-secret-of-links", *RELAY["link_secrets"]]}
    async with TestClient(TestServer(build_relay(Settings(relay=relay), archive, time, [desk]))) as renewed:  # type: ignore[arg-type]
        assert (await renewed.get(link_of(page, "real"))).status == 200
    relay["link_secrets"] = ["the-next-secret-of-links"]
    async with TestClient(TestServer(build_relay(Settings(relay=relay), archive, time, [desk]))) as later:  # type: ignore[arg-type]
        assert (await later.get(link_of(page, "real"))).status == 403


async def test_the_list_of_pages_gives_no_keys_away(client: TestClient[Any, Any], page: Page) -> None:
    text = await (await client.get("/pages")).text()
    assert "/verdicts/" not in text
    assert "/charts/" not in text
    assert page.id in text


async def test_a_chart_is_shown_to_who_has_the_link(client: TestClient[Any, Any], page: Page) -> None:
    answer = await client.get(path_of(page.links.chart))
    assert (answer.status, answer.content_type) == (200, "image/png")
    assert (await answer.read()).startswith(b"\x89PNG")


async def test_what_the_database_cannot_do_now_is_said(
    client: TestClient[Any, Any], page: Page, archive: Archive
) -> None:
    with archive.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM pages"))
    assert (await client.get(link_of(page, "real"))).status == 404
    with archive.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE pages RENAME TO gone"))
    for answer in (await client.post(link_of(page, "real")), await client.get(path_of(page.links.chart))):
        assert answer.status == 503


async def test_without_an_address_for_people_there_are_no_such_links(archive: Archive, desk: Desk) -> None:
    async with TestClient(TestServer(build_relay(Settings(), archive, lambda: NOW, [desk]))) as client:
        payload = {**SQUALL, "alerts": [{**SQUALL["alerts"][0], "labels": {"alertname": "NewsquallWorkerDown"}}]}
        await client.post("/alerts", json=payload)
        page = await desk.got.get()
        assert (page.links.chart, page.links.verdicts) == ("", None)
        assert (await client.get("/verdicts/x")).status == 403
        assert (await client.get("/charts/x.png")).status == 403


def test_an_address_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="link_secrets is empty"):
        Settings(relay={"public_url": "https://relay.example"})  # type: ignore[arg-type]


def test_the_newest_verdict_of_each_page_counts(archive: Archive) -> None:
    book = VerdictBook(archive.engine)
    book.give("a", Verdict("real", "", NOW))
    book.give("b", Verdict("duplicate", "Ada", NOW))
    book.give("a", Verdict("false_alarm", "x" * 500, NOW))
    newest = book.newest(["a", "b", "c"])
    assert {page: verdict.verdict for page, verdict in newest.items()} == {"a": "false_alarm", "b": "duplicate"}
    assert len(newest["a"].who) == 100
