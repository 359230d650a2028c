"""The whole way from labelled files to a bundle: read, split, fine-tune, calibrate, export, evaluate."""

import json
import platform
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import msgspec
import numpy as np
import torch
from accelerate import PartialState
from transformers import PreTrainedTokenizerBase

from model.bundle import Bundle
from model.errors import InputError
from model.reference import REFERENCE, describe
from model.reference import encode as encode_reference
from model.scorer import Score, Scorer
from model.taxonomy import Taxonomy
from training.batches import HEADS, NO_LABEL, Encoded, encode
from training.calibration import temperature
from training.card import model_card
from training.checkpoint import Checkpoint
from training.evaluation import predict
from training.export import Origin, documented, export_bundle, install
from training.finetune import OnEpoch, Recipe, finetune, logits_of
from training.labels import CORPUS, LabelledText, Part, read_labels, split
from training.neardup import near_duplicates
from training.network import TwoHeads, build, default_base
from training.opinions import opinions_of
from training.quantise import add_integer_graph
from training.report.contents import build_report
from training.report.page import render_html
from training.restore import restore, tokenizer_of

PARITY_TEXTS = 600
CALIBRATION_TEXTS = 512
FEWEST_ROWS = 20
# A checkpoint holds the weights four times over (network, best, and the optimiser's two moments), and a new one is
# written before the old one goes.
BYTES_NEEDED = 1 << 30


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
    language: str = "en",
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    withhold_texts: bool = False,
    report: Callable[[str], None] = lambda _line: None,
    on_epoch: OnEpoch = lambda _number, _loss, _scores: None,
) -> Bundle | None:
    """Fine-tune on label files and write a bundle to `out`, with the scores on its held-back part in report.json.

    `base`: an encoder's folder or hub name, or a bundle. With a bundle the training goes on from its weights and
    labels, the project's own headlines are learnt again beside the new ones, and the bundle is its own teacher, so
    that it does not forget. `teachers`: bundles whose averaged opinion is learnt beside the labels. `topics`: new
    ones beside the taxonomy's. `withhold_texts`: no text but the project's own stands in the report, for a model that
    is given away. `on_epoch`: as of training.finetune.

    Rows of the held-back part never train and never decide when to stop, nor do their near-duplicates. A training
    that was killed goes on when it is called again alike. None on all but the first of several processes.

    Raises InputError if there is too little to learn from or no room on the disk, UsageError if the base encoder is
    unknown, BundleError if a bundle cannot be trained on, ExportError if the graph's numbers differ.
    """
    taxonomy = (base.taxonomy if isinstance(base, Bundle) else Taxonomy()).with_topics(topics)
    if isinstance(base, Bundle):
        known = {Path(path).resolve() for path in paths}
        paths = [*paths, *(str(path) for path in sorted(CORPUS.glob("*.csv")) if path.resolve() not in known)]
        teachers = [*teachers, base]
    labels = read_labels(paths, taxonomy)
    for reason, count in Counter(problem.split(": ", 1)[1] for problem in labels.problems).most_common(10):
        report(f"left out {count} rows: {reason}")
    parts, dropped = held_apart(split(labels.rows))
    report(
        ", ".join(f"{part} {len(rows)}" for part, rows in parts.items())
        + f" rows; {dropped} left out as near-duplicates of rows that are held back"
    )
    _require_enough(parts, continued=isinstance(base, Bundle))
    _require_room(out)
    start = _start(base, taxonomy, recipe, language)
    encoded = {part: encode(rows, start.tokenizer, taxonomy, recipe.max_tokens) for part, rows in parts.items()}
    if teachers:
        report(f"asking {len(teachers)} teacher(s) for their opinion of {len(parts['train'])} rows")
        opinions = opinions_of(teachers, [row.text for row in parts["train"]], taxonomy)
        encoded["train"] = Encoded(encoded["train"].ids, encoded["train"].labels, opinions)
    checkpoint = Checkpoint(out.with_name(f".{out.name}.training"), _identity(encoded, start.name, taxonomy, recipe))
    learnt = (start.network, encoded["train"], encoded["validation"], taxonomy)
    progress = finetune(*learnt, recipe, report, checkpoint, on_epoch)
    if not PartialState().is_main_process:
        return None
    if not isinstance(base, Bundle) and set(encoded["train"].labels[0]) == {NO_LABEL} and not teachers:
        report("no row has a topic: this model will call every headline 'other', which never pages")
        _always(start.network.topic, taxonomy.topics.index("other"))
    temperatures = calibrate(start.network, encoded["validation"])
    summary: dict[str, Any] = {
        "rows": {part: dict(Counter(row.origin for row in rows)) for part, rows in parts.items()},
        "near_duplicates_left_out": dropped,
        "base": start.name,
        "teachers": [teacher.version for teacher in teachers],
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
            lambda row: row.origin == "corpus" or not withhold_texts,
            base if isinstance(base, Bundle) else None,
        )
        report(summary["int8"])
        installed = install(Path(scratch) / "bundle", out)
    checkpoint.clear()
    return installed


