"""`newsquall ingest`: which feeds it follows, and --check on a real server. Following them is in tests/integration."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import cli
from deploy.commands.ingest import STARTER_LIST
from stream.feeds.feed import host_of, read_feeds, sources
from tests.feedserver import FeedServer, Reply, rss

TODAY = "Wed, 04 Mar 2026 09:00:00 GMT"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as served:
        served.routes |= {
            "/good": Reply(rss("Acme falls", "Bolt rises", date=TODAY)),
            "/undated": Reply(rss("Acme falls")),
            "/moved": Reply(status=301, headers={"Location": "/good"}),
            "/page": Reply(b"<html>\x1b[31m</html>", headers={"Content-Type": "text/html"}),
        }
        yield served


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSQUALL_FEEDS__ALLOW", '["127.0.0.1"]')
    monkeypatch.setenv("NEWSQUALL_FEEDS__HOST_PAUSE", "0s")


def test_check_says_of_each_feed_what_came_of_it(server: FeedServer, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [server.url(path) for path in ("/good", "/undated", "/moved", "/page", "/gone")]
    assert cli.run(["ingest", "--check", *urls]) == 1
    out, err = capsys.readouterr()
    lines = {line.split()[2]: line for line in out.splitlines()}
    assert lines.keys() == set(urls)
    assert lines[urls[0]].endswith("/good 2 items, newest 2026-03-04 09:00 UTC")
    assert lines[urls[1]].endswith("/undated 1 item, no dates")
    assert lines[urls[2]].endswith(f", moved for good to {urls[0]}")
    assert lines[urls[3]].endswith("not_a_feed: neither RSS nor Atom nor JSON Feed (text/html)")
    assert lines[urls[4]].endswith("gone: 127.0.0.1 answered 404")
    assert all(line.startswith("ok 127.0.0.1 " if "fail" not in line else "fail 127.0.0.1 ") for line in lines.values())
    assert err == "5 feeds, 2 failed\n"


def test_check_as_json(server: FeedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.opml").write_text(
        f'<opml><body><outline text="Wire" xmlUrl="{server.url("/good")}"/></body></opml>', encoding="utf-8"
    )
    # The same feed twice is one.
    assert cli.run(["ingest", "--check", "--json", "mine.opml", server.url("/good")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "feeds": [
            {
                "source": "Wire",
                "url": server.url("/good"),
                "ok": True,
                "items": 2,
                "newest": "2026-03-04T09:00:00Z",
            }
        ],
        "ok": 1,
        "failed": 0,
    }


def test_the_settings_name_the_list(
    server: FeedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.toml").write_text(f'[[feed]]\nurl = "{server.url("/good")}"\nname = "Ours"\n')
    monkeypatch.setenv("NEWSQUALL_FEEDS__FILE", "list.toml")
    assert cli.run(["ingest", "--check"]) == 0
    assert capsys.readouterr().out.startswith("ok Ours ")


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nowhere"], 2, "'nowhere' is neither a feed's address"),
        (["http://[::1/"], 2, "is no address"),
        (["--json", "https://a.example/"], 2, "--json is for --check"),
        (["--every", "5"], 2, "'5' is no duration"),
        (["--every", "10ms"], 2, "is too often: a second is the least"),
        (["list.toml"], 1, "is no list of feeds"),
    ],
)
def test_calls_that_are_wrong(
    tmp_path: Path, arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.toml").write_text("")
    assert cli.run(["ingest", *arguments]) == status
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_the_starter_list_holds() -> None:
    feeds = read_feeds(STARTER_LIST)
    text = STARTER_LIST.read_text(encoding="utf-8")
    assert len(feeds) == text.count("[[feed]]") >= 60
    assert len(sources(feeds)) >= 45
    assert all(feed.name and feed.language == "en" and feed.every and feed.silent_after for feed in feeds)
    assert all(re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", host_of(feed.url)) for feed in feeds)
    assert "NOT TRIED" in text
