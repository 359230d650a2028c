"""From a bundle back to the network that can be trained on: what a retraining with a few new labels starts from."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import NodeProto, numpy_helper
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from model.bundle import Bundle
from model.errors import BundleError
from model.taxonomy import Taxonomy
from training.network import TwoHeads

Arrays = Mapping[str, npt.NDArray[np.float32]]


def restore(
    bundle: Bundle, taxonomy: Taxonomy | None = None, dropout: float = 0.1, seed: int | None = None
) -> TwoHeads:
    """The network of a bundle, with the weights that it scores with (8-bit ones, unpacked).

    `seed`: for a network that shall train on and be packed again. Its weights all lie on the steps of the packing, and
    a short training moves most of them by less than half a step: packed again they would fall back to where they were,
    and what was learnt with them. So each is moved at random within its step (dither: Schuchman, 1964), which packing
    anew then rounds without a bias.

    `taxonomy`: topics that the new network shall tell apart, the bundle's own if not given. A topic that the bundle
    knows keeps its weights, wherever it stands; a new one begins at zero.

    Raises BundleError if the graph is not one that this project exported.
    """
    model = onnx.load(str(bundle.graph("fp32")), load_external_data=False)
    packed = bundle.weights("fp32")
    arrays = {
        tensor.name: packed[tensor.name] if tensor.name in packed else numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
    }
    if seed is not None:
        chance = np.random.default_rng(seed)
        for tensor in bundle.manifest.tensors:
            if tensor.encoding == "int8":
                arrays[tensor.name] = _dithered(arrays[tensor.name], tensor.axis, chance)
    try:
        state, config = _encoder(list(model.graph.node), arrays)
        wanted = taxonomy or bundle.taxonomy
        network = TwoHeads(
            BertModel(config, add_pooling_layer=False), len(wanted.topics), len(wanted.sentiments), dropout
        )
        network.encoder.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        for head, known, classes in (
            (network.topic, bundle.taxonomy.topics, wanted.topics),
            (network.sentiment, bundle.taxonomy.sentiments, wanted.sentiments),
        ):
            name = "topic" if head is network.topic else "sentiment"
            _restore_head(head, arrays[f"{name}.weight"], arrays[f"{name}.bias"], known, classes)
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise BundleError(
            f"the bundle at {bundle.folder} cannot be trained on: its graph is unknown ({error})"
        ) from error
    return network


def _dithered(values: npt.NDArray[np.float32], axis: int, chance: np.random.Generator) -> npt.NDArray[np.float32]:
    step = np.abs(values).max(axis=1 - axis, keepdims=True) / 127
    moved: npt.NDArray[np.float32] = (values + step * chance.uniform(-0.5, 0.5, values.shape)).astype(np.float32)
    return moved


def tokenizer_of(bundle: Bundle) -> PreTrainedTokenizerFast:
    """The bundle's tokeniser as transformers has it."""
    names = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(bundle.folder / "tokenizer.json"),
        **{f"{name}_token": token for name, token in names.items()},
    )
    tokenizer.model_max_length = bundle.manifest.max_tokens
    return tokenizer


def _restore_head(
    head: torch.nn.Linear,
    weight: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    known: tuple[str, ...],
    classes: tuple[str, ...],
) -> None:
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        for at, name in enumerate(classes):
            if name in known:
                head.weight[at] = torch.from_numpy(np.array(weight[known.index(name)]))
                head.bias[at] = float(bias[known.index(name)])


def _encoder(nodes: list[NodeProto], arrays: Arrays) -> tuple[dict[str, npt.NDArray[np.float32]], BertConfig]:
    """The encoder's parameters under their own names, and its configuration, read off the fused graph: one embedding
    node, and for each layer attention, product, norm, product, GELU, product, norm, in this order."""
    (embedding,) = (node for node in nodes if node.op_type == "EmbedLayerNormalization")
    names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    state = {f"embeddings.{name}.weight": arrays[embedding.input[2 + at]] for at, name in enumerate(names)}
    state["embeddings.LayerNorm.weight"] = arrays[embedding.input[5]]
    state["embeddings.LayerNorm.bias"] = arrays[embedding.input[6]]
    heads, layers = 0, 0
    for layer, (attention, output, first_norm, up, gelu, down, second_norm) in enumerate(_layers(nodes)):
        prefix = f"encoder.layer.{layer}"
        (heads,) = (each.i for each in attention.attribute if each.name == "num_heads")
        weight = np.split(arrays[attention.input[1]], 3, axis=1)
        bias = np.split(arrays[attention.input[2]], 3)
        for name, each, shift in zip(("query", "key", "value"), weight, bias, strict=True):
            state[f"{prefix}.attention.self.{name}.weight"] = each.T
            state[f"{prefix}.attention.self.{name}.bias"] = shift
        for name, product, norm in (
            ("attention.output", output, first_norm),
            ("output", down, second_norm),
        ):
            state[f"{prefix}.{name}.dense.weight"] = arrays[product.input[1]].T
            state[f"{prefix}.{name}.dense.bias"] = arrays[norm.input[4]]
            state[f"{prefix}.{name}.LayerNorm.weight"] = arrays[norm.input[2]]
            state[f"{prefix}.{name}.LayerNorm.bias"] = arrays[norm.input[3]]
        state[f"{prefix}.intermediate.dense.weight"] = arrays[up.input[1]].T
        state[f"{prefix}.intermediate.dense.bias"] = arrays[gelu.input[1]]
        layers += 1
    words, hidden = state["embeddings.word_embeddings.weight"].shape
    config = BertConfig(
        vocab_size=words,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=state["encoder.layer.0.intermediate.dense.bias"].shape[0],
        max_position_embeddings=state["embeddings.position_embeddings.weight"].shape[0],
        type_vocab_size=state["embeddings.token_type_embeddings.weight"].shape[0],
        layer_norm_eps=next(each.f for each in embedding.attribute if each.name == "epsilon"),
        attn_implementation="eager",
    )
    return state, config


def _layers(nodes: list[NodeProto]) -> Iterator[tuple[NodeProto, ...]]:
    order = ("Attention", "MatMul", "SkipLayerNormalization", "MatMul", "BiasGelu", "MatMul", "SkipLayerNormalization")
    starts = [at for at, node in enumerate(nodes) if node.op_type == "Attention"]
    for start in starts:
        layer = tuple(nodes[start : start + len(order)])
        if tuple(node.op_type for node in layer) != order:
            raise ValueError("a layer is not fused as it is exported here")
        yield layer