def held_apart(parts: Mapping[Part, Sequence[LabelledText]]) -> tuple[dict[Part, list[LabelledText]], int]:
    """The parts without the rows that would tell what is held back: training rows that are near-duplicates of a
    validation or test row, validation rows of a test row. And how many those were."""
    test, validation, train_rows = list(parts["test"]), list(parts["validation"]), list(parts["train"])
    kept_validation = _without_copies(validation, test)
    kept_train = _without_copies(train_rows, kept_validation + test)
    dropped = len(validation) - len(kept_validation) + len(train_rows) - len(kept_train)
    return {"train": kept_train, "validation": kept_validation, "test": test}, dropped


def _without_copies(rows: Sequence[LabelledText], held: Sequence[LabelledText]) -> list[LabelledText]:
    copies = near_duplicates([row.text for row in rows], [row.text for row in held])
    return [row for row, copy in zip(rows, copies, strict=True) if copy is None]


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
    """Add integer arithmetic where it costs nothing, score the bundle as it then is on the held-back part, beside the
    bundle that it started from if there was one, and lay the report, the card, and what live headlines are compared
    with beside it."""
    drawn = chance.sample(parts["train"], min(CALIBRATION_TEXTS, len(parts["train"])))
    bundle, summary["int8"] = add_integer_graph(bundle, [row.text for row in drawn], parts["validation"])
    earlier = None
    if before is not None:
        with Scorer(before, "cpu") as scorer:
            earlier = predict(scorer, parts["test"])
    with Scorer(bundle, "cpu") as scorer:
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
        bundle,
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
    network, tokenizer = build(base or default_base(), len(taxonomy.topics), len(taxonomy.sentiments), recipe.dropout)
    return Start(network, tokenizer, Path(base or default_base()).name, (language,))


def _require_enough(parts: Mapping[Part, Sequence[LabelledText]], continued: bool) -> None:
    for head in HEADS:
        classes = {getattr(row, head) for row in parts["train"]} - {None}
        if len(classes) == 1:
            raise InputError(f"all rows have the same {head}: a model needs two or more to tell apart")
        if head == "sentiment" and not classes and not continued:
            raise InputError(
                "no row has a sentiment: label it too, or start from a model that knows it (--base bundled)"
            )
    rows = sum(map(len, parts.values()))
    if len(parts["train"]) < FEWEST_ROWS or not parts["test"] or not parts["validation"]:
        raise InputError(
            f"{rows} labelled rows are too few to train on and hold some back: label at least 100, or start from a "
            "model that knows the rest (--base bundled)"
        )


def _require_room(out: Path) -> None:
    for folder in (out.absolute().parent, Path(gettempdir())):
        there = next(each for each in (folder, *folder.parents) if each.is_dir())
        free = shutil.disk_usage(there).free
        if free < BYTES_NEEDED:
            raise InputError(
                f"{there} has {free / 1e9:.1f} GB free, and training needs {BYTES_NEEDED / 1e9:.1f} GB for its "
                "checkpoints and the bundle: make room there first"
            )


def _identity(encoded: Mapping[Part, Encoded], base: str, taxonomy: Taxonomy, recipe: Recipe) -> str:
    """A hash of all that decides how a training goes: a checkpoint of another one is not taken up."""
    seen = blake2b(digest_size=16)
    parts: tuple[Part, ...] = ("train", "validation")
    for part in parts:
        data = encoded[part]
        seen.update(repr((data.ids, data.labels)).encode())
        for opinions in data.opinions or ():
            seen.update(opinions.tobytes())
    seen.update(repr((base, taxonomy, recipe, PartialState().num_processes)).encode())
    return seen.hexdigest()
