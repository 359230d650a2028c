"""`newsquall labels`: in, out, what comes next, and one plain line for whatever goes wrong."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from deploy import cli
from stream.archive import Archive
from stream.clock import utc_now
from stream.settings import Settings
from training import publicsets
from training.labels import CORPUS, read_texts

from .desk.conftest import NOW, scored

SHEET = "title,topic,sentiment\nAcme falls,earnings,negative\nBolt rises,mergers_deals,positive\n"


@pytest.fixture
def call(tmp_path, monkeypatch, capsysbinary):
    """Call the command in an empty folder: status, standard output, lines of standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, list[str]]:
        status = cli.run(["labels", *arguments])
        out, err = (each.decode() for each in capsysbinary.readouterr())
        assert "Traceback" not in err
        return status, out, err.splitlines()

    return run


def file(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def test_labels_go_in_and_come_out(call):
    status, out, err = call("import", file("mine.csv", SHEET), "--annotator", "rita")
    assert (status, out) == (0, "mine.csv: 2 taken\n")
    assert err[-1] == "the book has 2 labels"
    assert call("import", "mine.csv", "--annotator", "rita")[1] == "mine.csv: 0 taken, 2 there already\n"
    status, out, err = call("export")
    assert (status, err) == (0, ["2 texts written, 0 left out on which annotators differ"])
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {(row["title"], row["topic"], row["sentiment"], row["annotator"]) for row in rows} == {
        ("Acme falls", "earnings", "negative", "rita"),
        ("Bolt rises", "mergers_deals", "positive", "rita"),
    }


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.json"])
def test_what_was_exported_can_be_imported(call, name):
    call("import", file("mine.csv", SHEET))
    assert call("export", "--out", name)[0] == 0
    Path("newsquall.db").unlink()
    assert call("import", name)[1] == f"{name}: 2 taken\n"


def test_each_bad_row_is_told_and_the_others_are_taken(call):
    rows = (
        "Acme falls,earnings,negative\nAcme falls,earnings,positive\nBolt,climate,positive\nNeon,other,neutral\nXe,,\n"
    )
    status, out, err = call("import", file("mine.csv", "title,topic,sentiment\n" + rows), "--json")
    assert status == 0
    told = json.loads(out)
    assert (told["taken"], told["labels"]) == (1, 1)
    assert [each["where"] for each in told["refused"]] == ["mine.csv:4", "mine.csv:2", "mine.csv:3"]
    assert told["files"][0]["unlabelled"] == 1
    assert err[:3] == [
        "mine.csv:4: unknown topic 'climate'",
        "mine.csv:2: the text has two labels: negative here, positive in mine.csv:3",
        "mine.csv:3: the text has two labels: positive here, negative in mine.csv:2",
    ]


def test_a_dry_run_writes_nothing(call):
    assert call("import", file("mine.csv", SHEET), "--dry-run")[1] == "mine.csv: 2 would be taken\n"
    assert call("export")[0] == 1


def test_a_new_topic_comes_with_its_name(call):
    sheet = file("mine.csv", "title,topic\nFlood shuts Acme,climate\n")
    assert call("import", sheet)[0] == 1
    assert call("import", sheet, "--topic", "climate")[0] == 0
    # Known from now on.
    assert call("import", file("more.csv", "title,topic\nDrought hits Bolt,climate\n"))[0] == 0
    assert call("export")[2][-1] == "topics that are new: train with --topic climate"
    status, _, err = call("import", sheet, "--topic", "Climate change")
    assert (status, len(err)) == (2, 1)


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (SHEET.encode("utf-16"), "a.csv", "is UTF-16"),
        (SHEET.replace(",", ";"), "a.csv", "is separated by semicolons"),
        ("title,source\nAcme,Wire\n", "a.csv", "has no column 'topic' or 'sentiment'"),
        ("", "a.csv", "is empty"),
        ("{", "a.json", "is not JSON"),
    ],
)
def test_a_file_of_no_use_is_one_line(call, content, name, told):
    status, out, err = call("import", file(name, content))
    assert (status, out, len(err)) == (1, "", 1)
    assert err[0].startswith("newsquall: ")
    assert told in err[0]


def test_three_rows_of_one_class_are_taken_with_what_they_are_too_few_for(call):
    rows = "".join(f"Acme {word},other,neutral\n" for word in ("one", "two", "three"))
    status, out, err = call("import", file("mine.csv", "title,topic,sentiment\n" + rows))
    assert (status, out) == (0, "mine.csv: 3 taken\n")
    assert err[0].startswith("3 labelled texts are too few to train on alone")
    assert err[1].startswith("all labels have the same topic, other")


