"""Files of counts, as people have them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from model.errors import InputError
from stream.series import Series, read_series

NEW_YORK = ZoneInfo("America/New_York")


class Reports(list[tuple[int, str]]):
    def __call__(self, line: int, reason: str) -> None:
        self.append((line, reason))


def read(tmp_path, text: str | bytes, zone=UTC) -> tuple[Series, Reports]:
    file, reports = tmp_path / "counts.csv", Reports()
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series(str(file), zone, reports), reports


def rows(*pairs: tuple[str, object]) -> str:
    return "timestamp,value\n" + "".join(f"{at},{value}\n" for at, value in pairs)


def test_rows_lie_on_a_grid_that_begins_with_the_first(tmp_path):
    series, reports = read(tmp_path, rows(*((f"2026-01-01 00:{minute:02}:53", minute) for minute in range(2, 60, 5))))
    assert series.history.step == 5
    assert series.history.counts.tolist() == list(range(2, 60, 5))
    assert series.timestamp(series.history.first + 10) == "2026-01-01 00:12:53"
    assert not reports


def test_a_row_that_is_missing_empty_or_nan_is_a_gap_and_no_zero(tmp_path):
    text = rows(
        ("2026-01-01T00:00Z", 1), ("2026-01-01T01:00Z", ""), ("2026-01-01T02:00Z", "NaN"), ("2026-01-01T04:00Z", 0)
    )
    text += "2026-01-01T05:00Z,2\n2026-01-01T06:00Z,2\n"
    series, reports = read(tmp_path, text)
    np.testing.assert_array_equal(series.history.counts, [1, np.nan, np.nan, np.nan, 0, 2, 2])
    assert not reports


def test_rows_may_stand_in_any_order_and_a_time_that_is_repeated_counts_once(tmp_path):
    series, reports = read(
        tmp_path,
        rows(("2026-01-01 02:00", 3), ("2026-01-01 00:00", 1), ("2026-01-01 01:00", 2), ("2026-01-01 01:00", 9)),
    )
    assert series.history.counts.tolist() == [1, 2, 3]
    assert reports == [(5, "repeats the time of line 4: the first one counts")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-01-01 03:00,-3", "-3 is no count"),
        ("2026-01-01 03:00,inf", "inf is no count"),
        ("2026-01-01 03:00,2.5", "2.5 is no count"),
        ("2026-01-01 03:00,many", "'many' is no number"),
        ("yesterday,3", "'yesterday' is no timestamp"),
        ("2026-01-01 03:20,3", "lies between two steps of 1h"),
        ("2026-01-01 03:00", "has not the header's 2 fields"),
        ("2026-01-01 03:00,3,3", "has not the header's 2 fields"),
        ("0001-01-01 00:00+14:00,3", "lies before 1970"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_by_its_line_and_the_rest_goes_on(tmp_path, row, reason):
    hours = [f"2026-01-01 {hour:02}:00,{hour}" for hour in (0, 1, 2, 4, 5, 6)]
    series, reports = read(tmp_path, "\n".join(["timestamp,value", *hours[:3], row, *hours[3:]]))
    assert [line for line, _ in reports] == [5]
    assert reason in reports[0][1]
    np.testing.assert_array_equal(series.history.counts, [0, 1, 2, np.nan, 4, 5, 6])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "found nothing"),
        ("timestamp;value\n1;2\n", "separated by commas; found timestamp;value"),
        ("time,count\n2026-01-01,1\n", "found time, count"),
        ("timestamp,value\n", "needs two rows"),
        ("timestamp,value\n2026-01-01,1\n", "needs two rows"),
        ("timestamp,value\n2026-01-01,1\n2026-01-01,2\n", "same time"),
        ("timestamp,value\n2026-01-01,\n2026-01-02,nan\n", "no row has a value"),
        ("timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 00:00:30,2\n2026-01-01 00:01:00,2\n", "30s apart"),
        ("timestamp,value\n2026-01-01,1\n2027-01-01,2\n", "a week is the most"),
        (
            "timestamp,value\n2026-01-01 00:00,1\n2026-01-01 00:01,1\n2026-01-01 00:02,1\n2126-01-01 00:00,2\n",
            "mistyped",
        ),
        ("timestamp,value\n".encode("utf-16"), "found"),
    ],
)
def test_a_file_without_a_series_is_refused_and_told_why(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="cannot be read"):
        read_series("nowhere.csv", UTC, Reports())


def test_times_without_an_offset_are_the_zones_and_come_back_as_they_were(tmp_path):
    series, _ = read(
        tmp_path, rows(("2026-03-08 00:00", 1), ("2026-03-08 01:00", 2), ("2026-03-08 03:00", 3)), NEW_YORK
    )
    assert series.history.counts.tolist() == [1, 2, 3]  # there is no 02:00 on that day
    assert series.timestamp(series.history.first + 120) == "2026-03-08 03:00:00"


def test_times_with_an_offset_keep_theirs(tmp_path):
    series, _ = read(tmp_path, rows(("2026-01-01T00:00:00+01:00", 1), ("2026-01-01T00:00:00Z", 2)), NEW_YORK)
    assert series.history.counts.tolist() == [1, 2]
    assert series.timestamp(series.history.first) == "2026-01-01T00:00:00+01:00"


def test_columns_may_stand_anywhere_among_others(tmp_path):
    series, _ = read(tmp_path, "id,Value, timestamp \na,5,2026-01-01\nb,6,2026-01-02\n")
    assert series.history.counts.tolist() == [5, 6]
    assert series.history.step == 1440
