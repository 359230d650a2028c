"""How well labels can be learnt: k-fold cross-validation, each row scored by a network that never saw its like."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from model.bundle import Bundle
from model.errors import InputError
from model.taxonomy import Taxonomy
from training.batches import encode
from training.evaluation import HeadScores, head_scores
from training.finetune import Recipe, finetune, logits_of
from training.labels import HEADS, LabelledText, is_corpus, read_labels, story_key
from training.neardup import without_copies
from training.network import build, default_base
from training.restore import restore, tokenizer_of

FEWEST_A_FOLD = 20


class FoldsBench(msgspec.Struct, frozen=True):
    """Scores over all rows, and the accuracy of each fold; a head without labels is absent from both."""

    rows: int
    folds: int
    base: str
    scores: dict[str, HeadScores]
    accuracies: dict[str, list[float]]


def measure(
    paths: Sequence[str],
    folds: int,
    base: str | Bundle | None,
    recipe: Recipe,
    report: Callable[[str], None] = lambda _line: None,
) -> FoldsBench:
    """Train `folds` networks, each on the rows outside one fold, and score that fold.

    All epochs of the recipe are trained, and the last one is scored: no fold decides when to stop. Copies that differ
    in numbers alone share a fold, and near-copies of a fold's rows do not train for it. Raises InputError if there are
    too few rows.
    """
    taxonomy = base.taxonomy if isinstance(base, Bundle) else Taxonomy()
    labels = read_labels(paths, taxonomy)
    for problem in labels.problems:
        report(problem)
    rows = labels.rows
    if isinstance(base, Bundle) and any(is_corpus(row.origin) for row in rows):
        report(f"{base.version} was trained on the project's own headlines: the scores on them flatter it")
    parts = folds_of(rows, folds, recipe.seed)
    if min(map(len, parts)) < FEWEST_A_FOLD:
        raise InputError(f"{len(rows)} labelled rows are too few for {folds} folds: ask for fewer")
    logits: tuple[list[Any], list[Any]] = ([None] * len(rows), [None] * len(rows))
    name = base.version if isinstance(base, Bundle) else (base or default_base())
    for number, fold in enumerate(parts, start=1):
        if isinstance(base, Bundle):
            network, tokenizer = restore(base, dropout=recipe.dropout), tokenizer_of(base)
        else:
            network, tokenizer = build(
                name, len(taxonomy.topics), len(taxonomy.sentiments), recipe.dropout, recipe.seed + number
            )
        inside, scored = set(fold), [rows[at] for at in fold]
        others = without_copies([row for at, row in enumerate(rows) if at not in inside], scored)
        train = encode(others, tokenizer, taxonomy, recipe.max_tokens)
        held = encode(scored, tokenizer, taxonomy, recipe.max_tokens)
        # Without rows to validate on every epoch is as good as the one before, and the last is kept.
        nothing = encode([], tokenizer, taxonomy, recipe.max_tokens)
        finetune(network, train, nothing, taxonomy, recipe, report)
        for head, found in enumerate(logits_of(network, held, "cpu")):
            for at, each in zip(fold, found, strict=True):
                logits[head][at] = each
        report(f"fold {number} of {folds} done")
    scores, accuracies = {}, {}
    for head, head_name in enumerate(HEADS):
        classes = taxonomy.topics if head_name == "topic" else taxonomy.sentiments
        given = [getattr(row, head_name) for row in rows]
        known = [at for at, label in enumerate(given) if label is not None]
        if not known:
            continue
        truth = np.array([classes.index(given[at]) for at in known])
        found = np.array([logits[head][at] for at in known], dtype=np.float64)
        probabilities = np.exp(found - found.max(axis=1, keepdims=True))
        scores[head_name] = head_scores(truth, probabilities / probabilities.sum(axis=1, keepdims=True), classes)
        right = dict(zip(known, found.argmax(1) == truth, strict=True))
        accuracies[head_name] = [round(float(np.mean([right[at] for at in fold if at in right])), 4) for fold in parts]
    return FoldsBench(len(rows), folds, str(name), scores, accuracies)


def folds_of(rows: Sequence[LabelledText], folds: int, seed: int) -> list[list[int]]:
    """The numbers of the rows, dealt into parts; copies that differ in numbers alone share one."""
    keys = sorted({story_key(row.text) for row in rows})
    random.Random(seed).shuffle(keys)  # noqa: S311  (dealing rows, not secrets)
    fold_of = {key: at % folds for at, key in enumerate(keys)}
    parts: list[list[int]] = [[] for _ in range(folds)]
    for at, row in enumerate(rows):
        parts[fold_of[story_key(row.text)]].append(at)
    return parts
