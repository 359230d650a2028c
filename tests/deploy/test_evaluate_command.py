"""`newsquall evaluate`: scores, a comparison, a report; and one plain line for whatever goes wrong."""

import json
from pathlib import Path

import pytest

from deploy import cli
from model.bundle import MANIFEST
from tests.toymodel import toy
from training.labels import part_of

SHEET = (
    "title,topic,sentiment\n"
    "Acme shares plunge after profit warning,guidance_analyst,negative\n"
    "Bolt quarterly profit beats forecasts,earnings,positive\n"
    "Fed leaves rates unchanged,central_banks,neutral\n"
)
CHINESE = "title,sentiment\n海东药业因涉嫌信息披露违法违规被立案调查,negative\n"


@pytest.fixture
def call(tmp_path, monkeypatch, capsysbinary):
    """Call the command in a folder with mine.csv: status, standard output, lines of standard error."""
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text(SHEET, encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, list[str]]:
        status = cli.run(["evaluate", *arguments])
        out, err = (each.decode() for each in capsysbinary.readouterr())
        assert "Traceback" not in err
        return status, out, err.splitlines()

    return run


def test_json_has_the_heads_that_have_labels(call):
    status, out, err = call("--labels", "mine.csv", "--json")
    assert (status, err) == (0, ["3 rows compared, 0 bad rows"])
    told = json.loads(out)
    assert set(told) == {"sentiment", "topic"}
    assert set(told["topic"]) == {"n", "accuracy", "macro_f1", "per_class", "ece"}
    Path("one.csv").write_text("text,sentiment\nShares plunge,negative\n")
    assert set(json.loads(call("--labels", "one.csv", "--json")[1])) == {"sentiment"}


def test_names_alone_are_compared_where_the_model_was_taught_them(call, tmp_path):
    named = '"{""Acme"": ""positive"", ""Bolt"": ""negative""}"'
    Path("names.csv").write_text(f"title,sentiment,entities\nAcme gains as Bolt slumps,,{named}\n")
    status, out, err = call("--labels", "names.csv", "--json")
    assert (status, err) == (0, ["1 row compared, 0 bad rows"])
    told = json.loads(out)
    assert set(told) == {"towards_names"}
    assert (told["towards_names"]["n"], told["towards_names"]["divided"]) == (2, 2)
    assert "in texts whose names differ" in call("--labels", "names.csv")[1]
    untaught = toy(tmp_path / "toy", towards_names=False).folder
    Path("names.csv").write_text(f"title,sentiment,entities\nalfa gains,,{named}\n")
    status, out, err = call("--labels", "names.csv", "--model", str(untaught))
    assert (status, out) == (1, "")
    assert err[-1].startswith("newsquall: no row has a topic or a sentiment")


def test_bad_rows_are_told_with_their_line_and_stop_it_only_if_asked_to(call):
    Path("bad.csv").write_text(SHEET + "Neon,sports,neutral\nNeon,,\n")
    status, _, err = call("--labels", "bad.csv")
    assert status == 0
    assert err == ["bad.csv:5: unknown topic 'sports'", "bad.csv:6: no label", "3 rows compared, 2 bad rows"]
    status, out, err = call("--labels", "bad.csv", "--strict")
    assert (status, out, err) == (1, "", ["newsquall: bad.csv:5: unknown topic 'sports'"])


def test_what_the_model_cannot_read_is_counted_and_said_where_it_is_all(call):
    Path("zh.csv").write_text(CHINESE, encoding="utf-8")
    assert call("--labels", "mine.csv", "zh.csv")[2] == ["3 rows compared, 0 bad rows, 1 that the model cannot read"]
    status, _, err = call("--labels", "zh.csv")
    assert status == 1
    assert err == ["newsquall: the model can read none of 1 row: is it a model of another language?"]


def test_beside_another_model_each_difference_has_its_interval(call):
    status, out, _ = call("--labels", "mine.csv", "--against", "bundled")
    assert status == 0
    assert "against bundled: this model minus that one, with 95 % intervals" in out
    assert "no difference shown" in out
    told = json.loads(call("--labels", "mine.csv", "--against", "bundled", "--json")[1])
    assert {each["verdict"] for each in told["against"]["differences"]} == {"no difference shown"}


@pytest.mark.parametrize(("asked", "page"), [("out", "out/report.html"), ("mine.html", "mine.html")])
def test_a_report_is_a_page_with_its_numbers_beside_it(call, asked, page):
    status, _, err = call("--labels", "mine.csv", "--report", asked)
    assert status == 0
    assert Path(page).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads(Path(page).with_suffix(".json").read_text(encoding="utf-8"))["evaluated"]["rows"] == 3
    assert err[-1] == f"the report is in {page}, its numbers in {Path(page).with_suffix('.json')}"


def test_a_report_goes_neither_over_a_file_nor_into_a_models_folder(call):
    Path("model").mkdir()
    Path("model", MANIFEST).write_text("{}")
    for place, told in (("mine.csv", "is a file"), ("model", "is a model's folder"), ("model/x.html", "is a model's")):
        status, _, err = call("--labels", "mine.csv", "--report", place)
        assert (status, len(err)) == (2, 1)
        assert told in err[0]
    assert Path("mine.csv").read_text(encoding="utf-8") == SHEET


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"title,source\nAcme,Wire\n", "no usable row"),
        (SHEET.encode("utf-16"), "is UTF-16"),
        (SHEET.replace(",", ";").encode(), "is separated by semicolons"),
        (b"", "a CSV needs a header"),
    ],
)
def test_a_file_of_no_use_is_refused(call, content, told):
    Path("bad.csv").write_bytes(content)
    status, out, err = call("--labels", "bad.csv")
    assert (status, out) == (1, "")
    assert told in err[-1]


def test_held_back_rows_are_those_that_no_training_sees_each_once(call):
    goods = "copper tin wheat rice jute lead zinc coal steel flax cotton sugar".split()
    titles = [f"Acme falls as {word} slips" for word in goods * 3]
    held = {title for title in titles if part_of(title) == "test"}
    Path("many.csv").write_text("title,sentiment\n" + "".join(f"{title},negative\n" for title in titles))
    assert 0 < len(held) < len(goods)
    status, out, _ = call("--labels", "many.csv", "--held-back", "--json")
    assert (status, json.loads(out)["sentiment"]["n"]) == (0, len(held))
    Path("none.csv").write_text("title,sentiment\n" + "".join(f"{title},negative\n" for title in set(titles) - held))
    status, _, err = call("--labels", "none.csv", "--held-back")
    assert (status, len(err)) == (1, 1)
    assert "none of" in err[0]
    assert "leave out --held-back" in err[0]
