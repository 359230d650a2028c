"""Labelled texts as what a network reads: token ids, class numbers, teachers' opinions, and batches of like length."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from model.taxonomy import Taxonomy
from model.text import clean
from training.labels import LabelledText

NO_LABEL = -100  # torch's own: such a row does not teach that head


@dataclass(frozen=True)
class Encoded:
    """Tokenised rows: ids without padding, and for each head the class numbers or NO_LABEL.

    opinions: for each head what teachers say of the rows, probabilities (rows, classes); None without teachers.
    pooled: for rows that are about a name in their text and not about all of it, 1 for each of its tokens.
    """

    ids: list[list[int]]
    labels: tuple[list[int], list[int]]
    opinions: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None
    pooled: Mapping[int, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


def encode(
    rows: Sequence[LabelledText], tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy, max_tokens: int
) -> Encoded:
    """Tokenise rows as the scorer will."""
    if not rows:
        return Encoded([], ([], []))
    return Encoded(
        token_ids([clean(row.text) for row in rows], tokenizer, max_tokens),
        (
            [NO_LABEL if row.topic is None else taxonomy.topics.index(row.topic) for row in rows],
            [NO_LABEL if row.sentiment is None else taxonomy.sentiments.index(row.sentiment) for row in rows],
        ),
    )


def token_ids(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[list[int]]:
    """The token ids of cleaned texts, cut at `max_tokens`."""
    found: list[list[int]] = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
    return found


def without_labels(data: Encoded, rows: Sequence[bool]) -> Encoded:
    """The same rows, but those that are told have no labels: they teach by the teachers' opinions alone."""
    topics, sentiments = (
        [NO_LABEL if told else label for label, told in zip(labels, rows, strict=True)] for labels in data.labels
    )
    return replace(data, labels=(topics, sentiments))


def padded(
    ids: Sequence[Sequence[int]], pooled: Sequence[Sequence[int] | None] | None = None, pad: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ids, attention mask, token types and which tokens are pooled, (rows, longest), of int64. `pooled`: None for rows
    whose tokens all are."""
    width = max(len(row) for row in ids)
    filled = torch.tensor([[*row, *[pad] * (width - len(row))] for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    kept = mask.clone()
    for row, some in enumerate(pooled or ()):
        if some is not None:
            kept[row, : len(some)] = torch.tensor(some)
    return filled, mask, torch.zeros_like(filled), kept


def bucketed(lengths: Sequence[int], batch: int, chance: random.Random) -> list[list[int]]:
    """Batches of rows of like length in random order: rows are shuffled, sorted within pools of fifty batches, cut,
    and the batches shuffled."""
    order = list(range(len(lengths)))
    chance.shuffle(order)
    batches = []
    pool = batch * 50
    for start in range(0, len(order), pool):
        part = sorted(order[start : start + pool], key=lambda at: lengths[at])
        batches += [part[at : at + batch] for at in range(0, len(part), batch)]
    chance.shuffle(batches)
    return batches


def class_weights(labels: Sequence[int], classes: int) -> Tensor:
    """Weights proportional to the inverse square root of a class's rows, of mean 1 over the rows: the largest topic
    has 80 times the smallest's rows, and the full inverse would let a handful of rows steer."""
    counts = np.bincount([label for label in labels if label != NO_LABEL], minlength=classes).astype(float)
    weights = 1.0 / np.sqrt(np.maximum(counts, 1.0))
    if counts.sum():
        weights *= counts.sum() / (weights * counts).sum()
    return torch.tensor(weights, dtype=torch.float32)
