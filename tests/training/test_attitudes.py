"""Sentiments towards single names: what is learnt from, and how a model is measured."""

import numpy as np
import pytest
from transformers import AutoTokenizer

from model.scorer import Scorer
from model.taxonomy import Taxonomy
from tests.toymodel import toy
from training.attitudes import AttitudeScores, attitude_scores, encode_pairs, joined, learnt, pairs_of
from training.batches import NO_LABEL, Encoded
from training.labels import LabelledText, read_labels

DIVIDED = LabelledText("Alfa gains as Bravo slumps", None, None, "f", {"Alfa": "positive", "Bravo": "negative"})
ALONE = LabelledText("Alfa gains", "earnings", "positive", "f", {"Alfa": "positive"})
NAMELESS = LabelledText("Shares gain", "earnings", "positive", "f")


def test_each_labelled_name_is_a_pair():
    assert [tuple(pair) for pair in pairs_of([DIVIDED, NAMELESS, ALONE])] == [
        ("Alfa gains as Bravo slumps", "Alfa", "positive", True),
        ("Alfa gains as Bravo slumps", "Bravo", "negative", True),
        ("Alfa gains", "Alfa", "positive", False),
    ]


def test_a_row_of_a_file_may_have_names_alone(tmp_path):
    file = tmp_path / "names.csv"
    file.write_text(
        "title,sentiment,entities\n"
        'Alfa gains,,"{""Alfa"": ""positive"", ""Bravo"": ""odd""}"\n'
        'Bravo slumps,,"{""Bravo"": ""odd""}"\n'
        "Charlie slumps,,Charlie;Delta\n"
    )
    found = read_labels([str(file)], Taxonomy())
    assert [(row.text, row.entities) for row in found.rows] == [("Alfa gains", {"Alfa": "positive"})]
    assert [problem.rpartition("/")[2] for problem in found.problems] == [
        "names.csv:3: no label",
        "names.csv:4: no label",
    ]


def test_a_pair_is_its_text_of_which_the_names_own_tokens_count(toy_base):
    tokenizer = AutoTokenizer.from_pretrained(toy_base)
    encoded = encode_pairs(pairs_of([DIVIDED]), tokenizer, Taxonomy(), 64)
    assert encoded.labels == ([NO_LABEL, NO_LABEL], [2, 0])
    assert encoded.ids[0] == encoded.ids[1] == tokenizer("Alfa gains as Bravo slumps")["input_ids"]
    words = [
        tokenizer.decode([id_ for id_, kept in zip(ids, encoded.pooled[row], strict=True) if kept])
        for row, ids in enumerate(encoded.ids)
    ]
    assert words == ["alfa", "bravo"]


def test_a_name_that_its_text_does_not_write_teaches_nothing(toy_base):
    tokenizer = AutoTokenizer.from_pretrained(toy_base)
    row = LabelledText("Alfa gains as Bravo slumps", None, None, "f", {"Alfa Group": "positive", "Bravo": "negative"})
    encoded = encode_pairs(pairs_of([row]), tokenizer, Taxonomy(), 64)
    assert (len(encoded), encoded.labels[1], list(encoded.pooled)) == (1, [0], [0])
    assert len(encode_pairs(pairs_of([row]), tokenizer, Taxonomy(), 4)) == 0  # cut before the name


def test_teachers_have_no_opinion_of_pairs():
    opinions = (np.full((1, 17), 1 / 17, np.float32), np.full((1, 3), 1 / 3, np.float32))
    pairs = Encoded([[4], [5]], ([NO_LABEL] * 2, [1, 2]), pooled={1: [1]})
    both = joined(Encoded([[1, 2]], ([3], [0]), opinions), pairs)
    assert both.pooled == {2: [1]}
    assert both.ids == [[1, 2], [4], [5]]
    assert both.labels == ([3, NO_LABEL, NO_LABEL], [0, 1, 2])
    assert both.opinions is not None
    assert [each.shape[0] for each in both.opinions] == [3, 3]
    assert [each[1:].sum() for each in both.opinions] == [0, 0]
    assert joined(Encoded([[1]], ([3], [0])), Encoded([], ([], []))).opinions is None


def test_a_model_is_measured_beside_the_sentiment_of_the_whole_text(tmp_path):
    # The toy knows but the words that it is shown: 'alfa' means nothing to it, which is its first class.
    rows = [
        LabelledText("negative positive negative", None, None, "f", {"positive": "positive", "negative": "negative"}),
        LabelledText("neutral charlie", None, None, "f", {"neutral": "neutral"}),
        LabelledText("📉", None, None, "f", {"delta": "negative"}),
    ]
    with Scorer(toy(tmp_path / "toy"), "cpu") as scorer:
        assert attitude_scores(scorer, rows) == AttitudeScores(3, 1.0, 1.0, 0.6667, 2, 1.0, 0.5)
        assert attitude_scores(scorer, [NAMELESS]) is None


@pytest.mark.parametrize(
    ("n", "towards", "whole", "is_learnt"), [(49, 0.9, 0.8, False), (50, 0.9, 0.8, True), (50, 0.8, 0.8, False)]
)
def test_a_model_is_asked_for_names_if_that_is_better_on_enough_of_them(n, towards, whole, is_learnt):
    assert learnt(AttitudeScores(n, towards, 0.5, whole, 0, 0.0, 0.0)) is is_learnt
    assert not learnt(None)
