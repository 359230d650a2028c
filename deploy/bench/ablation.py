"""What each technique of the training is worth: the same rows learnt with it and without it.

Two folds: every row is scored by networks that did not see its like, once for each way of training, so that two ways
are compared row by row. The part that reports are made of takes no part.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from random import Random
from typing import Any

import msgspec
import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from deploy.bench.folds import folds_of
from model.errors import InputError, UsageError
from model.taxonomy import Taxonomy
from training.augmentation import Augmentation
from training.batches import Encoded, encode
from training.confidence import Interval, Numbers, difference, macro_f1_interval
from training.finetune import Recipe, finetune, logits_of
from training.labels import HEADS, LabelledText, part_of, read_labels
from training.network import TwoHeads, build, default_base

FOLDS = 2
FEWEST_ROWS = 200


@dataclass(frozen=True)
class Way:
    """A way of training, beside the plain one: changes of the recipe, and an encoder to be taught by."""

    says: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    teacher: str | None = None


PLAIN = "plain"


def ways(teacher: str | None, epochs: int) -> dict[str, Way]:
    """What can be compared, by name. `teacher`: the folder of a larger encoder, for the way that has one. `epochs`: of
    the plain way."""
    found = {
        PLAIN: Way("every weight trained, classes weighted by their rows, no row said otherwise"),
        "unweighted": Way("classes not weighted", {"class_weighting": False}),
        "augmented": Way("half of the rows said otherwise in each epoch", {"augmented_share": 0.5}),
        "lora": Way("low-rank changes of rank 16 in place of all weights", {"lora_rank": 16, "learning_rate": 1e-3}),
        "longer": Way("twice the epochs", {"epochs": 2 * epochs}),
        "faster": Way("twice the learning rate", {"learning_rate": 4e-4}),
    }
    if teacher:
        found["taught"] = Way("beside a larger encoder that learnt the same rows", teacher=teacher)
    return found


class Gain(msgspec.Struct, frozen=True):
    """What a way changes: macro-F1 by head, and how many times the plain way's time it takes."""

    says: str
    gain: dict[str, Interval]
    cost: float


class AblationBench(msgspec.Struct, frozen=True):
    """Macro-F1 of the plain way by head, its seconds, and beside it every other way."""

    rows: int
    epochs: int
    base: str
    plain: dict[str, Interval]
    seconds: float
    ways: dict[str, Gain]


@dataclass(frozen=True)
class Job:
    """One fold, learnt one way."""

    train: Sequence[LabelledText]
    held: Sequence[LabelledText]
    base: str
    teacher: str | None
    recipe: Recipe


