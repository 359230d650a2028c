"""Integer arithmetic for a bundle: an int8 graph beside the fp32 one, left out where labels show that it costs.

The scales of the activations are fixed, found on calibration texts. Dynamic quantisation takes them from each batch, so
that a text's score would depend on its batch-mates (docs/LOG.md has what that changed).

A few channels of a BERT's states are ten times as large as all others (Kovaleva et al., BERT Busters, ACL Findings
2021). A scale that spans them leaves the others few steps, so the scale spans the others, and what it cuts off the few
is multiplied in full precision beside the integers, as LLM.int8 does (Dettmers et al., arXiv:2208.07339).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import NodeProto, TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from model.bundle import LARGEST_INTEGER, Bundle, integer_name
from model.scorer import INPUTS, Scorer
from model.text import clean
from training.batches import padded
from training.confidence import Interval, difference
from training.evaluation import predict
from training.export import seal
from training.labels import HEADS, LabelledText

GRAPH = "graph.int8.onnx"
BATCH = 32
LEVELS = 255  # of an unsigned byte above its lowest
# Channels of an activation that may lie beyond its scale.
OUTLIERS = 4
# What integer arithmetic may cost, in macro-F1 of a head on labelled rows that did not train.
MAX_F1_LOSS = 0.005
# Few rows show nothing, and what is lost on them this much is left out all the same.
NO_CHANCE = 0.05


def add_integer_graph(bundle: Bundle, texts: Sequence[str], rows: Sequence[LabelledText]) -> tuple[Bundle, str]:
    """Add an int8 graph to a bundle on disk, unless on `rows` a head's macro-F1 is further below that of the fp32 graph
    than it may be (`is_shown`). Gives back the bundle as it is then, and a line that says what was found.

    `texts`: what calibrates the activations' scales; none of them needs a label.
    """
    folder = bundle.folder
    model = onnx.load(str(bundle.graph("fp32")), load_external_data=False)
    inputs = _activations(model)
    ranges = _calibrate(bundle, model, inputs, texts)
    _rewrite(model, inputs, ranges, bundle)
    onnx.save(model, str(folder / GRAPH))
    tensors = [msgspec.structs.replace(t, integer=t.name in inputs) for t in bundle.manifest.tensors]
    manifest = msgspec.structs.replace(
        bundle.manifest, graphs={**bundle.manifest.graphs, "int8": GRAPH}, tensors=tensors
    )
    candidate = Bundle(folder, manifest)
    losses = _losses(bundle, candidate, rows)
    told = ", ".join(
        f"{head} {loss.estimate:+.4f} ({loss.low:+.4f} to {loss.high:+.4f})" for head, loss in losses.items()
    )
    if not losses:
        why = "no labelled row tells what int8 arithmetic costs"
    elif any(map(is_shown, losses.values())):
        why = f"int8 arithmetic costs macro-F1 ({told})"
    else:
        return seal(folder, manifest), f"int8 arithmetic is not shown to cost macro-F1 ({told}): added"
    (folder / GRAPH).unlink()
    return bundle, f"{why}: left out"


def is_shown(loss: Interval) -> bool:
    """Whether a loss of macro-F1 is larger than 0.005 and more than chance, or so large that chance is no excuse. On
    400 rows two of them are 0.005, and a model would be twice as slow by the luck of the draw."""
    return loss.estimate > NO_CHANCE or (loss.estimate > MAX_F1_LOSS and loss.low > 0)


def _activations(model: onnx.ModelProto) -> dict[str, str]:
    """The encoder's matrices, each with the activation that it is multiplied with."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return {
        node.input[1]: node.input[0]
        for node in model.graph.node
        if node.op_type in ("Attention", "MatMul") and node.input[1] in weights
    }


class _Range(NamedTuple):
    """How an activation becomes unsigned bytes. The range need not lie around zero: after a GELU it hardly goes below.

    outliers: the channels that it may cut; none where it spans all."""

    scale: np.float32
    zero: np.uint8
    outliers: npt.NDArray[np.int64]

    @property
    def lowest(self) -> np.float32:
        return np.float32(-float(self.zero) * self.scale)

    @property
    def highest(self) -> np.float32:
        return np.float32((LEVELS - float(self.zero)) * self.scale)


