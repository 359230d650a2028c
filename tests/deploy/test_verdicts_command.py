"""`newsquall verdicts report`, as a person calls it, on a real book of pages."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.notification import Alert
from alerts.page import Links, Page
from alerts.pagebook import PageBook
from deploy.commands.verdicts import verdicts
from model.errors import ArchiveError
from stream.archive import Archive
from stream.clock import utc_now
from stream.settings import Settings
from stream.verdicts import Verdict, VerdictBook

NOW = utc_now()


def page(number: int, surprise: float | None, subject: str = "entity/Kestrovan", days: float = 1.0) -> Page:
    return Page(
        id=f"{number:016x}",
        status="firing",
        alert=subject.split("/")[1] if subject.startswith("alert/") else "NegativeNewsSquall",
        subject=subject,
        sentence="",
        fired_at=NOW - timedelta(days=days),
        links=Links("", "", ""),
        surprise=surprise,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(archive={"url": f"sqlite:///{tmp_path}/archive.db"})  # type: ignore[arg-type]


def keep(settings: Settings, *judged: tuple[Page, str | None]) -> None:
    archive = Archive(settings.archive.url)
    book, said = PageBook(archive.engine, ()), VerdictBook(archive.engine)
    for each, verdict in judged:
        book.open_page(each, Alert("firing", {}, each.fired_at, each.id), [], NOW)
        if verdict:
            said.give(each.id, Verdict("duplicate", "", NOW))
            said.give(each.id, Verdict(verdict, "", NOW))
    archive.close()


def called(settings: Settings, *arguments: str) -> Result:
    ended = CliRunner().invoke(verdicts, ["report", *arguments], obj=settings, catch_exceptions=False)
    assert ended.exit_code == 0
    return ended


def test_the_report_is_a_table_with_what_it_suggests_below(settings: Settings) -> None:
    keep(
        settings,
        *((page(number, 5.5), "false_alarm") for number in range(3)),
        (page(3, 9.0), "real"),
        (page(4, None, "alert/NewsquallWorkerDown/w:1"), "real"),
        (page(5, None, "alert/NewsquallWorkerDown/w:2"), None),
        (page(6, 9.0, days=400), "false_alarm"),
    )
    shown = called(settings).stdout.splitlines()
    assert shown[0].split()[:3] == ["subject", "month", "pages"]
    assert shown[1].split() == ["all", "all", "6", "2", "3", "0", "1", "40%", "(12%", "to", "77%)"]
    rows = {line.split()[0]: line.split()[2:7] for line in shown if line.startswith(("entity/", "alert/"))}
    assert rows["entity/Kestrovan"] == ["4", "1", "3", "0", "0"]
    assert rows["alert/NewsquallWorkerDown"] == ["2", "1", "0", "0", "1"]
    assert (
        "suggested, not applied: alerts.surprise 5.6 (now 5): 3 of 3 false alarms would not have paged, "
        "0 of 1 real page neither; of many, up to 79% may be lost"
    ) in shown


def test_the_report_as_json_looks_back_as_far_as_it_is_told(settings: Settings) -> None:
    keep(settings, (page(0, 5.5), "real"), (page(1, 5.5, days=40), None))
    found = json.loads(called(settings, "--json").stdout)
    assert found["together"]["pages"] == 2
    assert found["suggestions"] == []
    assert json.loads(called(settings, "--json", "--since", "30d").stdout)["together"]["pages"] == 1


def test_without_pages_it_says_so(settings: Settings) -> None:
    ended = called(settings)
    assert (ended.stdout, ended.stderr) == ("", "there are no pages of that time in this archive's book\n")
    assert json.loads(called(settings, "--json").stdout)["together"]["precision"] is None


def test_more_pages_than_a_statement_takes_are_judged(settings: Settings) -> None:
    keep(settings, *((page(number, 6.0), "real") for number in range(1_100)))
    assert json.loads(called(settings, "--json").stdout)["together"]["real"] == 1_100


def test_an_archive_that_cannot_be_opened_is_told() -> None:
    nowhere = Settings(archive={"url": "sqlite:////nowhere/at/all.db"})  # type: ignore[arg-type]
    with pytest.raises(ArchiveError, match="cannot be opened"):
        CliRunner().invoke(verdicts, ["report"], obj=nowhere, catch_exceptions=False)
