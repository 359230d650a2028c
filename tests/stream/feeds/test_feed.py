"""Lists of feeds, and what is wrong with them in one line."""

from datetime import timedelta
from pathlib import Path

import pytest

from model.errors import InputError, UsageError
from stream.feeds.feed import Feed, feed_at, read_feeds, shown, sources


def listed(tmp_path: Path, text: str, name: str = "feeds.toml") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_list_in_toml(tmp_path: Path) -> None:
    file = listed(
        tmp_path,
        """
        [[feed]]
        name = "Bank"
        url = "https://bank.example/press"
        language = "en"
        every = "15m"
        silent_after = "30d"
        [[feed]]
        url = "http://www.wire.example/rss"
        [[feed]]
        name = "Bank, again"
        url = "https://bank.example/press"
        """,
    )
    feeds = read_feeds(file)
    assert feeds == [
        Feed(
            url="https://bank.example/press",
            name="Bank",
            language="en",
            every=timedelta(minutes=15),
            silent_after=timedelta(days=30),
        ),
        Feed(url="http://www.wire.example/rss"),
    ]
    assert sources(feeds) == ["Bank", "wire.example"]


def test_a_list_in_opml(tmp_path: Path) -> None:
    file = listed(
        tmp_path,
        """\ufeff<?xml version="1.0"?><opml version="2.0"><head><title>mine</title></head><body>
        <outline text="Folder">
        <outline type="rss" text="A &amp; B" xmlUrl="https://a.example/rss" language="de"/></outline>
        <outline title="C" text="no" xmlurl="https://c.example/"/><outline text="a page" htmlUrl="https://d.example"/>
        </body></opml>""",
        "mine.opml",
    )
    assert read_feeds(file) == [
        Feed(url="https://a.example/rss", name="A & B", language="de"),
        Feed(url="https://c.example/", name="C"),
    ]


LAUGHS = '<!DOCTYPE o [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><opml><body><outline text="&b;"/></body></opml>'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no list of feeds"),
        ("feed = 3", "is no list of feeds"),
        ("[[feeds]]\nurl='https://a.example'", "is no list of feeds"),
        ("[feed", "neither TOML nor OPML"),
        ("[[feed]]\nname='a'", "feed 1: url: Field required"),
        ("[[feed]]\nurl='https://a.example'\n[[feed]]\nurl='file:///etc/passwd'", "feed 2: url: 'file:///etc/passwd'"),
        ("[[feed]]\nurl='https://a.example'\ncolour='red'", "feed 1: colour: Extra inputs"),
        ("[[feed]]\nurl='https://a.example'\nevery='0s'", "feed 1: every: "),
        ("[[feed]]\nurl='https://a.example'\nevery='often'", "feed 1: every: 'often' is no duration"),
        ("<opml><body/></opml>", "OPML without a feed"),
        ("<opml><body>", "is no OPML"),
        (LAUGHS, "declares entities"),
    ],
)
def test_a_list_that_does_not_hold_says_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_feeds(listed(tmp_path, text))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_feeds(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/passwd", "https://", "http://[::1/", "news", "http://a b/", "http://a:b/"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        feed_at(url)


def test_secrets_in_an_address_are_not_shown() -> None:
    assert shown("https://me:secret@a.example/rss?key=secret#x") == "https://a.example/rss?..."
    assert "secret" not in str(feed_at("https://me:secret@a.example/rss").source)
