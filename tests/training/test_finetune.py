"""Fine-tuning at toy size: a kill in the middle changes nothing, adapters end in plain weights, teachers
teach what labels do not."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from model.registry import Registry
from model.taxonomy import Taxonomy
from training.batches import NO_LABEL, Encoded, encode
from training.checkpoint import Checkpoint
from training.finetune import Recipe, finetune, logits_of
from training.labels import read_labels, split
from training.network import build

QUICK = Recipe(epochs=2, batch=16, learning_rate=1e-3, max_tokens=48, precision="fp32")


@pytest.fixture(scope="session")
def data(toy_base, label_files) -> dict[str, Encoded]:
    _, tokenizer = build(toy_base, 17, 3)
    parts = split(read_labels(label_files, Taxonomy()).rows)
    return {part: encode(rows, tokenizer, Taxonomy(), QUICK.max_tokens) for part, rows in parts.items()}


def fresh(toy_base):
    torch.manual_seed(3)
    return build(toy_base, 17, 3)[0]


def weights(network) -> list[torch.Tensor]:
    return [parameter.detach() for parameter in network.parameters()]


class Killed(Exception):  # noqa: N818  (what a signal does, not an error)
    pass


@pytest.mark.parametrize("batch", [3, 14])
def test_a_training_that_was_killed_goes_on_to_the_very_same_weights(toy_base, data, tmp_path, monkeypatch, batch):
    monkeypatch.setattr("training.finetune.CHECKPOINT_SECONDS", 0.0)  # a state after every batch
    whole = fresh(toy_base)
    progress = finetune(whole, data["train"], data["validation"], Taxonomy(), QUICK)

    checkpoint = Checkpoint(tmp_path / "state", "the same")
    original, saved = checkpoint.save, 0

    def save_and_die(state):
        nonlocal saved
        saved += 1
        problem = original(state)
        if saved == batch:
            raise Killed
        return problem

    monkeypatch.setattr(checkpoint, "save", save_and_die)
    with pytest.raises(Killed):
        finetune(fresh(toy_base), data["train"], data["validation"], Taxonomy(), QUICK, checkpoint=checkpoint)
    lines: list[str] = []
    again = fresh(toy_base)
    resumed = finetune(
        again,
        data["train"],
        data["validation"],
        Taxonomy(),
        QUICK,
        lines.append,
        Checkpoint(tmp_path / "state", "the same"),
    )
    assert any("going on with a training" in line for line in lines)
    assert resumed == progress
    for one, other in zip(weights(whole), weights(again), strict=True):
        assert torch.equal(one, other)


def test_a_finished_training_is_not_done_again(toy_base, data, tmp_path):
    checkpoint = Checkpoint(tmp_path / "state", "the same")
    first = fresh(toy_base)
    finetune(first, data["train"], data["validation"], Taxonomy(), QUICK, checkpoint=checkpoint)
    lines: list[str] = []
    second = fresh(toy_base)
    finetune(second, data["train"], data["validation"], Taxonomy(), QUICK, lines.append, checkpoint)
    assert lines == ["this training was finished before: going on with its export"]
    for one, other in zip(weights(first), weights(second), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_other_labels_or_a_broken_one_is_passed_over(tmp_path):
    Checkpoint(tmp_path, "one").save({"at": [1, 2, 3.0]})
    assert Checkpoint(tmp_path, "one").load() == {"at": [1, 2, 3.0]}
    assert Checkpoint(tmp_path, "another").load() is None
    file = tmp_path / "state.pt"
    file.write_bytes(file.read_bytes()[:100])
    assert Checkpoint(tmp_path, "one").load() is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_costs_the_checkpoint_and_not_the_training(toy_base, data, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "state.new").symlink_to("/dev/full")
    lines: list[str] = []
    finetune(
        fresh(toy_base),
        data["train"],
        data["validation"],
        Taxonomy(),
        replace(QUICK, epochs=1),
        lines.append,
        Checkpoint(folder, "x"),
    )
    assert any(line.startswith("no checkpoint could be kept (") for line in lines)
    assert Checkpoint(folder, "x").load() is None


def test_low_rank_training_leaves_a_plain_network(toy_base, data):
    network = fresh(toy_base)
    names = set(network.state_dict())
    before = network.state_dict()["encoder.encoder.layer.0.attention.self.query.weight"].clone()
    words = network.state_dict()["encoder.embeddings.word_embeddings.weight"].clone()
    finetune(network, data["train"], data["validation"], Taxonomy(), replace(QUICK, lora_rank=4))
    assert set(network.state_dict()) == names
    assert not torch.equal(network.state_dict()["encoder.encoder.layer.0.attention.self.query.weight"], before)
    assert torch.equal(network.state_dict()["encoder.embeddings.word_embeddings.weight"], words)


def test_batches_that_are_gathered_make_the_step_of_a_large_one(toy_base, data):
    # One epoch, one step in all: the gradient of two batches of 8 is that of one of 16, but for dropout.
    part = Encoded(data["train"].ids[:16], tuple(each[:16] for each in data["train"].labels))
    results = []
    for batch, accumulate in ((16, 1), (8, 2)):
        network = build(toy_base, 17, 3, dropout=0.0)[0]
        network.encoder.config.hidden_dropout_prob = 0.0
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        with torch.no_grad():
            network.topic.weight.fill_(0.01)
            network.topic.bias.fill_(0.0)
            network.sentiment.weight.fill_(0.01)
            network.sentiment.bias.fill_(0.0)
        recipe = replace(QUICK, epochs=1, batch=batch, accumulate=accumulate)
        finetune(network, part, data["validation"], Taxonomy(), recipe)
        results.append(network.topic.bias.detach().clone())
    assert torch.allclose(results[0], results[1], atol=1e-5)


def test_a_teacher_teaches_rows_that_have_no_label(toy_base, data):
    rows = len(data["train"])
    none = [NO_LABEL] * rows
    topics = np.zeros((rows, 17), dtype=np.float32)
    topics[:, 4] = 1.0
    sentiments = np.zeros((rows, 3), dtype=np.float32)  # a row of zeros: the teacher has no opinion
    taught = Encoded(data["train"].ids, (none, none), (topics, sentiments))
    network = fresh(toy_base)
    before = network.sentiment.weight.detach().clone()
    finetune(network, taught, data["validation"], Taxonomy(), replace(QUICK, epochs=1, teachers_share=1.0))
    topic, _ = logits_of(network, data["validation"], "cpu")
    assert (topic.argmax(1) == 4).all()
    assert torch.equal(network.sentiment.weight, before)


def test_two_processes_share_the_batches_and_one_writes_the_bundle(toy_base, label_files, tmp_path, place):
    launcher = Path(sys.executable).with_name("accelerate")
    command = Path(sys.executable).with_name("newsquall")
    assert shutil.which(launcher)
    done = subprocess.run(
        [launcher, "launch", "--cpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
         "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1",
         command, "train", "--labels", *label_files, "--base", toy_base, "--epochs", "1", "--out", tmp_path / "two"],
        capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path,
        env={**os.environ, "NEWSQUALL_REGISTRY__URI": place.uri},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith("newsquall-")
    assert len(done.stdout.strip().splitlines()) == 1
    assert (tmp_path / "two" / "bundle.json").is_file()
    with Registry(place).talking() as client:
        assert len(client.search_runs([client.get_experiment_by_name("newsquall").experiment_id])) == 1
