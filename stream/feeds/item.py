"""One item of a feed: what it is known by, its date, and the headline that it becomes or why it becomes none.

All of it arithmetic; what was seen before and the time are arguments.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from model.text import MAX_TITLE_CHARACTERS
from stream.records import EARLIEST, Headline

# Why an item becomes no headline.
PASSED_OVER = (
    "no_text",  # neither a title nor a text
    "too_long",  # a title that is none
    "undated",  # without a date to be believed, and there before the feed was first looked at
    "old",  # published before feeds.oldest
    "too_many",  # beyond feeds.items or feeds.body_bytes in one document
)
# Why an item's own date is not its headline's.
DATES = ("missing", "future", "too_old")


class Item(Struct, frozen=True, omit_defaults=True):
    """One item as its feed has it, texts already plain and bounded. `published`: in UTC, if it could be read."""

    title: str = ""
    guid: str = ""
    link: str = ""
    body: str = ""
    published: datetime | None = None
    language: str = ""


@dataclass(frozen=True)
class Identity:
    """`id`: the headline's. `keys`: what the item is recognised by; one of them seen before is enough."""

    id: str
    keys: tuple[bytes, ...]


@dataclass(frozen=True)
class Dating:
    """When an item is taken to be published, and why not when it says (one of DATES)."""

    published_at: datetime
    replaced: str = ""


@dataclass(frozen=True)
class PassedOver:
    """An item that becomes no headline; `reason` is one of PASSED_OVER."""

    reason: str


def identify(items: Sequence[Item], feed: str, source: str) -> list[Identity]:
    """What each item of one document is known by.

    The id is made of the guid; where there is none, or several items of the document with other titles have the
    same one, of the link; of title and date if that fails too. An address, a tag: or a urn: names an item for all
    feeds of a source; any other guid, a bare number say, is the feed's own. `feed`: the address by which it was
    subscribed to, which stays when it moves.

    Guids change: with a new content system, or at every poll. So an item is recognised by title and date as well, and
    by title and link, unless the document has the link for other titles too.
    """
    guids, links = _shared([(each.guid, each.title) for each in items]), _shared(
        [(canonical(each.link), each.title) for each in items]
    )  # fmt: skip
    found = []
    for item in items:
        link = canonical(item.link)
        dated = item.published.isoformat() if item.published else ""
        if item.guid and item.guid not in guids:
            name = canonical(item.guid)
        elif link and link not in links:
            name = link
        else:
            name = f"{item.title}\x1f{dated or item.body[:500]}"
        scope = source if _is_global(name) else feed
        keys = [_digest("name", name)]
        if item.title and dated:
            keys.append(_digest("dated", item.title.casefold(), dated))
        if item.title and link and link not in links:
            keys.append(_digest("linked", item.title.casefold(), link))
        found.append(Identity(_digest("id", scope, name).hex(), tuple(keys)))
    return found


def unseen(identities: Sequence[Identity], known: Collection[bytes]) -> list[int]:
    """The positions of what was not seen before, neither by its keys in `known` nor earlier in the document.

    >>> one, two = Identity("1", (b"a", b"b")), Identity("2", (b"c", b"b"))
    >>> unseen([one, two], known=[]), unseen([one, two], known=[b"b"])
    ([0], [])
    """
    seen = set(known)
    fresh = []
    for position, identity in enumerate(identities):
        if seen.isdisjoint(identity.keys):
            fresh.append(position)
        seen.update(identity.keys)
    return fresh


def dating(published: datetime | None, now: datetime, tolerance: timedelta) -> Dating:
    """The date that a headline gets: the item's own, or `now` where it has none, where its own lies further in the
    future than `tolerance` (a worker would refuse it; what is here now has been published by now), or before 1990
    (a parser's zero)."""
    if published is None:
        return Dating(now, "missing")
    if published > now + tolerance:
        return Dating(now, "future")
    if published < EARLIEST:
        return Dating(now, "too_old")
    return Dating(published)


def to_headline(
    item: Item, identity: Identity, date: Dating, source: str, language: str, oldest: datetime, first: bool
) -> Headline | PassedOver:
    """An item's headline.

    `language`: as the list, the item or the feed names it, or empty. `oldest`: what is older is no news. `first`: the
    feed is looked at for the first time; what it then holds without a date to be believed may be months old, and all
    of it dated now would look like a squall.
    """
    title = item.title or opening(item.body)
    if not title:
        return PassedOver("no_text")
    if len(title) > MAX_TITLE_CHARACTERS:
        return PassedOver("too_long")
    if date.replaced and first:
        return PassedOver("undated")
    if date.published_at < oldest:
        return PassedOver("old")
    return Headline(
        id=identity.id,
        title=title,
        source=source,
        url=item.link,
        published_at=date.published_at,
        body=item.body if item.body and item.body != title else None,
        language=language or None,
    )


def opening(body: str, most: int = 280) -> str:
    """The beginning of a text in place of a title, which short messages do not have: to the end of a sentence, or of
    a word.

    >>> opening("Acme recalls kettles. They may burn. " + "And so on. " * 40, 30)
    'Acme recalls kettles.'
    """
    if len(body) <= most:
        return body
    cut = body[:most]
    sentence = re.match(r".*[.!?。！？](?=\s)", cut)
    return sentence[0] if sentence else cut.rpartition(" ")[0] or cut


def canonical(address: str) -> str:
    """An address as it stays when a site goes from http to https, or begins to end its addresses with a slash; what
    is no web address, unchanged.

    >>> canonical("https://Acme.example/News/1/"), canonical("urn:x:1")
    ('//acme.example/News/1', 'urn:x:1')
    """
    match = re.match(r"https?://([^/?#]*)", address, re.IGNORECASE)
    return f"//{match[1].lower()}{address[match.end() :]}".rstrip("/") if match else address


def _is_global(name: str) -> bool:
    return name.startswith(("//", "tag:", "urn:"))


def _shared(named: Sequence[tuple[str, str]]) -> set[str]:
    """The names that stand for more than one title."""
    titles: dict[str, set[str]] = defaultdict(set)
    for name, title in named:
        titles[name].add(title)
    return {name for name, of in titles.items() if len(of) > 1}


def _digest(*parts: str) -> bytes:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=12).digest()
