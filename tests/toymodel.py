"""Models that are made and scored in milliseconds, and say what a test wants: a word means a label, or another."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from model.bundle import MANIFEST, Bundle, sha256_of
from model.scorer import INPUTS
from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS
from training.labels import LabelledText, part_of

TOPICS = tuple(DEFAULT_TOPICS)
FILLERS = """alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec
romeo sierra tango uniform victor whiskey xray yankee zulu""".split()
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
NEW = ("climate", "weather")  # topics that a toy may know beside the default ones
WIDTH = 4  # of the embedding
# Of a word that means a label; the others have 0. The label's probability is then 0.998.
LOGIT = 9.0


def toy(
    folder: Path,
    meaning: Mapping[str, str] | None = None,
    topics: Sequence[str] = TOPICS,
    sentiments: Sequence[str] = SENTIMENTS,
    logit: float = LOGIT,
    report: Mapping[str, Any] | None = None,
    name: str = "toy",
    towards_names: bool = True,
    language: str = "en",
) -> Bundle:
    """A bundle for which every topic's and sentiment's name means itself, but for what `meaning` says. Written like any
    other: opened, checked and scored by the same code. `report`: its report.json."""
    folder.mkdir(parents=True)
    vocabulary = {word: at for at, word in enumerate([*SPECIAL, *TOPICS, *NEW, *SENTIMENTS, *FILLERS])}
    labels = [*topics, *sentiments]
    table = np.zeros((len(vocabulary), len(labels) + WIDTH), dtype=np.float32)
    for label in labels:
        table[vocabulary[label], labels.index((meaning or {}).get(label, label))] = logit
    onnx.save(_graph(table, len(topics), len(sentiments)), str(folder / "graph.onnx"))
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "weights.bin").write_bytes(b"none")
    if report is not None:
        (folder / "report.json").write_text(json.dumps(report))
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    manifest = {
        "format": 1,
        "name": name,
        "version": f"{name}-{files['graph.onnx'][:8]}",
        "created": "2026-01-01",
        "base": "none",
        "languages": [language],
        "topics": list(topics),
        "sentiments": list(sentiments),
        "max_tokens": 32,
        "hidden_size": WIDTH,
        "fusions": {},
        "graphs": {"fp32": "graph.onnx"},
        "weights_file": "weights.bin",
        "tensors": [],
        "towards_names": towards_names,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return Bundle.open(folder)


def _graph(table: np.ndarray, topics: int, sentiments: int) -> onnx.ModelProto:
    """The words' rows of the table, summed."""
    sizes = [topics, sentiments, WIDTH]
    constants = {
        "table": table,
        "tokens": np.array([1], dtype=np.int64),
        "sizes": np.array(sizes, dtype=np.int64),
        "last": np.array([2], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["pooled"], ["there"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["there", "last"], ["mask"]),
        helper.make_node("Mul", ["words", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=0),
        helper.make_node("Split", ["sum", "sizes"], ["topic", "sentiment", "embedding"], axis=1),
        helper.make_node("Add", ["attention_mask", "token_type_ids"], ["unused"]),
    ]
    inputs = [helper.make_tensor_value_info(each, TensorProto.INT64, ["batch", "tokens"]) for each in INPUTS]
    outputs = [
        helper.make_tensor_value_info(each, TensorProto.FLOAT, ["batch", size])
        for each, size in zip(("topic", "sentiment", "embedding"), sizes, strict=True)
    ]
    initialisers = [numpy_helper.from_array(array, each) for each, array in constants.items()]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _tokenizer(vocabulary: Mapping[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(dict(vocabulary), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, ends)
    return tokenizer


def held_back(
    of_each: int, topics: Iterable[str] = TOPICS, sentiments: Sequence[str] = SENTIMENTS
) -> list[LabelledText]:
    """Rows of the test part that name their labels, so many of each topic, their sentiments in turn."""
    rows = []
    for topic in topics:
        texts = (f"{topic} {{}} {' '.join(words)}" for words in product(FILLERS, repeat=3))
        found = 0
        while found < of_each:
            sentiment = sentiments[found % len(sentiments)]
            text = next(texts).format(sentiment)
            if part_of(text) == "test":
                rows.append(LabelledText(text, topic, sentiment, "toys"))
                found += 1
    return rows


def write_rows(path: Path, rows: Iterable[LabelledText]) -> str:
    """Rows as a label file."""
    lines = [json.dumps({"title": row.text, "topic": row.topic, "sentiment": row.sentiment}) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return str(path)
