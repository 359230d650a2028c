"""Everybody whom the settings name gets a page in its service's form: the servers are real and answer as these."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from alerts.delivery import DeliveryError, Receiver, ReceiverDownError
from alerts.page import Page
from alerts.pagebook import Delivery
from alerts.receivers.roster import receivers_of
from alerts.receivers.signature import HEADER, is_ours
from stream.settings import Settings

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "page.schema.json"
NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
SECRETS = ["the-newer-secret-of-two", "the-older-secret-of-two"]


class Service:
    """A chat's or pager's server: keeps what is posted, answers what it is told."""

    def __init__(self) -> None:
        self.posted: list[tuple[web.Request, bytes]] = []
        self.status, self.text, self.headers = 200, "ok", {}  # type: ignore[var-annotated]
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        self.server = TestServer(app)

    async def _hook(self, request: web.Request) -> web.Response:
        self.posted.append((request, await request.read()))
        return web.Response(status=self.status, text=self.text, headers=self.headers)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/hook?token=secret"))


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    await service.server.start_server()
    yield service
    await service.server.close()


def receiver_of(**relay: Any) -> Receiver:
    (receiver,) = receivers_of(Settings(relay={"terminal": False, **relay}), clock=lambda: NOW)  # type: ignore[arg-type]
    return receiver


async def test_a_webhooks_page_is_signed_with_each_secret(service: Service, page: Page) -> None:
    receiver = receiver_of(webhooks=[service.url], webhook_secrets=SECRETS)
    await receiver.deliver(Delivery(page, receiver.name))
    ((request, body),) = service.posted
    assert msgspec.json.decode(body, type=Page) == page
    jsonschema.validate(msgspec.json.decode(body), msgspec.json.decode(SCHEMA.read_bytes()))
    for secret in SECRETS:
        assert is_ours(request.headers[HEADER], body, secret, NOW)


SERVICES = {
    "slack": ("ok", "blocks"),
    "teams": ("", "attachments"),
    "wecom": ('{"errcode":0,"errmsg":"ok"}', "markdown"),
}


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_services_page_is_in_its_form(service: Service, page: Page, kind: str) -> None:
    service.text, part = SERVICES[kind]
    service.status = 202 if kind == "teams" else 200
    receiver = receiver_of(**{kind: [service.url]})
    await receiver.deliver(Delivery(page, receiver.name))
    ((_, body),) = service.posted
    assert part in msgspec.json.decode(body)
    assert receiver.name.startswith(f"{kind}-")
    assert "secret" not in receiver.name


async def test_pagerduty_is_given_its_key(service: Service, page: Page) -> None:
    service.status, service.text = 202, '{"status":"success"}'
    receiver = receiver_of(pagerduty=["R" * 32], pagerduty_url=service.url)
    await receiver.deliver(Delivery(page, receiver.name))
    assert msgspec.json.decode(service.posted[0][1])["routing_key"] == "R" * 32
    assert "RRR" not in receiver.name


@pytest.mark.parametrize(("kind", "ok"), [("dingtalk", '{"errcode":0}'), ("feishu", '{"code":0,"msg":"success"}')])
async def test_robots_are_signed_to(service: Service, page: Page, kind: str, ok: str) -> None:
    service.text = ok
    receiver = receiver_of(**{kind: [{"url": service.url, "secret": "SECx"}]})
    await receiver.deliver(Delivery(page, receiver.name))
    ((request, body),) = service.posted
    assert "sign" in (request.query if kind == "dingtalk" else msgspec.json.decode(body))


@pytest.mark.parametrize(
    ("relay", "answer", "kind"),
    [
        ({"dingtalk": [{"url": "{}"}]}, '{"errcode":310000,"errmsg":"sign not match"}', ReceiverDownError),
        ({"feishu": [{"url": "{}"}]}, '{"code":19021,"msg":"sign match fail"}', ReceiverDownError),
        ({"feishu": [{"url": "{}"}]}, '{"code":9499,"msg":"Bad Request"}', DeliveryError),
        ({"wecom": ["{}"]}, '{"errcode":45002,"errmsg":"content size out of limit"}', DeliveryError),
        ({"wecom": ["{}"]}, '{"errcode":45009,"errmsg":"api freq out of limit"}', ReceiverDownError),
        ({"wecom": ["{}"]}, "<html>a proxy's page</html>", ReceiverDownError),
    ],
)
async def test_a_refusal_with_status_200_is_one(
    service: Service, page: Page, relay: dict[str, Any], answer: str, kind: type[DeliveryError]
) -> None:
    service.text = answer
    text = msgspec.json.encode(relay).decode().replace("{}", service.url)
    receiver = receiver_of(**msgspec.json.decode(text))
    with pytest.raises(DeliveryError, match="refused it") as failed:
        await receiver.deliver(Delivery(page, receiver.name))
    assert type(failed.value) is kind
    assert "token" not in str(failed.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, DeliveryError), (413, DeliveryError), (403, ReceiverDownError), (404, ReceiverDownError)]
)
async def test_what_is_wrong_with_a_page_is_told_from_what_is_wrong_with_a_receiver(
    service: Service, page: Page, status: int, kind: type[DeliveryError]
) -> None:
    service.status, service.text = status, "invalid_blocks"
    receiver = receiver_of(slack=[service.url])
    with pytest.raises(DeliveryError, match=f"answered {status}: invalid_blocks") as failed:
        await receiver.deliver(Delivery(page, receiver.name))
    assert type(failed.value) is kind


@pytest.mark.parametrize(("asked", "wait"), [("30", 30.0), ("99999999", 900.0), ("soon", 0.0)])
async def test_a_receiver_may_ask_to_be_left_alone(service: Service, page: Page, asked: str, wait: float) -> None:
    service.status, service.headers = 429, {"Retry-After": asked}
    receiver = receiver_of(slack=[service.url])
    with pytest.raises(ReceiverDownError) as failed:
        await receiver.deliver(Delivery(page, receiver.name))
    assert failed.value.wait == wait


async def test_a_service_that_is_killed_in_mid_answer_has_not_taken_it(page: Page) -> None:
    import asyncio

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhal")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    receiver = receiver_of(webhooks=[f"http://127.0.0.1:{port}/"])
    with pytest.raises(ReceiverDownError, match="cannot be reached"):
        await receiver.deliver(Delivery(page, receiver.name))
    server.close()
    await server.wait_closed()


def test_mail_is_a_receiver_where_a_server_is_named() -> None:
    mail = {"host": "mail.example", "recipients": ["a@desk.example"]}
    assert [each.name for each in receivers_of(Settings(mail=mail))] == ["mail", "terminal"]  # type: ignore[arg-type]
