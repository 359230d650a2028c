"""Pages over SMTP."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import aiosmtplib

from alerts.delivery import DeliveryError, ReceiverDownError
from alerts.page import Page
from alerts.pagebook import Delivery
from alerts.receivers.digest import clean
from alerts.receivers.mail import mail_message
from model.errors import ArchiveError
from stream.settings import MailSettings

log = logging.getLogger(__name__)


# A page's chart as a PNG, if it has one. Raises ArchiveError.
Picture = Callable[[Page], bytes | None]


def no_picture(_page: Page) -> bytes | None:
    """Of no page."""
    return None


class Mail:
    """Sends a page to all its recipients in one message, whose Message-ID is the same at every attempt.

    Recipients whom the server refuses are told in the log; if it refuses all of them, the page is tried again.
    """

    name = "mail"

    def __init__(self, settings: MailSettings, timeout: timedelta, picture: Picture = no_picture) -> None:
        self._settings = settings
        self._picture = picture
        self._seconds = timeout.total_seconds()

    async def deliver(self, delivery: Delivery) -> None:
        """Send a page. Raises DeliveryError."""
        mail = self._settings
        server = f"{mail.host}:{mail.port}"
        chart = await self._chart(delivery.page)
        message = mail_message(delivery.page, delivery.step, mail.sender, mail.recipients, chart)
        try:
            # The library's own limit is for each command of a conversation; a server may answer each just in time.
            async with asyncio.timeout(self._seconds):
                refused, _ = await aiosmtplib.send(
                    message,
                    sender=mail.sender,
                    recipients=list(mail.recipients),
                    hostname=mail.host,
                    port=mail.port,
                    use_tls=mail.security == "tls",
                    start_tls=mail.security == "starttls",
                    username=mail.username,
                    password=mail.password.get_secret_value() if mail.password else None,
                    timeout=self._seconds,
                )
        except (TimeoutError, aiosmtplib.SMTPTimeoutError) as error:
            raise ReceiverDownError(f"{server} did not take the mail within {self._seconds:g} s") from error
        except aiosmtplib.SMTPDataError as error:
            kind = DeliveryError if error.code >= 500 else ReceiverDownError
            raise kind(f"{server} refused the mail: {error.code} {clean(error.message)}") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise ReceiverDownError(f"{server} did not take the mail: {clean(str(error))}") from error
        for recipient, answer in refused.items():
            log.error("%s refused %s for page %s: %s", server, recipient, delivery.page.id, clean(answer.message))

    async def _chart(self, page: Page) -> bytes | None:
        try:
            return await asyncio.to_thread(self._picture, page)
        except ArchiveError as error:
            log.warning("page %s goes without its chart: %s", page.id, error)
            return None
