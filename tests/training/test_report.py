"""The report on the model that ships: what it says, what its page shows, and what neither may show."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model.errors import InputError
from training.evaluation import Predictions, predict
from training.labels import CORPUS, LabelledText, read_labels, split
from training.report import Report, build_report, render_html, write_report

HOSTILE = '<script src="https://evil.example/x.js"> alert(1)</script> & "quotes" \'here\' shares plunge'
HOSTILE_CLEANED = '<script src=" alert(1)</script> & "quotes" \'here\' shares plunge'
SECRET = "Zyxwvut"
SUMMARY = {
    "rows": {"train": {"corpus": 10}, "validation": {"corpus": 2}, "test": {"corpus": 3}},
    "recipe": {"epochs": 2, "learning_rate": 0.0001},
    "losses": [0.9, 0.5],
    "validation": [
        {"sentiment": {"macro_f1": 0.71}, "topic": {"macro_f1": 0.62}},
        {"sentiment": {"macro_f1": 0.74}, "topic": {"macro_f1": 0.66}},
    ],
    "best_epoch": 2,
    "temperatures": {"sentiment": 1.25, "topic": 1.5},
    "base": "some-encoder",
}


@pytest.fixture(scope="module")
def rows(scorer) -> list[LabelledText]:
    """Held-back headlines of the project's own, some of a set that may not be quoted, and a hostile one."""
    own = split(read_labels(map(str, sorted(CORPUS.glob("*.csv"))), scorer.taxonomy).rows)["test"]
    theirs = [LabelledText(f"{SECRET} {each.text}", each.topic, each.sentiment, "theirs") for each in own[-60:]]
    hostile = LabelledText(HOSTILE, "central_banks", "positive", "<b>origin</b>", {}, "<i>wire</i>")
    return [*own[:150], *theirs, hostile]


def quotable(row: LabelledText) -> bool:
    return row.origin != "theirs"


@pytest.fixture(scope="module")
def predictions(scorer, rows) -> Predictions:
    return predict(scorer, rows)


@pytest.fixture(scope="module")
def report(scorer, predictions):
    """The report beside a model whose answers are partly shuffled."""
    generator = np.random.default_rng(1)
    other = predictions.topic.copy()
    mixed = generator.permutation(len(other))[:80]
    other[mixed] = other[generator.permutation(mixed)]
    worse = Predictions(predictions.taxonomy, predictions.rows, other, predictions.sentiment, ())
    return build_report(scorer, predictions, SUMMARY, quotable, against=worse, against_name="champion <7>")


@pytest.fixture(scope="module")
def page(report) -> str:
    return render_html(json.loads(json.dumps(report)))