def _calibrate(
    bundle: Bundle, model: onnx.ModelProto, inputs: Mapping[str, str], texts: Sequence[str]
) -> dict[str, _Range]:
    """The range of each activation on the texts."""
    names = sorted(set(inputs.values()))
    whole = {inputs[node.input[1]] for node in model.graph.node if node.op_type == "Attention"}
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = ort.SessionOptions()
    weights = bundle.weights("fp32")
    values = [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
    options.add_external_initializers(list(weights), values)
    session = ort.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    lowest: dict[str, npt.NDArray[np.float32]] = {}
    highest: dict[str, npt.NDArray[np.float32]] = {}
    tokenizer = Tokenizer.from_file(str(bundle.folder / "tokenizer.json"))
    tokenizer.enable_truncation(bundle.manifest.max_tokens)
    ids = sorted((each.ids for each in tokenizer.encode_batch([clean(text) for text in texts])), key=len)
    for start in range(0, len(ids), BATCH):
        batch = [tensor.numpy() for tensor in padded(ids[start : start + BATCH])]
        found = session.run(names, dict(zip(INPUTS, batch, strict=True)))
        kept = batch[1].astype(bool)
        for name, activation in zip(names, found, strict=True):
            low, high = activation[kept].min(axis=0), activation[kept].max(axis=0)
            lowest[name] = np.minimum(lowest.get(name, low), low)
            highest[name] = np.maximum(highest.get(name, high), high)
    # The fused attention has no place to add what was cut.
    return {name: _range(lowest[name], highest[name], 0 if name in whole else OUTLIERS) for name in names}


def _range(lowest: npt.NDArray[np.float32], highest: npt.NDArray[np.float32], outliers: int) -> _Range:
    """The range of all but so many channels, those that reach furthest. lowest, highest: (channels,)."""
    reach = np.maximum(np.abs(lowest), np.abs(highest))
    order = np.argsort(-reach, kind="stable")
    rest = order[outliers:]
    low, high = min(0.0, float(lowest[rest].min())), max(0.0, float(highest[rest].max()))
    span = max(high - low, 1e-6) / LEVELS
    return _Range(np.float32(span), np.uint8(round(-low / span)), np.sort(order[:outliers]))


def _rewrite(model: onnx.ModelProto, inputs: Mapping[str, str], ranges: Mapping[str, _Range], bundle: Bundle) -> None:
    """Turn the encoder's products into integer ones, in place: activations as unsigned bytes, weights as signed."""
    graph = model.graph
    made, added = [], []
    exact = bundle.weights("fp32")
    quantised: dict[str, str] = {}
    for node in graph.node:
        if node.op_type not in ("Attention", "MatMul") or node.input[1] not in inputs:
            made.append(node)
            continue
        activation, weight = node.input[0], node.input[1]
        scale, zero = f"{activation}_scale", f"{activation}_zero"
        weight_scale, weight_zero = f"{weight}_scale", f"{weight}_zero"
        if activation not in quantised:
            quantised[activation] = f"{activation}_u8"
            for name, value in ((scale, ranges[activation].scale), (zero, ranges[activation].zero)):
                added.append(numpy_helper.from_array(np.array(value), name))
            made.append(helper.make_node("QuantizeLinear", [activation, scale, zero], [quantised[activation]]))
        columns = np.abs(exact[weight]).max(axis=0)
        columns = np.where(columns > 0, columns, 1.0)
        added.append(numpy_helper.from_array((columns / LARGEST_INTEGER).astype(np.float32), weight_scale))
        added.append(numpy_helper.from_array(np.zeros(len(columns), np.int8), weight_zero))
        if node.op_type == "MatMul":
            names = [quantised[activation], integer_name(weight), scale, weight_scale, zero, weight_zero]
            operator, attributes = "MatMulIntegerToFloat", []
        else:
            bias, mask = node.input[2], node.input[3]
            names = [quantised[activation], integer_name(weight), bias, scale, weight_scale, mask, zero, weight_zero]
            operator, attributes = (
                "QAttention",
                [a for a in node.attribute if a.name in ("num_heads", "unidirectional")],
            )
        outputs = list(node.output)
        outliers = ranges[activation].outliers
        if len(outliers):
            outputs = [f"{weight}_within"]
            beyond, tensors = _beyond(activation, weight, ranges[activation], exact[weight][outliers], node.output[0])
            added += tensors
        product = helper.make_node(operator, names, outputs, domain="com.microsoft")
        product.attribute.extend(attributes)
        made.append(product)
        if len(outliers):
            made += beyond
    del graph.node[:]
    graph.node.extend(made)
    for tensor in graph.initializer:
        if tensor.name in inputs:
            tensor.name = integer_name(tensor.name)
            tensor.data_type = TensorProto.INT8
    graph.initializer.extend(added)


def _beyond(
    activation: str, weight: str, span: _Range, rows: npt.NDArray[np.float32], output: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    """The nodes that add to an integer product what its range cuts off the outliers, and their constants. rows: the
    weight's rows of the outliers, (outliers, columns)."""
    channels, low, high, of_channels, seen, within, cut, product = (
        f"{weight}_{name}" for name in ("outliers", "low", "high", "rows", "seen", "kept", "cut", "beyond")
    )
    nodes = [
        helper.make_node("Gather", [activation, channels], [seen], axis=-1),
        helper.make_node("Clip", [seen, low, high], [within]),
        helper.make_node("Sub", [seen, within], [cut]),
        helper.make_node("MatMul", [cut, of_channels], [product]),
        helper.make_node("Add", [f"{weight}_within", product], [output]),
    ]
    constants = ((channels, span.outliers), (low, span.lowest), (high, span.highest), (of_channels, rows))
    return nodes, [numpy_helper.from_array(np.asarray(value), name) for name, value in constants]


def _losses(exact: Bundle, integer: Bundle, rows: Sequence[LabelledText]) -> dict[str, Interval]:
    """By how much macro-F1 falls, by head that has labels."""
    found = []
    for bundle in (exact, integer):
        with Scorer(bundle, "cpu") as scorer:
            found.append(predict(scorer, rows))
    losses = {}
    for head in HEADS:
        _, truth, before = found[0].of(head)
        _, _, after = found[1].of(head)
        if len(truth):
            chosen = after.argmax(axis=1), before.argmax(axis=1)
            losses[head] = difference(truth, *chosen, len(found[0].classes(head)))
    return losses
