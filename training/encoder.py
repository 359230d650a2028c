"""A BERT encoder out of a plain ONNX file, as packages for sentence embeddings carry it, into a folder for --base."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import ModelProto, numpy_helper
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from transformers.utils import logging

from model.errors import ExportError, InputError

# The graph does not tell its attention heads, which are 64 wide in BERT, and 32 wide in encoders of 384.
HEADS = {384: 12}
HEAD_WIDTH = 64
PROBE = "Acme Corp. shares fall 3% after it cuts its outlook"
MAX_DIFFERENCE = 1e-3  # in the last hidden state

Arrays = dict[str, npt.NDArray[np.float32]]


def unpack(
    graph: Path, tokenizer: Path, folder: Path, layers: Sequence[int] | None = None, heads: int | None = None
) -> None:
    """Write the encoder of an ONNX file and its tokenizer.json as a folder that transformers reads.

    `layers`: those to keep, in order, from 0; all if not given. A part of the layers is where a smaller student of the
    encoder starts from (Sanh et al., DistilBERT, arXiv:1910.01108, part 3). `heads`: of attention, where they are not
    what BERT has at that width.

    Raises InputError if the graph is not a BERT encoder exported with its parameters' names, ExportError if the
    numbers of what was read differ from the graph's.
    """
    logging.disable_progress_bar()
    state = _parameters(onnx.load(str(graph)))
    network = _network(state, heads)
    words = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer),
        model_max_length=network.config.max_position_embeddings,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")},
    )
    words.backend_tokenizer.no_padding()
    words.backend_tokenizer.no_truncation()
    _require_same(network, graph, words)
    if layers is not None:
        network.encoder.layer = torch.nn.ModuleList(network.encoder.layer[at] for at in layers)
        network.config.num_hidden_layers = len(layers)
    network.save_pretrained(folder)
    words.save_pretrained(folder)


def _parameters(model: ModelProto) -> Arrays:
    """The parameters under transformers' names. The exporter keeps the names of vectors and tables; a matrix has lost
    its name, and is known by the bias that is added to its product."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    bias_of = {}
    for node in model.graph.node:
        if node.op_type == "Add":
            for one, other in (node.input, reversed(node.input)):
                if one in arrays and one.endswith(".bias"):
                    bias_of[other] = one
    state = {name: array for name, array in arrays.items() if name.startswith(("embeddings.", "encoder."))}
    state.pop("embeddings.position_ids", None)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays and node.output[0] in bias_of:
            state[bias_of[node.output[0]].removesuffix("bias") + "weight"] = arrays[node.input[1]].T
    return state


def _network(state: Arrays, heads: int | None) -> BertModel:
    try:
        words, hidden = state["embeddings.word_embeddings.weight"].shape
        config = BertConfig(
            vocab_size=words,
            hidden_size=hidden,
            num_hidden_layers=1 + max(int(name.split(".")[2]) for name in state if name.startswith("encoder.")),
            num_attention_heads=heads or HEADS.get(hidden, hidden // HEAD_WIDTH),
            intermediate_size=state["encoder.layer.0.intermediate.dense.bias"].shape[0],
            max_position_embeddings=state["embeddings.position_embeddings.weight"].shape[0],
            type_vocab_size=state["embeddings.token_type_embeddings.weight"].shape[0],
        )
        network = BertModel(config, add_pooling_layer=False)
        wanted = network.state_dict().keys()
        if missing := sorted(wanted - state.keys()):
            raise KeyError(f"{len(missing)} parameters are missing, {missing[0]} among them")
        network.load_state_dict({name: torch.from_numpy(np.array(state[name])) for name in wanted})
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"the graph is no BERT encoder that was exported with its names: {error.args[0]}") from error
    return network.eval()


def _require_same(network: BertModel, graph: Path, words: PreTrainedTokenizerFast) -> None:
    session = ort.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    inputs = words([PROBE], return_tensors="pt")
    wanted = {each.name for each in session.get_inputs()}
    (expected, *_) = session.run(None, {name: each.numpy() for name, each in inputs.items() if name in wanted})
    with torch.no_grad():
        found = network(**inputs).last_hidden_state.numpy()
    difference = float(np.abs(found - expected).max())
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(f"the encoder's numbers differ from its graph's by {difference:.2g}; nothing was written")
