"""A file's rows become headlines, one by one; the others say why not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stream.headlines import Reading, read_headlines
from stream.records import Headline, encode
from stream.replay import LARGEST_RECORD_BYTES, unsendable
from stream.rows import BadRow

NOW = datetime(2025, 3, 3, 9, 30, tzinfo=UTC)
TOLERANCE = timedelta(minutes=5)


def read(path: Path, *rows: dict[str, Any] | str, **options: Any) -> list[Reading | BadRow]:
    file = path / "rows.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return list(read_headlines(str(file), lambda: NOW, TOLERANCE, **options))


def only(path: Path, row: dict[str, Any]) -> Reading | BadRow:
    (result,) = read(path, row)
    return result


def test_a_row_with_nothing_but_a_title_is_a_headline_of_now(tmp_path: Path) -> None:
    result = only(tmp_path, {"title": "Acme recalls kettles"})
    assert isinstance(result, Reading)
    assert (result.headline.title, result.headline.published_at) == ("Acme recalls kettles", NOW)
    assert result.headline.id


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": 7}, "title"),
        ({"title": None}, "title"),
        ({"title": ["a"]}, "title"),
        ({"title": "x" * 1_000_000}, "title"),
        ({"title": "a", "id": ""}, "id"),
        ({"title": "a", "id": None}, "id"),
        ({"title": "a", "id": "x" * 257}, "id"),
        ({"title": "a", "source": 3}, "source"),
        ({"title": "a", "language": 3}, "language"),
        ({"title": "a", "published_at": "yesterday"}, "published_at"),
        ({"title": "a", "published_at": 1741000000}, "published_at"),
        ({"title": "a", "published_at": "1970-01-01T00:00:00Z"}, "too_old"),
        ({"title": "a", "published_at": "0001-01-01T00:00:00+23:00"}, "published_at"),
        ({"title": "a", "published_at": "2025-03-03T09:35:01Z"}, "in_the_future"),
        ({"title": "a", "published_at": "9999-12-31T23:59:59-23:00"}, "published_at"),
    ],
)
def test_a_row_that_is_no_headline_says_why(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    result = only(tmp_path, row)
    assert isinstance(result, BadRow)
    assert (result.line, result.reason.split(":")[0]) == (1, reason)


def test_bad_rows_and_headlines_come_in_the_files_order(tmp_path: Path) -> None:
    results = read(tmp_path, {"title": "one"}, "not json", {"title": ""}, {"title": "two"})
    assert [type(each) for each in results] == [Reading, BadRow, BadRow, Reading]
    assert [each.line for each in results] == [1, 2, 3, 4]


def test_an_undated_row_may_keep_its_place_in_the_files_rhythm(tmp_path: Path) -> None:
    rows = ({"title": "a"}, {"title": "b", "date": "2018-03-20"}, {"title": "c"})
    then = datetime(2018, 3, 20, tzinfo=UTC)
    times = [each.headline.published_at for each in read(tmp_path, *rows) if isinstance(each, Reading)]
    assert times == [NOW, then, NOW]
    carried = read(tmp_path, *rows, carry_dates=True)
    assert [each.headline.published_at for each in carried if isinstance(each, Reading)] == [NOW, then, then]


def headline(**fields: Any) -> Headline:
    return Headline(**{"id": "a", "title": "b", "published_at": NOW, **fields})


def test_what_is_larger_than_a_record_of_kafka_is_not_sent() -> None:
    fits = headline(body="x" * (LARGEST_RECORD_BYTES - len(encode(headline(body="")))))
    assert unsendable(3, fits) is None
    assert unsendable(3, headline(body=(fits.body or "") + "x")) == BadRow(
        3, "too_large: 1000001 bytes as a record, 1000000 are the most"
    )


def test_like_rows_without_an_id_are_headlines_of_their_own_and_the_same_ones_again(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("date,title\n2020-03-01,Oil falls\n2020-03-01,Oil falls\n2020-03-02,Oil falls\n", encoding="utf-8")

    def ids() -> list[str]:
        read = list(read_headlines(str(file), lambda: NOW, timedelta(minutes=5)))
        return [each.headline.id for each in read if isinstance(each, Reading)]

    assert len(set(ids())) == 3
    assert ids() == ids()


def test_an_undated_file_has_the_same_ids_whenever_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("title\nOil falls\nGold rises\nOil falls\n", encoding="utf-8")

    def ids(now: datetime, carry: bool) -> list[str]:
        read = read_headlines(str(file), lambda: now, timedelta(minutes=5), carry_dates=carry)
        return [each.headline.id for each in read if isinstance(each, Reading)]

    assert ids(NOW, True) == ids(NOW + timedelta(hours=1), True) == ids(NOW, False)
