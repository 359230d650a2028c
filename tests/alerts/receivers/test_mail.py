"""Pages by e-mail, to a real SMTP server."""

import asyncio
import email
import socket
from collections.abc import Iterator
from datetime import timedelta
from email.policy import default
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.delivery import DeliveryError, ReceiverDownError
from alerts.page import Page
from alerts.pagebook import Delivery
from alerts.receivers.mail import mail_message
from alerts.receivers.mailing import Mail, Picture, no_picture
from model.errors import ArchiveError
from stream.settings import MailSettings


class Postbox:
    """An SMTP server's handler: keeps what it is sent; answers what it is told."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.answers: list[str] = []
        self.unknown: set[str] = set()
        self.seconds = 0.0

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.seconds)
        self.got.append(envelope)
        return self.answers.pop(0) if self.answers else "250 OK"


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def mail_of(port: int, seconds: float = 10.0, picture: Picture = no_picture, **changes: Any) -> Mail:
    fields = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "newsquall@desk.example",
        "recipients": ["first@desk.example", "second@desk.example"],
    }
    return Mail(MailSettings(**{**fields, **changes}), timedelta(seconds=seconds), picture)


async def test_a_page_arrives_as_text_and_html_for_all_recipients_at_once(
    postbox: tuple[Postbox, int], page: Page
) -> None:
    box, port = postbox
    await mail_of(port).deliver(Delivery(page, "mail"))
    (envelope,) = box.got
    assert envelope.rcpt_tos == ["first@desk.example", "second@desk.example"]
    assert isinstance(envelope.content, bytes)
    message = email.message_from_bytes(envelope.content, policy=default)
    assert message["Subject"].strip() == "PAGE: 18 negative headlines about Kestrovan in 5 minutes, usually 0.01"
    assert message["Message-ID"] == "<0123456789abcdef-firing@desk.example>"
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "https://news.example/5?a=1&b=2" in text
    assert '<a href="https://news.example/5?a=1&amp;b=2">' in html
    assert f"silence: {page.links.silence}" in text


async def test_a_page_of_many_alphabets_passes_a_server_of_seven_bits(
    postbox: tuple[Postbox, int], hostile: Page
) -> None:
    box, port = postbox
    await mail_of(port).deliver(Delivery(hostile, "mail"))
    (envelope,) = box.got
    assert isinstance(envelope.content, bytes)
    assert envelope.content.isascii()
    assert max(map(len, envelope.content.splitlines())) <= 998
    message = email.message_from_bytes(envelope.content, policy=default)
    html = message.get_body(("html",)).get_content()
    assert "<script" not in html
    assert "<img" not in html
    assert "javascript:" not in html
    assert "康采恩的审计师辞职" in html


def test_a_pages_end_is_in_the_thread_of_its_beginning(page: Page, ended: Page) -> None:
    first = mail_message(page, "firing", "n@desk.example", ["a@desk.example"])
    last = mail_message(ended, "resolved", "n@desk.example", ["a@desk.example"])
    assert last["In-Reply-To"] == last["References"] == first["Message-ID"]
    assert last["Message-ID"] != first["Message-ID"]


def test_a_sentence_cannot_begin_another_header(page: Page) -> None:
    attack = msgspec.structs.replace(page, sentence="fires\r\nBcc: everybody@desk.example")
    message = mail_message(attack, "firing", "n@desk.example", ["a@desk.example"])
    assert message["Bcc"] is None
    assert message["Subject"] == "PAGE: fires Bcc: everybody@desk.example"


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 4.3.0 try later", ReceiverDownError), ("554 5.7.1 looks like spam", DeliveryError)]
)
async def test_what_the_server_refuses_is_told_in_its_words(
    postbox: tuple[Postbox, int], page: Page, answer: str, kind: type[DeliveryError]
) -> None:
    box, port = postbox
    box.answers = [answer]
    with pytest.raises(DeliveryError, match=answer[4:]) as failed:
        await mail_of(port).deliver(Delivery(page, "mail"))
    assert type(failed.value) is kind
    await mail_of(port).deliver(Delivery(page, "mail"))
    assert len({email.message_from_bytes(each.content)["Message-ID"] for each in box.got}) == 1  # type: ignore[arg-type]


async def test_one_recipient_who_is_unknown_keeps_no_other_from_the_page(
    postbox: tuple[Postbox, int], page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    box, port = postbox
    box.unknown = {"first@desk.example"}
    await mail_of(port).deliver(Delivery(page, "mail"))
    assert box.got[0].rcpt_tos == ["second@desk.example"]
    assert "refused first@desk.example" in caplog.text
    box.unknown.add("second@desk.example")
    with pytest.raises(ReceiverDownError, match="nobody of that name"):
        await mail_of(port).deliver(Delivery(page, "mail"))


async def test_a_server_that_hangs_is_not_waited_for(postbox: tuple[Postbox, int], page: Page) -> None:
    box, port = postbox
    box.seconds = 1.0
    with pytest.raises(ReceiverDownError, match=r"within 0\.3 s"):
        await mail_of(port, seconds=0.3).deliver(Delivery(page, "mail"))


async def test_a_server_without_the_encryption_asked_for_gets_no_password_and_no_page(
    postbox: tuple[Postbox, int], page: Page
) -> None:
    box, port = postbox
    mail = mail_of(port, security="starttls", username="n", password="secret-of-the-desk")
    with pytest.raises(ReceiverDownError, match="STARTTLS"):
        await mail.deliver(Delivery(page, "mail"))
    assert box.got == []


async def test_no_server_is_told_so(page: Page) -> None:
    with pytest.raises(ReceiverDownError, match=r"127\.0\.0\.1:1 did not take the mail"):
        await mail_of(1).deliver(Delivery(page, "mail"))


async def test_the_chart_stands_in_the_mail_and_a_mail_without_it_goes_too(
    postbox: tuple[Postbox, int], page: Page
) -> None:
    box, port = postbox
    await mail_of(port, picture=lambda _page: b"a picture").deliver(Delivery(page, "mail"))

    def away(_page: Page) -> bytes:
        raise ArchiveError("away")

    await mail_of(port, picture=away).deliver(Delivery(page, "mail"))
    messages = [email.message_from_bytes(each.content, policy=default) for each in box.got]  # type: ignore[arg-type]
    pictures = [part for part in messages[0].walk() if part.get_content_type() == "image/png"]
    assert [part.get_content() for part in pictures] == [b"a picture"]
    html = messages[0].get_body(("html",)).get_content()
    assert f"cid:{pictures[0]['Content-ID'].strip('<>')}" in html
    assert all(part.get_content_type() != "image/png" for part in messages[1].walk())
