"""Fine-tuning: AdamW with warm-up and linear decay, mixed precision, early stopping on macro-F1.

One process, or several on as many GPUs (`accelerate launch`); each then takes its share of every epoch's batches.
"""

import math
import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.nn import functional

from model.taxonomy import Taxonomy
from training.batches import NO_LABEL, Encoded, bucketed, class_weights, padded
from training.checkpoint import Checkpoint
from training.evaluation import HeadScores, head_scores
from training.labels import HEADS
from training.network import TwoHeads, adapted, merged

Precision = Literal["auto", "fp32", "bf16"]
OnEpoch = Callable[[int, float, dict[str, HeadScores]], None]
Reread = Callable[[int], list[list[int]]]  # an epoch's number -> the training rows' token ids in it

CHECKPOINT_SECONDS = 120.0
REPORT_STEPS = 50
VALIDATION_BATCH = 64


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults are the shipped bundle's; docs/LOG.md has what came of them."""

    epochs: int = 8
    batch: int = 48
    accumulate: int = 1  # batches a step of the optimiser
    learning_rate: float = 2e-4
    head_learning_rate: float = 1e-3
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.1
    lora_rank: int = 0  # 0 trains all weights
    teachers_share: float = 0.5  # of a row's loss, where there are teachers and a label
    augmented_share: float = 0.5  # of the rows that an epoch sees said otherwise
    class_weighting: bool = True  # rare classes weigh more
    max_tokens: int = 96
    patience: int = 4  # epochs without a better validation macro-F1
    precision: Precision = "auto"
    seed: int = 20


# For a bundle that learns a few labels more: it knows the rest.
CONTINUED = Recipe(epochs=3, learning_rate=5e-5)


@dataclass
class Progress:
    """What came of training: losses and validation scores by epoch, and the best epoch's number."""

    losses: list[float] = field(default_factory=list)
    validation: list[dict[str, HeadScores]] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def best(self) -> float:
        """The best epoch's mean macro-F1 of the heads; -1 before the first."""
        return mean_f1(self.validation[self.best_epoch - 1]) if self.best_epoch else -1.0


def mean_f1(scores: dict[str, HeadScores]) -> float:
    """The mean macro-F1 of the heads."""
    return float(np.mean([each.macro_f1 for each in scores.values()])) if scores else 0.0


