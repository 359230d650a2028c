"""Pages get to their receivers, whatever fails on the way."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from alerts.delivery import Courier, DeliveryError, Receiver, ReceiverDownError, Terminal
from alerts.notification import Alert
from alerts.page import Page, plain_page, resolved_page
from alerts.pagebook import Delivery, PageBook
from alerts.receivers.roster import receivers_of
from stream.archive import Archive
from stream.settings import Settings

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
TIMEOUT = timedelta(seconds=5)


def alert_of(name: str) -> Alert:
    return Alert("firing", {"alertname": name}, NOW, name, annotations={"summary": f"{name} fires"})


def opened(book: PageBook, name: str) -> Page:
    page = plain_page(alert_of(name), Settings())
    book.open_page(page, alert_of(name), [], NOW)
    return page


def webhook(url: str, timeout: timedelta = TIMEOUT) -> Receiver:
    (hook,) = receivers_of(Settings(relay={"webhooks": [url], "terminal": False, "timeout": timeout}))  # type: ignore[arg-type]
    return hook


class Desk:
    """A webhook: keeps what is posted; answers what it is told, 200 when nothing is left to tell."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.seconds = 0.0
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        self.server = TestServer(app)

    async def _hook(self, request: web.Request) -> web.Response:
        page: dict[str, Any] = msgspec.json.decode(await request.read())
        self.headers.append(dict(request.headers))
        self.posted.append((page["alert"], page["status"]))
        await asyncio.sleep(self.seconds)
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, text="because", headers={"Location": "/elsewhere"})

    @property
    def url(self) -> str:
        return str(self.server.make_url("/hook?token=secret"))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.server.start_server()
    yield desk
    await desk.server.close()


@contextlib.asynccontextmanager
async def running(book: PageBook, *receivers: Receiver) -> AsyncIterator[Courier]:
    courier = Courier(book, receivers, lambda: NOW, pause=0.01)
    task = asyncio.create_task(courier.run())
    yield courier
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_webhook_gets_the_page_as_json_with_a_key_that_tells_repeats(archive: Archive, desk: Desk) -> None:
    hook = webhook(desk.url)
    book = PageBook(archive.engine, [hook.name])
    page = opened(book, "A")
    async with running(book, hook):
        await until(lambda: not book.pending(hook.name))
    (headers,) = desk.headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == f"{page.id}-firing"
    assert "secret" not in hook.name


@pytest.mark.parametrize("status", [302, 400, 503])
async def test_what_was_refused_is_tried_again_with_the_same_key(archive: Archive, desk: Desk, status: int) -> None:
    desk.answers = [status, status]
    hook = webhook(desk.url)
    book = PageBook(archive.engine, [hook.name])
    opened(book, "A")
    async with running(book, hook):
        await until(lambda: not book.pending(hook.name))
    assert desk.posted == [("A", "firing")] * 3
    assert len({headers["Idempotency-Key"] for headers in desk.headers}) == 1


async def test_what_is_pending_at_the_start_is_delivered_and_what_comes_later_too(archive: Archive, desk: Desk) -> None:
    hook = webhook(desk.url)
    book = PageBook(archive.engine, [hook.name])
    page = opened(book, "A")
    async with running(book, hook) as courier:
        await until(lambda: not book.pending(hook.name))
        book.resolve(resolved_page(page, NOW, None), NOW)
        courier.wake()
        await until(lambda: len(desk.posted) == 2)
        await until(lambda: not book.pending(hook.name))
    async with running(book, hook):
        await asyncio.sleep(0.05)
    assert desk.posted == [("A", "firing"), ("A", "resolved")]