def measure(
    paths: Sequence[str],
    names: Sequence[str],
    rows_an_origin: int,
    base: str | None,
    teacher: str | None,
    recipe: Recipe,
    report: Callable[[str], None] = lambda _line: None,
    jobs: int | None = None,
) -> AblationBench:
    """Train two networks each way, on up to so many rows of each file, several at once on one core each.

    `names`: which ways beside the plain one; all if none is given. All epochs are trained, and the last one is scored.
    Raises InputError if there are too few rows, UsageError for a way that there is none of.
    """
    known = ways(teacher, recipe.epochs)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"there is no way '{unknown[0]}': choose from {', '.join(known)} (taught needs --teacher)")
    chosen = [PLAIN, *(name for name in (names or known) if name != PLAIN)]
    taxonomy = Taxonomy()
    rows = _drawn(paths, taxonomy, rows_an_origin, recipe.seed, report)
    parts = folds_of(rows, FOLDS, recipe.seed)
    insides = [set(part) for part in parts]
    work = [
        Job(
            [row for at, row in enumerate(rows) if at not in inside],
            [rows[at] for at in part],
            base or default_base(),
            known[name].teacher,
            replace(recipe, **{"augmented_share": 0.0, **known[name].changes}),
        )
        for name in chosen
        for part, inside in zip(parts, insides, strict=True)
    ]
    answers = {name: np.zeros((len(HEADS), len(rows)), dtype=np.int64) for name in chosen}
    seconds = dict.fromkeys(chosen, 0.0)
    plain: dict[str, Interval] = {}
    gains: dict[str, Gain] = {}
    with ProcessPoolExecutor(jobs or os.cpu_count(), get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for at, (found, took) in enumerate(pool.map(_learnt, work)):
            name = chosen[at // FOLDS]
            answers[name][:, parts[at % FOLDS]] = found
            seconds[name] += took
            if at % FOLDS < FOLDS - 1:
                continue
            if name == PLAIN:
                plain = _scores(rows, taxonomy, answers[PLAIN])
                report(f"{PLAIN}: " + ", ".join(f"{head} {each.estimate:.4f}" for head, each in plain.items()))
            else:
                gain = _gains(rows, taxonomy, answers[PLAIN], answers[name])
                gains[name] = Gain(known[name].says, gain, round(seconds[name] / seconds[PLAIN], 2))
                report(_in_words(name, gains[name]))
    return AblationBench(
        rows=len(rows),
        epochs=recipe.epochs,
        base=work[0].base,
        plain=plain,
        seconds=round(seconds[PLAIN], 1),
        ways=gains,
    )


def _drawn(
    paths: Sequence[str], taxonomy: Taxonomy, most: int, seed: int, report: Callable[[str], None]
) -> list[LabelledText]:
    labels = read_labels(paths, taxonomy)
    if labels.problems:
        report(f"left out: {len(labels.problems):,} bad rows")
    by_origin: dict[str, list[LabelledText]] = defaultdict(list)
    for row in labels.rows:
        if part_of(row.text) != "test":
            by_origin[row.origin].append(row)
    chance = Random(seed)  # noqa: S311  (drawing rows, not secrets)
    rows = [
        row
        for origin in sorted(by_origin)
        for row in chance.sample(by_origin[origin], min(most, len(by_origin[origin])))
    ]
    if len(rows) < FEWEST_ROWS:
        raise InputError(f"{len(rows)} labelled rows are too few to tell ways of training apart: give {FEWEST_ROWS}")
    report(", ".join(f"{origin} {min(most, len(each)):,}" for origin, each in sorted(by_origin.items())) + " rows")
    return rows


def _learnt(job: Job) -> tuple[Numbers, float]:
    """The numbers of the classes chosen for the held rows, (heads, rows), and the seconds that it took."""
    started = time.perf_counter()
    opinions = None
    if job.teacher:
        network, data, _ = _trained(job.teacher, job, None)
        opinions = tuple(torch.from_numpy(logits).softmax(-1).numpy() for logits in logits_of(network, data, "cpu"))
    network, _, tokenizer = _trained(job.base, job, opinions)
    held = encode(job.held, tokenizer, Taxonomy(), job.recipe.max_tokens)
    found = np.stack([logits.argmax(1) for logits in logits_of(network, held, "cpu")])
    return found, time.perf_counter() - started


def _trained(base: str, job: Job, opinions: Any) -> tuple[TwoHeads, Encoded, PreTrainedTokenizerBase]:
    """A network that has learnt the job's rows, these rows, and its tokeniser."""
    taxonomy, recipe = Taxonomy(), job.recipe
    network, tokenizer = build(base, len(taxonomy.topics), len(taxonomy.sentiments), recipe.dropout, recipe.seed)
    data = replace(encode(job.train, tokenizer, taxonomy, recipe.max_tokens), opinions=opinions)
    nothing = encode([], tokenizer, taxonomy, recipe.max_tokens)
    reread = None
    if recipe.augmented_share:
        varied = Augmentation(job.train, recipe.augmented_share, recipe.seed)
        reread = partial(varied.ids, tokenizer=tokenizer, max_tokens=recipe.max_tokens)
    finetune(network, data, nothing, taxonomy, recipe, reread=reread)
    return network, data, tokenizer


def _labelled(rows: Sequence[LabelledText], taxonomy: Taxonomy) -> Iterator[tuple[str, int, list[int], Numbers]]:
    """Of each head: its name and number of classes, the places of the rows that have its label, and these labels."""
    for head in HEADS:
        classes = taxonomy.topics if head == "topic" else taxonomy.sentiments
        given = [getattr(row, head) for row in rows]
        at = [place for place, label in enumerate(given) if label is not None]
        yield head, len(classes), at, np.array([classes.index(given[place]) for place in at])


def _scores(rows: Sequence[LabelledText], taxonomy: Taxonomy, found: Numbers) -> dict[str, Interval]:
    return {
        head: macro_f1_interval(truth, chosen[at], classes)
        for (head, classes, at, truth), chosen in zip(_labelled(rows, taxonomy), found, strict=True)
    }


def _gains(rows: Sequence[LabelledText], taxonomy: Taxonomy, plain: Numbers, found: Numbers) -> dict[str, Interval]:
    return {
        head: difference(truth, before[at], after[at], classes)
        for (head, classes, at, truth), before, after in zip(_labelled(rows, taxonomy), plain, found, strict=True)
    }


def _in_words(name: str, way: Gain) -> str:
    return f"{name} ({way.cost:.1f} times the time): " + ", ".join(
        f"{head} {gain.estimate:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" for head, gain in way.gain.items()
    )