def lower_precision(precision: Precision, device: torch.device) -> bool:
    """Whether to multiply in bfloat16: where the hardware does so itself. Emulated it is six times slower than fp32."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    cpu = torch.cpu
    return bool(cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported())


def finetune(
    network: TwoHeads,
    train: Encoded,
    validation: Encoded,
    taxonomy: Taxonomy,
    recipe: Recipe,
    report: Callable[[str], None] = lambda _line: None,
    checkpoint: Checkpoint | None = None,
    on_epoch: OnEpoch = lambda _number, _loss, _scores: None,
    reread: Reread | None = None,
) -> Progress:
    """Train in place, and leave the network at its best validation epoch (mean macro-F1 of the heads), on the CPU.
    `reread`: the rows as an epoch sees them, where they are said otherwise from one to the next.
    `on_epoch` is told each epoch's number, mean loss and validation scores, in the first of several processes.

    With a checkpoint a training that was killed goes on where its last state was kept, to the very same end: what is
    random in a step is seeded by the step's number.
    """
    return _Training(network, train, validation, taxonomy, recipe, report, checkpoint, on_epoch, reread).run()


class _Training:
    def __init__(
        self,
        network: TwoHeads,
        train: Encoded,
        validation: Encoded,
        taxonomy: Taxonomy,
        recipe: Recipe,
        report: Callable[[str], None],
        checkpoint: Checkpoint | None,
        on_epoch: OnEpoch,
        reread: Reread | None,
    ) -> None:
        # A batch whose rows lack a head's labels leaves that head without a gradient.
        self._accelerator = Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
        device = self._accelerator.device
        self._main = self._accelerator.is_main_process
        self._report = report if self._main else lambda _line: None
        self._on_epoch = on_epoch if self._main else lambda _number, _loss, _scores: None
        self._checkpoint = checkpoint
        self._recipe, self._taxonomy = recipe, taxonomy
        self._train, self._validation = train, validation
        self._reread = reread or (lambda _epoch: train.ids)
        self._low = lower_precision(recipe.precision, device)
        torch.manual_seed(recipe.seed)
        if recipe.lora_rank:
            adapted(network, recipe.lora_rank)
        self._network = network.to(device)
        self._weights = [
            (class_weights(labels, classes) if recipe.class_weighting else torch.ones(classes)).to(device)
            for labels, classes in zip(train.labels, (len(taxonomy.topics), len(taxonomy.sentiments)), strict=True)
        ]
        self._optimizer = _optimizer(network, recipe, fused=device.type in ("cpu", "cuda"))
        self._processes = self._accelerator.num_processes
        batches = math.ceil(math.ceil(len(train) / recipe.batch) / self._processes)
        self._steps = math.ceil(batches / recipe.accumulate) * recipe.epochs
        warmup = max(1, int(self._steps * recipe.warmup_share))

        def factor(step: int) -> float:
            return step / warmup if step < warmup else max(0.0, (self._steps - step) / max(1, self._steps - warmup))

        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, factor)
        self._wrapped = self._accelerator.prepare_model(network)
        self._progress = Progress()
        self._best = self._weights_now()
        self._epoch, self._done, self._total = 1, 0, 0.0  # batches of the epoch that are done, the sum of their losses
        self._kept_at = time.monotonic()

    def run(self) -> Progress:
        recipe = self._recipe
        self._resume()
        finished = self._done < 0
        while not finished and self._epoch <= recipe.epochs:
            self._one_epoch()
            scores = validate(self._network, self._validation, self._taxonomy, self._accelerator.device)
            self._progress.validation.append(scores)
            self._on_epoch(self._epoch, self._progress.losses[-1], scores)
            if scores:
                self._report(f"epoch {self._epoch}/{recipe.epochs}  validation macro-F1 {_in_words(scores)}")
            # On GPUs the numbers may differ in their last digits from process to process: one of them decides for all.
            (better,) = broadcast_object_list([not scores or mean_f1(scores) > self._progress.best])
            if better:
                self._progress.best_epoch = self._epoch
                self._best = self._weights_now()
            elif self._epoch - self._progress.best_epoch >= recipe.patience:
                self._report(f"no better since epoch {self._progress.best_epoch}: stopping early")
                finished = True
            self._epoch, self._done, self._total = self._epoch + 1, 0, 0.0
        self._done = -1
        self._keep()
        with torch.no_grad():
            parameters = dict(self._network.named_parameters())
            for name, value in self._best.items():
                parameters[name].copy_(value)
        if recipe.lora_rank:
            merged(self._network)
        self._network.to("cpu").eval()
        return self._progress

    def _one_epoch(self) -> None:
        recipe = self._recipe
        ids, pooled = self._reread(self._epoch), self._train.pooled
        batches = bucketed([len(row) for row in ids], recipe.batch, random.Random(recipe.seed * 1000 + self._epoch))  # noqa: S311
        # Every process takes as many, or the others would wait for it for ever.
        batches += batches[: -len(batches) % self._processes]
        mine = batches[self._accelerator.process_index :: self._processes]
        self._network.train()
        for number, batch in enumerate(mine, start=1):
            if number <= self._done:
                continue
            step = number * self._processes + self._accelerator.process_index
            torch.manual_seed((recipe.seed * 1000 + self._epoch) * 1_000_000 + step)
            whole = number % recipe.accumulate == 0 or number == len(mine)
            with nullcontext() if whole else self._accelerator.no_sync(self._wrapped):
                loss = self._loss(self._logits([ids[at] for at in batch], [pooled.get(at) for at in batch]), batch)
                self._accelerator.backward(loss / recipe.accumulate)
            if whole:
                nn.utils.clip_grad_norm_(self._wrapped.parameters(), 1.0)
                self._optimizer.step()
                self._optimizer.zero_grad(set_to_none=True)
                self._schedule.step()
            self._done, self._total = number, self._total + float(loss.detach())
            if number % REPORT_STEPS == 0:
                self._report(
                    f"epoch {self._epoch}/{recipe.epochs}  batch {number}/{len(mine)}  loss {self._total / number:.3f}"
                )
            if time.monotonic() - self._kept_at > CHECKPOINT_SECONDS:
                self._keep()
        self._progress.losses.append(round(self._total / len(mine), 4))

    def _logits(self, rows: list[list[int]], pooled: list[list[int] | None]) -> tuple[Tensor, Tensor]:
        device = self._accelerator.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self._low):
            topic, sentiment, _ = self._wrapped(*(each.to(device) for each in padded(rows, pooled)))
        return topic.float(), sentiment.float()

    def _loss(self, logits: tuple[Tensor, Tensor], batch: list[int]) -> Tensor:
        """The mean over the batch's rows of what both heads have to learn there. A row without a label for a head
        teaches that head by the teachers' opinion, or not at all (Hinton et al., arXiv:1503.02531)."""
        device = self._accelerator.device
        share = self._recipe.teachers_share
        loss = torch.zeros((), device=device)
        for head in range(len(HEADS)):
            labels = torch.tensor([self._train.labels[head][at] for at in batch], device=device)
            hard = functional.cross_entropy(
                logits[head], labels, self._weights[head], ignore_index=NO_LABEL, reduction="none"
            )
            if self._train.opinions is not None:
                opinion = torch.from_numpy(self._train.opinions[head][batch]).to(device)
                soft = -(opinion * logits[head].log_softmax(-1)).sum(-1)
                heard = opinion.sum(-1) > 0
                mixed = torch.where(labels == NO_LABEL, share * soft, (1 - share) * hard + share * soft)
                hard = torch.where(heard, mixed, hard)
            loss = loss + hard.mean()
        return loss

    def _weights_now(self) -> dict[str, Tensor]:
        """A copy of what trains; with low-rank changes that is a hundredth of the whole."""
        parameters = self._network.named_parameters()
        return {name: parameter.detach().clone() for name, parameter in parameters if parameter.requires_grad}

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        if self._checkpoint is None or not self._main:
            return
        problem = self._checkpoint.save(
            {
                "network": self._network.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "schedule": self._schedule.state_dict(),
                "best": self._best,
                "progress": msgspec.to_builtins(self._progress),
                "at": [self._epoch, self._done, self._total],
            }
        )
        if problem:
            self._report(f"no checkpoint could be kept ({problem}): if this training is killed, it starts anew")

    def _resume(self) -> None:
        state: dict[str, Any] | None = self._checkpoint.load() if self._checkpoint else None
        if state is None:
            return
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._best = state["best"]
        self._progress = msgspec.convert(state["progress"], Progress)
        self._epoch, self._done, self._total = state["at"]
        if self._done >= 0:
            self._report(f"going on with a training that was interrupted in epoch {self._epoch}, batch {self._done}")
        else:
            self._report("this training was finished before: going on with its export")


