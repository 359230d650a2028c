"""From the trained network to a bundle: export, fuse, check, pack, check again."""

import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers import optimizer
from transformers import PreTrainedTokenizerBase

from model.bundle import FORMAT, MANIFEST, Bundle, Manifest, PackedTensor, quantise, sha256_of
from model.errors import ExportError, UnscorableText
from model.reference import REFERENCE
from model.scorer import INPUTS, Scorer
from model.taxonomy import Taxonomy
from model.text import clean
from training.batches import padded
from training.network import TwoHeads

OUTPUTS = ("topic", "sentiment", "embedding")
WEIGHTS = "weights.bin"
# What a bundle says of itself, and is not scored with.
DOCUMENTS = frozenset({"CARD.md", "report.json", "report.html", REFERENCE})
OPSET = 17
ALIGNMENT = 64
# Tensors below this many values stay in the graph, as floats.
SMALL = 1024

# Beyond these the export refuses. The fused graph is the same arithmetic in another order; the packed one has
# 8-bit weights, whose cost is judged by the labels that change on real text.
MAX_FUSED_DIFFERENCE = 1e-3  # in logits
MAX_PACKED_LABEL_CHANGES = 0.01  # share of texts
MAX_PACKED_MEAN_DIFFERENCE = 0.01  # in probabilities


@dataclass(frozen=True)
class Origin:
    """Where a bundle comes from, as its manifest and card say."""

    name: str
    base: str
    languages: tuple[str, ...]
    max_tokens: int


def export_bundle(
    network: TwoHeads,
    tokenizer: PreTrainedTokenizerBase,
    taxonomy: Taxonomy,
    origin: Origin,
    texts: Sequence[str],
    folder: Path,
) -> Bundle:
    """Write a bundle for a trained network, its numbers compared with the network's on `texts`.

    Raises ExportError, and leaves `folder` as it was, if a fusion is missing or the numbers differ.
    """
    network.eval()
    with TemporaryDirectory(prefix="newsquall-export-") as scratch:
        raw = Path(scratch) / "raw.onnx"
        _export(network, raw)
        fused = _fuse(raw, network)
        fusions = _require_fusions(fused, int(network.encoder.config.num_hidden_layers))
        onnx.save(fused.model, str(Path(scratch) / "fused.onnx"))
        _require_same_logits(network, tokenizer, Path(scratch) / "fused.onnx", texts, origin.max_tokens)
        staged = Path(scratch) / "bundle"
        staged.mkdir()
        tensors = _pack(fused.model, staged)
        _save_half(raw, network, [tensor.name for tensor in tensors], staged)
        tokenizer.backend_tokenizer.save(str(staged / "tokenizer.json"))
        manifest = Manifest(
            format=FORMAT,
            name=origin.name,
            version="",
            created=datetime.now(UTC).date().isoformat(),
            base=origin.base,
            languages=list(origin.languages),
            topics=list(taxonomy.topics),
            sentiments=list(taxonomy.sentiments),
            max_tokens=origin.max_tokens,
            hidden_size=int(network.encoder.config.hidden_size),
            fusions=fusions,
            graphs={"fp32": "graph.onnx", "fp16": "graph.fp16.onnx"},
            weights_file=WEIGHTS,
            tensors=tensors,
            files={},
        )
        _require_same_labels(network, tokenizer, seal(staged, manifest), texts)
        return install(staged, folder)


