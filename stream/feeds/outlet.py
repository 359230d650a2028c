"""Feeds' headlines into news.headlines: a document's at a time, until the broker has acknowledged them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from model.errors import BrokerError
from stream.publisher import Publisher
from stream.records import Headline
from stream.topics import unreachable

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0  # seconds between two tries of a broker that is away

_Result = TypeVar("_Result")


class Outlet:
    """Delivers headlines, for as long as the process runs, whatever becomes of the broker meanwhile.

    `say`: told when it is away, and when it is back.
    """

    def __init__(self, bootstrap: str, say: Callable[[str], None]) -> None:
        self._bootstrap = bootstrap
        self._say = say
        self._publisher: Publisher | None = None
        self._opening = asyncio.Lock()
        # kafka-python blocks; one thread is also what keeps documents apart.
        self._thread = ThreadPoolExecutor(1, "outlet")

    async def ready(self) -> None:
        """Wait until the broker can be had: to fetch what cannot be sent would be in vain."""
        async with self._opening:
            pause, told = FIRST_PAUSE, False
            while self._publisher is None:
                try:
                    self._publisher = await self._run(self._opened)
                except BrokerError as error:
                    if not told:
                        self._say(f"{error}: feeds wait for it")
                    told = True
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
            if told:
                self._say(f"Kafka at {self._bootstrap} is back")

    def _opened(self) -> Publisher:
        # A client that cannot connect leaves a thread behind (kafka-python 3.0.12): knock first.
        if reason := unreachable(self._bootstrap):
            raise BrokerError(f"Kafka at {self._bootstrap} cannot be reached ({reason})")
        return Publisher(self._bootstrap, self._say)

    async def deliver(self, headlines: Sequence[Headline]) -> None:
        """Return when all are acknowledged. Raises BrokerError if one could not be delivered; some may have been."""
        await self.ready()
        publisher = self._publisher
        assert publisher is not None  # ready() has opened it
        try:
            await self._run(lambda: self._sent(publisher, headlines))
        except BrokerError:
            # It remembers its failure: the next document gets a new one.
            if self._publisher is publisher:
                self._publisher = None
                publisher.abandon()
            raise

    def _sent(self, publisher: Publisher, headlines: Sequence[Headline]) -> None:
        for headline in headlines:
            publisher.send(headline)
        publisher.flush()

    async def _run(self, job: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def close(self) -> None:
        """Give up what is under way, which frees the thread. What was not acknowledged is not marked as seen, so
        nothing is lost."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.abandon()
        self._thread.shutdown(wait=False, cancel_futures=True)
