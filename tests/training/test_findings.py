"""What is found of predictions, against examples counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.taxonomy import Taxonomy
from training import findings
from training.comparison import changes, compare, paired
from training.confidence import Interval
from training.evaluation import Predictions, head_scores
from training.findings import OTHER_SOURCES, Mixup
from training.labels import LabelledText
from training.proportion import mean, share, share_difference
from training.reliability import calibration_error, reliability, sharpened
from training.wording import is_the_rest, listed, of_100, so_many

TAXONOMY = Taxonomy(("earnings", "other", "macro_economy"))
SENTIMENTS = TAXONOMY.sentiments


def predictions(rows, chosen, head="sentiment", confidence=0.8, taxonomy=TAXONOMY) -> Predictions:
    """What a model says that chooses so for one head, and the first class for the other."""
    answers = {}
    for each in ("topic", "sentiment"):
        names = taxonomy.topics if each == "topic" else taxonomy.sentiments
        numbers = [names.index(answer) if each == head else 0 for answer in chosen]
        answers[each] = np.full((len(rows), len(names)), (1 - confidence) / (len(names) - 1))
        answers[each][np.arange(len(rows)), numbers] = confidence
    return Predictions(taxonomy, tuple(rows), answers["topic"], answers["sentiment"], ())


def row(number, sentiment="negative", origin="f", source="", text=None) -> LabelledText:
    return LabelledText(text or f"Acme falls {number}", None, sentiment, origin, {}, source)


def test_scores_are_told_of_all_and_of_each_origin():
    rows = [row(at, origin="ab"[at % 2]) for at in range(4)] + [row(4, "positive", "a")]
    found = findings.scores(predictions(rows, ["negative", "positive", "negative", "negative", "positive"]))
    assert [(each.head, each.origin, each.n) for each in found] == [
        ("sentiment", "all", 5), ("sentiment", "a", 3), ("sentiment", "b", 2),
    ]  # fmt: skip
    assert found[0].accuracy == share(4, 5)
    assert (found[0].commonest, found[0].commonest_class) == (0.8, "negative")
    # negative: 3 of 4 found, all claims right; positive: found, one of two claims right.
    assert found[0].macro_f1.estimate == pytest.approx((6 / 7 + 2 / 3) / 2, abs=1e-4)
    assert found[0].macro_f1.low <= found[0].macro_f1.estimate <= found[0].macro_f1.high


def test_one_origin_is_not_told_twice():
    assert [each.origin for each in findings.scores(predictions([row(0)], ["negative"]))] == ["all"]


def test_classes_and_mixups_counted_by_hand():
    truth = ["negative"] * 4 + ["positive"] * 2
    chosen = ["negative", "negative", "positive", "positive", "positive", "negative"]
    found = predictions([row(at, each) for at, each in enumerate(truth)], chosen)
    negative, positive = findings.classes(found, "sentiment")
    assert (negative.name, negative.n, negative.claimed) == ("negative", 4, 3)
    assert negative.recall == share(2, 4)
    assert negative.precision == share(2, 3)
    assert (positive.n, positive.claimed) == (2, 3)
    confusion = findings.confusion(found, "sentiment")
    assert confusion.classes == ["negative", "positive"]
    assert confusion.counts == [[2, 2], [1, 1]]
    assert confusion.mixups == [Mixup("negative", "positive", 2, 4), Mixup("positive", "negative", 1, 2)]


def test_a_class_that_is_never_claimed_has_no_precision():
    (only,) = findings.classes(predictions([row(0)], ["positive"]), "sentiment")
    assert only.precision is None
    assert only.f1 == 0


def test_a_weak_slice_is_told_and_what_all_rows_share_is_not():
    questions = [row(at, text=f"Is number {at} done?") for at in range(60)]
    statements = [row(at, text=f"Number {at} is done") for at in range(200)]
    chosen = ["negative"] * 15 + ["positive"] * 45 + ["negative"] * 190 + ["positive"] * 10
    found = {each.name: each for each in findings.slice_findings(predictions(questions + statements, chosen))}
    assert "origin/f" not in found
    weak = found["question/yes"]
    assert (weak.judgement, weak.n, weak.accuracy) == ("weaker", 60, share(15, 60))
    assert weak.difference.estimate == pytest.approx(0.25 - 0.95)
    assert found["question/no"].judgement == "stronger"


def test_chance_is_no_weakness_and_few_rows_are_not_judged():
    rows = [row(at, text=f"Is number {at} done?") for at in range(29)] + [row(at) for at in range(200)]
    few = {
        each.name: each for each in findings.slice_findings(predictions(rows, ["positive"] * 29 + ["negative"] * 200))
    }
    assert few["question/yes"].judgement == "too few"
    rows += [row(at, text=f"Is number {at} done?") for at in range(29, 60)]
    chosen = (
        ["negative"] * 27 + ["positive"] * 2 + ["negative"] * 195 + ["positive"] * 5 + ["negative"] * 30 + ["positive"]
    )
    as_rest = {each.name: each for each in findings.slice_findings(predictions(rows, chosen))}
    assert as_rest["question/yes"].judgement == "as the rest"


def test_sources_beyond_the_largest_are_told_together():
    rows = [row(at, source="Wire") for at in range(40)] + [row(at, source=f"blog {at}") for at in range(50)]
    found = {each.name: each for each in findings.slice_findings(predictions(rows, ["negative"] * 90))}
    assert found["source/Wire"].n == 40
    assert found[OTHER_SOURCES].n == 50
    assert not [name for name in found if name.startswith("source/blog")]


def test_two_models_are_compared_on_the_rows_that_both_know():
    rows = [row(at) for at in range(40)]
    first = predictions(rows, ["negative"] * 20 + ["positive"] * 20)
    second = predictions(list(reversed(rows))[:35], ["negative"] * 35)
    (all_rows,) = compare(first, second)
    assert (all_rows.n, all_rows.fixed, all_rows.broken) == (35, 20, 0)
    assert all_rows.accuracy.estimate == pytest.approx(20 / 35, abs=1e-4)
    assert all_rows.verdict == "better"
    (back,) = compare(second, first)
    assert (back.verdict, back.fixed, back.broken) == ("worse", 0, 20)
    (same,) = compare(first, first)
    assert same.verdict == "no difference shown"
    assert same.macro_f1 == Interval(0.0, 0.0, 0.0)


def test_a_topic_that_one_model_does_not_know_leaves_its_rows_out():
    rows = [LabelledText("a", "earnings", None, "f"), LabelledText("b", "climate", None, "f")]
    wider = Taxonomy(("earnings", "climate"))
    first = predictions(rows, ["earnings", "other"], "topic")
    second = predictions(rows, ["earnings", "climate"], "topic", taxonomy=wider)
    assert [each.text for each in paired(first, second, "topic").rows] == ["a"]
    assert compare(predictions(rows[1:], ["other"], "topic"), second) == []


def test_what_changed_between_two_models_is_named_the_broken_first():
    rows = [row(0), row(1), row(2)]
    first, second = (
        predictions(rows, chosen)
        for chosen in (["negative", "positive", "neutral"], ["positive", "negative", "positive"])
    )
    found = [(each.text, each.first, each.second) for _, each in changes(first, second)]
    assert found == [("Acme falls 0", "negative", "positive"), ("Acme falls 1", "positive", "negative")]


def test_reliability_is_counted_by_hand():
    truth = np.array([0] * 6 + [1] * 4)
    probabilities = np.tile([0.8, 0.2], (10, 1))
    found = reliability(truth, probabilities)
    assert [(each.n, each.confidence, each.accuracy) for each in found.bins] == [(10, 0.8, 0.6)]
    assert found.ece.estimate == pytest.approx(0.2)
    assert found.ece.low <= 0.2 <= found.ece.high
    assert (found.ece_before, found.temperature) == (None, None)


@given(st.integers(1, 60), st.floats(0.3, 4), st.integers(0, 1000))
def test_calibration_errors_agree_with_the_evaluations_and_a_temperature_can_be_undone(n, temperature, seed):
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 3))
    truth = generator.integers(0, 3, n)

    def softmax(values):
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    calibrated = softmax(logits / temperature)
    assert np.allclose(sharpened(calibrated, temperature), softmax(logits), atol=1e-6)
    found = reliability(truth, calibrated, temperature)
    assert found.ece.estimate == pytest.approx(head_scores(truth, calibrated, "abc").ece, abs=2e-4)
    assert found.ece_before == pytest.approx(calibration_error(truth, softmax(logits)), abs=2e-3)
    assert 0 <= found.ece.low <= found.ece.estimate <= found.ece.high
    assert sum(each.n for each in found.bins) == n


@given(st.integers(0, 300), st.integers(1, 300))
def test_a_shares_interval_holds_it_and_narrows_with_rows(hits, rows):
    hits = min(hits, rows)
    found = share(hits, rows)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    more = share(hits * 10, rows * 10)
    assert more.high - more.low < found.high - found.low
    assert share_difference(hits, rows, hits, rows).estimate == 0


def test_intervals_against_published_values():
    # Newcombe 1998, Statistics in Medicine 17:857 (score without continuity correction) and 17:873 (method 10).
    assert (share(81, 263).low, share(81, 263).high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert (share(0, 20).low, share(0, 20).high) == pytest.approx((0, 0.1611), abs=1e-4)
    difference = share_difference(56, 70, 48, 80)
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=2e-4)


def test_a_mean_of_one_value_is_not_known():
    assert mean([]) == Interval(0.0, -2.0, 2.0)
    assert mean([0.5]) == Interval(0.5, -2.0, 2.0)
    assert mean([0.0, 1.0]).estimate == 0.5


def test_numbers_are_said_as_a_person_says_them():
    assert [so_many(0.8667, 15), so_many(0.8667, 150), of_100(0.004)] == ["13 of 15", "87 of 100", "4 of 1,000"]
    assert [listed([]), listed(["a"]), listed(["a", "b"])] == ["", "a", "a and b"]
    assert is_the_rest("ticker/without")
    assert not is_the_rest("ticker/with")
