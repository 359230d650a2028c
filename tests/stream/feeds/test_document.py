"""Documents of every kind and in every condition."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import FeedError
from stream.feeds.document import Document, read_document, whole_items
from stream.feeds.item import Item

URL = "https://news.example/feeds/all.xml"
AT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def read(body: str | bytes, content_type: str = "application/xml", most: int = 100) -> Document:
    return read_document(body.encode() if isinstance(body, str) else body, content_type, URL, most)


def rss(*items: str, head: str = '<?xml version="1.0"?>') -> str:
    return f'{head}<rss version="2.0"><channel><title>T</title>{"".join(items)}</channel></rss>'


def titles(document: Document) -> list[str]:
    return [item.title for item in document.items]


def test_rss() -> None:
    document = read(
        """<?xml version="1.0"?><rss version="2.0"><channel><title>T</title><language>en-US</language><item>
        <guid isPermaLink="false"> a1 </guid><title>AT&amp;T &lt;b&gt;beats&lt;/b&gt;</title>
        <link>https://news.example/1</link><description><![CDATA[<p>Up 5&nbsp;%.</p>]]></description>
        <pubDate>Wed, 04 Mar 2026 10:30:00 +0100</pubDate></item><item><title>Bolt</title><link>/2</link></item>
        </channel></rss>"""
    )
    assert document == Document(
        items=[
            Item(title="AT&T beats", guid="a1", link="https://news.example/1", body="Up 5 %.", published=AT),
            Item(title="Bolt", link="https://news.example/2"),
        ],
        version="rss20",
        language="en-us",
    )


def test_atom() -> None:
    document = read(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de"><title>T</title><entry>
        <id>tag:news.example,2026:1</id>
        <title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Acme <b>fällt</b></div></title>
        <link href="../1"/><published>2026-03-04T11:30:00+02:00</published><updated>2026-03-05T00:00:00Z</updated>
        <content type="html">&lt;p&gt;Kurz.&lt;/p&gt;</content></entry></feed>"""
    )
    assert document == Document(
        items=[
            Item(
                title="Acme fällt",
                guid="tag:news.example,2026:1",
                link="https://news.example/1",
                body="Kurz.",
                published=AT,
                language="de",
            )
        ],
        version="atom10",
        language="de",
    )


def test_rdf() -> None:
    document = read(
        """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
        xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>T</title></channel>
        <item rdf:about="https://news.example/1"><title>Acme</title><link>https://news.example/1</link>
        <dc:date>2026-03-04T09:30:00Z</dc:date></item></rdf:RDF>"""
    )
    assert document.version == "rss10"
    assert [(item.title, item.guid, item.published) for item in document.items] == [
        ("Acme", "https://news.example/1", AT)
    ]


def test_json_feed() -> None:
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "T",
        "language": "en",
        "items": [
            {"id": 7, "url": "https://news.example/7", "title": "Acme", "date_published": "2026-03-04T10:30:00+01:00"},
            {"id": "8", "content_html": "<p>No title.</p>", "external_url": "javascript:alert(1)", "language": "FR_ca"},
            {"id": "9", "title": 3, "content_text": "Half \ud83d.", "date_published": "soon", "date_modified": [1]},
            "no item",
        ],
    }
    document = read(json.dumps(feed), "application/feed+json")
    assert document == Document(
        items=[
            Item(title="Acme", guid="7", link="https://news.example/7", published=AT),
            Item(guid="8", body="No title.", language="fr-ca"),
            Item(guid="9", body="Half ."),
        ],
        version="json",
        language="en",
    )
    assert read(json.dumps(feed), most=1).left_out == 2


