"""Refused headlines are sent again once each, by a durable book of what was."""

from datetime import UTC, datetime, timedelta

import pytest

from model.errors import BrokerError
from stream.archive import Archive
from stream.records import Origin, RejectedHeadline
from stream.rejected import Refused, Selection
from stream.retries import AT_ONCE, Retried, RetryBook, digest, send_again

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path):
    archive = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    yield archive
    archive.close()


@pytest.fixture
def book(archive) -> RetryBook:
    return RetryBook(archive.engine)


class Sent:
    """In place of a Publisher: what it was given, and what of it has arrived. `fails`: at which flush."""

    def __init__(self, fails: int = 0) -> None:
        self.given: list[tuple[bytes | None, bytes]] = []
        self.arrived = 0
        self._fails = fails

    def send_record(self, key: bytes | None, value: bytes) -> None:
        self.given.append((key, value))

    def flush(self) -> None:
        self._fails -= 1
        if self._fails == 0:
            raise BrokerError("the broker is gone")
        self.arrived = len(self.given)


def refused(payload: bytes, offset: int = 0, reason: str = "not_json", length: int | None = None) -> Refused:
    record = RejectedHeadline(reason, "why", NOW, Origin(0, offset), "", len(payload) if length is None else length)
    return Refused(record, payload)


def test_each_is_sent_once_keyed_by_its_id_and_only_once_more_when_asked(book):
    some = [refused(b'{"id": "a", "title": 7}', 1), refused(b"no JSON", 2)]
    first, second, third = Sent(), Sent(), Sent()
    assert send_again(some, book, first, lambda: NOW) == Retried(sent=2)
    assert first.given == [(b"a", b'{"id": "a", "title": 7}'), (None, b"no JSON")]
    assert send_again(some, book, second, lambda: NOW) == Retried(before=2)
    assert second.given == []
    later = NOW + timedelta(hours=1)
    assert send_again(some, book, third, lambda: later, again=True) == Retried(sent=2)
    assert book.find([digest(each.payload) for each in some]) == {digest(each.payload): later for each in some}


def test_one_that_was_sent_again_and_refused_again_is_known_wherever_it_stands(book, archive):
    assert send_again([refused(b"x", 1)], book, Sent(), lambda: NOW) == Retried(sent=1)
    another = RetryBook(archive.engine)
    assert send_again([refused(b"x", 77)], another, Sent(), lambda: NOW) == Retried(before=1)


def test_of_like_ones_one_is_sent_and_those_that_are_no_longer_whole_are_not(book):
    sent = Sent()
    some = [refused(b"x", 1), refused(b"x", 2), refused(b"", 3), refused(b"begins", 4, length=70_000)]
    assert send_again(some, book, sent, lambda: NOW) == Retried(sent=1, before=1, cut=1, empty=1)
    assert [value for _, value in sent.given] == [b"x"]


def test_a_dry_run_says_the_same_and_writes_nothing(book):
    some = [refused(b"x", 1), refused(b"x", 2)]
    assert send_again(some, book, None, lambda: NOW) == Retried(sent=1, before=1)
    assert send_again(some, book, Sent(), lambda: NOW) == Retried(sent=1, before=1)


def test_what_may_not_have_arrived_is_not_written_down_and_goes_again(book):
    some = [refused(b"%d" % number, number) for number in range(AT_ONCE + 5)]
    failing, after = Sent(fails=2), Sent()
    with pytest.raises(BrokerError):
        send_again(some, book, failing, lambda: NOW)
    assert send_again(some, book, after, lambda: NOW) == Retried(sent=5, before=AT_ONCE)
    assert failing.arrived + after.arrived == len(some)


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        (Selection(), [0, 1, 2]),
        (Selection(reasons=["title"]), [0, 1]),
        (Selection(origins=[Origin(0, 1), Origin(0, 2)]), [1, 2]),
        (Selection(ids=["b"]), [1]),
        (Selection(reasons=["title"], origins=[Origin(0, 2)]), []),
    ],
)
def test_those_are_meant_to_which_all_that_is_said_applies(selection, meant):
    some = [refused(b'{"id":"a"}', 0, "title"), refused(b'{"id":"b"}', 1, "title"), refused(b"x", 2)]
    assert [each.record.origin.offset for each in some if each in selection] == meant
