"""The whole way from labelled files to a bundle: read, split, fine-tune, calibrate, export, evaluate."""

import json
import platform
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import msgspec
import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import PreTrainedTokenizerBase

from model.bundle import Bundle
from model.errors import InputError
from model.masking import Masker
from model.reference import REFERENCE, describe
from model.reference import encode as encode_reference
from model.scorer import Score, Scorer
from model.taxonomy import Taxonomy
from training.attitudes import attitude_scores, encode_pairs, joined, learnt, pairs_of
from training.augmentation import Augmentation
from training.batches import NO_LABEL, Encoded, encode, without_labels
from training.calibration import temperature
from training.card import model_card
from training.checkpoint import Checkpoint
from training.evaluation import predict, scores_by_origin
from training.export import Origin, documented, export_bundle, install
from training.finetune import OnEpoch, Recipe, finetune, logits_of
from training.heldout import keeps_apart, report_of
from training.labels import HEADS, LabelledText, Part, is_corpus, is_own
from training.material import gather
from training.network import TwoHeads, build, default_base
from training.opinions import Opinions, heeded, opinions_of
from training.quantise import add_integer_graph
from training.report.contents import build_report
from training.report.page import render_html
from training.restore import restore, tokenizer_of

PARITY_TEXTS = 600
CALIBRATION_TEXTS = 512
# A checkpoint holds the weights four times over (network, best, and the optimiser's two moments), and a new one is
# written before the old one goes. The rest is the bundle's.
CHECKPOINT_BYTES = 2 * 4 * 4  # a weight
BUNDLE_BYTES = 200 << 20
# The folder's name in the encoder's package says nothing.
DEFAULT_BASE_NAME = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Start:
    """What a training starts from: an encoder with fresh heads, or a bundle's whole network."""

    network: TwoHeads
    tokenizer: PreTrainedTokenizerBase
    name: str
    languages: tuple[str, ...]


