"""Pages on their last way: to webhooks and to the terminal, tried again until they have got there."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec
from rich.console import Console

from alerts.pagebook import Delivery, PageBook
from alerts.rendering import show
from model.errors import ArchiveError, NewsquallError

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two attempts: doubled each time
_LONGEST_ANSWER = 200  # characters of a receiver's refusal that are logged


class DeliveryError(NewsquallError):
    """A receiver did not take a page; it is tried again."""


class Receiver(Protocol):
    """Who gets pages. `name`: stands in the book of pages, so it stays the same and gives no secret away."""

    @property
    def name(self) -> str: ...

    async def deliver(self, delivery: Delivery) -> None:
        """Hand a page over. Raises DeliveryError when it was not taken."""


class Webhook:
    """Posts a page as JSON. The header Idempotency-Key is the same at every attempt; a receiver that answered
    and was not heard knows it again by that."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())
        # A webhook's path and query are often its password.
        self._shown = urlsplit(url).hostname or "a webhook"
        self.name = f"webhook-{hashlib.blake2b(url.encode(), digest_size=8).hexdigest()}"

    async def deliver(self, delivery: Delivery) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": delivery.key}
        body = msgspec.json.encode(delivery.page)
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                # A redirected POST would arrive as a GET without its body and look delivered.
                session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                if not 200 <= answer.status < 300:
                    said = (await answer.content.read(_LONGEST_ANSWER)).decode(errors="replace")
                    raise DeliveryError(f"{self._shown} answered {answer.status}: {' '.join(said.split())}")
        except TimeoutError as error:
            raise DeliveryError(f"{self._shown} did not answer within {self._timeout.total:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryError(f"{self._shown} cannot be reached ({type(error).__name__})") from error


class Terminal:
    """Prints a page on standard output."""

    name = "terminal"

    def __init__(self, console: Console) -> None:
        self._console = console

    async def deliver(self, delivery: Delivery) -> None:
        try:
            # A terminal that is stopped with Ctrl-S would stop the relay too.
            await asyncio.to_thread(show, delivery.page, self._console)
        except OSError as error:
            raise DeliveryError(f"standard output cannot be written: {error.strerror}") from error


class Courier:
    """Takes what is pending in the book of pages to its receivers, one page at a time to each, and keeps
    trying.

    A receiver that fails keeps no other waiting, and a page that it refuses keeps no other page waiting; but
    a page's end never comes before its beginning.
    """

    def __init__(
        self,
        book: PageBook,
        receivers: Sequence[Receiver],
        clock: Callable[[], datetime],
        pause: float = FIRST_PAUSE,
    ) -> None:
        self._book = book
        self._clock = clock
        self._pause = pause
        self._woken = {receiver.name: asyncio.Event() for receiver in receivers}
        self._receivers = receivers

    def wake(self) -> None:
        """There is something new in the book."""
        for event in self._woken.values():
            event.set()

    async def run(self) -> None:
        """Deliver, until cancelled."""
        await asyncio.gather(*(self._serve(receiver) for receiver in self._receivers))

    async def _serve(self, receiver: Receiver) -> None:
        woken = self._woken[receiver.name]
        failures = 0
        while True:
            woken.clear()
            if await self._round(receiver):
                failures = 0
                await woken.wait()
            else:
                pause = min(LONGEST_PAUSE, self._pause * 2.0**failures)
                failures = min(failures + 1, 16)
                await _either(woken.wait(), pause)

    async def _round(self, receiver: Receiver) -> bool:
        """Try all that is pending for a receiver once. Whether nothing is left."""
        refused: set[str] = set()
        try:
            for delivery in await asyncio.to_thread(self._book.pending, receiver.name):
                if delivery.page.id in refused:
                    continue
                try:
                    await receiver.deliver(delivery)
                except DeliveryError as error:
                    refused.add(delivery.page.id)
                    log.warning("page %s is not delivered yet: %s; it is tried again", delivery.page.id, error)
                else:
                    await asyncio.to_thread(self._book.delivered, delivery, self._clock())
        except ArchiveError as error:
            log.error("deliveries wait: %s", error)
            return False
        return not refused


async def _either(event: Awaitable[object], seconds: float) -> None:
    """Wait for an event, but not longer than so many seconds."""
    try:
        await asyncio.wait_for(event, seconds)
    except TimeoutError:
        return
