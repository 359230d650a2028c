"""Tokens against requests that another site makes in somebody's name (cross-site request forgery).

A form carries the HMAC of the visitor's cookie under a key of this process: another site can have the cookie sent, but
neither read it nor work out the token. (OWASP, Cross-Site Request Forgery Prevention
Cheat Sheet, signed double submit.)
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

FIELD = "token"
HEADER = "x-desk-token"
# How a browser says where a request comes from: 'none' is a person's own doing, such as an address that was typed.
_OURS = ("same-origin", "none")


class CsrfTokens:
    """Makes and checks tokens. `key`: bytes; drawn anew for each process by default."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def token(self, cookie: str) -> str:
        """The token of the visitor who has this cookie."""
        return hmac.new(self._key, cookie.encode(), hashlib.sha256).hexdigest()

    def holds(self, cookie: str, given: str) -> bool:
        """Whether a request's token is that of its cookie."""
        return bool(cookie) and hmac.compare_digest(self.token(cookie).encode(), given.encode())


def from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that another site made the request; an older browser and a script do not say.

    >>> from_elsewhere({"sec-fetch-site": "cross-site"}), from_elsewhere({})
    (True, False)
    """
    return headers.get("sec-fetch-site", "none") not in _OURS
