"""Labelled files, and parts that share no text."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import InputError
from model.taxonomy import Taxonomy
from training.labels import LabelledText, corpus_files, is_corpus, part_of, read_labels, split, story_key


@pytest.fixture
def read(tmp_path):
    def of(content: str, name: str = "mine.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return read_labels([str(path)], Taxonomy())

    return of


def test_rows_have_their_labels_and_the_files_name(read):
    found = read("text,topic,sentiment\nAcme falls,Macro,NEGATIVE\nBolt rises,earnings,\nNeutral news,,neutral\n")
    assert found.problems == []
    assert found.rows == [
        LabelledText("Acme falls", "macro_economy", "negative", "mine"),
        LabelledText("Bolt rises", "earnings", None, "mine"),
        LabelledText("Neutral news", None, "neutral", "mine"),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("Acme falls,sports,negative", "unknown topic 'sports'"),
        ("Acme falls,earnings,bad", "unknown sentiment 'bad'"),
        ("Acme falls,,", "no label"),
        (",earnings,negative", "no text"),
        ("🚀,earnings,negative", "no text"),
        ("https://example.com,earnings,negative", "no text"),
        ("Acme,earnings,negative,more", "more fields"),
    ],
)
def test_a_row_that_teaches_nothing_is_told_with_its_line_and_the_rest_is_read(read, row, problem):
    found = read(f"title,topic,sentiment\n{row}\nBolt rises,earnings,positive\n")
    assert [each.text for each in found.rows] == ["Bolt rises"]
    (told,) = found.problems
    assert "mine.csv:2: " in told
    assert problem in told


def test_json_lines_are_label_files_too(read):
    found = read('{"title": "Acme falls", "sentiment": "negative", "topic": null}\n', "mine.jsonl")
    assert found.rows == [LabelledText("Acme falls", None, "negative", "mine")]


def test_null_and_blank_are_no_text_and_no_label(read):
    rows = [
        '{"title": null, "sentiment": "negative"}',
        '{"title": "Acme falls", "topic": "", "sentiment": "negative", "source": null, "language": null}',
        '{"title": null, "text": "Bolt rises", "topic": " ", "sentiment": "positive"}',
        '{"title": "Nothing said", "topic": "", "sentiment": null}',
    ]
    found = read("\n".join(rows) + "\n", "mine.jsonl")
    assert found.rows == [
        LabelledText("Acme falls", None, "negative", "mine"),
        LabelledText("Bolt rises", None, "positive", "mine"),
    ]
    assert [problem.rpartition("mine.jsonl:")[2] for problem in found.problems] == ["1: no text", "4: no label"]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="absent"):
        read_labels([str(tmp_path / "absent.csv")], Taxonomy())


WORDS = "profit bank falls rises 恒运 quarter plant deal of the strike".split()
titles = st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join)


@settings(max_examples=150)
@given(titles, st.integers(0, 10**6), st.integers(0, 10**6))
def test_copies_that_differ_by_numbers_case_links_or_punctuation_fall_into_the_same_part(title, first, second):
    copies = [
        f"{title} {first}%",
        f"{title.upper()}, {second:,}!",
        f"{second}.5 “{title}” https://t.co/{first}",
    ]
    assert len({story_key(copy) for copy in copies}) == 1
    assert len({part_of(copy) for copy in copies}) == 1


@settings(max_examples=100)
@given(st.lists(titles, max_size=30))
def test_parts_share_no_key_and_lose_no_row(texts):
    rows = [LabelledText(f"{text} {number}", "earnings", None, "f") for number, text in enumerate(texts)]
    parts = split(rows)
    assert sorted(row.text for part in parts.values() for row in part) == sorted(row.text for row in rows)
    keys = [{story_key(row.text) for row in part} for part in parts.values()]
    assert sum(map(len, keys)) == len(set.union(*keys))
    for part in parts.values():
        assert part == [row for row in rows if row in part], "each part is in the order given"


def test_the_split_is_the_same_in_every_run_and_on_every_machine():
    assert [part_of(text) for text in ("Acme falls", "Bolt rises", "Harbour bank raided", "Strike at the port")] == [
        "train",
        "train",
        "train",
        "train",
    ]
    parts = [part_of(re.sub(r"\d", lambda digit: chr(97 + int(digit[0])), f"title {number}")) for number in range(4000)]
    assert 0.08 < parts.count("test") / len(parts) < 0.12
    assert 0.035 < parts.count("validation") / len(parts) < 0.065


@pytest.mark.parametrize("name", ["corpus", "corpus-zh", "all"])
def test_somebody_elses_file_is_not_taken_for_the_projects_own_nor_for_the_sum_of_all(read, name):
    (row,) = read("title,topic\nAcme falls,earnings\n", f"{name}.csv").rows
    assert row.origin == f"file-{name}"
    assert not is_corpus(row.origin)


def test_the_projects_own_headlines_are_known_by_their_folder():
    for language, origin in (("en", "corpus"), ("zh", "corpus-zh")):
        assert {row.origin for row in read_labels(corpus_files([language]), Taxonomy()).rows} == {origin}
        assert is_corpus(origin)


def test_texts_are_masked_as_the_stream_masks_what_it_scores(read):
    (row,) = read('text,topic\n"Acme falls, mail jane@wire.example @acme",earnings\n').rows
    assert row.text == "Acme falls, mail [email] @acme"
