"""What is kept of a refused record: its bytes without personal data, which can be sent again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.masking import Masker
from stream.payload import MAX_PAYLOAD, masked_payload, named, readable

PLAIN = Masker()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no JSON",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"title": 7}',
        b'{"id": "a", "title": "Acme falls  3 %", "n": 1e3}',
    ],
)
def test_without_personal_data_it_is_what_it_was_to_the_byte(payload):
    assert masked_payload(payload, PLAIN) == (payload, len(payload))


def test_a_record_stays_json_and_keeps_its_id_and_its_link():
    record = {
        "id": "tag:jane@wire.example,2024:7",
        "title": "Acme falls, call 212-555-0143",
        "url": "https://wire.example/13800138000?by=jane@wire.example",
        "author": {"email": "jane@wire.example", "phone": 5550143, "mobile_no": "5550143", "age": 41},
        "tags": ["earnings", "219-09-9999"],
    }
    kept, length = masked_payload(json.dumps(record).encode(), PLAIN)
    assert json.loads(kept) == {
        "id": "tag:jane@wire.example,2024:7",
        "title": "Acme falls, call [phone]",
        "url": "https://wire.example/13800138000?by=[email]",
        "author": {"email": "[email]", "phone": "[phone]", "mobile_no": "[phone]", "age": 41},
        "tags": ["earnings", "[id]"],
    }
    assert length == len(kept)


def test_escapes_are_read_where_the_json_is_broken():
    broken = json.dumps({"title": "电话:138 0013 8000", "mail": "x"}).replace('"x"', r'"jane\u0040wire.example')
    assert rb"\u" in broken.encode()
    kept, _ = masked_payload(broken.encode(), PLAIN)
    assert b"8000" not in kept
    assert b"wire" not in kept


@pytest.mark.parametrize("before", range(MAX_PAYLOAD - 30, MAX_PAYLOAD + 3, 3))
def test_a_cut_leaves_nothing_of_a_piece_that_it_goes_through(before):
    payload = b"x" * before + b" mail jane.harrow@wire.example or call 212-555-0143 " + b"y" * 5_000
    kept, length = masked_payload(payload, PLAIN)
    assert b"jane" not in kept
    assert b"212" not in kept
    assert len(kept) <= MAX_PAYLOAD < length == len(payload)


def test_what_is_deeply_nested_is_still_masked():
    nested = b"[" * 20_000 + b'"jane@wire.example"' + b"]" * 20_000
    kept, _ = masked_payload(nested, PLAIN)
    assert b"[email]" in kept
    assert b"jane" not in kept


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab@.co1238 -+", max_size=24),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "title", "tel", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=300)
@given(values | st.binary(max_size=60))
def test_sent_again_and_refused_again_it_is_the_same(value):
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    kept, length = masked_payload(payload, PLAIN)
    assert len(kept) == length
    assert masked_payload(kept, PLAIN) == (kept, length)


@pytest.mark.parametrize(
    ("payload", "id_", "text"),
    [
        (b'{"id": "a", "title": "Acme falls"}', "a", "Acme falls"),
        (b'{"id": 7, "title": "Acme falls"}', None, "Acme falls"),
        (b'{"id": "a", "title": " "}', "a", '{"id": "a", "title": " "}'),
        (b'{"id": ""}', None, '{"id": ""}'),
        (b"[1]", None, "[1]"),
        (b"Acme \xff", None, "Acme \ufffd"),
        (b"[" * 20_000, None, "[" * 20_000),
        (b"", None, ""),
    ],
)
def test_a_person_reads_its_title_and_its_id(payload, id_, text):
    assert (named(payload), readable(payload)) == (id_, text)