class Reader(HTMLParser):
    """What is on a page: its elements, its text, its measured numbers; and whether all that opens closes."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: list[float] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag == "data":
            self.numbers.append(float(dict(attributes)["value"]))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def leaves(value) -> set[float]:
    if isinstance(value, dict):
        return {number for each in value.values() for number in leaves(each)}
    if isinstance(value, list):
        return {number for each in value for number in leaves(each)}
    return {float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else set()


def test_the_report_has_all_that_an_analyst_asks_for(report, predictions):
    found = msgspec.convert(json.loads(json.dumps(report)), Report)
    assert {each.head for each in found.scores} == {"sentiment", "topic"}
    assert {each.origin for each in found.scores} == {"all", "corpus", "theirs", "<b>origin</b>"}
    for each in found.scores:
        assert each.accuracy.low <= each.accuracy.estimate <= each.accuracy.high
        assert each.macro_f1.low <= each.macro_f1.estimate <= each.macro_f1.high
    assert sum(map(sum, found.confusion["topic"].counts)) == found.evaluated.rows == len(predictions.rows)
    assert found.learning.validation == {"sentiment": [0.71, 0.74], "topic": [0.62, 0.66]}
    assert found.reliability["topic"].temperature == 1.5
    assert found.reliability["topic"].ece_before is not None
    assert len(found.robustness) == 16
    assert [each.name for each in found.bias] == ["bias/company", "bias/country", "bias/gender"]
    assert found.countries.n > 0
    assert found.slices
    assert found.mistakes["topic"].worst[0].words
    assert found.evaluated.held_back
    assert found.evaluated.quotable == len(predictions.rows) - 60


def test_it_keeps_the_trainings_summary_and_the_scores_that_the_card_reads(report, scorer, rows):
    assert {name: report[name] for name in SUMMARY} == SUMMARY
    assert report["test"]["all"] == msgspec.to_builtins(predict(scorer, rows).scores())
    assert set(report["test"]) == {"all", "corpus", "theirs", "<b>origin</b>"}


def test_the_comparison_is_this_model_minus_the_other(report, predictions):
    compared = {(each["head"], each["origin"]): each for each in report["against"]["comparisons"]}
    topic = compared["topic", "all"]
    assert topic["verdict"] == "better"
    assert topic["fixed"] > topic["broken"]
    assert compared["sentiment", "all"]["macro_f1"] == {"estimate": 0, "low": 0, "high": 0}
    assert report["against"]["withheld"] > 0


def test_texts_that_may_not_be_quoted_are_nowhere(report, page):
    assert SECRET not in json.dumps(report)
    assert SECRET.lower() not in page.lower()
    assert "theirs" in page  # they are counted


def test_the_page_parses_and_fetches_nothing(page):
    found = Reader(page)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "base"}
    for _, attributes in found.elements:
        for name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), value
        assert not [name for name in attributes if name.startswith("on")]
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert "default-src 'none'" in page


def test_links_within_the_page_lead_somewhere(page):
    found = Reader(page)
    anchors = [attributes["id"] for _, attributes in found.elements if attributes.get("id")]
    links = [attributes["href"] for tag, attributes in found.elements if tag == "a"]
    assert len(anchors) == len(set(anchors))
    assert {link.removeprefix("#") for link in links} <= set(anchors)
    assert len(links) >= 12


def test_it_can_be_read_by_those_who_hear_it(page):
    found = Reader(page)
    assert page.startswith("<!doctype html>")
    assert found.elements[0] == ("html", {"lang": "en-GB"})
    tables = [tag for tag, _ in found.elements].count("table")
    assert tables == page.count("<caption>") > 10
    assert page.count("<svg") == page.count("</title></svg>") + page.count("</title><line") + page.count("</title><g")
    assert all("scope" in attributes for tag, attributes in found.elements if tag == "th")
    assert [tag for tag, _ in found.elements].count("h1") == 1


def test_every_number_on_the_page_is_in_the_report(report, page):
    known = leaves(json.loads(json.dumps(report)))
    shown = Reader(page).numbers
    assert len(shown) > 300
    assert set(shown) <= known


def test_the_headline_numbers_are_shown(report, page):
    text = Reader(page).text
    for each in report["scores"]:
        assert f"{100 * each['accuracy']['estimate']:.1f} %" in text
        assert f"{each['macro_f1']['estimate']:.3f}" in text
    assert report["verdict"]["line"] in text
    assert " ".join(report["verdict"]["paragraph"].split()) in text


def test_hostile_words_are_words(page, scorer):
    assert "<script" not in page
    assert "<b>origin" not in page
    assert "&lt;b&gt;origin&lt;/b&gt;" in page
    assert "champion &lt;7&gt;" in page
    rows = [LabelledText(HOSTILE, "central_banks", "positive", "mine")]
    report = build_report(scorer, predict(scorer, rows), {}, lambda _row: True)
    assert [each["text"] for each in report["mistakes"]["topic"]["worst"]] == [HOSTILE_CLEANED]
    shown = render_html(report)
    assert "<script" not in shown
    assert HOSTILE_CLEANED in "".join(Reader(shown).words)


def test_a_few_rows_of_one_head_make_a_report_that_does_not_judge(scorer):
    rows = [LabelledText(f"Acme falls {at}%", None, "negative", "mine") for at in range(5)]
    report = build_report(scorer, predict(scorer, rows), {}, lambda _row: True)
    assert "too few to judge" in report["verdict"]["line"]
    assert {each["judgement"] for each in report["slices"]} <= {"too few"}
    assert {each["verdict"] for each in report["robustness"]} == {"too few"}
    assert report["learning"] is None
    assert report["against"] is None
    assert not report["evaluated"]["held_back"]
    page = render_html(json.loads(json.dumps(report)))
    Reader(page)
    assert 'id="learning"' not in page
    assert 'id="beside"' not in page


def test_rows_without_a_known_label_are_refused(scorer):
    rows = [LabelledText("Acme falls", "sports", None, "mine")]
    with pytest.raises(InputError, match="no row has a label"):
        build_report(scorer, predict(scorer, rows), {}, lambda _row: True)


def test_what_the_model_cannot_read_is_counted_apart(scorer):
    rows = [LabelledText("Acme falls", None, "negative", "mine"), LabelledText("🚀", None, "positive", "mine")]
    report = build_report(scorer, predict(scorer, rows), {}, lambda _row: True)
    assert (report["evaluated"]["rows"], report["evaluated"]["unreadable"]) == (1, 1)
    assert "1 texts could not be read" in report["verdict"]["points"][-1]["says"]


def test_it_is_the_same_in_every_run(scorer, predictions, report):
    again = build_report(scorer, predictions, SUMMARY, quotable)
    assert {name: value for name, value in again.items() if name not in ("against", "verdict")} == {
        name: value for name, value in report.items() if name not in ("against", "verdict")
    }


def test_it_is_written_as_a_page_and_as_numbers(report, tmp_path: Path):
    page, data = tmp_path / "new" / "report.html", tmp_path / "new" / "report.json"
    write_report(report, page, data)
    assert page.read_text(encoding="utf-8") == render_html(report)
    assert json.loads(data.read_text(encoding="utf-8")) == json.loads(json.dumps(report))
