"""Chinese by the same path: a character-level vocabulary, an untrained small BERT, labels, training, bundle, scores."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from model.errors import UnscorableText
from model.explanation import explain
from model.scorer import Score, Scorer
from model.taxonomy import Taxonomy
from stream.fingerprint import fingerprint
from stream.stories import group
from tests.toyencoder import untrained
from training.finetune import Recipe
from training.labels import CORPUS, read_labels
from training.train import train

HEADLINES = CORPUS / "zh" / "headlines.csv"


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> str:
    """An untrained BERT with a vocabulary of single characters, as the Chinese BERTs have."""
    folder = tmp_path_factory.mktemp("zh-base")
    text = HEADLINES.read_text(encoding="utf-8").lower()
    letters = sorted({character for character in text if not character.isspace()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [f"##{letter}" for letter in letters if letter.isascii() and letter.isalnum()]
    return untrained(folder, [*special, *letters, *pieces], 64, 11)


def trained(files, base, out):
    recipe = Recipe(epochs=12, batch=16, learning_rate=2e-3, patience=12, max_tokens=64)
    return train(files, out, base=base, name="zh", language="zh", recipe=recipe)


@pytest.fixture(scope="module")
def bundle(base, tmp_path_factory):
    return trained([str(HEADLINES)], base, tmp_path_factory.mktemp("out") / "zh")


def test_it_learns_what_it_is_shown(bundle):
    rows = read_labels([str(HEADLINES)], Taxonomy()).rows
    with Scorer(bundle, "cpu") as scorer:
        scores = scorer.score([row.text for row in rows])
    right = [isinstance(score, Score) and score.topic == row.topic for row, score in zip(rows, scores, strict=True)]
    assert sum(right) / len(right) > 0.5  # of 17 topics, by an encoder that never read anything else
    assert bundle.manifest.languages == ["zh"]


def test_an_unknown_script_is_refused_and_not_neutral(bundle):
    with Scorer(bundle, "cpu") as scorer:
        (score,) = scorer.score(["Банк объявил о дефолте"])
    assert isinstance(score, UnscorableText)
    assert score.reason == "unknown_script"


def test_an_explanation_goes_character_by_character(bundle):
    with Scorer(bundle, "cpu") as scorer:
        words = [effect.word for effect in explain(scorer, "公司 ABC 业绩预增").words]
    assert words == ["公", "司", "ABC", "业", "绩", "预", "增"]


def test_copies_and_rewrites_of_a_chinese_headline_are_one_story():
    titles = [
        "海东药业公告:因涉嫌信息披露违法违规被立案调查",
        "海东药业因涉嫌信息披露违法违规被立案调查",
        "北岭钢铁一季度净利润同比下降三成",
    ]
    stories = group((title, fingerprint(title), 100) for title in titles)
    assert sorted(map(len, stories)) == [1, 2]


def test_the_public_sample_goes_the_whole_way_too(base, tmp_path, shared_data):
    bundle = trained([str(Path(shared_data) / "zh_headlines_sample.csv")], base, tmp_path / "zh")
    with Scorer(bundle, "cpu") as scorer:
        scores = scorer.score(["公司业绩大幅增长", "公司被立案调查"])
    assert all(isinstance(score, Score) for score in scores)
