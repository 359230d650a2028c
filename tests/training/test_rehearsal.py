"""What is shown again: drawn alike in every run, each text once, nothing that is held back."""

import csv
import io
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from stream.records import ScoredHeadline
from tests.scoredheadlines import scored_headline
from training.labels import LabelledText, part_of, text_key
from training.rehearsal import rehearsal, rehearsal_sheet, to_rehearse

NOW = datetime(2026, 7, 3, tzinfo=UTC)
WORDS = st.sampled_from("oil gas bank profit loss chief plant strike fine court bond yen euro".split())
TITLES = st.lists(st.lists(WORDS, min_size=2, max_size=4).map(" ".join), max_size=40)


def headline(title: str) -> ScoredHeadline:
    return scored_headline(title, NOW, "neutral")


def rows(titles: list[str]) -> list[LabelledText]:
    return [LabelledText(title, None, None, "news") for title in titles]


NONE: dict = {"train": [], "validation": [], "test": []}


@given(TITLES, st.integers(1, 10), st.randoms())
def test_the_order_of_what_is_drawn_from_decides_nothing(titles, limit, chance):
    drawn = to_rehearse(map(headline, titles), limit)
    chance.shuffle(titles)
    assert drawn == to_rehearse(map(headline, titles), limit)
    wanted = {text_key(title) for title in titles if part_of(title) == "train"}
    assert [text_key(each.title) for each in drawn] == sorted(wanted)[:limit]


@given(TITLES, st.integers(1, 10))
def test_no_more_than_so_many_are_rehearsed_and_none_that_is_held_back_or_has_a_label(titles, limit):
    half = len(titles) // 2
    labelled = [LabelledText(title, "other", None, "mine") for title in titles[:half]]
    drawn = rehearsal(rows(titles), {**NONE, "train": labelled}, limit=limit)
    assert len(drawn) <= limit
    assert all(part_of(each.text) == "train" for each in drawn)
    assert not {text_key(each.text) for each in drawn} & {text_key(each.text) for each in labelled}


def test_what_nearly_copies_a_row_that_judges_is_not_rehearsed():
    said = "Kestrovan shares tumble after a short seller says the audited cash is missing"
    copy = f"{said} 2"
    assert [each.text for each in rehearsal(rows([copy]), NONE)] == [copy]
    assert rehearsal(rows([copy]), NONE, [LabelledText(said, "other", "negative", "corpus")]) == []
    assert rehearsal(rows([copy]), {**NONE, "validation": rows([said])}) == []


def test_what_nearly_copies_an_analysts_row_does_not_argue_with_its_label():
    said = "Kestrovan shares tumble after a short seller says the audited cash is missing"
    copies = [f"BRIEF-{said}", f"{said}!", f"{said} 2"]
    mine = LabelledText(said, "climate", "negative", "mine")
    assert rehearsal(rows(copies), {**NONE, "train": [mine]}) == []
    corpus = LabelledText(said, "other", "negative", "corpus")
    assert len(rehearsal(rows(copies), {**NONE, "train": [corpus]})) > 0


def test_the_sheet_is_read_back_as_it_was():
    (row,) = csv.DictReader(io.StringIO(rehearsal_sheet([headline('Acme "falls", again')])))
    assert row == {"title": 'Acme "falls", again', "source": "Wire"}