async def test_a_refused_page_keeps_no_other_waiting_but_its_own_end(archive: Archive) -> None:
    class Choosy:
        name = "choosy"

        def __init__(self) -> None:
            self.got: list[tuple[str, str]] = []
            self.refuses = True

        async def deliver(self, delivery: Delivery) -> None:
            if self.refuses and delivery.page.alert == "A":
                raise DeliveryError("not that one")
            self.got.append((delivery.page.alert, delivery.page.status))

    choosy = Choosy()
    book = PageBook(archive.engine, [choosy.name])
    page = opened(book, "A")
    book.resolve(resolved_page(page, NOW, None), NOW)
    opened(book, "B")
    async with running(book, choosy):
        await until(lambda: bool(choosy.got))
        assert choosy.got == [("B", "firing")]
        choosy.refuses = False
        await until(lambda: len(choosy.got) == 3)
    assert choosy.got[1:] == [("A", "firing"), ("A", "resolved")]


async def test_a_webhook_that_is_not_there_keeps_the_terminal_not_waiting(archive: Archive) -> None:
    out = io.StringIO()
    hook = webhook("http://127.0.0.1:1/token-in-the-path")
    terminal = Terminal(Console(file=out, width=100))
    book = PageBook(archive.engine, [hook.name, terminal.name])
    opened(book, "A")
    async with running(book, hook, terminal):
        await until(lambda: not book.pending("terminal"))
    assert "A fires" in out.getvalue()
    (delivery,) = book.pending(hook.name)
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1 cannot be reached") as failed:
        await hook.deliver(delivery)
    assert "token" not in str(failed.value)


async def test_a_webhook_that_does_not_answer_in_time_is_told_so(desk: Desk) -> None:
    desk.seconds = 0.5
    hook = webhook(desk.url, timedelta(seconds=0.1))
    with pytest.raises(DeliveryError, match=r"did not answer within 0\.1 s"):
        await hook.deliver(Delivery(plain_page(alert_of("A"), Settings()), hook.name))


async def test_an_address_that_is_none_is_told_so() -> None:
    hook = webhook("no address")
    with pytest.raises(DeliveryError, match="cannot be reached"):
        await hook.deliver(Delivery(plain_page(alert_of("A"), Settings()), hook.name))


class Hanging:
    """Takes nothing while it is down, and keeps account of who asked."""

    name = "hanging"

    def __init__(self, wait: float = 0.0) -> None:
        self.asked: list[str] = []
        self.got: list[str] = []
        self.down: set[str] | None = None
        self.wait = wait

    async def deliver(self, delivery: Delivery) -> None:
        self.asked.append(delivery.page.alert)
        if self.down is None or delivery.page.alert in self.down:
            raise ReceiverDownError("no answer", self.wait)
        self.got.append(delivery.page.alert)


async def test_a_receiver_that_is_down_is_not_asked_for_every_page_that_waits(archive: Archive) -> None:
    receiver = Hanging()
    book = PageBook(archive.engine, [receiver.name])
    names = [f"A{number}" for number in range(20)]
    for number, name in enumerate(names):
        book.open_page(plain_page(alert_of(name), Settings()), alert_of(name), [], NOW + timedelta(seconds=number))
    async with running(book, receiver):
        await until(lambda: len(receiver.asked) >= 9)
        assert set(receiver.asked) == set(names[:3])
        receiver.down = set()
        await until(lambda: not book.pending(receiver.name))
    assert receiver.got == names


async def test_a_page_on_which_a_receiver_hangs_keeps_no_other_waiting(archive: Archive) -> None:
    receiver = Hanging()
    receiver.down = {"A", "B"}
    book = PageBook(archive.engine, [receiver.name])
    for number, name in enumerate("ABCD"):
        book.open_page(plain_page(alert_of(name), Settings()), alert_of(name), [], NOW + timedelta(seconds=number))
    async with running(book, receiver):
        await until(lambda: receiver.got == ["C", "D"])


async def test_a_receiver_that_asks_to_be_left_alone_is(archive: Archive) -> None:
    receiver = Hanging(wait=3600)
    book = PageBook(archive.engine, [receiver.name])
    opened(book, "A")
    opened(book, "B")
    async with running(book, receiver) as courier:
        await until(lambda: bool(receiver.asked))
        courier.wake()
        await asyncio.sleep(0.1)
    assert receiver.asked in (["A"], ["B"])