def seal(folder: Path, manifest: Manifest) -> Bundle:
    """Write a manifest with the checksums of what lies in the folder now, and the version that follows from them:
    the same graphs, weights and vocabulary have the same version."""
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    identity = sha256("".join(files[name] for name in sorted(files) if name not in DOCUMENTS).encode()).hexdigest()
    sealed = msgspec.structs.replace(manifest, version=f"{manifest.name}-{identity[:8]}", files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n")
    return Bundle.open(folder)


def documented(bundle: Bundle, documents: Mapping[str, bytes]) -> Bundle:
    """Lay documents (DOCUMENTS, by name) beside a bundle's model; its version stays."""
    for name, content in documents.items():
        (bundle.folder / name).write_bytes(content)
    return seal(bundle.folder, bundle.manifest)


def install(staged: Path, folder: Path) -> Bundle:
    """Put a finished bundle in its place, and the one that was there away: a reader finds the one or the other."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    arriving, leaving = (folder.with_name(f".{folder.name}.{which}") for which in ("new", "old"))
    for rest in (arriving, leaving):
        shutil.rmtree(rest, ignore_errors=True)
    shutil.copytree(staged, arriving)
    if folder.exists():
        folder.rename(leaving)
    arriving.rename(folder)
    shutil.rmtree(leaving, ignore_errors=True)
    return Bundle.open(folder)


def _export(network: TwoHeads, path: Path) -> None:
    example = padded([[1, 2, 3], [1, 3]])  # numbers that every vocabulary has
    axes: dict[str, dict[int, str]] = {name: {0: "batch", 1: "tokens"} for name in INPUTS}
    axes |= {name: {0: "batch"} for name in OUTPUTS}
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, and warns of constants in the mask's shape; the dynamo exporter's
        # graph has no attention that ONNX Runtime's optimiser recognises. What is traced is compared below.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            example,
            str(path),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def _fuse(raw: Path, network: TwoHeads) -> Any:
    config = network.encoder.config
    return optimizer.optimize_model(
        str(raw),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=0,
    )


def _require_fusions(fused: Any, layers: int) -> dict[str, int]:
    wanted = {
        "EmbedLayerNormalization": 1,
        "Attention": layers,
        "SkipLayerNormalization": 2 * layers,
        "BiasGelu": layers,
    }
    found = {name: int(count) for name, count in fused.get_fused_operator_statistics().items() if name in wanted}
    if found != wanted:
        raise ExportError(f"the graph is not fused whole: {found} instead of {wanted}; nothing was written")
    return found


def _require_same_logits(
    network: TwoHeads, tokenizer: PreTrainedTokenizerBase, graph: Path, texts: Sequence[str], max_tokens: int
) -> None:
    session = ort.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    for start in range(0, min(len(texts), 256), 32):
        ids = tokenizer(list(texts[start : start + 32]), truncation=True, max_length=max_tokens)["input_ids"]
        inputs = padded(ids)
        with torch.no_grad():
            expected = network(*inputs)
        got = session.run(list(OUTPUTS), {n: t.numpy() for n, t in zip(INPUTS, inputs, strict=True)})
        for name, want, have in zip(OUTPUTS, expected, got, strict=True):
            difference = float(np.abs(want.numpy() - have).max())
            if not difference <= MAX_FUSED_DIFFERENCE:
                raise ExportError(f"the fused graph's {name} differs from torch by {difference:.2g}; nothing written")


def _pack(model: onnx.ModelProto, folder: Path) -> list[PackedTensor]:
    """Move the large initialisers out of the graph into one file of 8-bit integers."""
    tables = {
        name for node in model.graph.node if node.op_type == "EmbedLayerNormalization" for name in node.input[2:5]
    }
    blob = bytearray()

    def append(array: np.ndarray) -> int:
        blob.extend(b"\0" * (-len(blob) % ALIGNMENT))
        offset = len(blob)
        blob.extend(array.tobytes())
        return offset

    tensors = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        shape = list(values.shape)
        if values.ndim == 2:
            # Embedding tables have a scale for each word, matrices one for each output column.
            axis = 0 if tensor.name in tables else 1
            packed, scale = quantise(values, axis)
            tensors.append(PackedTensor(tensor.name, shape, "int8", append(packed), append(scale), axis))
        else:
            tensors.append(PackedTensor(tensor.name, shape, "fp32", append(values)))
    (folder / WEIGHTS).write_bytes(blob)
    _externalise(model, {tensor.name for tensor in tensors})
    onnx.save(model, str(folder / "graph.onnx"))
    return tensors


def _externalise(model: onnx.ModelProto, names: set[str]) -> None:
    """Declare initialisers as external; the scorer hands them over from memory, no such file is ever read."""
    for tensor in model.graph.initializer:
        if tensor.name in names:
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
            tensor.ClearField("external_data")
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", WEIGHTS


def _save_half(raw: Path, network: TwoHeads, names: Sequence[str], folder: Path) -> None:
    """The same graph for fp16 arithmetic, with the logits and the softmax's inputs given back as fp32."""
    fused = _fuse(raw, network)
    fused.convert_float_to_float16(keep_io_types=True)
    present = {tensor.name: tensor.data_type for tensor in fused.model.graph.initializer}
    wrong = [name for name in names if present.get(name) != TensorProto.FLOAT16]
    if wrong:
        raise ExportError(f"the fp16 graph lacks {len(wrong)} of the fp32 graph's weights, {wrong[0]} among them")
    _externalise(fused.model, set(names))
    onnx.save(fused.model, str(folder / "graph.fp16.onnx"))


def _require_same_labels(
    network: TwoHeads, tokenizer: PreTrainedTokenizerBase, bundle: Bundle, texts: Sequence[str]
) -> None:
    with Scorer(bundle, "cpu") as scorer:
        scores = scorer.score(texts)
    changed, differences = 0, []
    for text, score in zip(texts, scores, strict=True):
        if isinstance(score, UnscorableText):
            continue
        ids = tokenizer([clean(text)], truncation=True, max_length=bundle.manifest.max_tokens)["input_ids"]
        with torch.no_grad():
            topic, sentiment, _ = network(*padded(ids))
        for logits, have in ((topic, score.topic_probabilities), (sentiment, score.probabilities)):
            want = logits.softmax(-1)[0].double().numpy()
            changed += int(want.argmax() != np.argmax(have))
            differences.append(float(np.abs(want - np.array(have)).max()))
    if not differences:
        raise ExportError("there is no readable text to compare the exported model on; nothing written")
    share, mean = changed / len(differences), float(np.mean(differences))
    few = changed <= 1  # of a handful of texts a single tie is more than a hundredth
    if not ((share <= MAX_PACKED_LABEL_CHANGES or few) and mean <= MAX_PACKED_MEAN_DIFFERENCE):
        raise ExportError(
            f"8-bit weights change {share:.1%} of the labels (probabilities by {mean:.3f} on average); nothing written"
        )
