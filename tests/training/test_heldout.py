"""The rows that judge are those of the test part and no others, from files, the corpus and the book of labels."""

import json
from datetime import UTC, datetime
from itertools import product

import pytest

from model.errors import ArchiveError, InputError
from model.registry import resolve
from model.taxonomy import Taxonomy
from stream.archive import Archive
from stream.records import Label
from training.heldout import BOOK, HeldOut, keeps_apart, of_book, of_files, of_labels, report_of
from training.labelbook import LabelBook
from training.labels import corpus_files, part_of

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
TITLES = [f"{one}{other} Steel warns on its mill" for one, other in product("ABCDEFGHJKLMNPQRSTVW", "aeiou")]
TEST = {title for title in TITLES if part_of(title) == "test"}


def label(title: str, topic: str | None = "earnings", annotator: str = "ada", sentiment: str = "negative") -> Label:
    return Label(title[:20], title, annotator, NOW, "import", topic, sentiment, {"Acme": "negative"}, "en")


def test_a_tenth_of_a_file_judges_each_text_once(tmp_path):
    assert len(TEST) > 5
    lines = [json.dumps({"title": title, "topic": "earnings"}) for title in TITLES]
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    (tmp_path / "again.jsonl").write_text("\n".join(lines))
    held = of_files([str(tmp_path / name) for name in ("mine.jsonl", "again.jsonl")], Taxonomy())
    assert {row.text for row in held.rows} == TEST
    assert len(held.rows) == len(TEST)
    assert held.read == 2 * len(TITLES)
    assert held.origins() == {"mine": len(TEST)}


def test_labels_that_no_model_knows_are_told_with_their_line(tmp_path):
    (tmp_path / "mine.csv").write_text("title,topic\nAcme falls,astrology\nAcme rises,earnings\n")
    held = of_files([str(tmp_path / "mine.csv")], Taxonomy())
    assert held.problems == [f"{tmp_path}/mine.csv:2: unknown topic 'astrology'"]
    assert held.read == 1
    with pytest.raises(InputError):
        of_files([str(tmp_path / "absent.csv")], Taxonomy())


def test_the_corpus_is_that_of_the_languages_read():
    english, both = corpus_files(["en"]), corpus_files(["zh-Hans", "en-GB"])
    assert len(english) == 17
    assert not any("/zh/" in path for path in english)
    assert [path for path in both if "/zh/" in path] == [path for path in both if path not in english]
    assert len(both) > len(english)
    assert corpus_files(["de"]) == []


def test_of_the_book_what_annotators_agree_on_judges(tmp_path):
    disputed = sorted(TEST)[0]
    labels = [label(title) for title in TITLES] + [label(disputed, "other", "bob")]
    held = of_labels(labels, Taxonomy(), {title[:20]: "wire" for title in TITLES})
    assert {row.text for row in held.rows} == TEST - {disputed}
    assert {(row.origin, row.source, row.language) for row in held.rows} == {(BOOK, "wire", "en")}
    assert held.rows[0].entities == {"Acme": "negative"}


def test_topics_of_the_book_that_neither_model_knows_are_told_once():
    held = of_labels([label(title, "climate") for title in TITLES], Taxonomy(), {})
    assert held == HeldOut(
        [], 0, [f"the book of labels: topic 'climate' of {len(TITLES)} texts is known to neither model"]
    )
    assert len(
        of_labels([label(title, "climate") for title in TITLES], Taxonomy().with_topics(["climate"]), {}).rows
    ) == len(TEST)


def test_the_book_is_read_where_there_is_one_and_none_is_made_where_there_is_not(tmp_path):
    url = f"sqlite:///{tmp_path}/archive.db"
    assert of_book(url, Taxonomy()) == HeldOut([], 0)
    assert list(tmp_path.iterdir()) == []
    archive = Archive(url)
    LabelBook(archive.engine).add([label(title) for title in TITLES])
    archive.close()
    assert {row.text for row in of_book(url, Taxonomy()).rows} == TEST
    (tmp_path / "broken.db").write_text("no database " * 100)
    with pytest.raises(ArchiveError):
        of_book(f"sqlite:///{tmp_path}/broken.db", Taxonomy())


def test_a_bundle_that_does_not_tell_its_parts_may_have_seen_all_rows(tmp_path):
    pytest.importorskip("onnx")
    from tests.toymodel import toy

    assert keeps_apart(resolve("bundled"))
    assert keeps_apart(toy(tmp_path / "apart", report={"rows": {"train": {}, "test": {}}, "taught_apart": True}))
    for at, report in enumerate([None, {}, {"rows": 7}, ["rows"], {"rows": {"test": {}}, "taught_apart": False}]):
        bundle = toy(tmp_path / str(at), report=report)
        assert not keeps_apart(bundle)
        assert isinstance(report_of(bundle), dict)


def test_a_text_judges_once_with_the_labels_of_all_its_rows_and_not_where_they_contradict(tmp_path):
    one, other, *_ = sorted(TEST)
    (tmp_path / "topics.csv").write_text(f"title,topic\n{one},earnings\n{other},earnings\n")
    (tmp_path / "sentiments.csv").write_text(f"title,sentiment\n{one.upper()},negative\n")
    (tmp_path / "more.csv").write_text(f"title,topic\n{other},macro_economy\n")
    first = of_files([str(tmp_path / "topics.csv"), str(tmp_path / "sentiments.csv")], Taxonomy())
    assert [(row.text, row.topic, row.sentiment) for row in first.rows] == [
        (one, "earnings", "negative"),
        (other, "earnings", None),
    ]
    both = first + of_files([str(tmp_path / "more.csv")], Taxonomy())
    assert [row.text for row in both.rows] == [one]
