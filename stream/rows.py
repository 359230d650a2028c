"""Rows of a file that a person or a script hands in: JSONL or CSV by suffix, `-` for standard input."""

import csv
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper, UnsupportedOperation
from pathlib import Path
from typing import Any, TextIO

from model.errors import InputError

# A CSV field may be a whole article; beyond this a row is taken for a broken quote.
_LARGEST_FIELD = 4 << 20

_LONE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """One row of a file: where it stands and what it says."""

    line: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read, and why."""

    line: int
    reason: str


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """A text file, - for standard input; bytes that are no UTF-8 come as lone surrogates. Raises InputError."""
    if path == "-":
        # Of the same kind as a file; refused only where it has been read before, and then it is at its end.
        if isinstance(sys.stdin, TextIOWrapper):
            with suppress(UnsupportedOperation):
                sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape")
        yield sys.stdin
        return
    try:
        # newline='' so that the csv module sees the file's own line ends; utf-8-sig drops a spreadsheet's mark.
        with Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield file
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _suffix(path: str) -> str:
    if path == "-":
        return ".jsonl"
    suffix = Path(path).suffix.lower()
    if suffix not in (".jsonl", ".ndjson", ".csv"):
        raise InputError(f"{path}: rows are read from .jsonl, .ndjson or .csv, not from '{suffix or 'no suffix'}'")
    return suffix


def read_rows(path: str, needed: Sequence[str] = ("title", "text")) -> Iterator[Row | BadRow]:
    """Rows in the file's order, each with the line on which it ends, counted from 1; empty lines are passed over.

    A column `text` is read as `title`. `needed`: columns of which a CSV's header must name one. Raises InputError if
    the file itself cannot be read, or if a CSV has no such header.
    """
    suffix = _suffix(path)
    with opened(path) as file:
        rows = _csv_rows(path, file, needed) if suffix == ".csv" else _json_rows(file)
        for row in rows:
            if isinstance(row, Row):
                if "title" not in row.fields and "text" in row.fields:
                    row.fields["title"] = row.fields.pop("text")
                if not _is_text(row.fields):
                    yield BadRow(row.line, "not UTF-8: save the file as UTF-8")
                    continue
            yield row


def _is_text(value: Any) -> bool:
    """Whether all strings in a value can be written as UTF-8: bytes that were not, and halves of surrogates, cannot."""
    if isinstance(value, dict):
        return all(_is_text(key) and _is_text(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_text, value))
    return not isinstance(value, str) or not _LONE.search(value)


def _json_rows(file: TextIO) -> Iterator[Row | BadRow]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield BadRow(line, f"not JSON: {error}")
            continue
        if isinstance(value, dict):
            yield Row(line, value)
        else:
            yield BadRow(line, f"a row is a JSON object, not {type(value).__name__}")


def _csv_rows(path: str, file: TextIO, needed: Sequence[str]) -> Iterator[Row | BadRow]:
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.DictReader(file, strict=True)
    try:
        header = [name.strip().lower() for name in reader.fieldnames or []]
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from error
    if not set(needed) & set(header):
        found = ", ".join(header) if header else "nothing"
        if "\x00" in found:
            raise InputError(f"{path} is UTF-16: save it as 'CSV UTF-8'")
        for separator, called in ((";", "semicolons"), ("\t", "tabs")):
            if len(header) == 1 and separator in found:
                raise InputError(f"{path} is separated by {called}: save it with commas between the columns")
        named = f"'{needed[0]}'" + "".join(f" (or '{other}')" for other in needed[1:])
        raise InputError(f"{path}: a CSV needs a header with a column {named}; found {found}")
    reader.fieldnames = header
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # DictReader's own number stands at the last row that it gave.
            yield BadRow(reader.reader.line_num, f"not CSV: {error}")
            continue
        if fields.pop(None, None):
            yield BadRow(reader.line_num, f"more fields than the header's {len(header)}")
            continue
        # An empty cell is a field that was not given.
        yield Row(reader.line_num, {name: value for name, value in fields.items() if value not in (None, "")})
