"""The stories' bench: pairs by kind, both halves apart, and a floor under what the product does."""

import json
from collections import Counter
from pathlib import Path

import pytest

from deploy import cli
from deploy.bench.stories import PAIRS, measure, read_pairs
from model.bundle import BUNDLED, Bundle
from model.errors import InputError
from model.scorer import Scorer

HEADER = "first,second,same,kind,language\n"


@pytest.fixture(scope="module")
def scorer():
    with Scorer(Bundle.open(BUNDLED), "cpu", 1) as found:
        yield found


def test_the_pairs_are_many_half_of_them_hard_and_none_a_copy_of_another():
    pairs = read_pairs()
    kinds = Counter((pair.same, pair.kind) for pair in pairs)
    assert len(pairs) >= 450
    assert 0.45 < sum(pair.same for pair in pairs) / len(pairs) < 0.55
    assert sum(pair.language == "zh" for pair in pairs) >= 50
    assert min(kinds.values()) >= 20
    titles = [title.casefold() for pair in pairs for title in (pair.first, pair.second)]
    assert len(set(titles)) == len(titles)


def test_a_hash_deals_the_pairs_into_halves_for_ever():
    halves = Counter(pair.half for pair in read_pairs())
    assert halves == {"development": 262, "test": 252}


def test_more_is_told_right_than_before_in_the_half_that_nothing_was_chosen_on(scorer):
    """A regression bound: what it does today is in docs/LOG.md."""
    found = measure(read_pairs(), "test", scorer, lambda _: None, headlines=50)
    assert found.stories.precision > 0.70
    assert found.stories.recall > 0.70
    assert found.text_alone.f1 > 0.70
    assert set(found.kinds) == {pair.kind for pair in read_pairs()}
    assert found.kinds["figure"].right > 0.8


def test_outcomes_are_counted_by_kind_and_language(scorer, tmp_path):
    rows = ['"Acme recalls kettles","RPT-Acme recalls kettles",yes,update,en', "Acme sinks,Acme rises,no,direction,en"]
    rows += [f'Acme {each} soars,"Bolt, {each} falls",yes,odd,zh' for each in "abcdefgh"]
    file = tmp_path / "pairs.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    pairs = read_pairs(file)
    told: list[str] = []
    found = [measure(pairs, half, scorer, told.append, headlines=20) for half in ("development", "test")]
    assert sum(each.stories.pairs for each in found) == 10
    kinds = {name: kind for each in found for name, kind in each.kinds.items()}
    assert (kinds["update"].same, kinds["update"].right) == (True, 1.0)
    assert (kinds["direction"].same, kinds["direction"].right) == (False, 1.0)
    assert kinds["odd"].right == 0.0
    assert all(each.languages["zh"].recall == 0.0 for each in found if "zh" in each.languages)
    assert len(told) == sum(len(each.kinds) for each in found)


@pytest.mark.parametrize(
    "text", ["", "first,second\na,b\n", HEADER + "a,b,maybe,update,en\n", HEADER + "a,,yes,update,en\n", None]
)
def test_pairs_that_cannot_be_read_are_said_in_one_line(text, tmp_path, capsys):
    file = tmp_path / "pairs.csv"
    if text is not None:
        file.write_text(text)
    if text == "":
        assert read_pairs(file) == []
    else:
        with pytest.raises(InputError, match=r"pairs\.csv"):
            read_pairs(file)
    assert cli.run(["bench", "stories", str(file)]) != 0
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_last_line_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("".join(PAIRS.read_text(encoding="utf-8").splitlines(keepends=True)[:12]), encoding="utf-8")
    assert cli.run(["bench", "stories", str(file), "--half", "test", "--headlines", "20"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["half"] == "test"
    assert {"stories", "text_alone", "kinds", "languages", "share_of_scoring", "book_us", "bytes_max"} <= set(found)
