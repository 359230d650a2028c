"""Which words made it so: each word left out in turn, and what that does to the probabilities."""

import re
from dataclasses import dataclass

from model.errors import UnscorableText
from model.scorer import Score, Scorer
from model.text import clean

# A run between spaces; of a script that writes without them, a character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


@dataclass(frozen=True)
class WordEffect:
    """What one word adds to the probabilities of the sentiment and the topic that were chosen.

    Positive: the word speaks for the label. Both in [-1, 1]."""

    word: str
    sentiment: float
    topic: float


@dataclass(frozen=True)
class Explanation:
    """A score and the words behind it, in the order of the text."""

    score: Score
    words: tuple[WordEffect, ...]


def explain(scorer: Scorer, text: str) -> Explanation:
    """Explain a score by occlusion: the fall of a label's probability when a word is left out
    (Zeiler and Fergus, arXiv:1311.2901; Li et al., arXiv:1612.08220). It asks the very model that scores, so
    what it shows is true of that model; the effects of words that only count together do not add up.

    Raises UnscorableText if there is nothing to score.
    """
    cleaned = clean(text)
    words = list(_WORD.finditer(cleaned))
    without = [clean(cleaned[: word.start()] + cleaned[word.end() :]) for word in words]
    whole, *others = scorer.score([text, *without])
    if isinstance(whole, UnscorableText):
        raise whole
    topic = scorer.taxonomy.topics.index(whole.topic)
    sentiment = scorer.taxonomy.sentiments.index(whole.sentiment)
    effects = []
    for word, other in zip(words, others, strict=True):
        if isinstance(other, UnscorableText):
            # Nothing readable is left without it: the word carries the label alone.
            effects.append(WordEffect(word.group(), whole.probabilities[sentiment], whole.topic_probability))
        else:
            effects.append(
                WordEffect(
                    word.group(),
                    whole.probabilities[sentiment] - other.probabilities[sentiment],
                    whole.topic_probabilities[topic] - other.topic_probabilities[topic],
                )
            )
    return Explanation(whole, tuple(effects))
