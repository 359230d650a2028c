"""Fetching from a real server that is hostile in one way at a time."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import brotli
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from model.errors import FeedError
from stream.feeds.fetcher import Fetched, Fetcher, Unchanged, Validators, redirect_target
from stream.settings import FeedSettings
from tests.feedserver import FeedServer, Reply, Request, rss

BODY = rss("Acme recalls kettles")
SMALL = 50_000


def settings(**fields: Any) -> FeedSettings:
    given_: dict[str, Any] = {
        "allow": ("127.0.0.1",),
        "host_pause": timedelta(0),
        "timeout": timedelta(seconds=20),
        "body_bytes": SMALL,
    }
    return FeedSettings(**{**given_, **fields})


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(settings()) as made:
        yield made


async def fetched(fetcher: Fetcher, url: str, validators: Validators | None = None) -> Fetched:
    answer = await fetcher.fetch(url, validators)
    assert isinstance(answer, Fetched)
    return answer


async def failure(fetcher: Fetcher, url: str) -> FeedError:
    with pytest.raises(FeedError) as caught:
        await fetcher.fetch(url)
    assert "\n" not in str(caught.value)
    return caught.value


# ------------------------------------------------------------------ as it should be


async def test_a_document_comes_with_what_it_is_known_by(server: FeedServer, fetcher: Fetcher) -> None:
    head = {"ETag": 'W/"1"', "Last-Modified": "Wed, 04 Mar 2026 09:30:00 GMT", "Content-Type": "text/xml"}
    server.routes["/rss"] = Reply(BODY, headers=head)
    url = server.url("/rss")
    known = Validators(url, 'W/"1"', "Wed, 04 Mar 2026 09:30:00 GMT")
    assert await fetched(fetcher, url) == Fetched(BODY, "text/xml", url, True, known)
    (asked,) = server.requests
    assert asked.headers["user-agent"].startswith("Newsquall/")
    assert asked.headers["accept-encoding"] == "gzip, deflate, br"
    assert "if-none-match" not in asked.headers
    assert "cookie" not in asked.headers


async def test_what_has_not_changed_is_not_sent_again(server: FeedServer, fetcher: Fetcher) -> None:
    url = server.url("/rss")
    server.routes["/rss"] = lambda request: (
        Reply(status=304) if request.headers.get("if-none-match") == '"1"' else Reply(BODY, headers={"ETag": '"1"'})
    )
    known = (await fetched(fetcher, url)).validators
    assert await fetcher.fetch(url, known) == Unchanged()
    # Only the address that gave them is sent them.
    assert isinstance(await fetcher.fetch(url, Validators("http://other.example/", '"1"')), Fetched)


async def test_who_asked_nothing_is_not_answered_that_nothing_changed(server: FeedServer, fetcher: Fetcher) -> None:
    server.routes["/rss"] = Reply(status=304)
    assert (await failure(fetcher, server.url("/rss"))).reason == "status"


async def test_whom_to_write_to_is_told(server: FeedServer) -> None:
    server.routes["/rss"] = Reply(BODY)
    async with Fetcher(settings(contact="desk@bank.example")) as fetcher:
        await fetcher.fetch(server.url("/rss"))
    assert server.requests[0].headers["user-agent"].endswith(" (desk@bank.example)")


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY)), ("br", brotli.compress(BODY))],
)
async def test_packed_documents(server: FeedServer, fetcher: Fetcher, encoding: str, packed: bytes) -> None:
    server.routes["/rss"] = Reply(packed, headers={"Content-Encoding": encoding})
    answer = await fetched(fetcher, server.url("/rss"))
    assert (answer.body, answer.whole) == (BODY, True)


@pytest.mark.parametrize("value", ["x" * 2_000, "caf\xe9"])
async def test_validators_that_could_not_be_sent_back_are_dropped(
    server: FeedServer, fetcher: Fetcher, value: str
) -> None:
    server.routes["/rss"] = Reply(BODY, headers={"ETag": value})
    assert (await fetched(fetcher, server.url("/rss"))).validators.etag == ""


# ------------------------------------------------------------------ too much, too slow, broken


async def endless(_request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<rss>")
    while True:
        writer.write(b"<item><title>more</title></item>" * 1_000)
        await writer.drain()


async def test_an_endless_body_is_cut(server: FeedServer, fetcher: Fetcher) -> None:
    server.routes["/rss"] = endless
    answer = await fetched(fetcher, server.url("/rss"))
    assert len(answer.body) == SMALL
    assert not answer.whole


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_decompression_bomb_is_cut(server: FeedServer, fetcher: Fetcher, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[encoding]
    server.routes["/rss"] = Reply(pack(bytes(30_000_000)), headers={"Content-Encoding": encoding})
    answer = await fetched(fetcher, server.url("/rss"))
    assert len(answer.body) == SMALL
    assert not answer.whole


async def test_an_endless_stream_that_unpacks_to_nothing_is_cut(server: FeedServer, fetcher: Fetcher) -> None:
    async def empty_members(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            writer.write(gzip.compress(b"") * 1_000)
            await writer.drain()

    server.routes["/rss"] = empty_members
    answer = await fetched(fetcher, server.url("/rss"))
    assert (answer.body, answer.whole) == (b"", False)


def dripping(first: bytes) -> Any:
    async def drip(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    return drip


async def silent(_request: Request, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3_600)


@pytest.mark.parametrize("way", [dripping(b"HTTP/1.1 200 OK\r\n\r\n"), dripping(b"HTTP/1.1 200 OK\r\nX-"), silent])
async def test_a_server_that_drips_or_says_nothing_is_cut(server: FeedServer, way: Any) -> None:
    server.routes["/rss"] = way
    async with Fetcher(settings(timeout=timedelta(seconds=0.5))) as fetcher:
        error = await failure(fetcher, server.url("/rss"))
    assert (error.reason, str(error)) == ("timeout", "127.0.0.1 took more than 0.5 s")


async def test_redirects_do_not_prolong_the_time(server: FeedServer) -> None:
    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        target = server.url(f"/{int(request.path[1:]) + 1}")
        writer.write(f"HTTP/1.1 302 X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    server.routes |= {f"/{number}": slow for number in range(20)}
    async with Fetcher(settings(timeout=timedelta(seconds=1), redirects=20)) as fetcher:
        assert (await failure(fetcher, server.url("/0"))).reason == "timeout"
    assert len(server.requests) < 6


def raw(answer: bytes) -> Any:
    async def write(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return write


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
async def test_what_is_no_http_is_a_failure(server: FeedServer, fetcher: Fetcher, answer: bytes) -> None:
    server.routes["/rss"] = raw(answer)
    assert (await failure(fetcher, server.url("/rss"))).reason == "protocol"


async def test_what_breaks_off_gives_what_had_come_and_says_that_it_is_not_whole(
    server: FeedServer, fetcher: Fetcher
) -> None:
    server.routes["/rss"] = raw(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 9999\r\n\r\n' + BODY)
    answer = await fetched(fetcher, server.url("/rss"))
    assert (answer.body, answer.whole) == (BODY, False)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_what_is_packed_wrong_is_a_failure(server: FeedServer, fetcher: Fetcher, encoding: str) -> None:
    server.routes["/rss"] = Reply(BODY, headers={"Content-Encoding": encoding})
    assert (await failure(fetcher, server.url("/rss"))).reason == "encoding"


async def test_servers_that_are_not_there(fetcher: Fetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert (await failure(fetcher, f"http://127.0.0.1:{port}/")).reason == "connect"
    assert (await failure(fetcher, "http://no-such-host.invalid/")).reason == "dns"


async def test_tls_that_nobody_vouches_for_is_a_failure(fetcher: Fetcher, tmp_path: Path) -> None:
    openssl = shutil.which("openssl") or pytest.skip("no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    subprocess.run([openssl, *new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with FeedServer(tls=context) as server:
        server.routes["/rss"] = Reply(BODY)
        assert (await failure(fetcher, server.url("/rss"))).reason == "tls"
        assert server.requests == []


# ------------------------------------------------------------------ answers that are no document


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "gone"), (410, "gone"), (500, "status"), (502, "status"), (401, "status"), (204, "status"), (206, "status")],
)
async def test_other_answers_are_failures(server: FeedServer, fetcher: Fetcher, status: int, reason: str) -> None:
    server.routes["/rss"] = Reply(status=status)
    error = await failure(fetcher, server.url("/rss"))
    assert (error.reason, error.retry_after) == (reason, None)
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_for_peace_is_left_in_peace(server: FeedServer, status: int) -> None:
    server.routes["/rss"] = Reply(status=status, headers={"Retry-After": "3"})
    server.routes["/other"] = Reply(BODY)
    async with Fetcher(settings()) as fetcher:
        error = await failure(fetcher, server.url("/rss"))
        assert (error.reason, error.retry_after) == ("throttled", timedelta(seconds=3))
        # All of the host, not this feed alone.
        await fetcher.fetch(server.url("/other"))
    first, second = server.requests
    assert second.at - first.at >= 2.9


# ------------------------------------------------------------------ redirects


async def test_redirects_are_followed_and_those_for_good_reported(server: FeedServer, fetcher: Fetcher) -> None:
    def to(path: str, status: int) -> Reply:
        return Reply(status=status, headers={"Location": path})

    server.routes |= {
        "/old": to("/older", 301),
        "/older": to(server.url("/rss"), 308),
        "/rss": Reply(BODY, headers={"ETag": '"1"'}),
        "/for-now": to("/old", 302),
        "/partly": to("/for-now", 301),
    }
    answer = await fetched(fetcher, server.url("/old"))
    assert (answer.url, answer.moved_to, answer.validators.url) == (server.url("/rss"),) * 3
    assert (await fetched(fetcher, server.url("/for-now"))).moved_to == ""
    # Beyond the first that is for now nothing is for good.
    assert (await fetched(fetcher, server.url("/partly"))).moved_to == server.url("/for-now")


async def test_validators_reach_the_address_that_gave_them_through_redirects(
    server: FeedServer, fetcher: Fetcher
) -> None:
    server.routes["/a"] = Reply(status=302, headers={"Location": "/b"})
    server.routes["/b"] = lambda request: (
        Reply(status=304) if "if-none-match" in request.headers else Reply(BODY, headers={"ETag": '"1"'})
    )
    known = (await fetched(fetcher, server.url("/a"))).validators
    assert await fetcher.fetch(server.url("/a"), known) == Unchanged()
    assert "if-none-match" not in server.asked("/a")[1].headers


async def test_a_circle_of_redirects_ends(server: FeedServer, fetcher: Fetcher) -> None:
    server.routes["/a"] = Reply(status=301, headers={"Location": "/b"})
    server.routes["/b"] = Reply(status=301, headers={"Location": "/a#x"})
    error = await failure(fetcher, server.url("/a"))
    assert error.reason == "redirect"
    assert "in a circle" in str(error)
    assert len(server.requests) == 2


async def test_redirects_that_go_on_for_ever_end(server: FeedServer, fetcher: Fetcher) -> None:
    for number in range(20):
        server.routes[f"/{number}"] = Reply(status=302, headers={"Location": f"/{number + 1}"})
    error = await failure(fetcher, server.url("/0"))
    assert (error.reason, len(server.requests)) == ("redirect", 6)


@pytest.mark.parametrize(
    "location",
    ["", "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:x", "data:text/xml,<rss/>", "http://", "//", "http://[",
     "http://a b/", "/" + "x" * 3_000],
)  # fmt: skip
async def test_a_redirect_to_what_is_no_web_address_is_refused(
    server: FeedServer, fetcher: Fetcher, location: str
) -> None:
    server.routes["/a"] = Reply(status=302, headers={"Location": location})
    assert (await failure(fetcher, server.url("/a"))).reason in ("redirect", "dns")
    assert len(server.requests) == 1


@given(st.text(max_size=60))
def test_any_location_is_a_web_address_or_refused(location: str) -> None:
    try:
        target = redirect_target("https://news.example/rss", location)
    except FeedError as error:
        assert error.reason == "redirect"  # noqa: PT017
    else:
        assert target.startswith(("http://", "https://"))
        assert target.isascii()


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "host",
    ["127.0.0.2", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.2]", "169.254.169.254", "10.0.0.1", "[fe80::1]"],
)
async def test_addresses_that_are_not_public_are_refused(server: FeedServer, fetcher: Fetcher, host: str) -> None:
    server.routes["/rss"] = Reply(BODY)
    error = await failure(fetcher, server.url("/rss", host))
    assert error.reason == "address"
    assert "add it to feeds.allow" in str(error)
    assert server.requests == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "017700000001"])
async def test_nor_are_they_reached_by_other_spellings(server: FeedServer, fetcher: Fetcher, host: str) -> None:
    server.routes["/rss"] = Reply(BODY)
    assert (await failure(fetcher, server.url("/rss", host))).reason in ("address", "protocol")
    assert server.requests == []


async def test_nor_after_a_redirect(server: FeedServer, fetcher: Fetcher) -> None:
    server.routes["/out"] = Reply(status=302, headers={"Location": server.url("/rss", "127.0.0.2")})
    server.routes["/rss"] = Reply(BODY)
    assert (await failure(fetcher, server.url("/out"))).reason == "address"
    assert [request.path for request in server.requests] == ["/out"]


class Names(AbstractResolver):
    """Names that resolve to one address after the other."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        pass


