"""Headlines that are sent from a thread of their own, while somebody looks at what becomes of them."""

import threading
from abc import ABC, abstractmethod

from stream.publisher import Publisher


class Load(threading.Thread, ABC):
    """Sends headlines until it is stopped, or has no more. `sent`: how many so far."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(name="newsquall-load", daemon=True)
        self.sent = 0
        self._broker = bootstrap
        self._failure: Exception | None = None
        self._ended = threading.Event()

    @abstractmethod
    def send(self, publisher: Publisher) -> None:
        """Send, and return when it has ended or there is no more."""

    def run(self) -> None:
        """Send until stopped."""
        try:
            with Publisher(self._broker) as publisher:
                self.send(publisher)
                publisher.flush()
        except Exception as error:  # it belongs to whoever waits for headlines
            self._failure = error

    def finish(self) -> int:
        """Wait until there is no more, and say how many were sent. Raises what it failed with."""
        self.join()
        if self._failure:
            raise self._failure
        return self.sent

    def stop(self) -> int:
        """End, and say how many were sent. Raises what it failed with."""
        self._ended.set()
        return self.finish()
