"""A feed's document read: RSS, RDF and Atom by feedparser, which takes broken XML too, and JSON Feed.

Whatever the bytes are, this may take long and much memory; parser.py does it where that harms nobody.
"""

import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import feedparser
from msgspec import Struct

from model.errors import FeedError
from model.text import MAX_TITLE_CHARACTERS
from stream.feeds.item import Item
from stream.feeds.plaintext import one_line, plain

LONGEST_BODY = 4_000  # characters: what follows a news text's first paragraphs says little more
LONGEST_NAME = 2_000  # of a guid or a link

_BEGINNING = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_ENDS = re.compile(rb"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:\w+:)?(rss|feed|RDF)\b", re.IGNORECASE)
_CLOSED = re.compile(rb"</(?:\w+:)?(?:rss|feed|RDF)\s*>", re.IGNORECASE)
_HEAD, _TAIL = 4_096, 1_024


class Document(Struct, frozen=True):
    """What a feed holds. `version`: as feedparser names it, or `json`. `left_out`: items beyond the bound, as far as
    they had come."""

    items: list[Item]
    version: str
    language: str = ""
    left_out: int = 0


def read_document(body: bytes, content_type: str, url: str, most: int) -> Document:
    """The first `most` items of a document. `url`: where it came from, which relative links start at.

    Raises FeedError (not_a_feed).
    """
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _from_json(body, most)
    bounded, left_out = whole_items(body, most)
    headers = {"content-type": content_type or "application/xml", "content-location": url}
    # A stream: bytes as such would be taken for the name of a file first.
    read = feedparser.parse(
        io.BytesIO(bounded), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    entries = read.get("entries", [])
    version = read.get("version") or ""
    if not version and not entries:
        raise FeedError("not_a_feed", f"neither RSS nor Atom nor JSON Feed ({content_type[:80] or 'no type'})")
    return Document(
        items=[_from_entry(entry) for entry in entries[:most]],
        version=version,
        language=_language(read.get("feed", {}).get("language")),
        left_out=left_out + max(0, len(entries) - most),
    )


def whole_items(body: bytes, most: int) -> tuple[bytes, int]:
    """XML cut after its last whole item, and after `most` items, with its root closed, so that the strict parser can
    read it; and how many items were cut off. What ends as it should is given back as it is.

    A document that was cut in the middle, by us or on its way, would otherwise end in half a headline.

    >>> whole_items(b"<rss><channel><item>1</item><item>2", 10)
    (b'<rss><channel><item>1</item></channel></rss>', 1)
    """
    ends = [match.end() for match in islice(_ENDS.finditer(body), most + 1)]
    too_many = len(ends) > most
    root = _ROOT.search(body[:_HEAD])
    if root is None or (not too_many and _CLOSED.search(body[-_TAIL:])):
        return body, 0
    if too_many:
        end = ends[most - 1]
    elif ends:
        end = ends[-1]
    else:
        first = _BEGINNING.search(body)
        end = first.start() if first else len(body)
    left_out = sum(1 for _ in (_ENDS if too_many else _BEGINNING).finditer(body, end))
    name = root[0][1:]
    closed = b"</channel></" + name + b">" if root[1].lower() == b"rss" else b"</" + name + b">"
    return body[:end] + closed, left_out


def _from_entry(entry: Mapping[str, Any]) -> Item:
    contents = entry.get("content") or []
    body = next((each.get("value") for each in contents if each.get("value")), None) or entry.get("summary") or ""
    # Asked for a date that is not there, feedparser gives another and warns of it.
    dates = (entry[name] for name in ("published_parsed", "updated_parsed", "created_parsed") if name in entry)
    return _item(
        title=entry.get("title"),
        guid=entry.get("id"),
        link=entry.get("link"),
        body=body,
        published=next((moment for date in dates if (moment := _moment(date))), None),
        language=(entry.get("title_detail") or {}).get("language"),
    )


def _from_json(body: bytes, most: int) -> Document:
    """JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FeedError("not_a_feed", f"neither XML nor JSON: {error}") from error
    items = read.get("items") if isinstance(read, dict) else None
    if not isinstance(items, list) or not isinstance(read.get("version"), str):
        raise FeedError("not_a_feed", "JSON, but no JSON Feed: it has no version and items")
    objects = [each for each in items if isinstance(each, dict)]
    return Document(
        items=[_from_object(each) for each in objects[:most]],
        version="json",
        language=_language(read.get("language")),
        left_out=max(0, len(objects) - most),
    )


def _from_object(fields: Mapping[str, Any]) -> Item:
    dates = (fields.get("date_published"), fields.get("date_modified"))
    return _item(
        title=fields.get("title"),
        guid=str(fields["id"]) if isinstance(fields.get("id"), int | float) else fields.get("id"),
        link=_first_text(fields.get("url"), fields.get("external_url")),
        body=_first_text(fields.get("content_text"), fields.get("content_html"), fields.get("summary")),
        published=next((moment for date in dates if (moment := _iso(date))), None),
        language=fields.get("language"),
    )


def _item(title: Any, guid: Any, link: Any, body: Any, published: datetime | None, language: Any) -> Item:
    address = _text(link)
    return Item(
        # Twice what a title may have, so that what is too long is seen to be.
        title=plain(_text(title), 2 * (MAX_TITLE_CHARACTERS + 1)),
        guid=_text(guid)[:LONGEST_NAME],
        link=address if re.match(r"https?://", address, re.IGNORECASE) and len(address) <= LONGEST_NAME else "",
        body=plain(_text(body), LONGEST_BODY),
        published=published,
        language=_language(language),
    )


def _text(value: Any) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _first_text(*values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _language(value: Any) -> str:
    """A tag of BCP 47 in lower case; what is none is left out rather than rejected with its headline."""
    tag = _text(value).replace("_", "-").lower()
    return tag if re.fullmatch(r"[a-z]{2,8}(-[a-z0-9]{1,8}){0,3}", tag) else ""


def _moment(parsed: Iterable[int] | None) -> datetime | None:
    try:
        return datetime(*tuple(parsed or ())[:6], tzinfo=UTC)  # type: ignore[misc, arg-type]
    except (ValueError, TypeError, OverflowError):
        return None


def _iso(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
