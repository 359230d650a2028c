"""Pages over HTTP: a service's message is posted, and what it answers is believed only when it says that it took it."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

from alerts.delivery import DeliveryError, ReceiverDownError
from alerts.pagebook import Delivery
from alerts.receivers.digest import clean

_LONGEST_ANSWER = 2_000  # bytes that are read of an answer
_SHOWN = 200  # characters of a refusal that are logged
# About the page and not about the receiver: another one may pass.
PAGE_STATUSES = frozenset((400, 413, 422))
LONGEST_RETRY_AFTER = 900.0  # seconds


class Post(NamedTuple):
    """What is posted. `url`: with all that a receiver's address needs, secrets too."""

    url: str
    body: bytes
    headers: Mapping[str, str] = {}


Writer = Callable[[Delivery, datetime], Post]
# An answer of 200 that is none: why, and whether it is about the page alone; None when the page was taken.
Refusal = Callable[[bytes], tuple[str, bool] | None]


def taken(_answer: bytes) -> None:
    """Of services whose status says all."""


class Hook:
    """Posts pages to one address. The header Idempotency-Key is the same at every attempt; a receiver that answered
    and was not heard knows it again by that.

    `kind`: the service; `identity`: the address or key that tells this receiver from others of its kind.
    """

    def __init__(
        self,
        kind: str,
        identity: str,
        write: Writer,
        timeout: timedelta,
        clock: Callable[[], datetime],
        refusal: Refusal = taken,
    ) -> None:
        self._write = write
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())
        self._clock = clock
        self._refusal = refusal
        self.name = f"{kind}-{hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()}"

    async def deliver(self, delivery: Delivery) -> None:
        """Post a page. Raises DeliveryError."""
        post = self._write(delivery, self._clock())
        headers = {"Content-Type": "application/json", "Idempotency-Key": delivery.key, **post.headers}
        # An address's path and query are often its password.
        shown = _host(post.url)
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                # A redirected POST would arrive as a GET without its body and look delivered.
                session.post(post.url, data=post.body, headers=headers, allow_redirects=False) as answer,
            ):
                said = await _beginning(answer.content)
                if not 200 <= answer.status < 300:
                    raise _refused(shown, answer.status, said, answer.headers.get("Retry-After", ""))
        except TimeoutError as error:
            raise ReceiverDownError(f"{shown} did not answer within {self._timeout.total:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ReceiverDownError(f"{shown} cannot be reached ({type(error).__name__})") from error
        if refusal := self._refusal(said):
            why, about_page = refusal
            raise (DeliveryError if about_page else ReceiverDownError)(f"{shown} refused it: {clean(why, _SHOWN)}")


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """As much of an answer as is looked at; a network brings it in pieces."""
    said = b""
    while len(said) < _LONGEST_ANSWER and (piece := await content.read(_LONGEST_ANSWER)):
        said += piece
    return said


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "a webhook"
    except ValueError:
        return "a webhook"


def _refused(shown: str, status: int, said: bytes, retry_after: str) -> DeliveryError:
    words = f"{shown} answered {status}: {clean(said.decode(errors='replace'), _SHOWN)}"
    if status in PAGE_STATUSES:
        return DeliveryError(words)
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return ReceiverDownError(words, min(wait, LONGEST_RETRY_AFTER))


def refusal_by(code: str, text: str, about_page: Collection[int] = ()) -> Refusal:
    """Of services that answer 200 whatever happens and say in JSON what did: the fields for the code, 0 if all is
    well, and for the words. `about_page`: codes that another page need not have."""

    def refusal(answer: bytes) -> tuple[str, bool] | None:
        try:
            told: Any = msgspec.json.decode(answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = None
        if not isinstance(told, dict) or code not in told:
            return f"an answer that is not its own: {answer.decode(errors='replace')}", False
        number = told[code]
        return None if number == 0 else (f"{code} {number}, {told.get(text, '')}", number in about_page)

    return refusal
