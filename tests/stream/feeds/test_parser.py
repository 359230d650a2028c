"""Reading in a process of its own: what a document does to the reader, the next one does not notice."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model.errors import FeedError
from stream.feeds.document import read_document
from stream.feeds.parser import Parser
from tests.feedserver import rss

ROOT = Path(__file__).resolve().parents[3]
GOOD = rss("Acme recalls kettles", "Bolt falls")


@pytest.fixture
async def parser() -> AsyncIterator[Parser]:
    made = Parser(seconds=2.0, memory=400_000_000)
    yield made
    await made.close()


async def parsed(parser: Parser, body: bytes = GOOD) -> list[str]:
    document = await parser.parse(body, "application/xml", "https://news.example/", 100)
    return [item.title for item in document.items]


async def test_what_it_reads_is_what_the_document_says(parser: Parser) -> None:
    expected = read_document(GOOD, "application/xml", "https://news.example/", 100)
    assert await parser.parse(GOOD, "application/xml", "https://news.example/", 100) == expected


async def test_many_at_once_each_get_their_own(parser: Parser) -> None:
    got = await asyncio.gather(*(parsed(parser, rss(f"Headline {number}")) for number in range(20)))
    assert got == [[f"Headline {number}"] for number in range(20)]


async def test_no_feed_is_told_and_the_reader_goes_on(parser: Parser) -> None:
    with pytest.raises(FeedError, match="neither RSS nor Atom") as caught:
        await parsed(parser, b"<html/>")
    assert caught.value.reason == "not_a_feed"
    assert len(await parsed(parser)) == 2


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "ten million empty items": b'<rss version="2.0"><channel>' + b"<item/>" * 1_400_000,
    "a page of paragraphs": b"<html><body>" + b"<p>a" * 1_000_000,
    "tags in tags": (
        b'<rss version="2.0"><channel><item><title>' + b"<b>" * 1_000_000 + b"</title></item></channel></rss>"
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_what_keeps_the_reader_busy_ends_it_and_not_us(parser: Parser, bomb: str) -> None:
    with pytest.raises(FeedError, match=r"took more than 2\.0 s of processor time or too much memory") as caught:
        await parsed(parser, BOMBS[bomb])
    assert caught.value.reason == "unreadable"
    assert len(await parsed(parser)) == 2


LAUGHS = {
    # On a line of its own feedparser takes the declaration out; on the first line it does not see it.
    "as written": '<?xml version="1.0"?>\n<!DOCTYPE rss [<!ENTITY e0 "ha">' + ENTITIES + "]>\n",
    "hidden": '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY e0 "ha">' + ENTITIES + "]>",
    "one large one": '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY e9 "' + "ha" * 500_000 + '">]>',
}


@pytest.mark.parametrize("how", LAUGHS)
async def test_a_billion_laughs_are_harmless(parser: Parser, how: str) -> None:
    body = LAUGHS[how] + f'<rss version="2.0"><channel><item><title>{"&e9;" * 1_000}</title></item></channel></rss>'
    try:
        titles = await parsed(parser, body.encode())
    except FeedError as error:
        assert error.reason in ("unreadable", "not_a_feed")  # noqa: PT017  (either will do)
    else:
        assert sum(map(len, titles)) <= 5_000
    assert len(await parsed(parser)) == 2


async def test_an_external_entity_reads_no_file(parser: Parser, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    for name in (f"file://{secret}", str(secret)):
        body = (
            f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "{name}">]>'
            '<rss version="2.0"><channel><item><title>a &x; b</title></item></channel></rss>'
        )
        assert "hunter2" not in "".join(await parsed(parser, body.encode()))
    # A document that is the name of a file is not taken for that file either.
    with pytest.raises(FeedError):
        await parsed(parser, str(secret).encode())


async def test_who_stops_waiting_leaves_the_reader_usable(parser: Parser) -> None:
    waiting = asyncio.create_task(parsed(parser, BOMBS["tags in tags"]))
    while parser._process is None:
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(await parsed(parser)) == 2


def test_the_reader_ends_when_its_parent_is_killed() -> None:
    code = (
        "import asyncio, os, signal\n"
        "from stream.feeds.parser import Parser\n"
        "async def main():\n"
        "    parser = Parser()\n"
        "    await parser.parse(b'<rss></rss>', '', 'https://a.example/', 1)\n"
        "    print(parser._process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == -9
    assert _ends(int(done.stdout))


def _ends(pid: int) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(process) as ended:
        return bool(select.select([ended], [], [], 20)[0])


def test_the_readers_process_has_nothing_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, stream.feeds.parser; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert not {"aiohttp", "kafka", "sqlalchemy", "numpy", "pydantic"} & set(done.stdout.split())
