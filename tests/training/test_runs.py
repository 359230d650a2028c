"""A training leaves a record in the registry, however it ends; and a registry that is gone costs no training."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("onnx")

from deploy import cli
from model.bundle import Bundle, sha256_of
from model.errors import InputError
from model.registry import Registry, RegistryPlace
from tests.conftest import NOW
from tests.toymodel import toy
from training.promotion import Because, promote
from training.runs import TrainingRun, described, recorded, run_of

PARAMETERS = {"base": "toy", "recipe/epochs": "3"}
REPORT = {
    "rows": {"train": {"mine": 90, "corpus": 10}, "validation": {"mine": 5}, "test": {"mine": 12}},
    "losses": [0.9, 0.5, 0.4],
    "validation": [{"topic": {"macro_f1": each}, "sentiment": {"macro_f1": each / 2}} for each in (0.5, 0.7, 0.8)],
    "test": {
        "all": {
            "topic": {"n": 12, "accuracy": 0.75, "macro_f1": 0.7, "ece": 0.1, "per_class": {}},
            "unscorable": 2,
        }
    },
}


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return toy(tmp_path / "toy", report=REPORT)


def runs(registry: Registry) -> list[Any]:
    """All runs of the registry, the oldest first."""
    with registry.talking() as client:
        assert client is not None
        experiment = client.get_experiment_by_name(registry.place.name)
        found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
        return list(found)


def losses(registry: Registry, run: str) -> list[tuple[int, float]]:
    with registry.talking() as client:
        assert client is not None
        return sorted((each.step, each.value) for each in client.get_metric_history(run, "loss"))


def scores(topic: float) -> dict[str, Any]:
    return {"topic": SimpleNamespace(macro_f1=topic)}


def test_a_training_that_ends_is_on_record_with_all_that_came_of_it(registry, bundle, tmp_path):
    lines: list[str] = []
    clock = Clock()
    with recorded(registry, PARAMETERS, tmp_path / "out", lines.append, clock) as run:
        run.epoch(1, 0.9, scores(0.5))
        clock.now += 12.3
        run.epoch(2, 0.5, scores(0.7))
        run.trained(bundle)
    (found,) = runs(registry)
    assert lines == []
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "out"
    assert found.data.params == PARAMETERS | {
        "rows/train": "mine 90, corpus 10",
        "rows/validation": "mine 5",
        "rows/test": "mine 12",
    }
    assert found.data.tags["bundle"] == bundle.version
    assert found.data.metrics == {
        "duration_seconds": 12.3,
        "loss": 0.4,
        "validation_topic_macro_f1": 0.8,
        "validation_sentiment_macro_f1": 0.4,
        "test_topic_accuracy": 0.75,
        "test_topic_macro_f1": 0.7,
        "test_topic_ece": 0.1,
    }
    # The third epoch was not told while it went by; each is there once.
    assert losses(registry, found.info.run_id) == [(1, 0.9), (2, 0.5), (3, 0.4)]
    with registry.talking() as client:
        assert [each.path for each in client.list_artifacts(found.info.run_id)] == ["report.json"]
    assert run_of(registry, bundle) == found.info.run_id


@pytest.mark.parametrize(
    ("ending", "status"),
    [(InputError("no rows"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(3), "KILLED")],
)
def test_how_it_ended_is_on_record(registry, tmp_path, ending, status):
    with pytest.raises(type(ending)), recorded(registry, PARAMETERS, tmp_path / "out", print):
        raise ending
    assert [each.info.status for each in runs(registry)] == [status]


def test_a_training_that_is_asked_to_end_is_on_record_as_killed(registry, tmp_path):
    before = signal.getsignal(signal.SIGTERM)

    def work() -> None:
        with recorded(registry, PARAMETERS, tmp_path / "out", print):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(KeyboardInterrupt):
        work()
    assert [each.info.status for each in runs(registry)] == ["KILLED"]
    assert signal.getsignal(signal.SIGTERM) == before


def killed(registry: Registry, parameters: dict[str, str], out: Path) -> None:
    with suppress(KeyboardInterrupt), recorded(registry, parameters, out, print, Clock()) as run:
        run.epoch(1, 0.9, scores(0.5))
        raise KeyboardInterrupt


def test_the_same_training_goes_on_in_its_run_and_another_has_its_own(registry, bundle, tmp_path):
    killed(registry, PARAMETERS, tmp_path / "out")
    killed(registry, PARAMETERS | {"recipe/epochs": "4"}, tmp_path / "out")
    killed(registry, PARAMETERS, tmp_path / "elsewhere")
    for _ in range(2):
        with recorded(registry, PARAMETERS, tmp_path / "out", print) as run:
            run.epoch(2, 0.5, scores(0.7))
            run.trained(bundle)
    first, other, elsewhere, again = runs(registry)
    assert [each.info.status for each in (first, other, elsewhere, again)] == [
        "FINISHED",
        "KILLED",
        "KILLED",
        "FINISHED",
    ]
    assert losses(registry, first.info.run_id) == [(1, 0.9), (2, 0.5), (3, 0.4)]
    # Of the same model the newest training is told.
    assert run_of(registry, bundle) == again.info.run_id


class Flaky(Registry):
    """A registry that answers on some days."""

    def __init__(self, place: RegistryPlace) -> None:
        super().__init__(place)
        self.down = True
        self.asked = 0

    def _client(self, make: bool) -> Any:
        self.asked += 1
        if self.down:
            raise ConnectionRefusedError(111, "Connection refused")
        return super()._client(make)


def test_a_registry_that_is_gone_is_said_once_and_costs_no_training(place, bundle, tmp_path):
    registry, lines = Flaky(place), []
    with recorded(registry, PARAMETERS, tmp_path / "out", lines.append) as run:
        for number in range(1, 20):
            run.epoch(number, 0.9, scores(0.5))
        run.trained(bundle)
    (line,) = lines
    assert "the registry" in line
    assert "Connection refused" in line
    assert line.endswith("; this training goes on, and is not on record there")
    assert registry.asked == 2  # when it began, and once more when it ended


def test_a_registry_that_comes_back_has_the_whole_record(place, bundle, tmp_path):
    registry, lines = Flaky(place), []
    with recorded(registry, PARAMETERS, tmp_path / "out", lines.append) as run:
        run.epoch(1, 0.9, scores(0.5))
        registry.down = False
        run.trained(bundle)
    assert len(lines) == 1
    (found,) = runs(Registry(place))
    assert (found.info.status, found.data.params["base"]) == ("FINISHED", "toy")
    assert losses(Registry(place), found.info.run_id) == [(1, 0.9), (2, 0.5), (3, 0.4)]


def test_whoever_ends_a_training_does_not_wait_for_a_registry_that_is_gone(place, tmp_path):
    registry = Flaky(place)
    with pytest.raises(KeyboardInterrupt), recorded(registry, PARAMETERS, tmp_path / "out", lambda _line: None):
        raise KeyboardInterrupt
    assert registry.asked == 1


def test_a_fault_of_ours_is_no_fault_of_the_registry(registry, tmp_path):
    run = TrainingRun(registry, PARAMETERS, tmp_path, print)
    with pytest.raises(AttributeError):
        run.epoch(1, 0.5, {"topic": None})


def test_a_version_belongs_to_the_run_that_made_it(registry, bundle, tmp_path):
    assert run_of(registry, bundle) is None
    with recorded(registry, PARAMETERS, tmp_path / "out", print) as run:
        run.trained(bundle)
    promote(registry, bundle, Because("ada", NOW), None, run_of(registry, bundle))
    (version,) = registry.versions()
    assert version.run_id == runs(registry)[0].info.run_id
    assert len(runs(registry)) == 1
    assert registry.bundle(1).version == bundle.version


def test_no_registry_has_no_runs_and_is_not_made(tmp_path, bundle):
    place = RegistryPlace(f"sqlite:///{tmp_path}/none.db", str(tmp_path / "a"), "newsquall", tmp_path / "c")
    assert run_of(Registry(place), bundle) is None
    assert not (tmp_path / "none.db").exists()


def test_a_label_file_is_known_by_its_rows_and_its_checksum(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("title,topic\nAcme falls,earnings\nAcme rises,earnings\n")
    assert described(str(file)) == f"mine.csv: 2 rows, sha256 {sha256_of(file)[:12]}"
    assert described(str(tmp_path / "absent.csv")) == "absent.csv: cannot be read"
    assert described("-") == "standard input"


# ------------------------------------------------------------------ the command


@pytest.fixture
def typed(tmp_path: Path, place: RegistryPlace, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", place.uri)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__ARTIFACTS", place.artifacts)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__CACHE", str(place.cache))
    return tmp_path


def test_train_leaves_a_run_that_promote_finds(typed, registry, toy_base, label_files, capsys):
    call = ["train", "--labels", *label_files, "--base", toy_base, "--epochs", "1", "--out", "mine"]
    assert cli.run(call) == 0
    (found,) = runs(registry)
    bundle = Bundle.open(typed / "mine")
    assert found.info.status == "FINISHED"
    assert found.data.tags["bundle"] == bundle.version == capsys.readouterr().out.strip()
    assert found.data.params["base"] == toy_base
    assert found.data.params["recipe/epochs"] == "1"
    assert found.data.params["labels/1"].startswith("central_banks.csv: ")
    assert {"loss", "validation_topic_macro_f1", "test_sentiment_macro_f1", "duration_seconds"} <= set(
        found.data.metrics
    )
    with registry.talking() as client:
        kept = {each.path for each in client.list_artifacts(found.info.run_id)}
    assert kept == {"report.html", "report.json", "CARD.md"}
    # Untrained as it is, the gate refuses it beside the bundled model; the version is the run's all the same.
    assert cli.run(["promote", "mine", "--labels", *label_files]) == 1
    assert cli.run(["promote", "mine", "--labels", *label_files, "--force", "--reason", "a trial of the way"]) == 0
    assert [version.run_id for version in registry.versions()] == [found.info.run_id]


def test_train_with_a_registry_that_is_gone_trains(typed, bundle, capsys, monkeypatch):
    def fine_tune(paths, out, base, *, on_epoch, **_others):
        on_epoch(1, 0.9, scores(0.5))
        return bundle

    monkeypatch.setattr("training.train.train", fine_tune)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", "postgresql+psycopg://ada:secret@127.0.0.1:9/models")
    assert cli.run(["train", "--labels", "mine.csv", "--out", "mine"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{bundle.version}\n"
    told = [line for line in captured.err.splitlines() if "the registry" in line]
    assert len(told) == 1
    assert "this training goes on" in told[0]
    assert "secret" not in told[0]


def test_train_that_fails_is_on_record(typed, registry, toy_base):
    Path("few.csv").write_text("title,topic,sentiment\nAcme falls,earnings,negative\nBolt rises,other,positive\n")
    assert cli.run(["train", "--labels", "few.csv", "--base", toy_base, "--out", "mine"]) == 1
    assert [each.info.status for each in runs(registry)] == ["FAILED"]
