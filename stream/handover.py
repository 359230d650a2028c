"""How a record comes from Faust's consumer to an agent's queue: without a task where nobody has to wait.

For every record Faust 0.15 starts four tasks, so that a rebalance may interrupt one that waits for room in the queue.
That costs more than all else that it does for a record, and nearly always there is room. So what hands a record over is
run at once, and only the rest of it, if it comes to wait, is made a task (as Python 3.12 does with eager tasks).
"""

from collections.abc import Coroutine, Generator
from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from mode.services import WaitResults


class DirectConsumer(Consumer):  # type: ignore[misc]
    """Faust's consumer; give it to a transport before that makes one."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109  (Faust's)
        """As Faust's, without tasks if the first coroutine ends at its first step. The others are not begun then."""
        first, *others = coros
        if not isinstance(first, Coroutine):
            return await super().wait_first(*coros, timeout=timeout)
        try:
            waited = first.send(None)
        except BaseException as end:
            for each in others:
                if isinstance(each, Coroutine):
                    each.close()
            if isinstance(end, StopIteration):
                return WaitResults([first], [end.value], False)
            raise
        return await super().wait_first(Rest(first, waited), *others, timeout=timeout)


class Rest:
    """What is left of a coroutine that has come to wait for something: to be awaited once."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waited: Any) -> None:
        self._coroutine = coroutine
        self._waited = waited

    def __await__(self) -> Generator[Any, Any, Any]:
        """Give on what it waits for, and to it what comes of that."""
        waited = self._waited
        while True:
            try:
                try:
                    given = yield waited
                except GeneratorExit:
                    self._coroutine.close()
                    raise
                except BaseException as error:
                    waited = self._coroutine.throw(error)
                else:
                    waited = self._coroutine.send(given)
            except StopIteration as end:
                return end.value
