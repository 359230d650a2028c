"""Files that people hand in are read row by row; what cannot be read is one row's fault, with its line."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from stream.rows import BadRow, Row, read_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def read(path: Path, content: str | bytes) -> list[Row | BadRow]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(str(path)))


def titles(rows: list[Row | BadRow]) -> list[Any]:
    return [row.fields["title"] if isinstance(row, Row) else row.reason for row in rows]


def test_jsonl_gives_each_object_with_its_line_and_passes_over_empty_ones(folder: Path) -> None:
    rows = read(folder / "a.jsonl", '{"title": "one"}\n\n  \n{"title": "two", "n": 1}')
    assert rows == [Row(1, {"title": "one"}), Row(4, {"title": "two", "n": 1})]


def test_csv_gives_each_record_with_the_line_on_which_it_ends(folder: Path) -> None:
    rows = read(folder / "a.csv", 'title,source\n"over\ntwo lines",Wire\nnext,\n')
    assert rows == [Row(3, {"title": "over\ntwo lines", "source": "Wire"}), Row(4, {"title": "next"})]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "A.JSONL"])
def test_jsonl_goes_by_several_names(folder: Path, name: str) -> None:
    assert titles(read(folder / name, '{"title": "one"}')) == ["one"]


def test_text_is_read_as_title_unless_there_is_one(folder: Path) -> None:
    assert titles(read(folder / "t.jsonl", '{"text": "one"}\n{"text": "body", "title": "two"}')) == ["one", "two"]
    assert titles(read(folder / "t.csv", "Text , Source\none,Wire\n")) == ["one"]


def test_a_spreadsheets_mark_and_line_ends_do_no_harm(folder: Path) -> None:
    assert titles(read(folder / "b.csv", b"\xef\xbb\xbftitle,source\r\none,Wire\r\ntwo,Wire\r\n")) == ["one", "two"]
    assert titles(read(folder / "b.jsonl", b'\xef\xbb\xbf{"title": "one"}\r\n{"title": "two"}\r\n')) == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "not JSON"),
        ('{"title": "cut', "not JSON"),
        ("[1, 2]", "a row is a JSON object, not list"),
        ("3", "a row is a JSON object, not int"),
        ("null", "a row is a JSON object, not NoneType"),
        ("[" * 100_000, "not JSON"),
        ('{"n": ' + "9" * 5000 + "}", "not JSON"),
        ('{"title": "\\ud83d half"}', "not UTF-8"),
    ],
)
def test_a_bad_json_row_is_told_with_its_line_and_the_rest_goes_on(folder: Path, line: str, reason: str) -> None:
    bad, good = read(folder / "bad.jsonl", f'{line}\n{{"title": "good"}}\n')
    assert isinstance(bad, BadRow)
    assert bad.line == 1
    assert bad.reason.startswith(reason)
    assert good == Row(2, {"title": "good"})


def test_bytes_that_are_not_utf_8_are_that_rows_fault(folder: Path) -> None:
    rows = read(folder / "latin.csv", b"title,source\ngood,Wire\n" + "Müller,Wire\n".encode("latin-1"))
    assert titles(rows) == ["good", "not UTF-8: save the file as UTF-8"]
    rows = read(folder / "latin.jsonl", '{"title": "Müller"}\n'.encode("latin-1") + b'{"title": "good"}\n')
    assert titles(rows) == ["not UTF-8: save the file as UTF-8", "good"]


def test_a_utf_16_file_has_no_good_row_and_stops_nothing(folder: Path) -> None:
    assert all(isinstance(row, BadRow) for row in read(folder / "w.jsonl", '{"title": "one"}\n'.encode("utf-16")))
    for encoding in ("utf-16", "utf-16-le"):
        with pytest.raises(InputError, match="is UTF-16: save it as 'CSV UTF-8'"):
            read(folder / "w.csv", "title,source\none,two\n".encode(encoding))


@pytest.mark.parametrize(("separator", "called"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_csv_with_another_separator_is_refused_with_its_name(folder: Path, separator: str, called: str) -> None:
    with pytest.raises(InputError, match=f"is separated by {called}: save it with commas"):
        read(folder / "s.csv", f"title{separator}source\none{separator}two\n")


def test_a_csv_record_with_too_many_fields_is_bad_and_one_with_too_few_lacks_them(folder: Path) -> None:
    rows = read(folder / "fields.csv", "title,source\na,b,c\nonly\n")
    assert rows == [BadRow(2, "more fields than the header's 2"), Row(3, {"title": "only"})]


def test_a_broken_quote_costs_its_record_only(folder: Path) -> None:
    rows = read(folder / "quote.csv", 'title,source\n"a"b,Wire\ngood,Wire\n')
    assert isinstance(rows[0], BadRow)
    assert rows[0].reason.startswith("not CSV")
    assert rows[1:] == [Row(3, {"title": "good", "source": "Wire"})]


def test_a_quote_that_never_ends_is_told_and_not_waited_for(folder: Path) -> None:
    rows = read(folder / "open.csv", 'title\n"never ends\nand on\n')
    assert titles(rows) == ["not CSV: unexpected end of data"]


def test_a_megabyte_and_control_characters_are_read_as_they_are(folder: Path) -> None:
    long = "x" * 1_000_000
    assert titles(read(folder / "long.csv", f"title\n{long}\n")) == [long]
    assert titles(read(folder / "long.jsonl", json.dumps({"title": long}))) == [long]
    assert titles(read(folder / "control.jsonl", r'{"title": "a\u0000b\u001b[31m"}')) == ["a\x00b\x1b[31m"]


def test_a_csv_field_beyond_four_mebibytes_is_a_broken_quote(folder: Path) -> None:
    (bad,) = read(folder / "huge.csv", "title\n" + "x" * (5 << 20))
    assert isinstance(bad, BadRow)
    assert "field larger than" in bad.reason


@pytest.mark.parametrize("content", ["", "\n", "source,url\nWire,x\n", "Acme recalls kettles\nFed cuts\n"])
def test_a_csv_without_a_header_that_names_a_title_is_refused_whole(folder: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"a CSV needs a header with a column 'title' \(or 'text'\)"):
        read(folder / "headless.csv", content)


def test_an_empty_jsonl_has_no_rows(folder: Path) -> None:
    assert read(folder / "empty.jsonl", "") == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("absent.csv", "cannot be read: No such file"),
        ("rows.xlsx", r"read from .jsonl, .ndjson or .csv, not from '.xlsx'"),
        ("rows", "not from 'no suffix'"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_an_error(folder: Path, name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        list(read_rows(str(folder / name)))


def test_a_folder_is_no_file(folder: Path) -> None:
    (folder / "sub.csv").mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        list(read_rows(str(folder / "sub.csv")))


def test_rows_are_read_one_by_one(folder: Path) -> None:
    path = folder / "lazy.jsonl"
    path.write_text('{"title": "one"}\n' * 100_000)
    rows: Iterator[Row | BadRow] = read_rows(str(path))
    assert next(rows) == Row(1, {"title": "one"})


@given(st.binary(max_size=400), st.sampled_from([".csv", ".jsonl"]))
def test_whatever_the_bytes_are_a_file_is_read_to_its_end_or_refused(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"any{suffix}"
    header = b"title,source\n" if suffix == ".csv" else b""
    rows = read(path, header + content)
    lines = [row.line for row in rows]
    assert lines == sorted(lines)


@given(st.lists(st.dictionaries(st.sampled_from(["title", "source", "id"]), st.text(max_size=20)), max_size=5))
def test_what_was_written_as_jsonl_is_what_is_read(folder: Path, objects: list[dict[str, str]]) -> None:
    rows = read(folder / "same.jsonl", "".join(json.dumps(each) + "\n" for each in objects))
    assert [row.fields for row in rows if isinstance(row, Row)] == objects


@pytest.mark.parametrize(
    "row", ['{"title": "\\ud800"}', '{"title": "a", "entities": ["\\ud800"]}', '{"title": "a", "\\ud800": 1}']
)
def test_half_a_surrogate_anywhere_in_a_row_is_not_text(folder: Path, row: str) -> None:
    assert [type(each) for each in read(folder / "surrogate.jsonl", row)] == [BadRow]


def test_bad_bytes_on_standard_input_spoil_their_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO(b'\xef\xbb\xbf{"title": "a"}\n{"title": "\xe9"}\n{"title": "\xc3\xa9"}\n')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="utf-8"))
    rows = list(read_rows("-"))
    assert [type(row) for row in rows] == [Row, BadRow, Row]
    assert rows[2] == Row(3, {"title": "é"})
    assert list(read_rows("-")) == [], "asked for again, it is at its end"


def test_a_broken_quote_is_told_with_its_own_line(folder: Path) -> None:
    rows = read(folder / "quote.csv", 'title,source\na,b\nd,e\n"f"x,g\nh,i\n')
    assert [(row.line, type(row)) for row in rows] == [(2, Row), (3, Row), (4, BadRow), (5, Row)]