def validate(network: TwoHeads, data: Encoded, taxonomy: Taxonomy, device: torch.device | str) -> dict[str, HeadScores]:
    """Scores by head on encoded rows; a head without labels there is absent."""
    outputs = logits_of(network, data, device)
    scores = {}
    for head, labels, logits, classes in zip(
        HEADS, data.labels, outputs, (taxonomy.topics, taxonomy.sentiments), strict=True
    ):
        known = [at for at, label in enumerate(labels) if label != NO_LABEL]
        if known:
            probabilities = torch.from_numpy(logits[known]).double().softmax(-1).numpy()
            scores[head] = head_scores(np.array([labels[at] for at in known]), probabilities, classes)
    return scores


def logits_of(network: TwoHeads, data: Encoded, device: torch.device | str) -> tuple[np.ndarray, np.ndarray]:
    """Both heads' logits of encoded rows, (rows, classes) each, in fp32."""
    network.eval()
    order = sorted(range(len(data)), key=lambda at: len(data.ids[at]))
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    with torch.no_grad():
        for start in range(0, len(order), VALIDATION_BATCH):
            part = order[start : start + VALIDATION_BATCH]
            rows = padded([data.ids[at] for at in part], [data.pooled.get(at) for at in part])
            both = network(*(each.to(device) for each in rows))[: len(HEADS)]
            for kept, logits in zip(found, both, strict=True):
                kept.extend(logits.float().cpu().numpy())
    back = np.argsort(order)
    topic, sentiment = (np.array(each)[back] if each else np.zeros((0, 1)) for each in found)
    return topic, sentiment


def _optimizer(network: TwoHeads, recipe: Recipe, fused: bool) -> torch.optim.AdamW:
    heads = [*network.topic.parameters(), *network.sentiment.parameters()]
    encoder = [parameter for parameter in network.encoder.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in encoder if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in encoder if p.ndim <= 1], "weight_decay": 0.0},
            {"params": heads, "lr": recipe.head_learning_rate, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=fused,
    )


def _in_words(scores: dict[str, HeadScores]) -> str:
    return ", ".join(f"{head} {each.macro_f1:.3f}" for head, each in scores.items())
