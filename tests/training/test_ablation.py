"""The ablation: every way learns the same rows, and each is put beside the plain one with what it costs."""

import json

import pytest

pytest.importorskip("torch")

from deploy import cli
from deploy.bench.ablation import PLAIN, measure, ways
from model.errors import InputError, UsageError
from model.taxonomy import Taxonomy
from training.finetune import Recipe
from training.labels import part_of, read_labels

QUICK = Recipe(epochs=1, batch=32, max_tokens=32, precision="fp32")


def test_ways_are_compared_on_the_same_rows_and_none_that_is_reported_on(toy_base, label_files, capsys):
    arguments = ["--labels", *label_files, "--base", toy_base, "--teacher", toy_base, "--epochs", "1", "--rows", "250"]
    assert cli.run(["bench", "ablation", *arguments, "--way", "longer", "--way", "taught"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert set(told) == {"rows", "epochs", "base", "plain", "seconds", "ways"}
    assert list(told["ways"]) == ["longer", "taught"]
    for way in told["ways"].values():
        assert set(way) == {"says", "gain", "cost"}
        assert set(way["gain"]) == {"topic", "sentiment"}
        assert way["cost"] > 0
    assert told["ways"]["longer"]["says"] == "twice the epochs"
    lines = [line.partition(":")[0].partition(" (")[0] for line in err.splitlines()]
    assert lines[-3:] == [PLAIN, "longer", "taught"]


def test_rows_that_judge_elsewhere_take_no_part(toy_base, label_files):
    rows = read_labels(label_files, Taxonomy()).rows
    told: list[str] = []
    found = measure(label_files, [PLAIN], 1_000, toy_base, None, QUICK, told.append, jobs=1)
    assert found.rows == sum(part_of(row.text) != "test" for row in rows)
    assert found.ways == {}


def test_a_way_that_there_is_none_of_is_a_wrong_call(label_files, toy_base):
    with pytest.raises(UsageError, match="taught needs --teacher"):
        measure(label_files, ["taught"], 100, toy_base, None, QUICK)
    assert "taught" in ways(toy_base, 3)


def test_too_few_rows_tell_nothing(tmp_path, toy_base):
    path = tmp_path / "few.csv"
    path.write_text("title,topic\n" + "".join(f"Acme {chr(97 + at)},other\n" for at in range(20)))
    with pytest.raises(InputError, match="too few to tell"):
        measure([str(path)], [], 100, toy_base, None, QUICK)
