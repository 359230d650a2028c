"""What is known of the feeds outlives the process, and does not grow for ever."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model.errors import FeedStateError
from stream.feeds import book as book_module
from stream.feeds.book import REMEMBERED, FeedBook, FeedState

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 3, 4, 9, 30, 15, 123456, tzinfo=UTC)
A, B = "https://a.example/rss", "https://b.example/rss"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "feeds.db"


@pytest.fixture
def book(path: Path) -> Iterator[FeedBook]:
    opened = FeedBook(path)
    yield opened
    opened.close()


def keys(*numbers: int) -> list[bytes]:
    return [number.to_bytes(12, "big") for number in numbers]


def test_a_feed_that_is_new_is_due_now(book: FeedBook) -> None:
    assert book.follow([A], NOW) == {A: FeedState(url=A, added_at=NOW, due_at=NOW)}


def test_what_was_written_is_there_after_a_restart(book: FeedBook, path: Path) -> None:
    state = replace(
        book.follow([A, B], NOW)[A],
        due_at=NOW + timedelta(minutes=1),
        moved_to="https://a.example/new",
        validators_url="https://a.example/new",
        etag='"x"',
        modified="Wed, 04 Mar 2026 09:30:00 GMT",
        digest=b"\0\1",
        failures=2,
        succeeded_at=NOW,
        headline_at=NOW - timedelta(hours=1),
    )
    book.write(state, keys(1, 2, 2), NOW)
    book.close()
    again = FeedBook(path)
    later = NOW + timedelta(minutes=5)
    assert again.follow([A, B], later) == {A: state, B: FeedState(url=B, added_at=NOW, due_at=NOW)}
    assert again.known(A, keys(1, 2, 3)) == set(keys(1, 2))
    assert again.known(B, keys(1, 2, 3)) == set()
    again.close()


def test_many_keys_are_found_at_once(book: FeedBook) -> None:
    state = book.follow([A], NOW)[A]
    book.write(state, keys(*range(5_000)), NOW)
    assert book.known(A, keys(*range(4_000, 7_000))) == set(keys(*range(4_000, 5_000)))


def test_what_has_left_the_document_is_forgotten_in_time_and_what_has_not_is_kept(book: FeedBook) -> None:
    state = book.follow([A], NOW)[A]
    book.write(state, keys(1, 2), NOW)
    later = NOW + REMEMBERED - timedelta(days=1)
    book.write(state, keys(2, 3), later)
    assert book.known(A, keys(1, 2, 3)) == set(keys(1, 2, 3))
    book.write(state, keys(3, 4), NOW + REMEMBERED + timedelta(days=1))
    assert book.known(A, keys(1, 2, 3, 4)) == set(keys(2, 3, 4))


def test_a_feed_that_does_not_change_for_months_is_not_forgotten(book: FeedBook) -> None:
    state = book.follow([A], NOW)[A]
    book.write(state, keys(1, 2), NOW)
    for month in range(1, 6):
        book.write(replace(state, succeeded_at=NOW + month * REMEMBERED))
    book.write(state, keys(2, 3), NOW + 6 * REMEMBERED)
    assert book.known(A, keys(1, 2, 3)) == set(keys(2, 3))


def test_a_feed_that_changes_all_its_guids_at_every_poll_stays_bounded(
    book: FeedBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "MOST_KEYS", 100)
    state = book.follow([A], NOW)[A]
    steady = keys(10_000)
    for poll in range(30):
        fresh = keys(*range(poll * 20, poll * 20 + 20))
        assert book.known(A, [*steady, *fresh]) == (set(steady) if poll else set())
        book.write(state, [*steady, *fresh], NOW + timedelta(minutes=poll))
    kept = book.known(A, [*steady, *keys(*range(600))])
    assert len(kept) <= 100 + 20
    assert set(keys(*range(560, 600))) | set(steady) <= kept


def test_a_feed_that_moved_and_was_put_into_the_list_by_its_new_address_is_the_same_feed(book: FeedBook) -> None:
    state = replace(book.follow([A], NOW)[A], moved_to=B, succeeded_at=NOW, etag='"1"', validators_url=B)
    book.write(state, keys(1), NOW)
    moved = book.follow([B], NOW)
    assert moved == {B: replace(state, url=B, moved_to="")}
    assert book.known(B, keys(1)) == set(keys(1))
    # Both in the list: then they are two.
    book.write(replace(moved[B], moved_to="https://c.example/"), keys(1), NOW)
    both = book.follow([B, "https://c.example/"], NOW)
    assert both["https://c.example/"].succeeded_at is None


def test_a_feed_that_is_followed_no_more_is_forgotten_in_time(book: FeedBook) -> None:
    state = book.follow([A], NOW)[A]
    book.write(state, keys(1), NOW)
    assert book.follow([B], NOW + timedelta(days=1)).keys() == {B}
    assert book.follow([A], NOW + timedelta(days=2))[A].added_at == NOW
    book.follow([B], NOW + REMEMBERED + timedelta(days=1))
    later = NOW + REMEMBERED + timedelta(days=2)
    assert book.follow([A], later)[A].added_at == later
    assert book.known(A, keys(1)) == set()


def test_a_second_process_is_told(book: FeedBook, path: Path) -> None:
    book.follow([A], NOW)
    code = "import sys; from pathlib import Path; from stream.feeds.book import FeedBook; FeedBook(Path(sys.argv[1]))"
    second = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert second.returncode == 1
    assert "FeedStateError" in second.stderr
    assert "another ingest has it" in second.stderr


def test_a_file_that_is_no_book_is_told(tmp_path: Path) -> None:
    file = tmp_path / "feeds.db"
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(FeedStateError, match=r"feeds\.state .* cannot be opened \(file is not a database\)"):
        FeedBook(file)
    (tmp_path / "file").write_text("")
    with pytest.raises(FeedStateError, match="cannot be made"):
        FeedBook(tmp_path / "file" / "feeds.db")
