"""What people say of pages, by the links in them: a small form for each verdict, without any script.

GET shows what would be recorded and changes nothing, since mail scanners and chats open each link; POST, which the
form's one button sends, records it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import escape

from aiohttp import web

from alerts.keyedlinks import KeyedLinks
from alerts.page import VERDICT_WORDS, Page
from alerts.pagebook import PageBook
from alerts.receivers.digest import clean
from alerts.wording import clock_words
from model.errors import ArchiveError, InputError
from stream.verdicts import LONGEST_NAME, Verdict, VerdictBook

log = logging.getLogger(__name__)

LARGEST_FORM = 4_096  # bytes
_HEADERS = {
    # The address is a key: no cache keeps it, and no page that is opened from here is told it.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}


_Handler = Callable[[web.Request, Page, str], Awaitable[web.Response]]


class VerdictForms:
    """The handlers."""

    def __init__(
        self, links: KeyedLinks | None, book: PageBook, verdicts: VerdictBook, clock: Callable[[], datetime]
    ) -> None:
        self._links = links
        self._book = book
        self._verdicts = verdicts
        self._clock = clock
        self._giving = asyncio.Lock()

    async def ask(self, request: web.Request) -> web.Response:
        """The form."""
        return await self._with_page(request, self._asked)

    async def give(self, request: web.Request) -> web.Response:
        """Record the verdict."""
        return await self._with_page(request, self._given)

    async def _with_page(self, request: web.Request, then: _Handler) -> web.Response:
        """What is wrong is said on the page that is shown, in the words of those who have opened it."""
        try:
            if self._links is None:
                raise InputError("This relay takes no verdicts: it has no relay.public_url.")
            page_id, verdict = self._links.verdict(request.match_info["token"], self._clock())
        except InputError as error:
            return _shown(str(error), status=403)
        try:
            page = await asyncio.to_thread(self._book.find, page_id)
            if page is None:
                return _shown(f"There is no page {page_id} any more.", status=404)
            return await then(request, page, verdict)
        except ArchiveError as error:
            log.error("a verdict waits: %s", error)
            return _shown("This cannot be recorded just now. Please try again in a minute.", status=503)

    async def _asked(self, _request: web.Request, page: Page, verdict: str) -> web.Response:
        stands = await asyncio.to_thread(self._verdicts.newest, [page.id])
        now = f"<p>{escape(_stands(stands[page.id]))}</p>" if page.id in stands else ""
        return _shown(
            page.sentence,
            f"{now}<form method=post><p><label>Your name, if you like "
            f"<input name=who maxlength={LONGEST_NAME} autocomplete=name></label></p>"
            f"<button>Say that {escape(VERDICT_WORDS[verdict])}</button></form>",
        )

    async def _given(self, request: web.Request, page: Page, verdict: str) -> web.Response:
        if (request.content_length or 0) > LARGEST_FORM:
            return _shown("That is more than a name.", status=413)
        form = await request.post()
        who = form.get("who", "")
        given = Verdict(verdict, clean(who, LONGEST_NAME) if isinstance(who, str) else "", self._clock())
        async with self._giving:
            stood = await asyncio.to_thread(self._verdicts.give, page.id, given)
        if stood:
            return _shown(f"Nothing changed. {_stands(stood)}")
        log.info("page %s: %s, says %s", page.id, verdict, given.who or "somebody")
        return _shown(f"Thank you. {_stands(given)}", "<p>Another of the page's links changes it.</p>")


def _stands(verdict: Verdict) -> str:
    by = f" by {verdict.who}" if verdict.who else ""
    day = f"{verdict.given_at:%Y-%m-%d}"
    return f"It is recorded{by} on {day} at {clock_words(verdict.given_at)} that {VERDICT_WORDS[verdict.verdict]}."


def _shown(heading: str, body: str = "", status: int = 200) -> web.Response:
    """`heading`: text; `body`: HTML."""
    text = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>Newsquall</title><body style='font:1.1em sans-serif;max-width:35em;margin:2em auto;padding:0 1em'>"
        f"<p><b>{escape(clean(heading))}</b></p>{body}"
    )
    return web.Response(text=text, content_type="text/html", status=status, headers=_HEADERS)
