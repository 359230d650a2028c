"""Known events: read, found among pages, or missed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.knownevents import KnownEvent, read_events, told
from model.errors import InputError
from tests.alerts.test_challenge import NOON, page


def written(folder: Path, text: str, name: str = "events.csv") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def test_dates_are_whole_days_and_times_are_times(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "name,from,to,subject\nCrash,2020-02-24,2020-02-28,topic/markets_general\nRaid,2020-03-01T09:30:00+01:00,,\n",
    )
    crash, raid = read_events(file)
    assert crash.since == datetime(2020, 2, 24, tzinfo=UTC)
    assert crash.until == datetime(2020, 2, 29, tzinfo=UTC)
    assert crash.subject == "topic/markets_general"
    assert raid.since == datetime(2020, 3, 1, 8, 30, tzinfo=UTC)
    assert raid.until - raid.since == timedelta(days=7)
    assert raid.subject is None


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("Crash,,,", "events.csv:2: an event has 'name' and 'from'"),
        ("Crash,last spring,,", "events.csv:2: 'last spring' is no date"),
        ("Crash,2020-02-24,2020-02-20,", "events.csv:2: 'Crash' ends before it begins"),
        ("Crash,2020-02-24,2020-02-28,a,b", "events.csv:2: more fields"),
    ],
)
def test_a_row_that_is_no_event_is_told_by_its_line(tmp_path: Path, row: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        read_events(written(tmp_path, f"name,from,to,subject\n{row}\n"))


def test_a_file_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a column 'name'; found when"):
        read_events(written(tmp_path, "when\n2020-02-24\n"))


def event(begin: float, end: float, subject: str | None = None) -> KnownEvent:
    return KnownEvent("it", NOON + timedelta(hours=begin), NOON + timedelta(hours=end), subject)


def test_the_first_page_within_it_tells_of_an_event() -> None:
    [answer] = told([event(1, 9)], [page(0), page(5), page(3, also=("entity/Kestrovan",))])
    assert answer.fired_at == NOON + timedelta(hours=3)
    assert answer.hours == 2.0


def test_a_page_about_something_else_does_not_tell_of_it() -> None:
    pages = [page(3, also=("entity/Kestrovan",)), page(4, "topic/macro_economy")]
    [answer] = told([event(1, 9, "topic/central_banks")], pages)
    assert answer.fired_at is None
    assert answer.hours is None
    [answer] = told([event(1, 9, "entity/Kestrovan")], pages)
    assert answer.subject == "topic/earnings"
