"""A bundle as a network again: the same numbers, and room for new topics."""

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch")

import onnx
import torch

from model.bundle import Bundle, quantise
from model.errors import BundleError
from model.scorer import Score, Scorer
from training.batches import padded
from training.export import seal
from training.restore import restore, tokenizer_of

TEXTS = ["Acme cuts its dividend after a loss", "Oil rises", "Regulator fines Bolt Bank €5m over outage"]


def asked(network, tokenizer, texts):
    network.eval()
    with torch.no_grad():
        topic, sentiment, _ = network(*padded(tokenizer(texts)["input_ids"]))
    return topic.softmax(-1).numpy(), sentiment.softmax(-1).numpy()


def exact(bundle: Bundle, tmp_path) -> Bundle:
    """The bundle without its integer graph, so that it is scored in fp32."""
    folder = tmp_path / "exact"
    folder.mkdir()
    for path in bundle.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "graph.int8.onnx").unlink(missing_ok=True)
    graphs = {name: file for name, file in bundle.manifest.graphs.items() if name != "int8"}
    return seal(folder, msgspec.structs.replace(bundle.manifest, graphs=graphs))


def test_the_network_gives_the_bundles_own_probabilities(bundle, tmp_path):
    plain = exact(bundle, tmp_path)
    topics, sentiments = asked(restore(plain), tokenizer_of(plain), TEXTS)
    with Scorer(plain, "cpu") as scorer:
        for row, score in enumerate(scorer.score(TEXTS)):
            assert isinstance(score, Score)
            assert topics[row] == pytest.approx(score.topic_probabilities, abs=1e-4)
            assert sentiments[row] == pytest.approx(score.probabilities, abs=1e-4)


def test_a_new_topic_finds_its_place_behind_the_known_ones_and_leaves_them_as_they_were(bundle):
    wider = bundle.taxonomy.with_topics(["climate"])
    network = restore(bundle, wider)
    assert network.topic.out_features == len(bundle.taxonomy.topics) + 1
    assert not network.topic.weight[-1].any()
    assert torch.equal(network.topic.weight[:-1], restore(bundle).topic.weight)


def test_a_graph_of_another_make_is_refused_in_one_line(bundle, tmp_path):
    plain = exact(bundle, tmp_path)
    model = onnx.load(str(plain.graph("fp32")), load_external_data=False)
    gelu = next(node for node in model.graph.node if node.op_type == "BiasGelu")
    gelu.op_type = "FastGelu"
    onnx.save(model, str(plain.graph("fp32")))
    with pytest.raises(BundleError, match="cannot be trained on") as refused:
        restore(seal(plain.folder, plain.manifest))
    assert "\n" not in str(refused.value)


def test_probabilities_are_of_rows(bundle):
    topics, sentiments = asked(restore(bundle), tokenizer_of(bundle), TEXTS)
    assert np.allclose(topics.sum(1), 1)
    assert np.allclose(sentiments.sum(1), 1)


def test_what_a_short_training_changes_survives_the_packing(bundle):
    """A change of a third of a packing step, everywhere: without dither it would be rounded away, everywhere."""
    name = "encoder.layer.0.intermediate.dense.weight"

    def packed_change(seed):
        weight = restore(bundle, seed=seed).encoder.state_dict()[name].numpy().T
        before = restore(bundle).encoder.state_dict()[name].numpy().T
        step = np.abs(before).max(axis=0) / 127
        moved = weight + 0.3 * step
        moved[np.abs(before).argmax(axis=0), np.arange(len(step))] -= 0.3 * step  # the largest keeps the scale
        packed, scale = quantise(moved, 1)
        return float(np.mean((packed * scale - before) / step))

    assert packed_change(None) == pytest.approx(0.0, abs=0.02)
    assert packed_change(5) == pytest.approx(0.3, abs=0.05)
