"""What is taken for a headline, and why the rest is refused."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.text import MAX_TITLE_CHARACTERS
from stream.records import (
    Headline,
    Rejection,
    at_minute,
    decode_headline,
    encode,
    headline_from_row,
    minute_of,
)

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
TOLERANCE = timedelta(minutes=5)
GOOD = {"id": "h1", "title": "Acme falls", "published_at": "2026-03-04T09:00:00Z"}


def decode(payload) -> Headline:
    raw = payload if isinstance(payload, bytes | None) else json.dumps(payload).encode()
    return decode_headline(raw, NOW, TOLERANCE)


def refusal(payload) -> str:
    with pytest.raises(Rejection) as refused:
        decode(payload)
    assert refused.value.detail
    return refused.value.reason


def taken(read, payload) -> Headline | str:
    """The headline, or the rejection's reason."""
    try:
        return read(payload)
    except Rejection as rejection:
        return rejection.reason


def row_refusal(row) -> str:
    with pytest.raises(Rejection) as refused:
        headline_from_row(row, NOW, TOLERANCE)
    return refused.value.reason


def from_row(**row) -> Headline:
    return headline_from_row(row, NOW, TOLERANCE)


def test_a_headline_is_read_with_all_its_fields_and_unknown_ones_are_passed_over():
    full = GOOD | {
        "source": "Baltic Wire",
        "url": "https://example.com/1",
        "body": "Text",
        "language": "en",
        "entities": ["Acme"],
        "colour": "red",
    }
    assert decode(full) == Headline(
        "h1",
        "Acme falls",
        datetime(2026, 3, 4, 9, tzinfo=UTC),
        "Baltic Wire",
        "https://example.com/1",
        "Text",
        "en",
        ["Acme"],
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-04T09:00:00+02:00", datetime(2026, 3, 4, 7, tzinfo=UTC)),
        ("2026-03-04T09:00:00", datetime(2026, 3, 4, 9, tzinfo=UTC)),
        ("2026-03-04T09:00:00.123456Z", datetime(2026, 3, 4, 9, 0, 0, 123456, tzinfo=UTC)),
        ("2026-03-04T09:35:00Z", datetime(2026, 3, 4, 9, 35, tzinfo=UTC)),
    ],
)
def test_times_come_out_in_utc_and_without_an_offset_are_taken_as_utc(written, read):
    published = decode(GOOD | {"published_at": written}).published_at
    assert published == read
    assert published.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\xff\xfe", "not_json"),
        (b'{"id": "h1", "title": "cut o', "not_json"),
        (b"[" * 100_000, "not_a_headline"),
        (b'{"x": ' + b"[" * 100_000, "not_json"),
        (b'{"id": "h1", "title": "\\ud800", "published_at": "2026-03-04T09:00:00Z"}', "not_json"),
        (b"null", "not_a_headline"),
        (b"[1, 2]", "not_a_headline"),
        (b'"text"', "not_a_headline"),
        ({}, "id"),
        ({"id": "h1"}, "title"),
        (GOOD | {"id": ""}, "id"),
        (GOOD | {"id": None}, "id"),
        (GOOD | {"id": 7}, "id"),
        (GOOD | {"id": "x" * 257}, "id"),
        (GOOD | {"id": "a\x00b"}, "id"),
        (GOOD | {"title": ""}, "title"),
        (GOOD | {"title": " \n\t"}, "title"),
        (GOOD | {"title": None}, "title"),
        (GOOD | {"title": ["Acme"]}, "title"),
        (GOOD | {"title": "x" * (MAX_TITLE_CHARACTERS + 1)}, "title"),
        (GOOD | {"title": "Acme\x00falls"}, "title"),
        ({"id": "h1", "title": "Acme falls"}, "published_at"),
        (GOOD | {"published_at": None}, "published_at"),
        (GOOD | {"published_at": "yesterday"}, "published_at"),
        (GOOD | {"published_at": "2026-13-01T00:00:00Z"}, "published_at"),
        (GOOD | {"published_at": 1772614800}, "published_at"),
        (GOOD | {"published_at": "0001-01-01T00:00:00+23:59"}, "published_at"),
        (GOOD | {"published_at": "1970-01-01T00:00:00Z"}, "too_old"),
        (GOOD | {"published_at": "2026-03-04T09:35:01Z"}, "in_the_future"),
        (GOOD | {"published_at": "9999-12-31T23:59:59Z"}, "in_the_future"),
        (GOOD | {"source": 5}, "source"),
        (GOOD | {"source": "x" * 257}, "source"),
        (GOOD | {"source": "\x00"}, "source"),
        (GOOD | {"url": "x" * 4097}, "url"),
        (GOOD | {"url": "http://a\x00"}, "url"),
        (GOOD | {"body": 5}, "body"),
        (GOOD | {"language": "x" * 36}, "language"),
        (GOOD | {"entities": "Acme"}, "entities"),
        (GOOD | {"entities": [1]}, "entities"),
        (GOOD | {"entities": ["x" * 257]}, "entities"),
    ],
)
def test_what_is_no_sound_headline_is_refused_with_the_reason(payload, reason):
    assert refusal(payload) == reason


