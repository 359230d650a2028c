"""Documents read in a process of its own: what a hostile one does to the reader, it does to nothing else.

feedparser needs half a millisecond for an ordinary item, but 10 MB of `<p>` or of `<item/>` keep it busy for minutes,
and no thread can be stopped in the middle. The process ends itself when one document takes too long or too much
memory (setitimer(2), setrlimit(2)), and when its parent is gone; the next document gets a new one.

On the pipes: four bytes of length, then msgpack.
"""

import asyncio
import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

import msgspec
from msgspec import Struct

from model.errors import FeedError
from stream.feeds.document import Document, read_document

MOST_SECONDS = 10.0  # of the processor's time: a busy machine is not the document's fault
MOST_MEMORY = 1 << 30  # bytes of address space

_LENGTH = struct.Struct(">I")
# The path is handed over, so that the process finds what this one found; -I: nothing else from outside decides.
_CODE = (
    "import sys; sys.path[:] = sys.argv[3:]; from stream.feeds.parser import serve; serve(*map(float, sys.argv[1:3]))"
)


class _Task(Struct):
    body: bytes
    content_type: str
    url: str
    most: int


class _Answer(Struct):
    """One of the two."""

    document: Document | None = None
    refusal: tuple[str, str] | None = None


_tasks = msgspec.msgpack.Decoder(_Task)
_answers = msgspec.msgpack.Decoder(_Answer)


class Parser:
    """Reads documents, one at a time. Start it in the event loop that uses it; close it at the end."""

    def __init__(self, seconds: float = MOST_SECONDS, memory: int = MOST_MEMORY) -> None:
        self._limits = (str(seconds), str(memory))
        # The process's own alarm comes first, unless it gets hardly any time of the processor.
        self._patience = 10 * seconds + 30
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def parse(self, body: bytes, content_type: str, url: str, most: int) -> Document:
        """As read_document. Raises FeedError: not_a_feed, or unreadable for what took too much."""
        task = msgspec.msgpack.encode(_Task(body, content_type, url, most))
        async with self._turn:
            try:
                async with asyncio.timeout(self._patience):
                    answer = await self._asked(task)
            except (asyncio.IncompleteReadError, OSError, TimeoutError) as error:
                await self.close()
                raise FeedError(
                    "unreadable", f"reading it took more than {self._limits[0]} s of processor time or too much memory"
                ) from error
            except asyncio.CancelledError:
                await self.close()  # in the middle of an answer it cannot be asked again
                raise
        if answer.document is None:
            reason, detail = answer.refusal or ("unreadable", "the reader says nothing of it")
            raise FeedError(reason, detail)
        return answer.document

    async def _asked(self, task: bytes) -> _Answer:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-W", "ignore", "-c", _CODE, *self._limits, *sys.path,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for its parent
            )  # fmt: skip
        process = self._process
        assert process.stdin is not None  # they are pipes
        assert process.stdout is not None
        process.stdin.write(_LENGTH.pack(len(task)))
        process.stdin.write(task)
        await process.stdin.drain()
        (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
        return _answers.decode(await process.stdout.readexactly(length))

    async def close(self) -> None:
        """End the process, whatever it is at."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def serve(seconds: float, memory: float) -> None:
    """The process: read tasks from standard input and answer on standard output until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while task := _received(source):
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF's default is the end of the process
        try:
            answer = msgspec.msgpack.encode(_answered(task))
        except MemoryError:
            os._exit(1)  # there may be none left to say so
        signal.setitimer(signal.ITIMER_PROF, 0)
        try:
            sink.write(_LENGTH.pack(len(answer)) + answer)
            sink.flush()
        except BrokenPipeError:
            os._exit(0)  # the parent is gone


def _received(source: BinaryIO) -> _Task | None:
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    task = source.read(length)
    return _tasks.decode(task) if len(task) == length else None  # the parent is gone in the middle of it


def _answered(task: _Task) -> _Answer:
    try:
        return _Answer(document=read_document(task.body, task.content_type, task.url, task.most))
    except FeedError as error:
        return _Answer(refusal=(error.reason, str(error)))
    except MemoryError:
        raise
    except Exception as error:  # feedparser's own troubles with what it was given
        return _Answer(refusal=("unreadable", f"the reader gave up: {type(error).__name__}: {error}"[:300]))
