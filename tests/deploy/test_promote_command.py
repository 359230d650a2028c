"""From a bundle's folder to the champion and back, as an analyst types it: on a real registry, with toy models."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("onnx")

from deploy import cli
from deploy.commands import champion as champion_command
from model.bundle import Bundle
from model.registry import CHAMPION, PREVIOUS, Registry, RegistryPlace
from model.taxonomy import SENTIMENTS
from stream.archive import Archive
from stream.records import Label
from tests.conftest import NOW
from tests.toymodel import TOPICS, held_back, toy, write_rows
from training.labelbook import LabelBook
from training.pace import side_by_side
from training.promotion import Because, promote

APART = {"rows": {"train": {"toys": 900}, "test": {"toys": 340}}}
SCORES = {"topic": {"macro_f1": 0.91}, "sentiment": {"macro_f1": 0.87}}


class Desk:
    """A folder in which commands are typed, with a registry, a label file and some models."""

    def __init__(self, folder: Path, place: RegistryPlace, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.place = place
        self.registry = Registry(place)
        self.labels = write_rows(folder / "toys.jsonl", held_back(20))
        self._capsys = capsys

    def model(self, name: str, *arguments, **more) -> Bundle:
        report = APART | {"test": {"all": SCORES}}
        return toy(self.folder / name, *arguments, **({"report": report} | more))

    def type(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        status = cli.run([str(each) for each in arguments])
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    def promote(self, name: str, *more: str) -> tuple[int, str, str]:
        return self.type("promote", self.folder / name, "--labels", self.labels, *more)

    def aliases(self) -> tuple[int | None, int | None]:
        return self.registry.alias(CHAMPION), self.registry.alias(PREVIOUS)

    def promoted(self, *names: str) -> None:
        """Models that were promoted one after the other."""
        for number, name in enumerate(names):
            promote(self.registry, self.model(name, logit=9.0 + number), Because("ada", NOW), number or None)


@pytest.fixture
def desk(
    tmp_path: Path, place: RegistryPlace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", place.uri)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__ARTIFACTS", place.artifacts)
    monkeypatch.setenv("NEWSQUALL_REGISTRY__CACHE", str(place.cache))
    monkeypatch.setattr(champion_command.getpass, "getuser", lambda: "ada")
    # Toys take a millisecond: what else the machine does would decide. Each look at this clock is a second later.
    ticking = partial(side_by_side, clock=partial(next, count()))
    monkeypatch.setattr("training.trial.side_by_side", ticking)
    return Desk(tmp_path, place, capsys)


def test_the_first_is_put_beside_the_bundled_model_and_becomes_the_champion(desk: Desk) -> None:
    bundle = desk.model("first")
    status, out, err = desk.promote("first")
    assert (status, desk.aliases()) == (0, (1, None))
    assert f"{bundle.version} beside newsquall-" in out
    assert "the bundled model, since there is no champion yet" in out
    lines = out.splitlines()
    assert any(line.split()[:2] == ["topic", "macro-F1"] and "pass: better by more" in line for line in lines)
    assert lines[-1].startswith(f"version 1 ({bundle.version}) is the champion. Workers follow it with scorer.model")
    assert err == "340 held-back rows of 340 (toys 340)\n"


def test_a_worse_model_is_refused_with_the_reason_and_nothing_moves(desk: Desk) -> None:
    desk.promoted("first")
    bundle = desk.model("worse", {"negative": "neutral", "fraud_governance": "other"})
    status, out, err = desk.promote("worse")
    assert (status, desk.aliases()) == (1, (1, None))
    assert len(desk.registry.versions()) == 1
    failing = [line for line in out.splitlines() if "  fail: " in line]
    assert {"negative recall", "fraud_governance F1"} <= {line[:46].strip() for line in failing}
    refusal = err.splitlines()[-1]
    assert refusal.startswith(f"newsquall: {bundle.version} is not promoted: sentiment macro-F1: worse by 0.")
    assert refusal.endswith("the champion stays as it is (--force --reason TEXT promotes all the same)")


def test_force_promotes_with_a_reason_that_is_kept(desk: Desk) -> None:
    desk.promoted("first")
    desk.model("worse", {"negative": "neutral"})
    status, out, err = desk.promote("worse", "--force", "--reason", "  the desk wants\nquiet ")
    assert (status, desk.aliases()) == (0, (2, 1))
    assert "promoted all the same: sentiment macro-F1: worse by" in err
    assert "version 1 is kept: newsquall rollback goes back to it" in out
    tags = desk.registry.versions()[1].tags
    assert (tags["promotion.how"], tags["promotion.by"]) == ("forced", "ada")
    assert tags["promotion.reason"] == "the desk wants quiet"
    assert "negative recall: worse by 1.000" in tags["promotion.refusals"]


@pytest.mark.parametrize("more", [["--force"], ["--force", "--reason", " \n "], ["--reason", "x" * 501]])
def test_force_without_a_reason_or_with_a_novel_is_a_wrong_call(desk: Desk, more: list[str]) -> None:
    desk.model("first")
    status, out, err = desk.promote("first", *more)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "reason" in err
    assert desk.registry.versions() == []


def test_force_that_was_not_needed_is_no_force(desk: Desk) -> None:
    desk.model("first")
    assert desk.promote("first", "--force", "--reason", "to be sure")[0] == 0
    tags = desk.registry.versions()[0].tags
    assert (tags["promotion.how"], tags["promotion.reason"]) == ("gate", "to be sure")


def test_the_champion_promoted_again_is_no_new_version(desk: Desk) -> None:
    desk.promoted("first")
    status, out, _ = desk.promote("first")
    assert (status, desk.aliases()) == (0, (1, None))
    assert "is the champion already, as version 1: nothing was moved" in out
    assert len(desk.registry.versions()) == 1
    status, out, _ = desk.promote("first", "--json")
    answer = json.loads(out)
    assert (answer["promoted"], answer["version"]) == (False, 1)


def test_an_earlier_version_is_promoted_by_its_number(desk: Desk) -> None:
    desk.promoted("first", "second")
    status, _, _ = desk.type("promote", "1", "--labels", desk.labels)
    assert (status, desk.aliases()) == (0, (1, 2))
    assert len(desk.registry.versions()) == 2


def test_the_answer_for_a_script(desk: Desk) -> None:
    desk.promoted("first")
    desk.model("worse", {"negative": "neutral"})
    status, out, err = desk.promote("worse", "--json")
    refused = json.loads(out)
    assert (status, refused["promoted"], refused["passed"], refused["version"]) == (1, False, False, None)
    assert refused["refusals"][0].startswith("sentiment macro-F1: ")
    check = next(each for each in refused["checks"] if each["name"] == "negative recall")
    assert (check["champion"], check["challenger"], check["verdict"]) == (1.0, 0.0, "fail")
    assert check["difference"] == {"estimate": -1.0, "low": -1.0, "high": -1.0}
    assert err.splitlines()[-1].startswith("newsquall: ")
    desk.model("second", logit=10.0)
    status, out, _ = desk.promote("second", "--json")
    answer = json.loads(out)
    assert (status, answer["promoted"], answer["version"], answer["previous"]) == (0, True, 2, 1)
    assert {"text", "checks", "rows", "champion", "forced"} - set(answer) == {"text"}


def test_too_few_rows_to_judge_by_do_not_open_the_gate(desk: Desk) -> None:
    desk.promoted("first")
    desk.model("second", logit=10.0)
    few = write_rows(desk.folder / "few.jsonl", held_back(1)[:12])
    status, out, err = desk.type("promote", desk.folder / "second", "--labels", few)
    assert (status, desk.aliases()) == (1, (1, None))
    assert "the rows say too little of the sentiment: 12 of them" in err
    assert "  fail: " not in out


def test_without_labels_the_corpus_and_the_book_judge(desk: Desk) -> None:
    archive = Archive("sqlite:///newsquall.db")
    rows = held_back(2)
    LabelBook(archive.engine).add(
        [Label(row.text[:40], row.text, "ada", NOW, "import", row.topic, row.sentiment) for row in rows]
    )
    archive.close()
    _, _, err = desk.type("promote", "bundled")
    assert f"labels {len(rows)})" in err.splitlines()[0]
    assert "(corpus " in err.splitlines()[0]
    assert desk.aliases() == (1, None)


def test_labels_outside_the_taxonomy_are_told_and_a_file_of_nothing_else_judges_nobody(desk: Desk) -> None:
    desk.model("first")
    odd = write_rows(desk.folder / "odd.jsonl", held_back(2, topics=["climate"]))
    status, _, err = desk.type("promote", desk.folder / "first", "--labels", desk.labels, odd)
    assert status == 0
    assert err.splitlines()[:2] == [f"{odd}:{line}: unknown topic 'climate'" for line in (1, 2)]
    status, _, err = desk.type("promote", desk.folder / "first", "--labels", "absent.csv")
    assert status == 0  # the champion already: nothing to compare
    desk.model("second", logit=10.0)
    for name in ("absent.csv", odd):
        status, _, err = desk.type("promote", desk.folder / "second", "--labels", name)
        assert status == 1
        assert err.splitlines()[-1].startswith("newsquall: ")
    assert desk.aliases() == (1, None)


def test_a_topic_that_is_new_is_welcome_where_it_is_found(desk: Desk) -> None:
    desk.promoted("first")
    wider = (*TOPICS, "climate")
    desk.labels = write_rows(desk.folder / "wider.jsonl", held_back(20, wider))
    desk.model("blind", {"climate": "other"}, topics=wider)
    status, out, err = desk.promote("blind")
    assert status == 1
    assert "climate F1 (a new topic): 0.00" in err
    desk.model("sees", topics=wider)
    status, out, err = desk.promote("sees")
    assert (status, desk.aliases()) == (0, (2, 1))
    assert "climate F1 (a new topic)" in out
    # Going back gives it up again, which workers allow.
    assert desk.type("rollback")[0] == 0
    assert desk.aliases() == (1, 2)


@pytest.mark.parametrize("force", [[], ["--force", "--reason", "I insist"]])
def test_labels_that_no_worker_would_take_cannot_be_forced(desk: Desk, force: list[str]) -> None:
    desk.promoted("first")
    desk.model("narrow", topics=TOPICS[1:])
    status, _, err = desk.promote("narrow", *force)
    assert (status, desk.aliases(), err.count("\n")) == (1, (1, None), 1)
    assert "it does not know the topics earnings, and no worker would take it into use" in err


def damage_weights(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"other")


def damage_manifest(folder: Path) -> None:
    (folder / "bundle.json").write_text("{")


def remove_graph(folder: Path) -> None:
    (folder / "graph.onnx").unlink()


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder)


def empty(folder: Path) -> None:
    remove_all(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("spoil", "status"),
    [(damage_weights, 1), (damage_manifest, 1), (remove_graph, 1), (remove_all, 2), (empty, 2)],
)
@pytest.mark.parametrize("force", [[], ["--force", "--reason", "I insist"]])
def test_a_damaged_model_is_one_line_and_no_version(
    desk: Desk, spoil: Callable[[Path], None], status: int, force: list[str]
) -> None:
    spoil(desk.model("broken").folder)
    found, out, err = desk.promote("broken", *force)
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert desk.registry.versions() == []


def test_a_model_whose_labels_do_not_fit_its_graph_is_not_promoted_by_force(desk: Desk) -> None:
    bundle = desk.model("odd")
    manifest = json.loads((bundle.folder / "bundle.json").read_text())
    manifest["topics"].append("climate")
    (bundle.folder / "bundle.json").write_text(json.dumps(manifest))
    status, _, err = desk.promote("odd", "--force", "--reason", "I insist")
    assert (status, err.count("\n")) == (1, 1)
    assert "do not fit its graph" in err
    assert desk.registry.versions() == []


def test_past_a_champion_that_is_damaged_force_leads_out(desk: Desk) -> None:
    desk.promoted("first")
    stored = Path(unquote(urlsplit(desk.registry.versions()[0].source).path))
    (stored / "graph.onnx").write_bytes(b"damaged")
    shutil.rmtree(desk.place.cache, ignore_errors=True)
    desk.model("second", logit=10.0)
    status, _, err = desk.promote("second")
    assert (status, err.count("\n")) == (1, 1)
    assert "version 1 of the registry" in err
    assert "is not whole" in err
    status, _, err = desk.promote("second", "--force", "--reason", "version 1 is damaged")
    assert (status, desk.aliases()) == (0, (2, 1))
    assert "promoted all the same: nothing was compared" in err


SERVERS = ("http://127.0.0.1:9", "postgresql+psycopg://ada:secret@127.0.0.1:9/models")


@pytest.mark.parametrize(
    ("command", "uri"),
    [
        *((command, uri) for command in (["promote", "bundled"], ["rollback"], ["models"]) for uri in SERVERS),
        (["promote", "bundled"], "sqlite:////dev/null/models.db"),
    ],
)
def test_a_registry_that_cannot_be_reached_is_one_plain_line(
    desk: Desk, command: list[str], uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    status, out, err = desk.type(*command)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("newsquall: ")
    assert "registry" in err
    assert "secret" not in err


def test_a_file_that_is_no_registry_is_left_as_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(f"sqlite:///{desk.folder}/other.db")
    archive.close()
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", f"sqlite:///{desk.folder}/other.db")
    status, _, err = desk.type("models")
    assert (status, err.count("\n")) == (1, 1)
    assert "is a database of something else" in err


def test_rollback_goes_back_and_says_so_and_twice_is_back_again(desk: Desk) -> None:
    desk.promoted("first", "second")
    status, out, err = desk.type("rollback", "--reason", "calls everything neutral")
    assert (status, err, desk.aliases()) == (0, "", (1, 2))
    assert out.startswith("version 1 (toy-")
    assert "version 2 is kept: newsquall rollback goes back to it" in out
    status, out, _ = desk.type("rollback", "--json")
    assert (status, desk.aliases()) == (0, (2, 1))
    assert json.loads(out) == {"version": 2, "previous": 1, "bundle": desk.registry.versions()[1].bundle}


def test_rollback_without_one_before_is_a_wrong_call(desk: Desk) -> None:
    status, out, err = desk.type("rollback")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "nothing was promoted yet" in err
    desk.promoted("first")
    status, _, err = desk.type("rollback")
    assert (status, desk.aliases()) == (2, (1, None))
    assert "version 1 is the first champion: there is none before it" in err


def test_workers_that_follow_are_promised_the_model(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSQUALL_SCORER__MODEL", "champion")
    desk.model("first")
    assert "Workers take it within 10s" in desk.promote("first")[1]


def test_models_shows_versions_with_alias_scores_and_how_they_got_there(desk: Desk) -> None:
    desk.promoted("first")
    desk.model("worse", {"negative": "neutral"})
    desk.promote("worse", "--force", "--reason", "the desk wants quiet")
    desk.type("rollback", "--reason", "overlooks bad news")
    status, out, err = desk.type("models")
    lines = out.splitlines()
    assert (status, err.count("\n")) == (0, 1)
    assert "no comparison" in err
    assert lines[0].split() == "version alias bundle sentiment topic promoted (UTC) by how".split()
    assert lines[1].split()[:5] == ["2", "previous", desk.registry.versions()[1].bundle, "0.870", "0.910"]
    assert lines[1].split()[-2:] == ["ada", "forced"]
    assert lines[2].strip() == "promoted: the desk wants quiet"
    assert lines[3].strip().startswith("the gate had refused: sentiment macro-F1, negative F1, negative recall")
    assert lines[4].strip().startswith("rolled back 20")
    assert lines[4].endswith("by ada: overlooks bad news")
    assert lines[5].split()[:2] == ["1", "champion"]
    answer = json.loads(desk.type("models", "--json")[1])
    newest = answer["models"][0]
    assert (newest["version"], newest["aliases"], newest["macro_f1"]) == (
        2,
        ["previous"],
        {"sentiment": 0.87, "topic": 0.91},
    )
    assert (newest["promoted"]["how"], newest["promoted"]["reason"]) == ("forced", "the desk wants quiet")
    assert newest["rolled_back"]["reason"] == "overlooks bad news"
    assert [move["kind"] for move in answer["moves"]] == ["promotion", "promotion", "rollback"]
    # Back again, it is no model that was taken back.
    desk.type("rollback")
    assert json.loads(desk.type("models", "--json")[1])["models"][0]["rolled_back"] is None


def test_models_of_an_empty_registry_says_what_to_do_and_makes_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSQUALL_REGISTRY__URI", "sqlite:///none.db")
    status, out, err = desk.type("models")
    assert (status, out) == (0, "")
    assert err == "the registry sqlite:///none.db has no model yet: newsquall promote DIR\n"
    assert json.loads(desk.type("models", "--json")[1]) == {"models": [], "moves": []}
    assert not (desk.folder / "none.db").exists()


def test_a_model_that_does_not_say_what_it_was_trained_on_is_told(desk: Desk) -> None:
    bundle = desk.model("silent", report=None)
    _, _, err = desk.promote("silent")
    assert f"{bundle.version} does not say what it was trained on: if it has seen these rows" in err


def test_more_than_one_model_at_a_time_is_a_wrong_call(desk: Desk) -> None:
    status, _, err = desk.type("promote", "one", "two")
    assert (status, err.count("\n")) == (2, 1)
    assert "one model is promoted at a time: one, not two too" in err


def test_ctrl_c_at_the_gate_moves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    desk.promoted("first")
    desk.model("second", logit=10.0)
    monkeypatch.setattr("deploy.commands.promote.make_champion", interrupted)
    assert desk.promote("second")[0] == 130
    assert desk.aliases() == (1, None)
    assert desk.promote("first")[0] == 0


def test_going_back_needs_no_more_than_the_plain_install(desk: Desk) -> None:
    desk.promoted("first", "second")
    code = "import sys; from deploy.cli import run; print(run(['rollback'])); print('|', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True,
                          env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])})  # fmt: skip
    assert desk.aliases() == (1, 2)
    assert not {"torch", "transformers", "faust", "kafka"} & set(done.stdout.rpartition("|")[2].split())


def test_sentiments_of_the_toys_are_the_projects() -> None:
    assert {row.sentiment for row in held_back(3)} == set(SENTIMENTS)
