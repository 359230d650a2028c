"""Pages on their last way: to their receivers, tried again until they have got there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from rich.console import Console

from alerts.pagebook import Delivery, PageBook
from alerts.rendering import show
from model.errors import ArchiveError, NewsquallError

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two attempts: doubled each time
# So many pages in a row that a receiver took none of for want of an answer end a round: with two hundred pages waiting
# and a receiver that hangs, the rest would only wait for as many time-outs. One page alone may be what it hangs on.
DOWN = 3


class DeliveryError(NewsquallError):
    """A receiver did not take a page; it is tried again."""


class ReceiverDownError(DeliveryError):
    """A receiver takes no page now, whichever it is. `wait`: for how many seconds it asks to be left alone."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Receiver(Protocol):
    """Who gets pages. `name`: stands in the book of pages, so it stays the same and gives no secret away."""

    @property
    def name(self) -> str: ...

    async def deliver(self, delivery: Delivery) -> None:
        """Hand a page over. Raises DeliveryError when it was not taken."""


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
            outcome = await self._round(receiver)
            if outcome.nothing_left:
                failures = 0
                await woken.wait()
                continue
            pause = min(LONGEST_PAUSE, self._pause * 2.0**failures)
            failures = min(failures + 1, 16)
            if outcome.wait > pause:
                # It asked not to be asked: a new page does not change that.
                await asyncio.sleep(outcome.wait)
            else:
                await _either(woken.wait(), pause)

    async def _round(self, receiver: Receiver) -> "_Outcome":
        """Try all that is pending for a receiver once, or until it turns out to take nothing."""
        refused: set[str] = set()
        down, wait = 0, 0.0
        try:
            for delivery in await asyncio.to_thread(self._book.pending, receiver.name):
                if delivery.page.id in refused:
                    continue
                try:
                    await receiver.deliver(delivery)
                except DeliveryError as error:
                    refused.add(delivery.page.id)
                    log.warning("page %s is not delivered yet: %s; it is tried again", delivery.page.id, error)
                    if isinstance(error, ReceiverDownError):
                        down, wait = down + 1, max(wait, error.wait)
                        if wait or down == DOWN:
                            break
                else:
                    down = 0
                    await asyncio.to_thread(self._book.delivered, delivery, self._clock())
        except ArchiveError as error:
            log.error("deliveries wait: %s", error)
            return _Outcome(nothing_left=False)
        return _Outcome(not refused, wait)


class _Outcome(NamedTuple):
    """What came of a round."""

    nothing_left: bool
    wait: float = 0.0


async def _either(event: Awaitable[object], seconds: float) -> None:
    """Wait for an event, but not longer than so many seconds."""
    try:
        await asyncio.wait_for(event, seconds)
    except TimeoutError:
        return
