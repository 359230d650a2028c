"""The model card says of a model what is true of it, and of no other."""

from typing import Any

import pytest

from model.taxonomy import Taxonomy
from training.card import model_card

SCORES = {"n": 20, "accuracy": 0.91234, "macro_f1": 0.8, "ece": 0.02}


def card(rows: dict[str, int], languages=("en",), **changes: Any) -> str:
    summary = {
        "rows": {"train": rows},
        "model": {"languages": list(languages)},
        "base": "some-encoder",
        "teachers": [],
        "recipe": {"lora_rank": 0},
        "test": {"all": {"topic": SCORES}},
    }
    return model_card(Taxonomy(), summary | changes)


def test_scores_and_rows_are_told():
    told = card({"mine": 80})
    assert "| all | topic | 20 | 0.912 | 0.800 | 0.020 |" in told
    assert "- mine: 80 rows" in told
    assert "Must not be used" in told


def test_what_was_shown_again_without_labels_is_told_as_such():
    told = card({"mine": 80, "news": 600, "sheet": 50}, rehearsed={"news": 600, "sheet": 20})
    assert "- mine: 80 rows\n- news: 600 rows, 600 of them without labels\n- sheet: 50 rows, 20 of them" in told


def test_a_model_of_another_language_is_not_called_english():
    told = card({"mine": 80}, ["zh"])
    assert "short post in Chinese" in told
    assert "English" not in told


def test_the_encoder_the_method_and_the_teachers_are_the_ones_used():
    told = card({"mine": 80}, recipe={"lora_rank": 8}, teachers=["newsquall-1"])
    assert "some-encoder" in told
    assert "LoRA, rank 8" in told
    assert "the opinion of newsquall-1" in told
    assert "fine-tuned whole" in card({"mine": 80})


@pytest.mark.parametrize("origin", ["tweets_topic_train", "twitter-financial-news-topic_train"])
def test_public_sets_come_with_licence_and_their_own_limits(origin):
    told = card({origin: 10, "corpus": 5})
    assert "(MIT" in told
    assert "The tweets it learnt from" in told
    assert "project's own headlines alone" in told
    own = card({"mine": 80})
    assert "tweets" not in own
    assert "project's own headlines alone" not in own


@pytest.mark.parametrize("origin", ["financial_phrasebank", "fpb50_train"])
def test_a_model_of_a_set_for_research_says_that_it_must_not_be_shipped(origin):
    told = card({origin: 10})
    assert "CC BY-NC-SA" in told
    assert "must not be sold or shipped" in told
    assert "sold or shipped" not in card({"corpus": 10})


def test_licences_are_handed_on_by_the_models_that_taught_a_model():
    told = card({"mine": 80}, learnt_from=["fpb50_train", "mine"])
    assert "through the models that taught it: Financial PhraseBank" in told
    assert "must not be sold or shipped" in told
