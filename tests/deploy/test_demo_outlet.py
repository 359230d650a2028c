"""The demo's outlet has a feed that ingest reads."""

import urllib.request
from datetime import UTC, datetime, timedelta

from deploy.demo.outlet import ITEMS, Outlet
from stream.feeds.document import read_document
from stream.records import Headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)


def test_what_it_tells_stands_in_its_feed_the_newest_first():
    with Outlet("Quill & Sons") as outlet:
        for number in range(ITEMS + 2):
            link = f"https://x.example/{number}?a=1&b=2"
            outlet.tell(Headline(str(number), f"AT&T < {number}", NOW + timedelta(minutes=number), url=link))
        with urllib.request.urlopen(outlet.url) as answer:
            body, kind = answer.read(), answer.headers["Content-Type"]
    items = read_document(body, kind, outlet.url, 100).items
    assert len(items) == ITEMS
    newest = ITEMS + 1
    assert items[0].title == f"AT&T < {newest}"
    assert (items[0].guid, items[0].link) == (str(newest), f"https://x.example/{newest}?a=1&b=2")
    assert items[0].published == NOW + timedelta(minutes=newest)
