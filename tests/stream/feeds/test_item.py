"""What an item is known by, and what becomes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.feeds.item import Identity, Item, PassedOver, canonical, dating, identify, opening, to_headline, unseen
from stream.records import Headline, decode_headline, encode

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
TOLERANCE = timedelta(minutes=5)
FEED, SOURCE = "https://news.example/rss", "Example"


def one(feed: str = FEED, source: str = SOURCE, **fields: Any) -> Identity:
    (identity,) = identify([Item(**fields)], feed, source)
    return identity


def again(first: Item, second: Item) -> bool:
    """Whether the second, in a later document, is recognised as the first."""
    (known,) = identify([first], FEED, SOURCE)
    return unseen(identify([second], FEED, SOURCE), known.keys) == []


ACME = Item(title="Acme recalls kettles", guid="n1", link="https://news.example/1", published=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"title": "Acme recalls 300 kettles"},
        {"published": NOW + timedelta(hours=1)},
        {"link": "https://news.example/moved/1", "title": "UPDATE: Acme recalls kettles"},
        {"guid": "another"},
        {"guid": "another", "link": "https://cdn.example/session/77"},
        {"guid": "another", "published": NOW + timedelta(hours=1)},
        {"guid": "another", "published": None},
        {"guid": "", "title": "ACME RECALLS KETTLES"},
    ],
)
def test_an_item_is_recognised_though_something_of_it_changes(changed: dict[str, Any]) -> None:
    assert again(ACME, msgspec.structs.replace(ACME, **changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"guid": "n2", "link": "https://news.example/2", "published": NOW + timedelta(days=1)},
        {"guid": "n2", "title": "Acme falls"},
        {"guid": "n2", "link": "https://news.example/2", "title": "Bolt recalls kettles"},
    ],
)
def test_another_item_is_another_though_something_is_the_same(changed: dict[str, Any]) -> None:
    assert not again(ACME, msgspec.structs.replace(ACME, **changed))


def test_a_site_that_goes_to_https_brings_nothing_again() -> None:
    before = Item(title="a", guid="http://News.example/1")
    assert again(before, Item(title="b", guid="https://news.example/1/"))
    assert one(guid="http://news.example/1").id == one(guid="https://news.example/1").id


def test_a_guid_that_all_items_share_names_none_of_them() -> None:
    items = [Item(title=title, guid="https://news.example", link=f"https://news.example/{title}") for title in "abc"]
    identities = identify(items, FEED, SOURCE)
    assert len({each.id for each in identities}) == 3
    assert unseen(identities, []) == [0, 1, 2]


def test_a_link_that_all_items_share_names_none_of_them_either() -> None:
    items = [Item(title=title, link="https://news.example") for title in "abc"]
    assert unseen(identify(items, FEED, SOURCE), []) == [0, 1, 2]
    # ... nor does it make a report that comes every day under the same title the same one.
    monday = [Item(title="Daily fixing", guid="1", link="https://news.example"), items[0]]
    tuesday = [Item(title="Daily fixing", guid="2", link="https://news.example"), items[1]]
    keys = {key for each in identify(monday, FEED, SOURCE) for key in each.keys}
    assert unseen(identify(tuesday, FEED, SOURCE), keys) == [0, 1]


def test_the_same_item_twice_in_a_document_is_told_once() -> None:
    assert unseen(identify([ACME, ACME], FEED, SOURCE), []) == [0]


def test_addresses_name_an_item_for_all_feeds_of_a_source_and_numbers_for_one() -> None:
    other = "https://news.example/other"
    assert one(guid="https://news.example/1").id == one(guid="https://news.example/1", feed=other).id
    assert one(guid="tag:news.example,2026:1").id == one(guid="tag:news.example,2026:1", feed=other).id
    assert one(guid="1").id != one(guid="1", feed=other).id
    # Nobody can take another publisher's name for an item, and have his headline taken for seen.
    assert one(guid="https://news.example/1").id != one(guid="https://news.example/1", source="Mallory").id


ITEMS = st.builds(
    Item,
    title=st.sampled_from(["", "a", "b", "c", "A"]),
    guid=st.sampled_from(["", "1", "2", "https://x.example/1"]),
    link=st.sampled_from(["", "https://x.example/1", "https://x.example/2"]),
    published=st.sampled_from([None, NOW, NOW + timedelta(days=1)]),
)


@given(st.lists(ITEMS, max_size=8))
def test_a_document_that_comes_again_brings_nothing(items: list[Item]) -> None:
    identities = identify(items, FEED, SOURCE)
    assert identities == identify(items, FEED, SOURCE)
    keys = {key for each in identities for key in each.keys}
    assert unseen(identities, keys) == []
    assert len(unseen(identities, [])) <= len(items)


@given(st.lists(ITEMS, min_size=1, max_size=8, unique_by=lambda item: (item.title, item.published)), st.data())
def test_what_leaves_a_document_leaves_the_others_recognised(items: list[Item], data: st.DataObject) -> None:
    # Names that two items shared are one's own when the other has gone: the texts tell.
    keys = {key for each in identify(items, FEED, SOURCE) for key in each.keys}
    rest = [item for item in items if data.draw(st.booleans()) and item.title and item.published]
    assert unseen(identify(rest, FEED, SOURCE), keys) == []


# ------------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("published", "taken", "why"),
    [
        (NOW - timedelta(hours=1), NOW - timedelta(hours=1), ""),
        (NOW + TOLERANCE, NOW + TOLERANCE, ""),
        (NOW + TOLERANCE + timedelta(seconds=1), NOW, "future"),
        (datetime(9999, 12, 31, tzinfo=UTC), NOW, "future"),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW, "too_old"),
        (datetime(1, 1, 1, tzinfo=UTC), NOW, "too_old"),
        (None, NOW, "missing"),
    ],
)
def test_the_date_that_a_headline_gets(published: datetime | None, taken: datetime, why: str) -> None:
    date = dating(published, NOW, TOLERANCE)
    assert (date.published_at, date.replaced) == (taken, why)


@given(st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))))
def test_no_date_is_one_that_a_worker_refuses(published: datetime | None) -> None:
    date = dating(published, NOW, TOLERANCE)
    headline = Headline(id="a", title="b", published_at=date.published_at)
    assert decode_headline(encode(headline), NOW, TOLERANCE).published_at == date.published_at


# ------------------------------------------------------------------ headlines


def told(first: bool = False, **fields: Any) -> Headline | PassedOver:
    item = msgspec.structs.replace(ACME, **fields)
    (identity,) = identify([item], FEED, SOURCE)
    date = dating(item.published, NOW, TOLERANCE)
    return to_headline(item, identity, date, SOURCE, "en", NOW - timedelta(days=7), first)


def test_a_headline_has_what_its_item_has() -> None:
    headline = told(body="They may burn.")
    assert headline == Headline(
        id=one(guid="n1").id,
        title="Acme recalls kettles",
        published_at=NOW,
        source=SOURCE,
        url="https://news.example/1",
        body="They may burn.",
        language="en",
    )
    assert isinstance(headline, Headline)
    assert decode_headline(encode(headline), NOW, TOLERANCE) == headline


@pytest.mark.parametrize(
    ("fields", "first", "reason"),
    [
        ({"title": "", "body": ""}, False, "no_text"),
        ({"title": "x" * 2_001}, False, "too_long"),
        ({"published": NOW - timedelta(days=8)}, False, "old"),
        ({"published": None}, True, "undated"),
        ({"published": NOW + timedelta(days=1)}, True, "undated"),
        ({"published": datetime(1970, 1, 1, tzinfo=UTC)}, True, "undated"),
    ],
)
def test_an_item_that_becomes_no_headline_says_why(fields: dict[str, Any], first: bool, reason: str) -> None:
    assert told(first, **fields) == PassedOver(reason)


@pytest.mark.parametrize("published", [None, NOW + timedelta(days=1), datetime(1970, 1, 1, tzinfo=UTC)])
def test_without_a_date_to_be_believed_an_item_that_is_new_is_of_now(published: datetime | None) -> None:
    headline = told(published=published)
    assert isinstance(headline, Headline)
    assert headline.published_at == NOW


def test_a_message_without_a_title_has_its_beginning_for_one() -> None:
    headline = told(title="", body="Acme recalls kettles. " + "They may burn, it says, and more of it. " * 20)
    assert isinstance(headline, Headline)
    assert headline.title.startswith("Acme recalls kettles. They may burn")
    assert headline.title.endswith("more of it.")
    assert len(headline.title) <= 280
    assert headline.body
    assert told(title="", body="Short.").body is None  # type: ignore[union-attr]


@given(st.text(max_size=600))
def test_an_opening_is_a_beginning(body: str) -> None:
    assert body.startswith(opening(body))
    assert len(opening(body)) <= 280
    assert bool(opening(body)) == bool(body)


@given(st.text(max_size=50))
def test_an_address_in_its_usual_form_stays_so(address: str) -> None:
    assert canonical(canonical(address)) == canonical(address)