async def test_the_address_that_is_checked_is_the_one_that_is_connected_to(server: FeedServer) -> None:
    # DNS rebinding: a name that is public when it is looked at, and this machine when it is connected to.
    server.routes["/rss"] = Reply(BODY)
    names = Names("127.0.0.1", "93.184.215.14")
    async with Fetcher(settings(allow=()), names) as fetcher:
        assert (await failure(fetcher, server.url("/rss", "rebinding.example"))).reason == "address"
    assert names.asked == 1
    assert server.requests == []


async def test_a_host_that_is_allowed_may_be_at_an_inner_address(server: FeedServer) -> None:
    server.routes["/rss"] = Reply(BODY)
    async with Fetcher(settings(allow=("Intra.Example",)), Names("127.0.0.1")) as fetcher:
        assert (await fetched(fetcher, server.url("/rss", "intra.example"))).body == BODY
        assert (await failure(fetcher, server.url("/rss", "other.example"))).reason == "address"


async def test_a_feed_from_outside_does_not_lead_to_a_host_that_is_allowed(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.feeds.fetcher.is_public", lambda address: address == "127.0.0.1")
    inside = Names("127.0.0.9")
    server.routes["/out"] = Reply(status=302, headers={"Location": server.url("/rss", "intra.example")})
    async with Fetcher(settings(allow=("intra.example",)), inside) as fetcher:
        error = await failure(fetcher, server.url("/out"))
    assert error.reason == "address"
    assert [request.path for request in server.requests] == ["/out"]


async def test_all_goes_through_the_proxy_if_there_is_one(server: FeedServer) -> None:
    server.routes["http://news.example/rss"] = Reply(BODY)
    async with Fetcher(settings(allow=(), proxy=server.url(""))) as fetcher:
        assert (await fetched(fetcher, "http://news.example/rss")).body == BODY
        for host in ("127.0.0.1", "[::1]", "127.1", "169.254.169.254"):
            assert (await failure(fetcher, f"http://{host}/")).reason == "address"
    assert len(server.requests) == 1


# ------------------------------------------------------------------ politeness


async def test_a_host_is_asked_one_thing_at_a_time_with_a_pause(server: FeedServer) -> None:
    async def slow(_request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(Reply(BODY).head() + BODY)
        await writer.drain()

    server.routes |= {f"/{number}": slow for number in range(5)}
    async with Fetcher(settings(host_pause=timedelta(seconds=0.2))) as fetcher:
        await asyncio.gather(*(fetcher.fetch(server.url(f"/{number}")) for number in range(5)))
    assert server.most_busy == 1
    times = [request.at for request in server.requests]
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times))