@pytest.mark.parametrize(
    "body",
    [
        "", " ", "hello", "<html><head><title>404</title></head><body><p>Not found</p></body></html>",
        "{", "{}", '{"items": []}', '{"version": "1", "items": {}}', "{" * 100_000, '{"a":' * 100_000, "\0" * 100,
        "<?xml version='1.0'?><opml><body/></opml>", "%PDF-1.7",
    ],
)  # fmt: skip
def test_what_is_no_feed_is_told(body: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(body, "text/html")
    assert caught.value.reason == "not_a_feed"


def test_a_feed_without_items_is_one() -> None:
    assert read(rss()) == Document(items=[], version="rss20")


# ------------------------------------------------------------------ encodings

TITLE = "Société Générale"


@pytest.mark.parametrize(
    ("said", "declared", "actual"),
    [
        ("text/xml; charset=utf-8", "utf-8", "utf-8"),
        ("application/xml", "iso-8859-1", "iso-8859-1"),
        ("application/xml", "", "utf-8"),
        ("text/xml", "utf-8", "utf-8"),
        ("text/html", "utf-8", "utf-8"),
        ("text/plain", "utf-8", "utf-8"),
        ("application/xml", "utf-16", "utf-16"),
        ("application/xml; charset=utf-8", "utf-8", "latin-1"),  # lies, twice
        ("application/xml", "utf-8", "windows-1252"),
        ("application/xml; charset=nonsense", "also-none", "utf-8"),
        ("", "", "utf-8"),
    ],
)
def test_encodings_said_wrong_are_read_right(said: str, declared: str, actual: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else '<?xml version="1.0"?>'
    assert titles(read(rss(f"<item><title>{TITLE}</title></item>", head=head).encode(actual), said)) == [TITLE]


@pytest.mark.parametrize("encoding", ["gb2312", "gbk", "big5", "gb18030"])
def test_chinese_encodings(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    assert titles(read(rss("<item><title>中行</title></item>", head=head).encode(encoding))) == ["中行"]


# ------------------------------------------------------------------ broken XML


@pytest.mark.parametrize(
    "item",
    [
        "<item><title>Q&A: profit < loss</title></item>",
        "<item><title>Caf&eacute; Q&amp;A</title><bad></item>",
        "<item><title>unclosed</item>",
        "<item><title>a\x0bb</title></item>",
        "<item><title><![CDATA[never closed</title></item>",
    ],
)
def test_broken_xml_gives_the_items_that_can_be_told(item: str) -> None:
    whole = "<item><title>Acme</title><guid>1</guid></item>"
    document = read(
        rss(
            whole,
            item,
        )
    )
    assert document.items[0].title == "Acme"
    assert 1 <= len(document.items) <= 2


def test_a_document_that_is_cut_anywhere_never_gives_half_a_headline() -> None:
    items = [f"<item><guid>{n}</guid><title>Acme recalls {n}00 kettles</title></item>" for n in range(1, 6)]
    whole = rss(*items).encode()
    for length in range(80, len(whole)):
        document = read(whole[:length])
        ended = whole[:length].count(b"</item>")
        assert titles(document) == [f"Acme recalls {n}00 kettles" for n in range(1, 6)][:ended]
        assert document.left_out == whole[:length].count(b"<item>") - ended


@pytest.mark.parametrize("kind", ["rss", "atom", "rdf"])
def test_the_first_items_are_read_by_the_strict_parser_and_the_others_counted(kind: str) -> None:
    entry = {"rss": "item", "atom": "entry", "rdf": "item"}[kind]
    begin, end = {
        "rss": ('<rss version="2.0"><channel>', "</channel></rss>"),
        "atom": ('<feed xmlns="http://www.w3.org/2005/Atom">', "</feed>"),
        "rdf": (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">',
            "</rdf:RDF>",
        ),
    }[kind]
    body = begin + "".join(f"<{entry}><title>{n}</title></{entry}>" for n in range(25)) + end
    document = read(body, most=10)
    assert titles(document) == [str(n) for n in range(10)]
    assert document.left_out == 15
    cut, left_out = whole_items(body.encode(), 10)
    assert cut.endswith(end.encode())
    assert left_out == 15
    assert whole_items(body.encode(), 25) == (body.encode(), 0)


def test_long_things_are_bounded() -> None:
    document = read(
        rss(f"<item><title>{'word ' * 9_000}</title><guid>{'g' * 9_000}</guid><link>https://a/{'l' * 9_000}</link>"
            f"<description>{'text ' * 90_000}</description></item>")
    )  # fmt: skip
    (item,) = document.items
    assert 2_000 < len(item.title) < 5_000  # so that it is seen to be too long
    assert len(item.guid) == 2_000
    assert item.link == ""
    assert len(item.body) <= 4_000


@given(st.one_of(st.binary(max_size=400), st.text(max_size=300).map(str.encode)), st.sampled_from(["", "text/xml"]))
def test_whatever_it_is_it_is_a_document_or_no_feed(body: bytes, content_type: str) -> None:
    with suppress(FeedError):
        assert read(body, content_type).version or read(body, content_type).items


PIECES = st.lists(
    st.sampled_from(
        ["<item>", "</item>", "<title>", "</title>", "<guid>", "</guid>", "<![CDATA[", "]]>", "&amp;", "&x;", "&#0;",
         "<pubDate>", "</pubDate>", "2026-03-04", "Wed, 04 Mar 2026 25:61:00 XYZ", "<!--", "-->", "<?x?>", "<link/>",
         "\x00", "é", "<entry xmlns='http://www.w3.org/2005/Atom'>", "</entry>", "</channel>", "</rss>", "text"]
    ),
    max_size=30,
)  # fmt: skip


@given(PIECES)
def test_whatever_an_rss_is_made_of_it_gives_sound_items(pieces: list[str]) -> None:
    document = read('<rss version="2.0"><channel>' + "".join(pieces), most=5)
    assert len(document.items) <= 5
    for item in document.items:
        assert all("\x00" not in each for each in (item.title, item.guid, item.link, item.body))
        assert item.published is None or item.published.tzinfo is UTC
