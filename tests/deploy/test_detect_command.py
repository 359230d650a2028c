"""`newsquall detect`: a file of counts in, squalls out."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy import cli

Captured = pytest.CaptureFixture[str]
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
SQUALL = slice(9 * 288 + 120, 9 * 288 + 132)  # an hour of the tenth day, from 10:00 on


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no newsquall.toml of a developer's


@pytest.fixture
def counts() -> str:
    drawn = np.random.default_rng(7).poisson(3.0, 11 * 288)
    drawn[SQUALL] += 40
    rows = (f"{(FIRST + at * timedelta(minutes=5)).isoformat()},{count}\n" for at, count in enumerate(drawn))
    Path("counts.csv").write_text("timestamp,value\n" + "".join(rows), encoding="utf-8")
    return "counts.csv"


def test_a_squall_is_told_as_json_with_its_times_and_numbers(counts: str, capsys: Captured) -> None:
    assert cli.run(["detect", counts, "--json"]) == 0
    told = capsys.readouterr()
    (event,) = json.loads(told.out)["events"]
    assert event["fired_at"] == "2026-01-14T10:00:00+00:00"
    assert datetime.fromisoformat(event["fired_at"]) <= datetime.fromisoformat(event["peak"])
    assert datetime.fromisoformat(event["peak"]) < datetime.fromisoformat(event["resolved_at"])
    assert datetime.fromisoformat(event["resolved_at"]) < FIRST + timedelta(days=9, hours=12)
    assert event["count"] > 5 * event["baseline"]
    assert event["surprise"] > event["threshold"] > 3
    assert told.err == "1 squall in 3,168 steps of 5m, 0 of them without a count; 0 bad rows\n"


def test_without_json_a_person_reads_a_line_for_each(counts: str, capsys: Captured) -> None:
    assert cli.run(["detect", counts]) == 0
    line = capsys.readouterr().out
    assert line.startswith("2026-01-14T10:00:00+00:00 to 2026-01-14T1")
    assert "surprise" in line


def test_rows_have_a_surprise_from_the_shortest_history_on(counts: str, capsys: Captured) -> None:
    assert cli.run(["detect", counts, "--rows", "out.csv"]) == 0
    rows = list(csv.DictReader(Path("out.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["timestamp", "value", "surprise"]
    assert [row["surprise"] == "" for row in rows] == [at < 3 * 288 for at in range(11 * 288)]
    loudest = max(rows[3 * 288 :], key=lambda row: float(row["surprise"]))
    assert SQUALL.start <= rows.index(loudest) < SQUALL.stop + 12


def test_the_plot_is_a_picture_with_the_squall_shaded(counts: str, capsys: Captured) -> None:
    assert cli.run(["detect", counts, "--plot", "out.png"]) == 0
    picture = Image.open(io.BytesIO(Path("out.png").read_bytes())).convert("RGB")
    colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert (244, 200, 200) in colours
    assert (178, 24, 43) in colours


def test_a_budget_and_a_threshold_may_be_given(counts: str, capsys: Captured) -> None:
    assert cli.run(["detect", counts, "--json", "--surprise", "200"]) == 0
    assert json.loads(capsys.readouterr().out) == {"events": []}
    thresholds = []
    for budget in ("0.2", "5"):
        assert cli.run(["detect", counts, "--json", "--budget", budget]) == 0
        thresholds.append(json.loads(capsys.readouterr().out)["events"][0]["threshold"])
    assert thresholds[0] > thresholds[1] + 0.5


def test_what_goes_beyond_the_smaller_budget_is_critical(counts: str, capsys: Captured) -> None:
    assert cli.run(["detect", counts, "--json"]) == 0
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert event["severity"] == "critical"
    beyond = str(event["surprise"] - 0.1)
    Path("high.toml").write_text(f"[alerts]\ncritical_surprise = {event['surprise'] + 1}\n", encoding="utf-8")
    assert cli.run(["--settings", "high.toml", "detect", counts, "--json", "--surprise", beyond]) == 0
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert event["severity"] == "page"


def test_bad_rows_are_told_and_strict_stops_at_the_first(counts: str, capsys: Captured) -> None:
    text = Path(counts).read_text(encoding="utf-8").splitlines()
    Path(counts).write_text("\n".join([*text[:3], "2026-01-05T00:10:00+00:00,-1", *text[4:]]), encoding="utf-8")
    assert cli.run(["detect", counts, "--json"]) == 0
    told = capsys.readouterr()
    assert len(json.loads(told.out)["events"]) == 1
    assert told.err.startswith("counts.csv:4: -1 is no count")
    assert cli.run(["detect", counts, "--strict"]) == 1
    assert capsys.readouterr().err == "newsquall: counts.csv:4: -1 is no count: a whole number from 0 on\n"


def test_a_file_too_short_to_judge_says_so(capsys: Captured) -> None:
    Path("short.csv").write_text("timestamp,value\n2026-01-05,3\n2026-01-06,4\n", encoding="utf-8")
    assert cli.run(["detect", "short.csv", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"events": []}
    assert "nothing was judged: it takes 3d of history" in told.err
