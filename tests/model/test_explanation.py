"""Which words made it so."""

import pytest

from model.errors import UnscorableText
from model.explanation import explain
from model.text import clean


@pytest.mark.parametrize(
    ("text", "carrier"),
    [
        ("Acme profit plunges in the quarter", "plunges"),
        ("Acme shares surge on Tuesday", "surge"),
        ("Acme shares plunge on Tuesday", "plunge"),
        ("Profit of the company falls in the quarter", "falls"),
        ("Profit of the company rises in the quarter", "rises"),
        ("Acme upgraded by the broker", "upgraded"),
        ("Acme downgraded by the broker", "downgraded"),
    ],
)
def test_the_word_that_carries_the_sentiment_has_the_largest_effect(scorer, text, carrier):
    effects = explain(scorer, text).words
    assert max(effects, key=lambda effect: effect.sentiment).word == carrier, effects


def test_the_words_are_those_of_the_cleaned_text_in_order(scorer):
    text = "AT&amp;T  falls https://t.co/x sharply"
    explanation = explain(scorer, text)
    assert [effect.word for effect in explanation.words] == clean(text).split() == ["AT&T", "falls", "sharply"]


def test_an_effect_is_the_fall_of_the_chosen_labels_probability_without_the_word(scorer):
    whole, without = scorer.score(["Acme profit plunges", "Acme profit"])
    explanation = explain(scorer, "Acme profit plunges")
    sentiment = scorer.taxonomy.sentiments.index(whole.sentiment)
    topic = scorer.taxonomy.topics.index(whole.topic)
    last = explanation.words[-1]
    assert explanation.score.sentiment == whole.sentiment
    assert last.sentiment == pytest.approx(whole.probabilities[sentiment] - without.probabilities[sentiment], abs=1e-5)
    assert last.topic == pytest.approx(whole.topic_probabilities[topic] - without.topic_probabilities[topic], abs=1e-5)


def test_effects_are_differences_of_probabilities(scorer):
    for effect in explain(scorer, "Acme warns of losses after the strike at its plant").words:
        assert -1 <= effect.sentiment <= 1
        assert -1 <= effect.topic <= 1


def test_a_word_alone_carries_everything(scorer):
    explanation = explain(scorer, "bankruptcy")
    (effect,) = explanation.words
    assert effect.sentiment == max(explanation.score.probabilities)
    assert effect.topic == explanation.score.topic_probability


@pytest.mark.parametrize("text", ["", "🚀", "ግብጽ ብሪክስ"])
def test_what_cannot_be_scored_cannot_be_explained(scorer, text):
    with pytest.raises(UnscorableText):
        explain(scorer, text)