def test_an_archive_that_cannot_be_opened_is_one_line(call):
    Path("newsquall.db").write_text("this is no database, whatever its name says")
    status, _, err = call("import", file("mine.csv", SHEET))
    assert (status, len(err)) == (1, 1)


@pytest.mark.parametrize("labelled", [False, True])
def test_an_empty_archive_has_nothing_to_label(call, labelled):
    if labelled:
        call("import", file("mine.csv", SHEET))
    status, out, err = call("queue")
    assert (status, out) == (1, "")
    (line,) = err
    assert line.startswith("newsquall: of 0 headlines of the last 7d in the archive there is none to label")


def test_a_files_headlines_are_queued_in_every_form(call):
    titles = (CORPUS / "earnings.csv").read_text(encoding="utf-8").splitlines()[:40]
    call("import", file("mine.csv", SHEET))
    source = file("new.csv", "\n".join(["title", *(json.dumps(line.split(",")[0]) for line in titles[1:])]) + "\n")
    status, out, err = call("queue", "--from", source, "--limit", "3")
    assert status == 0
    assert len(out.splitlines()) == 6
    assert err[-1].startswith("3 of ")
    told = json.loads(call("queue", "--from", source, "--limit", "3", "--json")[1])
    assert len(told["queue"]) == 3
    assert all(each["why"] for each in told["queue"])
    sheet = call("queue", "--from", source, "--limit", "3", "--format", "csv")[1]
    assert [row["topic"] for row in csv.DictReader(io.StringIO(sheet.removeprefix("\ufeff")))] == [""] * 3
    tasks = json.loads(call("queue", "--from", source, "--limit", "3", "--format", "label-studio")[1])
    assert [len(task["predictions"]) for task in tasks] == [1] * 3
    compared = call("queue", "--from", source, "--limit", "2", "--challenger", "bundled", "--json")[1]
    assert {each["disagreement"] for each in json.loads(compared)["queue"]} == {0.0}


def test_a_sample_of_the_archive_is_what_a_training_can_rehearse(call):
    status, out, err = call("sample")
    assert (status, out) == (1, "")
    assert err == ["newsquall: the archive has no headlines of the last 30d: look further back with --since"]
    archive = Archive(Settings().archive.url)
    until_now = (NOW - utc_now()) / timedelta(minutes=1)
    archive.keep([scored(each, f"Acme {each} falls", until_now) for each in "abcdefgh"])
    archive.close()
    status, out, err = call("sample", "--out", "news.csv", "--limit", "3")
    assert (status, out, err) == (0, "", ["3 headlines written"])
    rows = read_texts(["news.csv"]).rows
    assert {(each.source, each.topic, each.sentiment, each.origin) for each in rows} == {("Wire", None, None, "news")}
    assert len(rows) == 3
    assert call("sample", "--limit", "100")[1].count("falls") > 3


def test_what_the_model_cannot_read_is_told_and_not_queued(call):
    status, _, err = call("queue", "--from", file("zh.csv", "title\n海东药业因涉嫌信息披露违法违规被立案调查\n"))
    assert status == 1
    assert err[0].startswith("zh.csv:2: unknown_script")


def test_sets_are_listed_with_their_licences_and_fetched_by_name(call, monkeypatch):
    status, out, _ = call("fetch")
    assert status == 0
    for each in publicsets.SETS.values():
        assert each.name in out
        assert each.licence in out
    monkeypatch.setattr(publicsets, "from_the_web", lambda _set, _file: b"text,label\nAcme slips,0\n")
    status, out, err = call("fetch", "twitter-financial-news-sentiment", "--out", "sets")
    assert status == 0
    assert out.splitlines()[0] == "sets/twitter-financial-news-sentiment_train.csv: 1 row, MIT"
    assert err[0].endswith("9,543 rows were expected: the set is not what it used to be")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sentfim", "--out", "x"], "did you mean 'sentfin'?"),
        (["financial_phrasebank", "--out", "x"], "--accept-licence"),
        (["sentfin"], "--out DIR is missing"),
    ],
)
def test_a_wrong_fetch_is_one_line(call, arguments, told):
    status, _, err = call("fetch", *arguments)
    assert (status, len(err)) == (2, 1)
    assert told in err[0]


def test_the_default_archive_is_the_one_in_the_working_folder():
    assert Settings().archive.url == "sqlite:///newsquall.db"
