"""`newsquall backtest` on the bundle that ships: a file in, its pages out, as text, JSON and a picture."""

import json
import random
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deploy import cli
from tests.alerts.test_backtest import BEGIN, DAYS, START, titles

Captured = pytest.CaptureFixture[str]
GOOD = ("{} opens a new terminal", "{} renames its yearly meeting", "{} signs a supplier", "{} lists its directors")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three weeks of little, and thirty bad stories within an hour of the eighteenth day."""
    monkeypatch.chdir(tmp_path)  # no newsquall.toml of a developer's
    chance = random.Random(4)
    bad = titles(chance)
    rows = []
    for hour in range(DAYS * 24):
        told = next(bad) if chance.random() < 0.2 else chance.choice(GOOD).format(f"Firm {hour}")
        rows.append((START + timedelta(hours=hour, minutes=chance.randrange(60)), told, f"wire {chance.randrange(5)}"))
    rows += [(BEGIN + timedelta(minutes=2 * n), title, f"wire {n % 5}") for n, title in enumerate(islice(bad, 30))]
    lines = [{"published_at": at.isoformat(), "title": title, "source": source} for at, title, source in sorted(rows)]
    Path("news.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return "news.jsonl"


def call(*arguments: str) -> int:
    return cli.run(["backtest", *arguments])


def test_it_says_in_json_and_a_picture_what_would_have_paged(history: str, capsys: Captured) -> None:
    Path("events.csv").write_text(
        f"name,from,to\nThe raid,{BEGIN.isoformat()},\nNothing of note,2026-03-03,2026-03-04\n", encoding="utf-8"
    )
    assert call(history, "--json", "--events", "events.csv", "--plot", "out.png") == cli.OK
    said = capsys.readouterr()
    answer: dict[str, Any] = json.loads(said.out)
    assert answer["headlines"] == DAYS * 24 + 30
    assert answer["from"].startswith("2026-03-02")
    pages = [page for page in answer["pages"] if page["fired_at"] >= BEGIN.isoformat()[:16]]
    assert pages
    assert all(page["stories"] >= 5 and page["sources"] >= 3 and page["evidence"] for page in pages)
    raid, nothing = answer["events"]
    assert raid["subject"] in {page["subject"] for page in pages}
    assert 0 < raid["hours"] <= 1.5
    assert nothing["fired_at"] is None
    with Image.open("out.png") as picture:
        assert picture.format == "PNG"
    assert "534 headlines scored" in said.err


def test_a_model_beside_itself_changes_no_page(history: str, capsys: Captured) -> None:
    assert call(history, "--model", "bundled", "--model", "bundled") == cli.OK
    told = capsys.readouterr().out
    pages = sum(" surprise " in line for line in told.splitlines())
    assert pages
    assert f"beside the first model: {pages} the same, 0 moved" in told
    assert "added:" not in told
    assert "lost:" not in told


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("nowhere.csv",), cli.FAILED, "nowhere.csv cannot be read"),
        (("empty.jsonl",), cli.FAILED, "empty.jsonl has no headline that can be scored"),
        (("-", "--model", "a", "--model", "b"), cli.WRONG_CALL, "standard input can be read once"),
        (
            ("empty.jsonl", "--model", "a", "--model", "b", "--model", "c"),
            cli.WRONG_CALL,
            "two models can be put beside each other",
        ),
    ],
)
def test_a_call_that_cannot_be_answered_is_told_in_a_line(
    history: str, capsys: Captured, arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    Path("empty.jsonl").write_text("", encoding="utf-8")
    assert call(*arguments) == status
    assert complaint in capsys.readouterr().err


def test_a_bad_row_is_told_and_stops_only_if_asked(history: str, capsys: Captured) -> None:
    with Path(history).open("a", encoding="utf-8") as file:
        file.write("no json\n")
    assert call(history) == cli.OK
    assert "news.jsonl:535: not JSON" in capsys.readouterr().err
    assert call(history, "--strict") != cli.OK


def test_a_file_that_is_too_short_to_judge_by_is_told_to_be(history: str, capsys: Captured) -> None:
    lines = Path(history).read_text(encoding="utf-8").splitlines(keepends=True)
    Path("short.jsonl").write_text("".join(lines[:60]), encoding="utf-8")
    assert call("short.jsonl") == cli.OK
    assert "nothing was judged: it takes 3d of history first" in capsys.readouterr().err
    assert call(history) == cli.OK
    assert "nothing was judged" not in capsys.readouterr().err
