"""The scorer's bench: turn and turn about, medians, on the same texts."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import cli
from deploy.bench.scorer import DEFAULT_TEXTS, measure, percentile, texts_of
from model.errors import InputError


class Clockwork:
    """A clock that the two under test move on: each text costs the next of its costs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, int]] = []

    def clock(self) -> float:
        return self.now

    def runner(self, name: str, costs: Sequence[float]) -> Any:
        left = list(costs)

        def run(texts: Sequence[str]) -> None:
            self.calls.append((name, len(texts)))
            self.now += len(texts) * (left.pop(0) if left else costs[-1])

        return run


def test_turn_and_turn_about_with_medians() -> None:
    works = Clockwork()
    # The first cost is the warm-up's; one round of three is disturbed.
    pipeline = works.runner("pipeline", [9.0, 0.010, 0.500, 0.010])
    scorer: Any = SimpleNamespace(
        score=works.runner("scorer", [9.0, 0.002, 0.002, 0.100, 0.002]), provider="cpu", threads=2
    )
    told: list[str] = []
    result = measure(["text"] * 100, scorer, pipeline, told.append, clock=works.clock)
    assert [name for name, count in works.calls if count == 100] == ["pipeline", "scorer"] * 3
    assert (result.pipeline_per_second, result.scorer_per_second, result.ratio) == (100.0, 500.0, 5.0)
    assert (result.single_text_ms.p50, result.single_text_ms.p99) == (2.0, 2.0)
    assert (result.texts, result.provider, result.threads) == (100, "cpu", 2)
    assert len(told) == 6


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(1, 201)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (100.0, 198.0, 200.0)
    assert percentile([7.0], 99) == 7.0


def test_texts_of_a_file_are_its_titles_and_ours_are_repeated(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("title\none\n\ntwo\nthree\n")
    assert texts_of(str(file), None) == ["one", "two", "three"]
    assert texts_of(str(file), 2) == ["one", "two"]
    assert len(texts_of(None, None)) == DEFAULT_TEXTS
    assert len(texts_of(None, 3000)) == 3000
    file.write_text("title\n")
    with pytest.raises(InputError, match="no title to measure with"):
        texts_of(str(file), None)


def test_the_last_line_is_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    assert cli.run(["bench", "scorer", "--rows", "8", "--batch", "4"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(result) == {
        "texts", "pipeline_per_second", "scorer_per_second", "ratio", "single_text_ms", "provider", "threads",
    }  # fmt: skip
    assert set(result["single_text_ms"]) == {"p50", "p99"}
    assert result["texts"] == 8