@settings(max_examples=200)
@given(st.binary(max_size=300))
@example(b"\x00")
@example(b'{"id":"a","title":"b","published_at":"2026-03-04T09:00:00-23:59"}')
def test_any_bytes_are_a_headline_or_a_rejection_and_nothing_else(payload):
    assert isinstance(taken(decode, payload), Headline | str)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from([*Headline.__struct_fields__, "date", "time", "timestamp", "x"])


@settings(max_examples=150)
@given(st.dictionaries(fields, values, max_size=8))
def test_any_json_object_is_a_headline_or_a_rejection_and_nothing_else(row):
    for read in (decode, lambda each: headline_from_row(each, NOW, TOLERANCE)):
        headline = taken(read, GOOD | row)
        assert headline, "a rejection has a reason"
        if isinstance(headline, Headline):
            assert headline.published_at <= NOW + TOLERANCE
            assert msgspec.json.decode(encode(headline), type=Headline) == headline


def test_a_rejection_carries_its_reason_and_detail_in_words():
    with pytest.raises(Rejection, match="in_the_future: published_at 2027"):
        decode(GOOD | {"published_at": "2027-01-01T00:00:00Z"})


def test_a_row_with_a_date_alone_begins_at_midnight_utc():
    assert from_row(title="Acme falls", date="2018-03-20").published_at == datetime(2018, 3, 20, tzinfo=UTC)
    assert from_row(title="Acme falls", published_at="2018-03-20").published_at == datetime(2018, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize("name", ["date", "time", "timestamp"])
def test_other_names_of_the_time_are_taken(name):
    assert from_row(title="Acme falls", **{name: "2018-03-20T10:00:00Z"}).published_at.hour == 10


def test_a_row_without_a_time_is_of_now():
    assert from_row(title="Acme falls").published_at == NOW


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"date": "2018-03-20"}, "title"),
        ({"title": "Acme falls", "date": "03/20/2018"}, "published_at"),
        ({"title": "Acme falls", "date": "20.03.18"}, "published_at"),
        ({"title": "Acme falls", "date": None}, "published_at"),
        ({"title": "Acme falls", "date": 20180320}, "published_at"),
        ({"title": "Acme falls", "date": "1900-01-01"}, "too_old"),
        ({"title": 5}, "title"),
        ({"title": "Acme falls", "entities": "[" * 100_000}, "entities"),
        ({"title": "Acme falls", "entities": 5}, "entities"),
    ],
)
def test_a_row_that_is_no_headline_is_refused_with_the_reason(row, reason):
    assert row_refusal(row) == reason


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Acme;Bolt", ["Acme", "Bolt"]),
        ('["Acme"]', ["Acme"]),
        ('{"Acme": "negative"}', ["Acme"]),
        (["Acme"], ["Acme"]),
        ("7", None),
    ],
)
def test_entities_of_a_row_are_a_list_an_object_or_names_between_semicolons(written, read):
    assert from_row(title="Acme falls", entities=written).entities == read


def test_the_same_row_has_the_same_id_whenever_it_is_read():
    row = {"title": "Acme falls", "source": "Wire"}
    later = NOW + timedelta(hours=1)
    for extra in ({}, {"date": "2018-03-20"}, {"time": "2018-03-20T10:00:00Z"}):
        first = headline_from_row(row | extra, NOW, TOLERANCE)
        assert headline_from_row(row | extra, later, TOLERANCE).id == first.id


def test_rows_that_differ_have_ids_that_differ():
    rows = [
        {"title": "Acme falls"},
        {"title": "Acme falls", "source": "Wire"},
        {"title": "Acme falls", "url": "Wire"},
        {"title": "Acme falls", "date": "2018-03-20"},
        {"title": "Acme falls", "date": "2018-03-21"},
        {"title": "Acme rises"},
    ]
    assert len({from_row(**row).id for row in rows}) == len(rows)


def test_an_id_that_a_row_has_is_kept_and_a_number_is_one_too():
    assert from_row(title="Acme falls", id="abc").id == "abc"
    assert from_row(title="Acme falls", id=42).id == "42"


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001  (hypothesis wants bare bounds)
def test_a_minute_holds_its_moments(moment):
    moment = moment.replace(tzinfo=UTC)
    start = at_minute(minute_of(moment))
    assert start <= moment < start + timedelta(minutes=1)