async def test_hosts_are_asked_beside_each_other_up_to_a_bound(server: FeedServer) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def held(_request: Request, writer: asyncio.StreamWriter) -> None:
        if server.busy == 3:
            loop.call_soon_threadsafe(arrived.set)
        while not go.is_set():
            await asyncio.sleep(0.01)
        writer.write(Reply(BODY).head() + BODY)
        await writer.drain()

    server.routes["/rss"] = held
    hosts = [f"host{number}.example" for number in range(8)]
    async with Fetcher(settings(allow=tuple(hosts), fetches=3), Names("127.0.0.1")) as fetcher:
        fetches = [asyncio.create_task(fetcher.fetch(server.url("/rss", host))) for host in hosts]
        await asyncio.wait_for(arrived.wait(), 10)
        go.set()
        await asyncio.gather(*fetches)
    assert server.most_busy == 3
    assert len(server.requests) == 8


async def test_hosts_that_redirect_to_each_other_do_not_lock_up(server: FeedServer) -> None:
    server.routes["/a"] = Reply(status=302, headers={"Location": server.url("/end", "b.example")})
    server.routes["/b"] = Reply(status=302, headers={"Location": server.url("/end", "a.example")})
    server.routes["/end"] = Reply(BODY)
    made = settings(allow=("a.example", "b.example"), host_pause=timedelta(milliseconds=20), fetches=1)
    async with Fetcher(made, Names("127.0.0.1")) as fetcher:
        both = [fetcher.fetch(server.url("/a", "a.example")), fetcher.fetch(server.url("/b", "b.example"))]
        await asyncio.wait_for(asyncio.gather(*both), 10)
    assert fetcher._turns == {}


async def test_a_server_that_hangs_holds_up_no_other(server: FeedServer) -> None:
    server.routes["/hangs"] = silent
    server.routes["/rss"] = Reply(BODY)
    async with Fetcher(settings(allow=("a.example", "b.example"), fetches=2), Names("127.0.0.1")) as fetcher:
        # A second one for the host that hangs waits for its turn, not in a slot.
        hanging = [asyncio.create_task(fetcher.fetch(server.url("/hangs", "a.example"))) for _ in range(2)]
        await asyncio.sleep(0)
        await fetcher.fetch(server.url("/rss", "b.example"))
        assert not any(each.done() for each in hanging)
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_the_session_is_closed_at_the_end() -> None:
    async with Fetcher(settings()) as fetcher:
        sessions: list[aiohttp.ClientSession] = [fetcher._guarded, fetcher._trusted]
    assert all(session.closed for session in sessions)
