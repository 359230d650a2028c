"""Cross-validation: every row scored once, copies on one side, and by a network that trained on the other folds."""

import json

import pytest

pytest.importorskip("torch")

from deploy import cli
from deploy.bench.folds import FEWEST_A_FOLD, folds_of, measure
from model.errors import InputError
from model.taxonomy import Taxonomy
from training.finetune import Recipe
from training.labels import LabelledText, read_labels, story_key

QUICK = Recipe(epochs=1, batch=16, learning_rate=1e-3, max_tokens=48, precision="fp32")


def test_folds_have_every_row_once_and_copies_together():
    rows = [
        LabelledText(f"{word} falls {number}%", None, "negative", "f") for word in "abcdefgh" for number in range(3)
    ]
    parts = folds_of(rows, 3, seed=1)
    assert sorted(at for part in parts for at in part) == list(range(len(rows)))
    keys = [{story_key(rows[at].text) for at in part} for part in parts]
    assert sum(map(len, keys)) == len(set.union(*keys)) == 8
    assert folds_of(rows, 3, seed=1) == parts


def test_each_row_is_scored_and_bad_ones_are_told(toy_base, label_files, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("title,topic\nAcme falls,sports\n")
    lines: list[str] = []
    found = measure([*label_files, str(bad)], 2, toy_base, QUICK, lines.append)
    rows = len(read_labels(label_files, Taxonomy()).rows)
    assert found.rows == found.scores["topic"].n == found.scores["sentiment"].n == rows
    assert [len(each) for each in found.accuracies.values()] == [2, 2]
    assert lines[0].endswith("bad.csv:2: unknown topic 'sports'")
    assert lines[-1] == "fold 2 of 2 done"


def test_too_few_rows_are_refused(tmp_path, toy_base):
    path = tmp_path / "few.csv"
    path.write_text("title,topic\n" + "".join(f"Acme {chr(97 + at)},other\n" for at in range(FEWEST_A_FOLD)))
    with pytest.raises(InputError, match="too few for 5 folds"):
        measure([str(path)], 5, toy_base, QUICK)


def test_the_command_ends_in_one_line_of_json(toy_base, label_files, capsys):
    assert (
        cli.run(["bench", "folds", "--labels", *label_files, "--base", toy_base, "--folds", "2", "--epochs", "1"]) == 0
    )
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(told) == {"rows", "folds", "base", "scores", "accuracies"}
    assert set(told["scores"]) == {"sentiment", "topic"}
