"""Sentiments towards single names: pairs of a text and a name to learn from, and how well a model tells them apart.

'Apple gains as Samsung slumps' is good news of the one and bad news of the other. The states of a name's own tokens are
averaged instead of all, and the sentiment head then says what the text means for that name (Gao et al.,
Target-dependent sentiment classification with BERT, IEEE Access 7, 2019).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np
from transformers import PreTrainedTokenizerBase

from model.scorer import Score, Scorer, tokens_of
from model.taxonomy import Taxonomy
from model.text import clean, mentions
from training.batches import NO_LABEL, Encoded
from training.evaluation import head_scores
from training.labels import LabelledText

# Fewer held-back pairs do not tell whether a model has learnt this.
FEWEST = 50


class Pair(NamedTuple):
    """A text, a name in it, and the sentiment towards that name. `divided`: whether the text's names differ in it."""

    text: str
    name: str
    sentiment: str
    divided: bool


class AttitudeScores(msgspec.Struct, frozen=True):
    """How often the sentiment towards a name is right, and how often the whole text's would be, in [0, 1]; of all
    pairs, and of those out of texts whose names differ in sentiment."""

    n: int
    accuracy: float
    macro_f1: float
    accuracy_of_text: float
    divided: int
    accuracy_divided: float
    accuracy_of_text_divided: float


def pairs_of(rows: Iterable[LabelledText]) -> list[Pair]:
    """One pair for each labelled name of the rows."""
    return [
        Pair(row.text, name, sentiment, len(set(row.entities.values())) > 1)
        for row in rows
        for name, sentiment in row.entities.items()
    ]


def encode_pairs(
    pairs: Sequence[Pair], tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy, max_tokens: int
) -> Encoded:
    """Tokenise pairs as the scorer will; they teach no topic. Pairs whose text does not write the name, or only beyond
    `max_tokens`, are left out: they would teach the head that a whole text means that one name."""
    if not pairs:
        return Encoded([], ([], []))
    texts = [clean(pair.text) for pair in pairs]
    read = tokenizer(texts, truncation=True, max_length=max_tokens, return_offsets_mapping=True)
    found = [
        tokens_of(offsets, mentions(text, clean(pair.name)))
        for text, offsets, pair in zip(texts, read["offset_mapping"], pairs, strict=True)
    ]
    kept = [at for at, pooled in enumerate(found) if pooled]
    return Encoded(
        [read["input_ids"][at] for at in kept],
        ([NO_LABEL] * len(kept), [taxonomy.sentiments.index(pairs[at].sentiment) for at in kept]),
        pooled={row: found[at] for row, at in enumerate(kept)},
    )


def joined(texts: Encoded, pairs: Encoded) -> Encoded:
    """Both, texts first. Teachers have no opinion of the pairs."""
    topics, sentiments = ([*one, *other] for one, other in zip(texts.labels, pairs.labels, strict=True))
    pooled = {**texts.pooled, **{len(texts) + row: some for row, some in pairs.pooled.items()}}
    both = replace(texts, ids=[*texts.ids, *pairs.ids], labels=(topics, sentiments), pooled=pooled)
    if texts.opinions is None:
        return both
    topic, sentiment = (
        np.concatenate([each, np.zeros((len(pairs), each.shape[1]), each.dtype)]) for each in texts.opinions
    )
    return replace(both, opinions=(topic, sentiment))


def attitude_scores(scorer: Scorer, rows: Sequence[LabelledText]) -> AttitudeScores | None:
    """How well a model tells the sentiment towards the labelled names of rows; None if there are no such names in texts
    that it can read. Raises ScoringError if the model itself fails."""
    pairs = pairs_of(rows)
    texts = dict.fromkeys(pair.text for pair in pairs)
    of_text = {
        text: score.sentiment
        for text, score in zip(texts, scorer.score(list(texts)), strict=True)
        if isinstance(score, Score)
    }
    pairs = [pair for pair in pairs if pair.text in of_text]
    if not pairs:
        return None
    sentiments = scorer.taxonomy.sentiments
    truth = np.array([sentiments.index(pair.sentiment) for pair in pairs])
    towards = np.array(scorer.towards([(pair.text, pair.name) for pair in pairs]))
    right = towards.argmax(1) == truth
    right_of_text = np.array([of_text[pair.text] == pair.sentiment for pair in pairs])
    divided = np.array([pair.divided for pair in pairs])

    def share(hits: np.ndarray) -> float:
        return round(float(hits.mean()), 4) if len(hits) else 0.0

    return AttitudeScores(
        n=len(pairs),
        accuracy=share(right),
        macro_f1=head_scores(truth, towards, sentiments).macro_f1,
        accuracy_of_text=share(right_of_text),
        divided=int(divided.sum()),
        accuracy_divided=share(right[divided]),
        accuracy_of_text_divided=share(right_of_text[divided]),
    )


def learnt(scores: AttitudeScores | None) -> bool:
    """Whether a model is better asked for the sentiment towards a name than for the text's."""
    return scores is not None and scores.n >= FEWEST and scores.accuracy > scores.accuracy_of_text
