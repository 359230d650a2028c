"""An outlet of the invented world that has a feed, as `newsquall ingest` finds it on the web."""

from collections import deque
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape

from deploy.demo.localserver import LocalServer, QuietHandler
from stream.records import Headline

ITEMS = 20
_FEED = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>{name}</title><link>{link}</link><description>News</description>
{items}</channel></rss>
"""
_ITEM = """<item><title>{title}</title><guid isPermaLink="false">{id}</guid><link>{url}</link><pubDate>{date}</pubDate>
</item>"""


class Outlet(LocalServer):
    """An HTTP server on a free port of this machine, whose feed has the newest headlines that were told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._told: deque[Headline] = deque(maxlen=ITEMS)
        outlet = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802  (the standard library asks for it by this name)
                body = outlet.feed().encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__("outlet", Handler)
        self.url = f"{self.address}/feed"

    def tell(self, headline: Headline) -> None:
        """Publish a headline."""
        self._told.append(headline)

    def feed(self) -> str:
        """The feed as it stands, the newest first."""
        items = "".join(map(_item, reversed(list(self._told))))
        return _FEED.format(name=escape(self.name), link=escape(self.url), items=items)

    def write_list(self, path: Path) -> None:
        """Write the list of feeds that ingest is given."""
        path.write_text(f'[[feed]]\nname = "{self.name}"\nurl = "{self.url}"\n', encoding="utf-8")


def _item(headline: Headline) -> str:
    title, id_, url = map(escape, (headline.title, headline.id, headline.url))
    return _ITEM.format(title=title, id=id_, url=url, date=format_datetime(headline.published_at))
