"""The whole way from labelled files to a bundle: read, split, fine-tune, export, evaluate."""

import platform
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from model.bundle import Bundle
from model.errors import InputError
from model.scorer import Scorer
from model.taxonomy import Taxonomy
from training.card import model_card
from training.evaluation import evaluate
from training.export import Origin, documented, export_bundle, install
from training.finetune import Recipe, encode, finetune
from training.labels import LabelledText, Part, read_labels, split
from training.network import build, default_base
from training.quantise import add_integer_graph

PARITY_TEXTS = 600
CALIBRATION_TEXTS = 512


def train(
    paths: Sequence[str],
    out: Path,
    base: str | None = None,
    name: str = "newsquall",
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
    report: Callable[[str], None] = lambda _line: None,
) -> Bundle:
    """Fine-tune on label files and write a bundle to `out`, with the scores on its held-back part in report.json.

    Rows of the held-back part never train and never decide when to stop. Raises InputError if there is too
    little to learn from, UsageError if the base encoder is unknown, ExportError if the graph's numbers differ.
    """
    taxonomy = Taxonomy()
    labels = read_labels(paths, taxonomy)
    for reason, count in Counter(problem.split(": ", 1)[1] for problem in labels.problems).most_common(10):
        report(f"left out {count} rows: {reason}")
    parts = split(labels.rows)
    report(", ".join(f"{part} {len(rows)}" for part, rows in parts.items()) + " rows")
    for head in ("topic", "sentiment"):
        if len({getattr(row, head) for row in parts["train"]} - {None}) == 1:
            raise InputError(f"all rows have the same {head}: a model needs two or more to tell apart")
    if len(parts["train"]) < 20 or not parts["test"] or not parts["validation"]:
        raise InputError(f"{len(labels.rows)} labelled rows are too few to train on and hold some back")
    network, tokenizer = build(base or default_base(), len(taxonomy.topics), len(taxonomy.sentiments))
    encoded = {part: encode(rows, tokenizer, taxonomy, recipe.max_tokens) for part, rows in parts.items()}
    progress = finetune(network, encoded["train"], encoded["validation"], taxonomy, recipe, report)
    summary: dict[str, Any] = {
        "rows": {part: dict(Counter(row.origin for row in rows)) for part, rows in parts.items()},
        "recipe": msgspec.to_builtins(recipe),
        "losses": progress.losses,
        "validation": msgspec.to_builtins(progress.validation),
        "best_epoch": progress.best_epoch,
        "python": platform.python_version(),
    }
    texts = [row.text for row in (parts["validation"] + parts["test"])[:PARITY_TEXTS]]
    origin = Origin(name, Path(base or default_base()).name, ("en",), recipe.max_tokens)
    report("exporting, and comparing the graph's numbers with the network's")
    with TemporaryDirectory(prefix="newsquall-train-") as scratch:
        bundle = export_bundle(network, tokenizer, taxonomy, origin, texts, Path(scratch) / "bundle")
        finish(bundle, parts, summary, random.Random(recipe.seed))  # noqa: S311  (sampling, not secrets)
        report(summary["int8"])
        return install(Path(scratch) / "bundle", out)


def finish(
    bundle: Bundle, parts: Mapping[Part, Sequence[LabelledText]], summary: dict[str, Any], chance: random.Random
) -> Bundle:
    """Add integer arithmetic where it costs nothing, score the bundle as it then is on the held-back part, and write
    that into `summary`, the report and the card."""
    drawn = chance.sample(parts["train"], min(CALIBRATION_TEXTS, len(parts["train"])))
    bundle, summary["int8"] = add_integer_graph(bundle, [row.text for row in drawn], parts["validation"])
    summary["test"] = scores_by_origin(bundle, parts["test"])
    return documented(bundle, model_card(bundle.taxonomy, summary), summary)


def scores_by_origin(bundle: Bundle, rows: Sequence[LabelledText]) -> dict[str, Any]:
    """The packed bundle's scores on held-back rows, all together and by the file that they come from. The files of a
    corpus with one topic each are one origin: their rows all have the same topic by themselves."""
    groups: dict[str, list[LabelledText]] = {"all": list(rows)}
    topics = set(bundle.taxonomy.topics)
    for row in rows:
        groups.setdefault("corpus" if row.origin in topics else row.origin, []).append(row)
    with Scorer(bundle, "cpu") as scorer:
        return {origin: msgspec.to_builtins(evaluate(scorer, part)) for origin, part in groups.items()}
