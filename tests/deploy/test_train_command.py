"""`newsquall train` hands its options on, and says in one line what is not installed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import cli
from deploy.commands import train as train_command
from model.masking import Masker
from model.registry import Registry, RegistryPlace


def test_without_torch_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train_command, "find_spec", lambda name: None)
    assert cli.run(["train", "--labels", "a.csv", "--out", "model"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "newsquall: training needs torch, transformers, onnx, accelerate, peft: "
        "install the train extra (uv sync --extra train)\n"
    )


def test_an_encoder_has_nothing_to_rehearse(
    tmp_path: Path, place: RegistryPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", place.uri)
    assert cli.run(["train", "--labels", "a.csv", "--out", "model", "--rehearse", "news.csv"]) == 2
    told = capsys.readouterr().err
    assert told == "newsquall: only a model has something to rehearse: give one to start from (--base bundled)\n"
    with Registry(place).talking() as client:
        assert client.get_experiment_by_name("newsquall") is None


def test_options_reach_training_and_the_runs_record(
    tmp_path: Path, place: RegistryPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    training = pytest.importorskip("training.train")
    from tests.toymodel import toy

    asked: dict[str, Any] = {}

    def fine_tune(paths: list[str], out: Path, base: str | None, *, recipe: Any, report: Any, **others: Any) -> Any:
        others.pop("on_epoch")(1, 0.5, {"topic": SimpleNamespace(macro_f1=0.7)})
        asked.update(paths=paths, out=out, base=base, epochs=recipe.epochs, lora=recipe.lora_rank, **others)
        report("epoch 1")
        return bundle

    bundle = toy(tmp_path / "made")
    monkeypatch.setattr(training, "train", fine_tune)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", place.uri)
    out = tmp_path / "model"
    more = ["--topic", "climate", "--language", "de", "--lora", "8"]
    assert (
        cli.run(["train", "--labels", "a.csv", "b.csv", "--out", str(out), "--base", "bert", "--epochs", "2", *more])
        == 0
    )
    assert asked == {
        "paths": ["a.csv", "b.csv"],
        "out": out,
        "base": "bert",
        "epochs": 2,
        "lora": 8,
        "teachers": [],
        "rehearsed": (),
        "topics": ("climate",),
        "language": "de",
        "withhold_texts": False,
        "strict": False,
        "masker": Masker(handles=False),
    }
    captured = capsys.readouterr()
    assert captured.out == f"{bundle.version}\n"
    assert captured.err == f"epoch 1\nthe bundle is in {bundle.folder}\n"
    with Registry(place).talking() as client:
        (run,) = client.search_runs([client.get_experiment_by_name("newsquall").experiment_id])
    assert run.data.tags["bundle"] == bundle.version
    assert run.data.metrics["validation_topic_macro_f1"] == 0.7
    assert {
        "base": "bert",
        "topics": "climate",
        "language": "de",
        "recipe/lora_rank": "8",
    }.items() <= run.data.params.items()


@pytest.mark.parametrize(
    "arguments", [["--labels", "a.csv"], ["--out", "m"], ["--labels", "a", "--out", "m", "--epochs", "0"]]
)
def test_what_is_missing_is_a_wrong_call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--base", "bundled", "--language", "zh"], "reads en, not zh: start from an encoder of it"),
        (["--base", "7"], "has no version 7"),
        (["--topic", "Climate Change"], "'Climate Change' is no name for a topic"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_read(
    place: RegistryPlace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", place.uri)
    assert cli.run(["train", "--labels", "absent.csv", "--out", "model", *arguments]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1
