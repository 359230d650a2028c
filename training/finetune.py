"""Fine-tuning: AdamW with warm-up and linear decay, length-bucketed batches, early stopping on macro-F1."""

import copy
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from model.taxonomy import Taxonomy
from model.text import clean
from training.evaluation import HeadScores, head_scores
from training.labels import LabelledText
from training.network import TwoHeads

NO_LABEL = -100  # torch's own: such a row does not teach that head


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults are the shipped bundle's."""

    epochs: int = 2
    batch: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    max_tokens: int = 96
    patience: int = 2  # epochs without a better validation macro-F1
    seed: int = 20


@dataclass
class Progress:
    """What came of training: losses and validation scores by epoch, and the best epoch's number."""

    losses: list[float] = field(default_factory=list)
    validation: list[dict[str, HeadScores]] = field(default_factory=list)
    best_epoch: int = 0


@dataclass(frozen=True)
class Encoded:
    """Tokenised rows: ids without padding, and the class numbers of both heads or NO_LABEL."""

    ids: list[list[int]]
    topics: list[int]
    sentiments: list[int]


def encode(
    rows: Sequence[LabelledText], tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy, max_tokens: int
) -> Encoded:
    """Tokenise rows as the scorer will."""
    if not rows:
        return Encoded([], [], [])
    encoded = tokenizer([clean(row.text) for row in rows], truncation=True, max_length=max_tokens)
    return Encoded(
        encoded["input_ids"],
        [NO_LABEL if row.topic is None else taxonomy.topics.index(row.topic) for row in rows],
        [NO_LABEL if row.sentiment is None else taxonomy.sentiments.index(row.sentiment) for row in rows],
    )


def padded(ids: Sequence[Sequence[int]], pad: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """ids, attention mask and token types, (rows, longest), of int64."""
    width = max(len(row) for row in ids)
    filled = torch.tensor([[*row, *[pad] * (width - len(row))] for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return filled, mask, torch.zeros_like(filled)


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


def validate(network: TwoHeads, data: Encoded, taxonomy: Taxonomy, device: str) -> dict[str, HeadScores]:
    """Scores by head on encoded rows; a head without labels there is absent."""
    network.eval()
    outputs: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(data.ids)
    order = sorted(range(len(data.ids)), key=lambda at: len(data.ids[at]))
    with torch.no_grad():
        for start in range(0, len(order), 64):
            part = order[start : start + 64]
            topic, sentiment, _ = network(*(each.to(device) for each in padded([data.ids[at] for at in part])))
            pairs = zip(topic.softmax(-1).cpu().numpy(), sentiment.softmax(-1).cpu().numpy(), strict=True)
            for at, both in zip(part, pairs, strict=True):
                outputs[at] = both
    scores = {}
    heads = (("topic", data.topics, taxonomy.topics), ("sentiment", data.sentiments, taxonomy.sentiments))
    for number, (head, labels, classes) in enumerate(heads):
        known = [at for at, label in enumerate(labels) if label != NO_LABEL]
        if known:
            probabilities = np.array([pair[number] for at in known if (pair := outputs[at]) is not None])
            scores[head] = head_scores(np.array([labels[at] for at in known]), probabilities, classes)
    return scores


def finetune(
    network: TwoHeads,
    train: Encoded,
    validation: Encoded,
    taxonomy: Taxonomy,
    recipe: Recipe,
    report: Callable[[str], None] = lambda _line: None,
) -> Progress:
    """Train in place, and leave the network at its best validation epoch (mean macro-F1 of the heads)."""
    random.seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    chance = random.Random(recipe.seed)  # noqa: S311  (shuffling, not secrets)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device)
    losses = (
        nn.CrossEntropyLoss(class_weights(train.topics, len(taxonomy.topics)).to(device), ignore_index=NO_LABEL),
        nn.CrossEntropyLoss(
            class_weights(train.sentiments, len(taxonomy.sentiments)).to(device), ignore_index=NO_LABEL
        ),
    )
    heads = [*network.topic.parameters(), *network.sentiment.parameters()]
    encoder = list(network.encoder.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in encoder if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in encoder if p.ndim <= 1], "weight_decay": 0.0},
            {"params": heads, "lr": recipe.head_learning_rate, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
    )
    lengths = [len(ids) for ids in train.ids]
    steps = math.ceil(len(lengths) / recipe.batch) * recipe.epochs
    warmup = max(1, int(steps * recipe.warmup_share))

    def factor(step: int) -> float:
        return step / warmup if step < warmup else max(0.0, (steps - step) / max(1, steps - warmup))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    progress = Progress()
    best, best_state = -1.0, copy.deepcopy(network.state_dict())
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        total = 0.0
        batches = bucketed(lengths, recipe.batch, chance)
        for number, batch in enumerate(batches, start=1):
            inputs = padded([train.ids[at] for at in batch])
            topic, sentiment, _ = network(*(each.to(device) for each in inputs))
            loss = torch.zeros((), device=device)
            labelled = ((topic, train.topics), (sentiment, train.sentiments))
            for (logits, labels), criterion in zip(labelled, losses, strict=True):
                target = torch.tensor([labels[at] for at in batch], device=device)
                if (target != NO_LABEL).any():
                    loss = loss + criterion(logits, target) * (target != NO_LABEL).float().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
            if number % 50 == 0:
                report(f"epoch {epoch}/{recipe.epochs}  batch {number}/{len(batches)}  loss {total / number:.3f}")
        progress.losses.append(round(total / len(batches), 4))
        scores = validate(network, validation, taxonomy, device)
        progress.validation.append(scores)
        mean = float(np.mean([each.macro_f1 for each in scores.values()])) if scores else 0.0
        report(f"epoch {epoch}/{recipe.epochs}  validation macro-F1 " + _in_words(scores))
        if mean > best:
            best, best_state, progress.best_epoch = mean, copy.deepcopy(network.state_dict()), epoch
        elif epoch - progress.best_epoch >= recipe.patience:
            report(f"no better since epoch {progress.best_epoch}: stopping early")
            break
    network.load_state_dict(best_state)
    network.to("cpu").eval()
    return progress


def _in_words(scores: dict[str, HeadScores]) -> str:
    return ", ".join(f"{head} {each.macro_f1:.3f}" for head, each in scores.items()) or "-"
