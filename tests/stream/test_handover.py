"""What hands a record over is run at once, and may wait, fail and be interrupted as Faust's own way lets it."""

import asyncio
from typing import Any

import pytest
from mode.services import Service

from stream.handover import DirectConsumer, Rest


class Waiter(DirectConsumer):
    """The consumer's way to wait, and no broker."""

    def __init__(self) -> None:
        Service.__init__(self)


@pytest.fixture
async def waiter() -> Waiter:
    return Waiter()


async def put(queue: asyncio.Queue[int], number: int) -> int:
    await queue.put(number)
    return number


async def test_what_need_not_wait_is_done_without_a_task(waiter):
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    suspended = asyncio.Event()
    before = len(asyncio.all_tasks())
    result = await waiter.wait_first(put(queue, 7), suspended.wait())
    assert (result.results, result.stopped) == ([7], False)
    assert queue.get_nowait() == 7
    assert len(asyncio.all_tasks()) == before


async def test_what_has_to_wait_ends_once_there_is_room(waiter):
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    queue.put_nowait(1)
    waiting = asyncio.create_task(waiter.wait_first(put(queue, 2), asyncio.Event().wait()))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert await queue.get() == 1
    assert (await waiting).results == [2]
    assert queue.get_nowait() == 2


async def test_what_waits_is_given_up_when_the_flow_is_suspended(waiter):
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    queue.put_nowait(1)
    suspended = asyncio.Event()
    waiting = asyncio.create_task(waiter.wait_first(put(queue, 2), suspended.wait()))
    await asyncio.sleep(0)
    suspended.set()
    await waiting
    await asyncio.sleep(0)
    assert queue.get_nowait() == 1
    assert queue.empty()  # nobody puts it there later


@pytest.mark.parametrize("waits", [False, True])
async def test_a_failure_reaches_whoever_waits(waiter, waits):
    async def fail() -> None:
        if waits:
            await asyncio.sleep(0)
        raise LookupError("no room")

    with pytest.raises(LookupError, match="no room"):
        await waiter.wait_first(fail(), asyncio.Event().wait())


async def test_a_coroutine_goes_on_where_it_waits_and_sees_its_cancelling():
    seen: list[str] = []

    async def work(gate: asyncio.Future[str]) -> str:
        try:
            seen.append(await gate)
            await asyncio.sleep(0)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
        return "done"

    gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    coroutine = work(gate)

    async def rest() -> Any:
        return await Rest(coroutine, coroutine.send(None))

    task = asyncio.create_task(rest())
    gate.set_result("opened")
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    assert await task == "done"
    assert seen == ["opened", "cancelled"]
