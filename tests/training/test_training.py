"""From labels to a bundle, whole, at toy size; and exports that must be refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

import training.export
import training.quantise
from model.bundle import Bundle
from model.errors import ExportError, InputError, UsageError
from model.scorer import Score, Scorer
from model.taxonomy import Taxonomy
from training.batches import NO_LABEL, bucketed, class_weights, padded
from training.evaluation import predict
from training.export import Origin, export_bundle
from training.finetune import Recipe
from training.labels import LabelledText, read_labels, split
from training.material import held_apart
from training.network import TwoHeads, build
from training.train import train

QUICK = Recipe(epochs=1, batch=16, learning_rate=1e-3, max_tokens=48)
TEXTS = [
    "Quarterly profit falls as costs rise",
    "Central bank raises rates",
    "Chief executive quits after strike",
    "Shares rise 5% on record sales",
]


@pytest.fixture(scope="session")
def trained(tmp_path_factory, toy_base, label_files) -> tuple[Bundle, list[str]]:
    lines: list[str] = []
    out = tmp_path_factory.mktemp("out") / "toy"
    return train(label_files, out, base=toy_base, name="toy", recipe=QUICK, report=lines.append), lines


@pytest.fixture
def network(toy_base):
    """A fresh network of the toy base with its tokeniser."""
    torch.manual_seed(3)
    return build(toy_base, 17, 3)


def origin(**changes) -> Origin:
    fields = {"name": "toy", "base": "toy", "languages": ("en",), "max_tokens": 48}
    return Origin(**fields | changes)


def test_training_writes_a_bundle_that_opens_and_scores(trained):
    opened = Bundle.open(trained[0].folder)
    assert opened.version.startswith("toy-")
    assert opened.manifest.hidden_size == 32
    assert opened.manifest.fusions == {
        "EmbedLayerNormalization": 1,
        "Attention": 2,
        "SkipLayerNormalization": 4,
        "BiasGelu": 2,
    }
    with Scorer(opened, "cpu") as scorer:
        scores = scorer.score(TEXTS)
        assert all(isinstance(score, Score) for score in scores)
        for text, score in zip(TEXTS, scores, strict=True):
            assert scorer.score([text])[0].probabilities == pytest.approx(score.probabilities, abs=1e-5)


def test_the_report_and_the_card_beside_it_say_what_was_learnt_and_scored(trained):
    bundle, lines = trained
    report = json.loads((bundle.folder / "report.json").read_text())
    rows = {part: sum(counts.values()) for part, counts in report["rows"].items()}
    assert set(rows) == {"train", "validation", "test"}
    assert sum(rows.values()) > 200
    assert report["test"]["all"]["topic"]["n"] == rows["test"]
    assert report["recipe"]["epochs"] == 1
    assert len(report["losses"]) == 1
    card = (bundle.folder / "CARD.md").read_text()
    assert f"| all | topic | {rows['test']} |" in card
    assert "Must not be used" in card
    assert any(line.startswith("epoch 1/1") for line in lines)


def test_the_shipped_scores_are_those_of_the_packed_bundle(trained, label_files):
    bundle, _ = trained
    report = json.loads((bundle.folder / "report.json").read_text())
    held_back = held_apart(split(read_labels(label_files, Taxonomy()).rows))[0]["test"]
    with Scorer(bundle, "cpu") as scorer:
        again = predict(scorer, held_back).scores()
    assert again["topic"].accuracy == report["test"]["all"]["topic"]["accuracy"]
    page = (bundle.folder / "report.html").read_text()
    assert bundle.version in page
    assert bundle.reference().n == len(held_back) + sum(report["rows"]["validation"].values())


def test_the_bundle_gives_the_networks_own_probabilities_but_for_the_packing(network, tmp_path):
    net, tokenizer = network
    bundle = export_bundle(net, tokenizer, Taxonomy(), origin(), TEXTS, tmp_path / "toy")
    with Scorer(bundle, "cpu") as scorer:
        for text, score in zip(TEXTS, scorer.score(TEXTS), strict=True):
            with torch.no_grad():
                topic, sentiment, _ = net(*padded(tokenizer([text])["input_ids"]))
            assert score.probabilities == pytest.approx(sentiment.softmax(-1)[0].tolist(), abs=0.02)
            assert score.topic_probabilities == pytest.approx(topic.softmax(-1)[0].tolist(), abs=0.02)


def test_the_same_network_exported_twice_is_the_same_version(network, tmp_path):
    net, tokenizer = network
    versions = {
        export_bundle(net, tokenizer, Taxonomy(), origin(), TEXTS, tmp_path / name).version for name in ("a", "b")
    }
    assert len(versions) == 1


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Drifting(TwoHeads):
    """Gives other logits at each call."""

    calls = 0

    def forward(self, *inputs):
        topic, sentiment, embedding = super().forward(*inputs)
        Drifting.calls += 1
        return topic + 0.01 * Drifting.calls, sentiment, embedding


def spoil_drift(net, monkeypatch):
    net.__class__ = Drifting


def spoil_fusion(net, monkeypatch):
    # Another activation: the graph has no gelu to fuse.
    for layer in net.encoder.encoder.layer:
        layer.intermediate.intermediate_act_fn = torch.nn.ReLU()


def spoil_packing(net, monkeypatch):
    import training.export

    def crude(weights, axis):
        packed, scale = original(weights, axis)
        return (packed // 64 * 64).astype(np.int8), scale

    original = training.export.quantise
    monkeypatch.setattr(training.export, "quantise", crude)


def spoil_weight(net, monkeypatch):
    import training.export

    def tampered(model, folder):
        tensors = original(model, folder)
        path = folder / training.export.WEIGHTS
        path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
        return tensors

    original = training.export._pack
    monkeypatch.setattr(training.export, "_pack", tampered)


@pytest.mark.parametrize(
    ("spoil", "reason", "before"),
    [
        (spoil_drift, "differs from torch", {"bundle.json": b"the one before"}),
        (spoil_fusion, "not fused whole", {"bundle.json": b"the one before"}),
        (spoil_packing, "8-bit weights change", {"bundle.json": b"the one before"}),
        (spoil_weight, "8-bit weights change", {}),
    ],
)
def test_an_export_whose_numbers_differ_is_refused_and_leaves_the_folder_as_it_was(
    network, tmp_path, monkeypatch, spoil, reason, before
):
    net, tokenizer = network
    with torch.no_grad():  # so that packing has something to lose
        net.topic.weight.mul_(20)
        net.sentiment.weight.mul_(20)
    folder = tmp_path / "toy"
    if before:
        folder.mkdir()
    for name, content in before.items():
        (folder / name).write_bytes(content)
    spoil(net, monkeypatch)
    with pytest.raises(ExportError, match=reason):
        export_bundle(net, tokenizer, Taxonomy(), origin(), TEXTS, folder)
    assert folder.exists() == bool(before)
    if before:
        assert contents(folder) == before


@pytest.mark.parametrize("texts", [[], ["🚀"]])
def test_an_export_with_nothing_to_compare_on_is_refused(network, tmp_path, texts):
    net, tokenizer = network
    with pytest.raises(ExportError):
        export_bundle(net, tokenizer, Taxonomy(), origin(), texts, tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


def test_a_network_whose_numbers_are_not_finite_is_refused(network, tmp_path):
    net, tokenizer = network
    with torch.no_grad():
        net.topic.bias[0] = float("nan")
    with pytest.raises(ExportError):
        export_bundle(net, tokenizer, Taxonomy(), origin(), TEXTS, tmp_path / "toy")


def test_a_base_that_is_not_there_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="there is no encoder") as refused:
        build(str(tmp_path / "absent"), 17, 3)
    assert "\n" not in str(refused.value)


def altered(toy_base, folder: Path, **changes) -> str:
    """A copy of the toy base with another configuration."""
    shutil.copytree(toy_base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return str(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_type": "roberta"}, "is a roberta encoder, not a BERT"),
        ({"hidden_act": "relu"}, "has the activation relu, not gelu"),
    ],
)
def test_an_encoder_that_could_not_be_exported_is_refused_before_the_training(toy_base, tmp_path, changes, told):
    with pytest.raises(UsageError, match=told) as refused:
        build(altered(toy_base, tmp_path / "other", **changes), 17, 3)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spoiled", ["model.safetensors", "config.json"])
def test_a_base_that_is_not_whole_is_told_in_one_line(toy_base, tmp_path, spoiled):
    folder = Path(altered(toy_base, tmp_path / "other"))
    (folder / spoiled).write_bytes((folder / spoiled).read_bytes()[:50])
    with pytest.raises(UsageError, match="there is no encoder") as refused:
        build(str(folder), 17, 3)
    assert "\n" not in str(refused.value)


def test_a_base_without_its_vocabulary_is_refused(toy_base, tmp_path):
    folder = Path(altered(toy_base, tmp_path / "other"))
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).unlink()
    with pytest.raises(UsageError, match=r"the tokeniser of .* does not fit its encoder"):
        build(str(folder), 17, 3)


def test_heads_begin_as_their_seed_says_and_nothing_else_is_disturbed(toy_base):
    weights = []
    for elsewhere, seed in ((1, 5), (2, 5), (2, 6)):
        torch.manual_seed(elsewhere)
        expected = torch.rand(3)
        torch.manual_seed(elsewhere)
        weights.append(build(toy_base, 17, 3, seed=seed)[0].topic.weight)
        assert torch.equal(torch.rand(3), expected)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["Acme falls {},earnings,negative"], "the same topic"),
        (["Acme falls {},earnings,negative", "Bolt falls {},other,negative"], "the same sentiment"),
    ],
)
def test_labels_that_tell_nothing_apart_are_refused(tmp_path, toy_base, rows, reason):
    path = tmp_path / "labels.csv"
    lines = [row.format("x" * number) for number in range(40) for row in rows]
    path.write_text("title,topic,sentiment\n" + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match=reason):
        train([str(path)], tmp_path / "out", base=toy_base, recipe=QUICK)
    assert not (tmp_path / "out").exists()


def test_too_few_labels_are_refused(tmp_path, toy_base):
    path = tmp_path / "labels.csv"
    path.write_text("title,topic,sentiment\nAcme falls,earnings,negative\nBolt rises,other,positive\n")
    with pytest.raises(InputError, match="too few"):
        train([str(path)], tmp_path / "out", base=toy_base, recipe=QUICK)


def test_no_row_that_trains_or_decides_when_to_stop_nearly_copies_one_that_is_held_back():
    def row(text):
        return LabelledText(text, "earnings", None, "f")

    long = "Quarterly profit at Acme Foods falls by a third as cocoa costs soar in Europe"
    parts = {
        "test": [row(long)],
        "validation": [row(f"UPDATE {long}"), row("Bolt wins an order for forty trams from Oslo")],
        "train": [row(f"{long} again"), row("Bolt wins an order for 40 more trams, forty from Oslo"), row("Oil rises")],
    }
    kept, dropped = held_apart(parts)
    assert [each.text for each in kept["validation"]] == ["Bolt wins an order for forty trams from Oslo"]
    assert [each.text for each in kept["train"]] == ["Oil rises"]
    assert (kept["test"], dropped) == (parts["test"], 3)


def test_batches_hold_every_row_once_and_rows_of_like_length():
    import random

    lengths = [number % 37 for number in range(500)]
    batches = bucketed(lengths, 16, random.Random(1))
    assert sorted(at for batch in batches for at in batch) == list(range(500))
    assert max(map(len, batches)) == 16
    spread = [max(lengths[at] for at in batch) - min(lengths[at] for at in batch) for batch in batches]
    assert sum(spread) / len(spread) < 4
    assert batches == bucketed(lengths, 16, random.Random(1))


def test_rare_classes_weigh_more_but_not_in_full_and_unlabelled_rows_do_not_count():
    weights = class_weights([0] * 64 + [1] + [NO_LABEL] * 9, 3)
    assert weights[1] / weights[0] == pytest.approx(8)
    assert (64 * weights[0] + weights[1]) / 65 == pytest.approx(1)


def test_padding_is_masked():
    ids, mask, types, pooled = padded([[5, 6, 7], [8]], [[0, 1, 0], None])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert types.tolist() == [[0] * 3] * 2
    assert pooled.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_integer_arithmetic_is_added_where_it_keeps_the_scores_and_left_out_where_it_does_not(
    network, tmp_path, monkeypatch
):
    net, tokenizer = network
    rows = [LabelledText(text, None, ("negative", "positive")[at % 2], "toy") for at, text in enumerate(TEXTS)]
    bundle = export_bundle(net, tokenizer, Taxonomy(), origin(), TEXTS, tmp_path / "toy")

    monkeypatch.setattr(training.quantise, "is_shown", lambda loss: True)
    same, told = training.quantise.add_integer_graph(bundle, TEXTS, rows)
    assert same == bundle == Bundle.open(bundle.folder)
    assert "left out" in told

    same, told = training.quantise.add_integer_graph(bundle, TEXTS, [])
    assert (same, told) == (bundle, "no labelled row tells what int8 arithmetic costs: left out")

    monkeypatch.undo()
    integer, told = training.quantise.add_integer_graph(bundle, TEXTS, rows)
    assert integer.manifest.graphs["int8"]
    assert integer.version != bundle.version
    with Scorer(bundle, "cpu") as exact, Scorer(integer, "cpu") as scorer:
        for one, other in zip(exact.score(TEXTS), scorer.score(TEXTS), strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=0.05)


def test_a_disk_without_room_for_this_network_is_told_before_the_training(label_files, toy_base, tmp_path, monkeypatch):
    room = shutil.disk_usage(tmp_path)._replace(free=100 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: room)
    with pytest.raises(InputError, match=r"has 0.1 GB free, and training needs 0.2 GB"):
        train(label_files, tmp_path / "out", toy_base)
    assert not list(tmp_path.iterdir())


def test_an_encoder_of_fewer_positions_cuts_texts_there(label_files, toy_base, tmp_path):
    short = tmp_path / "short"
    encoder = AutoModel.from_pretrained(toy_base)
    BertModel(BertConfig(**encoder.config.to_dict() | {"max_position_embeddings": 16})).save_pretrained(short)
    AutoTokenizer.from_pretrained(toy_base).save_pretrained(short)
    told = []
    bundle = train(label_files, tmp_path / "out", str(short), recipe=Recipe(epochs=1), report=told.append)
    assert any("short reads 16 tokens at most" in line for line in told)
    assert bundle.manifest.max_tokens == 16
    assert bundle.manifest.base == "short"
