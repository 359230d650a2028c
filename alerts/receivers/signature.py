"""The signature of a posted page, in the form that Stripe's webhooks have made known
(https://docs.stripe.com/webhooks#verify-manually): a receiver knows by it that a page is ours, whole, and of now."""

import hmac
from collections.abc import Collection
from datetime import datetime, timedelta

HEADER = "Newsquall-Signature"


def signature(body: bytes, secrets: Collection[str], now: datetime) -> str:
    """The header's value: when, and for each secret the HMAC-SHA256 of when, a dot and the body.

    >>> from datetime import UTC
    >>> signature(b"{}", ["one secret"], datetime(2026, 7, 3, tzinfo=UTC))[:29]
    't=1783036800,v1=c3d64a6972b59'
    """
    stamp = str(int(now.timestamp()))
    return ",".join([f"t={stamp}", *(f"v1={_digest(stamp, body, secret)}" for secret in secrets)])


def is_ours(header: str, body: bytes, secret: str, now: datetime, tolerance: timedelta = timedelta(minutes=5)) -> bool:
    """What a receiver does with the header: whether one of its signatures is by the secret, and not older than
    `tolerance`, so that nobody who has read a page can post it again."""
    parts = [part.partition("=") for part in header.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now.timestamp() - int(stamp)) > tolerance.total_seconds():
        return False
    expected = _digest(stamp, body, secret).encode()
    return any(hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1")


def _digest(stamp: str, body: bytes, secret: str) -> str:
    return hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()
