"""A feed that is followed, and the lists that name them: TOML of our own, OPML of a feed reader."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.parsers import expat

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from model.errors import InputError, UsageError
from stream.duration import Duration

LONGEST_URL = 2_000


class Feed(BaseModel):
    """One feed. `name`: the source of its headlines and the label of its metrics; several feeds of one publisher may
    share it. `language` stands over what the feed says of itself; `every` and `silent_after` over the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    name: str = Field("", max_length=128)
    language: str = Field("", max_length=35)
    every: Duration | None = Field(None, ge=timedelta(seconds=1))
    silent_after: Duration | None = None

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url.strip())
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"'{shown(url)}' is no address: {error}") from error
        if parts.scheme.lower() not in ("http", "https") or not host:
            raise ValueError(f"'{shown(url)}' is no address of a feed: write http://... or https://...")
        if len(url) > LONGEST_URL or re.search(r"[\x00-\x20\x7f]", url.strip()):
            raise ValueError(f"'{shown(url)}' is no address of a feed")
        return url.strip()

    @property
    def source(self) -> str:
        """Its name, or its host's: never the title in the feed, which may change from one day to the next."""
        return self.name or host_of(self.url).removeprefix("www.")


def host_of(url: str) -> str:
    """The host of a web address, in lower case."""
    return (urlsplit(url).hostname or "").lower()


def shown(url: str) -> str:
    """An address as it may stand in a log: without a password, and without a query, which may be one.

    >>> shown("https://me:secret@example.com/feed?token=1")
    'https://example.com/feed?...'
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "..."
    return f"{parts.scheme}://{host}{parts.path}{'?...' if parts.query else ''}"[:200]


def read_feeds(path: Path) -> list[Feed]:
    """The feeds of a list: TOML ([[feed]] with the fields of Feed), or OPML where the file begins like XML.

    Raises InputError, naming the file and the first entry that does not hold.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return distinct(_from_opml(path, content))
    try:
        listed = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is neither TOML nor OPML: {error}") from error
    unknown = sorted(listed.keys() - {"feed"})
    entries = listed.get("feed")
    if unknown or not isinstance(entries, list) or not entries:
        raise InputError(f"{path} is no list of feeds: write [[feed]] entries with url and name and nothing else")
    return distinct(_checked(path, number, fields) for number, fields in enumerate(entries, start=1))


def feed_at(url: str) -> Feed:
    """A feed of which only the address is known. Raises UsageError if it is none."""
    try:
        return Feed(url=url)
    except ValidationError as error:
        raise UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def distinct(feeds: Iterable[Feed]) -> list[Feed]:
    """The feeds without a second one of the same address."""
    found: dict[str, Feed] = {}
    for feed in feeds:
        found.setdefault(feed.url, feed)
    return list(found.values())


def _checked(path: Path, number: int, fields: Any) -> Feed:
    try:
        return Feed.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "entry"
        raise InputError(f"{path}: feed {number}: {place}: {first['msg'].removeprefix('Value error, ')}") from error


def _from_opml(path: Path, content: bytes) -> Iterator[Feed]:
    """The outlines that have an xmlUrl (OPML 2.0, http://opml.org/spec2.opml)."""
    outlines: list[dict[str, str]] = []

    def begins(name: str, attributes: dict[str, str]) -> None:
        if name.lower() == "outline":
            outlines.append({key.lower(): value for key, value in attributes.items()})

    def declares(*_: object) -> None:
        raise InputError(f"{path} declares entities, which a list of feeds has no use for")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begins
    parser.EntityDeclHandler = declares
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InputError(f"{path} is no OPML: {error}") from error
    feeds = [each for each in outlines if each.get("xmlurl")]
    if not feeds:
        raise InputError(f"{path} is OPML without a feed: no outline has an xmlUrl")
    for number, each in enumerate(feeds, start=1):
        name = (each.get("title") or each.get("text") or "").strip()[:128]
        fields = {"url": each["xmlurl"], "name": name, "language": each.get("language", "")}
        yield _checked(path, number, fields)


def sources(feeds: Sequence[Feed]) -> list[str]:
    """The feeds' sources, each once."""
    return list(dict.fromkeys(feed.source for feed in feeds))
