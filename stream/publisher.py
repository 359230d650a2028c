"""Headlines into news.headlines, each acknowledged by the broker, by kafka-python's producer."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from model.errors import BrokerError
from stream.records import Headline, encode
from stream.topics import HEADLINES

# The producer's own buffer has no bound (kafka-python 3.0.12): a slow broker would fill the memory.
MOST_IN_FLIGHT = 10_000
LINGER_MILLISECONDS = 20
BATCH_BYTES = 1 << 17
# After this the producer gives a record up; a broker that is restarted is back long before.
DELIVERY_SECONDS = 120
# By default a broker that was away for a while is not tried again for half a minute.
RECONNECT_MILLISECONDS = 1_000
REMIND_SECONDS = 10.0

log = logging.getLogger(__name__)


class Publisher:
    """Sends headlines, keyed by their id, and counts what the broker has acknowledged.

    Idempotent: a record that kafka-python sends again after a lost answer is stored once. As a context
    manager it is closed at the end of the block; after an error without waiting for what is under way.
    `say`: told when the broker does not answer for a while. Raises BrokerError if it cannot be reached.
    """

    def __init__(self, bootstrap: str, say: Callable[[str], None] = log.warning) -> None:
        self.bootstrap = bootstrap
        self.sent = 0  # acknowledged
        self._given = 0
        self._failures = 0
        self._failure: Exception | None = None
        self._say = say
        self._settled = threading.Condition()
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.replace(" ", "").split(","),
                acks="all",
                enable_idempotence=True,
                linger_ms=LINGER_MILLISECONDS,
                batch_size=BATCH_BYTES,
                delivery_timeout_ms=DELIVERY_SECONDS * 1000,
                reconnect_backoff_max_ms=RECONNECT_MILLISECONDS,
                metrics_enabled=False,
            )
        except (KafkaError, ValueError) as error:
            raise BrokerError(f"Kafka at {bootstrap} cannot be reached: {error}") from error

    def send(self, headline: Headline) -> None:
        """Hand a headline to the broker; returns before it is acknowledged, unless very many are under way.

        Raises BrokerError if an earlier one could not be delivered.
        """
        self.send_record(headline.id.encode(), encode(headline))

    def send_record(self, key: bytes | None, value: bytes) -> None:
        """The same with a record's bytes as they are. Raises BrokerError likewise."""
        self._wait_for(MOST_IN_FLIGHT - 1)
        self._given += 1
        try:
            future = self._producer.send(HEADLINES, key=key, value=value)
        except KafkaError as error:
            self._failed(error)
        else:
            future.add_callback(self._acknowledged)
            future.add_errback(self._failed)

    def flush(self) -> None:
        """Return when every headline is acknowledged. Raises BrokerError if one could not be delivered.

        Not by the producer's own flush: that gives up on a batch which the broker wants in smaller pieces
        (kafka-python 3.0.12, 'Future not done') before the pieces are delivered.
        """
        self._wait_for(0)

    def abandon(self) -> None:
        """Give up what is under way, from any thread: whoever waits for it gets a BrokerError."""
        # The producer, when it is closed, tells nobody of what it had not sent (kafka-python 3.0.12).
        with self._settled:
            self._failure = self._failure or KafkaError("given up")
            self._failures = self._given - self.sent
            self._settled.notify_all()
        # Its own flush, which closing begins with, may only add another error.
        with suppress(KafkaError):
            self._producer.close(timeout=0)

    def _wait_for(self, under_way: int) -> None:
        """Return when no more than so many headlines are under way."""
        with self._settled:
            while self._given - self.sent - self._failures > under_way:
                if not self._settled.wait(REMIND_SECONDS):
                    self._say(f"Kafka at {self.bootstrap} does not answer: still trying")
        if self._failure is not None:
            raise BrokerError(
                f"Kafka at {self.bootstrap} took {self.sent} of {self._given} headlines, refused or lost "
                f"{self._failures} ({self._failure}): send them again; what is there is known by its id"
            ) from self._failure

    def _acknowledged(self, _metadata: Any) -> None:
        with self._settled:
            self.sent += 1
            self._settled.notify()

    def _failed(self, error: Exception) -> None:
        with self._settled:
            self._failure = self._failure or error
            self._failures += 1
            self._settled.notify()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self.abandon()
            return
        with suppress(KafkaError):
            self._producer.close()
