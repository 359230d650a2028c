"""Links that are keys: who has one may see a page's chart or judge the page, until it expires.

They are signed by HMAC (itsdangerous), so that nobody makes one up and nothing about them need be kept.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from itsdangerous import BadData, URLSafeSerializer

from alerts.page import Page, VerdictLinks
from model.errors import InputError
from stream.settings import RelaySettings
from stream.verdicts import VERDICTS

CHART, VERDICT = "chart", "verdict"


class KeyedLinks:
    """Makes and reads them. `secrets`: the first one signs, all are believed; `base`: where people reach the relay."""

    def __init__(self, base: str, secrets: Collection[str], lasts: timedelta) -> None:
        self._base = base.rstrip("/")
        # itsdangerous signs by the last one.
        keys = list(reversed(list(secrets)))
        self._signers = {purpose: URLSafeSerializer(keys, salt=purpose) for purpose in (CHART, VERDICT)}
        self._lasts = lasts

    @classmethod
    def of(cls, relay: RelaySettings) -> "KeyedLinks | None":
        """By the settings; None where they name no address at which people reach the relay."""
        if relay.public_url is None:
            return None
        return cls(relay.public_url, [each.get_secret_value() for each in relay.link_secrets], relay.links_last)

    def add(self, page: Page, now: datetime) -> Page:
        """A page with its links, which hold from now on. A page about the monitor has no chart."""
        until = int((now + self._lasts).timestamp())
        chart = ""
        if page.is_squall and page.window:
            chart = f"{self._base}/charts/{self._token(CHART, [page.id, until])}.png"
        judged = {
            verdict: f"{self._base}/verdicts/{self._token(VERDICT, [page.id, until, verdict])}" for verdict in VERDICTS
        }
        links = msgspec.structs.replace(page.links, chart=chart, verdicts=VerdictLinks(**judged))
        return msgspec.structs.replace(page, links=links)

    def _token(self, purpose: str, said: list[Any]) -> str:
        token = self._signers[purpose].dumps(said)
        return token if isinstance(token, str) else token.decode()

    def chart(self, token: str, now: datetime) -> str:
        """The id of the page that a chart's link is for. Raises InputError."""
        return str(self._read(CHART, token, now)[0])

    def verdict(self, token: str, now: datetime) -> tuple[str, str]:
        """The page's id and the verdict that a link gives. Raises InputError: what is wrong, for who opened it."""
        page, _, verdict = self._read(VERDICT, token, now)
        return page, verdict

    def _read(self, purpose: str, token: str, now: datetime) -> list[Any]:
        try:
            said: list[Any] = self._signers[purpose].loads(token)
        except BadData as error:
            raise InputError(
                "This link is not whole or not ours. Open it from the page itself, in one piece."
            ) from error
        if now.timestamp() > said[1]:
            raise InputError("This link has expired.")
        return said


def without_keys(page: Page) -> Page:
    """A page as it may be shown to those who did not get it."""
    return msgspec.structs.replace(page, links=msgspec.structs.replace(page.links, chart="", verdicts=None))