def train(
    paths: Sequence[str],
    out: Path,
    base: str | Bundle | None = None,
    teachers: Sequence[Bundle] = (),
    topics: Sequence[str] = (),
    name: str = "newsquall",
    language: str | None = None,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    withhold_texts: bool = False,
    strict: bool = False,
    masker: Masker = Masker(),  # noqa: B008  (frozen)
    rehearsed: Sequence[str] = (),
    report: Callable[[str], None] = lambda _line: None,
    on_epoch: OnEpoch = lambda _number, _loss, _scores: None,
) -> Bundle | None:
    """Fine-tune on label files and write a bundle to `out`, with the scores on its held-back part in report.json.

    `base`: an encoder's folder or hub name, or a bundle. With a bundle the training goes on from its weights and
    labels, and the bundle is its own teacher, so that it does not forget: the project's own headlines are learnt again
    beside the new ones, by what the bundle says of them and not by their labels, which would move it towards their
    habits and away from those of its other sources (Li and Hoiem, arXiv:1606.09282). It has no say where an analyst's
    own row is labelled. `rehearsed`: with a bundle, files of other texts, of which a sample is shown again in the same
    way, whatever labels they have: a model forgets what it no longer sees. `teachers`: bundles whose averaged opinion
    is learnt beside the labels. `topics`: new ones beside the taxonomy's. `withhold_texts`: no text but the project's
    own stands in the report, for a model that is given away. `language`: the labels', by default that of the bundle, or
    English. `strict`: a bad row raises. `masker`: takes personal data out of the texts. `on_epoch`: as of
    training.finetune.

    Rows of the held-back part never train and never decide when to stop, nor do their near-duplicates. A training
    that was killed goes on when it is called again alike. None on all but the first of several processes.

    Raises InputError if there is too little to learn from or no room on the disk, UsageError if the base encoder is
    unknown, BundleError if a bundle cannot be trained on, ExportError if the graph's numbers differ.
    """
    taxonomy = (base.taxonomy if isinstance(base, Bundle) else Taxonomy()).with_topics(topics)
    before = base if isinstance(base, Bundle) else None
    language = language or (before.manifest.languages[0] if before else "en")
    parts, dropped = gather(paths, taxonomy, before, language, report, strict, masker, rehearsed)
    start = _start(base, taxonomy, recipe, language)
    _require_room(out, start.network)
    positions = int(start.network.encoder.config.max_position_embeddings)
    if positions < recipe.max_tokens:
        report(f"{start.name} reads {positions} tokens at most: what is longer is cut there")
        recipe = replace(recipe, max_tokens=positions)
    encoded = {part: encode(rows, start.tokenizer, taxonomy, recipe.max_tokens) for part, rows in parts.items()}
    if before is not None:
        teachers = [*teachers, before]
        encoded["train"] = without_labels(encoded["train"], [not is_own(row) for row in parts["train"]])
    if teachers:
        report(f"asking {len(teachers)} teacher(s) for their opinion of {len(parts['train']):,} rows")
        first = PartialState().is_main_process
        asked = _opinions(parts["train"], teachers, taxonomy, before) if first else None
        (opinions,) = broadcast_object_list([asked])
        encoded["train"] = replace(encoded["train"], opinions=opinions)
    pairs = encode_pairs(pairs_of(parts["train"]), start.tokenizer, taxonomy, recipe.max_tokens)
    encoded["train"] = joined(encoded["train"], pairs)
    checkpoint = Checkpoint(out.with_name(f".{out.name}.training"), _identity(start, encoded, taxonomy, recipe))
    varied = Augmentation(parts["train"], recipe.augmented_share, recipe.seed)

    def reread(epoch: int) -> list[list[int]]:
        return [*varied.ids(epoch, start.tokenizer, recipe.max_tokens), *pairs.ids]

    told = (start.network, encoded["train"], encoded["validation"], taxonomy)
    progress = finetune(*told, recipe, report, checkpoint, on_epoch, reread)
    if not PartialState().is_main_process:
        return None
    if set(encoded["train"].labels[0]) == {NO_LABEL} and not teachers:
        report("no row has a topic: this model will call every headline 'other', which never pages")
        _always(start.network.topic, taxonomy.topics.index("other"))
    temperatures = calibrate(start.network, encoded["validation"])
    summary: dict[str, Any] = {
        "rows": {part: dict(Counter(row.origin for row in rows)) for part, rows in parts.items()},
        "rehearsed": dict(Counter(row.origin for row in parts["train"] if not (is_own(row) or is_corpus(row.origin)))),
        "near_duplicates_left_out": dropped,
        "pairs": len(pairs),
        "taught_apart": all(map(keeps_apart, teachers)),
        "learnt_from": _learnt_from(parts["train"], teachers),
        "base": start.name,
        "teachers": [f"{teacher.version} (from {teacher.manifest.base})" for teacher in teachers],
        "recipe": msgspec.to_builtins(recipe),
        "losses": progress.losses,
        "validation": msgspec.to_builtins(progress.validation),
        "best_epoch": progress.best_epoch,
        "temperatures": temperatures,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    texts = [row.text for row in (parts["validation"] + parts["test"])[:PARITY_TEXTS]]
    origin = Origin(name, start.name, start.languages, recipe.max_tokens)
    report("exporting, and comparing the graph's numbers with the network's")
    with TemporaryDirectory(prefix="newsquall-train-") as scratch:
        bundle = export_bundle(start.network, start.tokenizer, taxonomy, origin, texts, Path(scratch) / "bundle")
        finish(
            bundle,
            parts,
            summary,
            random.Random(recipe.seed),  # noqa: S311  (sampling, not secrets)
            lambda row: is_corpus(row.origin) or not withhold_texts,
            before,
        )
        report(summary["int8"])
        installed = install(Path(scratch) / "bundle", out)
    checkpoint.clear()
    return installed


def calibrate(network: TwoHeads, validation: Encoded) -> dict[str, float]:
    """Divide each head's weights by its temperature, so that its probabilities are as often right as they say; no
    label changes. Gives back the temperatures."""
    found = {}
    for head, labels, logits in zip(HEADS, validation.labels, logits_of(network, validation, "cpu"), strict=True):
        known = [at for at, label in enumerate(labels) if label != NO_LABEL]
        divisor = temperature(logits[known], np.array([labels[at] for at in known], dtype=np.int64))
        layer: torch.nn.Linear = getattr(network, head)
        with torch.no_grad():
            layer.weight /= divisor
            layer.bias /= divisor
        found[head] = round(divisor, 4)
    return found


def finish(
    bundle: Bundle,
    parts: Mapping[Part, Sequence[LabelledText]],
    summary: dict[str, Any],
    chance: random.Random,
    quotable: Callable[[LabelledText], bool] = lambda _row: True,
    before: Bundle | None = None,
) -> Bundle:
    """Add integer arithmetic unless a loss is shown, say whether the model has learnt the sentiment towards single
    names, score the bundle as it then is on the held-back part, beside the
    bundle that it started from if there was one, and lay the report, the card, and what live headlines are compared
    with beside it."""
    drawn = chance.sample(parts["train"], min(CALIBRATION_TEXTS, len(parts["train"])))
    exact = bundle
    bundle, summary["int8"] = add_integer_graph(bundle, [row.text for row in drawn], parts["validation"])
    if "int8" in bundle.manifest.graphs:
        with Scorer(exact, "cpu") as scorer:
            summary["fp32"] = scores_by_origin(predict(scorer, parts["test"]))
    earlier = None
    if before is not None:
        with Scorer(before, "cpu") as scorer:
            earlier = predict(scorer, parts["test"])
    with Scorer(bundle, "cpu") as scorer:
        towards_names = learnt(attitude_scores(scorer, parts["validation"]))
        summary["towards_names"] = msgspec.to_builtins(attitude_scores(scorer, parts["test"]))
        held_back = [row.text for row in (*parts["validation"], *parts["test"])]
        reference = describe([score for score in scorer.score(held_back) if isinstance(score, Score)])
        report = build_report(
            scorer,
            predict(scorer, parts["test"]),
            summary,
            quotable,
            against=earlier,
            against_name=before.version if before else "",
        )
    return documented(
        Bundle(bundle.folder, msgspec.structs.replace(bundle.manifest, towards_names=towards_names)),
        {
            "CARD.md": model_card(bundle.taxonomy, report).encode(),
            "report.json": json.dumps(report, indent=1).encode() + b"\n",
            "report.html": render_html(report).encode(),
            REFERENCE: encode_reference(reference),
        },
    )


def _always(head: torch.nn.Linear, number: int) -> None:
    """Make a head that nothing was learnt for give one class, instead of what it began with by chance."""
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[number] = 20.0


def _start(base: str | Bundle | None, taxonomy: Taxonomy, recipe: Recipe, language: str) -> Start:
    if isinstance(base, Bundle):
        network = restore(base, taxonomy, recipe.dropout, recipe.seed)
        return Start(network, tokenizer_of(base), base.version, tuple(base.manifest.languages))
    classes = (len(taxonomy.topics), len(taxonomy.sentiments))
    network, tokenizer = build(base or default_base(), *classes, recipe.dropout, recipe.seed)
    return Start(network, tokenizer, Path(base).name if base else DEFAULT_BASE_NAME, (language,))


def _opinions(
    rows: Sequence[LabelledText], teachers: Sequence[Bundle], taxonomy: Taxonomy, before: Bundle | None
) -> Opinions:
    taught = set.intersection(*(set(teacher.taxonomy.topics) for teacher in teachers))
    decided = [before is not None and is_own(row) for row in rows]
    return heeded(opinions_of(teachers, [row.text for row in rows], taxonomy), rows, taught, decided)


def _learnt_from(rows: Sequence[LabelledText], teachers: Sequence[Bundle]) -> list[str]:
    """The origins of all that a model learnt, by its own rows or by what its teachers know: licences are handed on."""
    origins = {row.origin for row in rows}
    for teacher in teachers:
        report = report_of(teacher)
        origins |= set(report.get("learnt_from") or report.get("rows", {}).get("train", ()))
    return sorted(origins)


def _require_room(out: Path, network: TwoHeads) -> None:
    weights = sum(parameter.numel() for parameter in network.parameters())
    needed = CHECKPOINT_BYTES * weights + BUNDLE_BYTES
    for folder in (out.absolute().parent, Path(gettempdir())):
        there = next(each for each in (folder, *folder.parents) if each.is_dir())
        free = shutil.disk_usage(there).free
        if free < needed:
            raise InputError(
                f"{there} has {free / 1e9:.1f} GB free, and training needs {needed / 1e9:.1f} GB for its checkpoints "
                "and the bundle: make room there first"
            )


def _identity(start: Start, encoded: Mapping[Part, Encoded], taxonomy: Taxonomy, recipe: Recipe) -> str:
    """A hash of all that decides how a training goes: a checkpoint of another one is not taken up."""
    seen = blake2b(digest_size=16)
    for parameter in start.network.parameters():
        seen.update(parameter.detach().numpy().tobytes())
    parts: tuple[Part, ...] = ("train", "validation")
    for part in parts:
        data = encoded[part]
        seen.update(repr((data.ids, data.labels, data.pooled)).encode())
        for opinions in data.opinions or ():
            seen.update(opinions.tobytes())
    seen.update(repr((start.name, taxonomy, recipe, PartialState().num_processes)).encode())
    return seen.hexdigest()
