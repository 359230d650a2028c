"""The relay's web server, in process, with what fails."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from alerts.delivery import DeliveryError, Terminal
from alerts.pagebook import Delivery
from alerts.pager import Pager
from alerts.receivers.roster import receivers_of
from alerts.relay import build_relay
from model.errors import ArchiveError
from stream.archive import Archive
from stream.settings import Settings

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
PAYLOAD: dict[str, Any] = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "NewsquallWorkerDown", "severity": "page"},
            "annotations": {"summary": "The worker does not answer."},
            "startsAt": "2026-07-03T02:39:00Z",
            "fingerprint": "0a",
        }
    ],
}


class Desk:
    name = "desk"

    def __init__(self) -> None:
        self.got: list[str] = []
        self.broken = self.unwell = False

    async def deliver(self, delivery: Delivery) -> None:
        if self.broken:
            raise RuntimeError("a defect of ours")
        if self.unwell:
            raise DeliveryError("desk answered 503")
        self.got.append(delivery.page.subject)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def client(archive: Archive, desk: Desk) -> AsyncIterator[TestClient[Any, Any]]:
    app = build_relay(Settings(), archive, lambda: NOW, [desk])
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_what_was_taken_is_shown_among_the_pages(client: TestClient[Any, Any]) -> None:
    answer = await client.post("/alerts", json=PAYLOAD)
    assert (answer.status, await answer.json()) == (200, {"taken": 1})
    (page,) = (await (await client.get("/pages?limit=1")).json())["pages"]
    assert (page["subject"], page["fired_at"]) == ("alert/NewsquallWorkerDown", "2026-07-03T02:39:00Z")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "9" * 30, "³"])
async def test_a_limit_that_is_none_is_refused(client: TestClient[Any, Any], limit: str) -> None:
    assert (await client.get("/pages", params={"limit": limit})).status == 400


async def test_while_the_database_fails_alertmanager_is_asked_to_come_again(
    client: TestClient[Any, Any], archive: Archive
) -> None:
    with archive.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE page_alerts RENAME TO away"))
        connection.execute(sa.text("ALTER TABLE pages RENAME TO gone"))
    for answer in (
        await client.post("/alerts", json=PAYLOAD),
        await client.get("/-/ready"),
        await client.get("/pages"),
    ):
        assert answer.status == 503
        assert "no such table" in await answer.text()
    with archive.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO page_alerts"))
        connection.execute(sa.text("ALTER TABLE gone RENAME TO pages"))
    assert (await client.post("/alerts", json=PAYLOAD)).status == 200


async def test_a_relay_that_cannot_deliver_any_more_takes_nothing_in(
    client: TestClient[Any, Any], desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.broken = True
    assert (await client.post("/alerts", json=PAYLOAD)).status == 200
    while (await client.get("/-/ready")).status == 200:
        pass
    answer = await client.post("/alerts", json=PAYLOAD)
    assert answer.status == 503
    assert "deliveries have stopped" in (await answer.json())["error"]
    assert "a defect of ours" in caplog.text


def test_receivers_are_the_webhooks_each_once_and_the_terminal() -> None:
    relay = {"webhooks": ["http://a", "http://b", "http://a"], "terminal": True}
    receivers = receivers_of(Settings(relay=relay), Console())  # type: ignore[arg-type]
    assert len({receiver.name for receiver in receivers}) == len(receivers) == 3
    assert isinstance(receivers[-1], Terminal)
    assert receivers_of(Settings(relay={"terminal": False})) == []  # type: ignore[arg-type]


async def test_what_is_not_delivered_is_told_with_its_age(archive: Archive, desk: Desk) -> None:
    times = [NOW]
    desk.unwell = True
    other = Desk()
    other.name = "other"
    app = build_relay(Settings(), archive, lambda: times[-1], [desk, other])
    async with TestClient(TestServer(app)) as client:

        async def told() -> dict[str, float]:
            text = await (await client.get("/metrics")).text()
            return {
                " ".join((sample.name.removeprefix("newsquall_relay_"), *sample.labels.values())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }

        names = ("pending_pages", "oldest_pending_seconds")
        nothing = {f"{name} {receiver}": 0 for name in names for receiver in ("desk", "other")}
        assert await told() == {"ready": 1, **nothing}
        assert (await client.post("/alerts", json=PAYLOAD)).status == 200
        while not other.got:
            await asyncio.sleep(0)
        times.append(NOW + timedelta(seconds=400))
        while (now := await told())["pending_pages other"]:
            pass
        assert now == {"ready": 1, **nothing, "pending_pages desk": 1, "oldest_pending_seconds desk": 400}
        with archive.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE page_deliveries RENAME TO away"))
        assert await told() == now | {"ready": 0}


async def test_the_watchdog_is_no_page(client: TestClient[Any, Any], desk: Desk) -> None:
    always = PAYLOAD["alerts"][0] | {"labels": {"alertname": "NewsquallWatchdog", "severity": "none"}}
    assert (await client.post("/alerts", json=PAYLOAD | {"alerts": [always]})).status == 200
    assert await (await client.get("/pages")).json() == {"pages": []}
    assert desk.got == []


async def test_while_it_runs_it_looks_whether_open_pages_have_grown(
    archive: Archive, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    def watch(_pager: Pager, _now: datetime) -> bool:
        if looked.is_set():
            return False
        loop.call_soon_threadsafe(looked.set)
        raise ArchiveError("away for a moment")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(Pager, "watch", watch)
    settings = Settings(relay={"watch": "10ms"})  # type: ignore[arg-type]
    async with TestClient(TestServer(build_relay(settings, archive, lambda: NOW, [desk]))) as client:
        await looked.wait()
        assert (await client.get("/-/ready")).status == 200
