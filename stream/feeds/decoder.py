"""A body's content encoding undone piece by piece, never beyond a bound: a decompression bomb is cut where it begins
to be one."""

import zlib

import brotli

from model.errors import FeedError

ACCEPTED = "gzip, deflate, br"

_GZIP_MAGIC = b"\x1f\x8b"


class Decoder:
    """Undoes `encoding` (the Content-Encoding header) up to `most` bytes.

    Servers lie about gzip both ways, so the bytes decide on it, not the header. Raises FeedError (encoding) for an
    encoding that was not asked for, or a body that does not hold.
    """

    def __init__(self, encoding: str, most: int) -> None:
        self._encoding = encoding.strip().lower() or "identity"
        if self._encoding not in ("identity", "gzip", "x-gzip", "deflate", "br"):
            raise FeedError("encoding", f"packed as '{encoding[:40]}', which was not asked for")
        self._most = most
        self._unpack: _Inflate | _Brotli | None = None
        self._began = False
        self.body = bytearray()

    @property
    def full(self) -> bool:
        """Whether the bound is reached: whatever follows would be left out."""
        return len(self.body) >= self._most

    @property
    def whole(self) -> bool:
        """Whether the packed stream has come to its end, and all of it fitted."""
        return not self.full and (self._unpack is None or self._unpack.ended)

    def feed(self, piece: bytes) -> None:
        """Take the next bytes as they came."""
        if not piece or self.full:
            return
        if not self._began:
            self._began = True
            self._unpack = self._unpacker(piece)
        room = self._most - len(self.body)
        if self._unpack is None:
            self.body += piece[:room]
            return
        try:
            self.body += self._unpack.take(piece, room)
        except (zlib.error, brotli.error) as error:
            raise FeedError("encoding", f"packed as {self._encoding}, which it does not hold: {error}") from error

    def _unpacker(self, first: bytes) -> "_Inflate | _Brotli | None":
        if self._encoding == "br":
            return _Brotli()
        if first.startswith(_GZIP_MAGIC):
            return _Inflate(zlib.MAX_WBITS | 16)
        if self._encoding == "deflate":
            # The standard means zlib's format (RFC 9110, 8.4.1.2), some servers the bare stream. The first byte of
            # zlib's has 8 in its low half.
            return _Inflate(zlib.MAX_WBITS if first[0] & 0x0F == 8 else -zlib.MAX_WBITS)
        return None


class _Inflate:
    """gzip and deflate; gzip's may be of several members, one after the other (RFC 1952)."""

    def __init__(self, window_bits: int) -> None:
        self._bits = window_bits
        self._stream = zlib.decompressobj(window_bits)
        self.ended = False

    def take(self, piece: bytes, room: int) -> bytes:
        out = bytearray()
        while piece and room > len(out):
            out += self._stream.decompress(piece, room - len(out))
            self.ended = self._stream.eof
            if not self.ended:
                break  # what is left over is beyond the room
            piece = self._stream.unused_data
            if not piece.startswith(_GZIP_MAGIC):
                break  # padding after the last member
            self._stream = zlib.decompressobj(self._bits)
        return bytes(out)


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._stream.is_finished())

    def take(self, piece: bytes, room: int) -> bytes:
        # It may give a little more than it was asked for: brotli's limit is where its buffer stops growing.
        return bytes(self._stream.process(piece, output_buffer_limit=room)[:room])
