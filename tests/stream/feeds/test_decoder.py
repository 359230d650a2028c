"""What is packed comes out whole, and never more of it than the bound."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import FeedError
from stream.feeds.decoder import Decoder

MOST = 100_000


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "as it is": ("", bytes),
    "gzip": ("gzip", gzip.compress),
    "in two members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
    "with padding": ("GZIP ", lambda data: gzip.compress(data) + b"\0" * 9),
    "gzip, not said": ("", gzip.compress),
    "gzip, said and not so": ("gzip", lambda data: b"<" + data),
    "deflate": ("deflate", zlib.compress),
    "deflate without zlib's head": ("deflate", bare),
    "brotli": ("br", brotli.compress),
}


def decoded(encoding: str, packed: bytes, piece: int = 1_000, most: int = MOST) -> Decoder:
    decoder = Decoder(encoding, most)
    for start in range(0, len(packed), piece):
        decoder.feed(packed[start : start + piece])
    return decoder


@pytest.mark.parametrize("how", PACKED)
@given(data=st.binary(min_size=1, max_size=3_000), piece=st.integers(2, 4_000))
def test_what_was_packed_comes_out(how: str, data: bytes, piece: int) -> None:
    encoding, pack = PACKED[how]
    if how == "as it is" and data.startswith(b"\x1f\x8b"):
        return  # which says that it is gzip
    decoder = decoded(encoding, pack(data), piece)
    assert bytes(decoder.body) == (b"<" + data if how.endswith("not so") else data)
    assert decoder.whole


@pytest.mark.parametrize("how", ["gzip", "deflate", "brotli", "in two members"])
def test_a_bomb_is_cut_at_the_bound(how: str) -> None:
    encoding, pack = PACKED[how]
    packed = pack(bytes(50_000_000))
    assert len(packed) < 60_000
    decoder = decoded(encoding, packed)
    assert len(decoder.body) == MOST
    assert decoder.full
    assert not decoder.whole


@pytest.mark.parametrize("how", ["gzip", "deflate", "brotli"])
def test_what_breaks_off_gives_what_had_come(how: str) -> None:
    encoding, pack = PACKED[how]
    data = b"".join(str(number).encode() for number in range(9_000))
    packed = pack(data)
    decoder = decoded(encoding, packed[: len(packed) // 2])
    assert 0 < len(decoder.body) < len(data)
    assert data.startswith(bytes(decoder.body))
    assert not decoder.whole


@given(st.sampled_from(["", "gzip", "deflate", "br"]), st.binary(max_size=2_000), st.integers(1, 500))
def test_whatever_comes_it_is_bounded_or_a_failure(encoding: str, packed: bytes, most: int) -> None:
    decoder = Decoder(encoding, most)
    with suppress(FeedError):
        decoder.feed(packed)
    assert len(decoder.body) <= most


@pytest.mark.parametrize("encoding", ["zstd", "gzip, br", "x" * 1000])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(FeedError, match="which was not asked for") as caught:
        Decoder(encoding, MOST)
    assert caught.value.reason == "encoding"


def test_an_endless_number_of_empty_members_adds_nothing() -> None:
    assert decoded("gzip", gzip.compress(b"") * 2_000).body == b""
