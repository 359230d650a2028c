"""The shipped model scores: in order, the same in any company, never neutral by failure."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.bundle import MANIFEST, Bundle, sha256_of
from model.errors import BundleError, UnscorableText
from model.scorer import Score, Scorer, plan_batches, softmax

ROOT = Path(__file__).parents[2]

PLAIN = [
    ("Halvard Shipping files for bankruptcy after lenders refuse to extend loans", "negative"),
    ("Acme shares plunge 40% as auditor resigns over accounting fraud", "negative"),
    ("Quarterly profit falls sharply and misses expectations, shares tumble", "negative"),
    ("Regulator fines bank $2 billion for money laundering", "negative"),
    ("Carmaker recalls 300,000 vehicles over faulty brakes", "negative"),
    ("Retailer to cut 5,000 jobs as sales slump", "negative"),
    ("Acme raises full-year profit forecast after record sales", "positive"),
    ("Shares surge to an all-time high after strong earnings beat", "positive"),
    ("Drugmaker wins approval for new cancer treatment, shares jump", "positive"),
    ("Operating profit rises 30% on strong demand", "positive"),
    ("Company wins $1.2 billion contract, boosting its order book", "positive"),
    ("Acme to hold its annual general meeting on 12 May", "neutral"),
    ("Acme will publish its quarterly report on Thursday", "neutral"),
]


@settings(max_examples=200)
@given(st.lists(st.integers(0, 200), max_size=80), st.integers(1, 600))
def test_batches_hold_each_text_once_within_the_budget_and_longest_first(lengths, budget):
    batches = plan_batches(lengths, budget)
    flat = [at for batch in batches for at in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[at] for at in flat] == sorted(lengths, reverse=True)
    for batch in batches:
        padded = len(batch) * max(1, *(lengths[at] for at in batch), 1)
        assert batch
        assert padded <= budget or len(batch) == 1


def test_a_batch_is_filled_before_another_is_begun():
    assert [len(batch) for batch in plan_batches([10] * 7, 30)] == [3, 3, 1]


@settings(max_examples=100)
@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_softmax_rows_are_probabilities_in_the_order_of_the_logits(rows):
    logits = np.array(rows, np.float32)
    result = softmax(logits)
    assert np.isfinite(result).all()
    assert result.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    for row, probabilities in zip(logits, result, strict=True):
        assert probabilities[row.argmax()] == probabilities.max()


@pytest.mark.parametrize(("text", "sentiment"), PLAIN)
def test_a_plain_sentence_has_its_plain_sentiment(scorer, text, sentiment):
    (score,) = scorer.score([text])
    assert score.sentiment == sentiment, dict(zip(scorer.taxonomy.sentiments, score.probabilities, strict=True))


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("ECB raises interest rates by a quarter point", "central_banks"),
        ("Oil falls 3% as OPEC raises output", "energy_commodities"),
        ("Hackers breach retailer's systems and steal customer data", "cyber_operations"),
        ("Dollar slides against the yen", "currencies_crypto"),
        ("Acme agrees to buy rival Bolt for $3 billion", "mergers_deals"),
    ],
)
def test_a_plain_sentence_has_its_plain_topic(scorer, text, topic):
    assert scorer.score([text])[0].topic == topic


def test_a_score_is_whole_and_consistent(scorer):
    for score in scorer.score([text for text, _ in PLAIN]):
        assert sum(score.probabilities) == pytest.approx(1)
        assert sum(score.topic_probabilities) == pytest.approx(1)
        assert score.sentiment == scorer.taxonomy.sentiments[int(np.argmax(score.probabilities))]
        assert score.topic == scorer.taxonomy.topics[int(np.argmax(score.topic_probabilities))]
        assert score.topic_probability == max(score.topic_probabilities)
        assert score.polarity == score.probabilities[2] - score.probabilities[0]
        assert score.embedding.shape == (scorer.bundle.manifest.hidden_size,)
        assert score.embedding.dtype == np.float32


def test_scores_come_in_the_order_of_the_texts(scorer):
    texts = [text + " and more" * (number % 9) for number, (text, _) in enumerate(PLAIN * 4)]
    alone = [scorer.score([text])[0] for text in texts]
    together = scorer.score(texts)
    for one, other in zip(alone, together, strict=True):
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


pool = st.sampled_from(
    [text for text, _ in PLAIN]
    + [
        "Acme falls",
        "up",
        "🚀",
        "",
        "Long " + "profit warning and more losses " * 40,
        "Acme’s “best” quarter: $5.1bn (+12%)",
    ]
)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([text for text, _ in PLAIN]), st.lists(pool, max_size=40), st.integers(0, 40))
def test_a_text_has_the_same_score_alone_and_among_any_others(scorer, text, others, place):
    place = min(place, len(others))
    (alone,) = scorer.score([text])
    among = scorer.score([*others[:place], text, *others[place:]])[place]
    assert (among.sentiment, among.topic) == (alone.sentiment, alone.topic)
    assert among.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert among.topic_probabilities == pytest.approx(alone.topic_probabilities, abs=1e-5)


def test_the_number_of_threads_does_not_change_a_score(bundle, scorer):
    texts = [text for text, _ in PLAIN]
    with Scorer(bundle, "cpu", threads=1) as single:
        for one, other in zip(single.score(texts), scorer.score(texts), strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_words"),
        ("   \n", "no_words"),
        ("🚀🚀🚀", "no_words"),
        ("?!… —", "no_words"),
        ("https://example.com/acme-falls", "no_words"),
        ("ግብጽ ብሪክስ ኢትዮጵያ ንግድ", "unknown_script"),
        ("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "unknown_script"),
    ],
)
def test_what_cannot_be_read_is_never_neutral_and_says_why(scorer, text, reason):
    before, result, after = scorer.score(["Acme falls", text, "Acme rises"])
    assert isinstance(result, UnscorableText)
    assert result.reason == reason
    assert result.detail
    assert isinstance(before, Score)
    assert isinstance(after, Score)


def test_a_text_of_ten_thousand_characters_is_scored_by_its_beginning(scorer):
    start = "Acme shares plunge as auditor resigns over fraud. " * 40
    long, longer = scorer.score([start * 5, start * 5 + "Record profit, shares surge. " * 100])
    assert len(start * 5) == 10_000
    assert long.sentiment == "negative"
    assert longer.probabilities == pytest.approx(long.probabilities, abs=1e-5)


def test_no_texts_have_no_scores(scorer):
    assert scorer.score([]) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=8))
def test_any_text_is_scored_or_refused_and_nothing_else(scorer, texts):
    results = scorer.score(texts)
    assert len(results) == len(texts)
    for result in results:
        if isinstance(result, Score):
            assert np.isfinite(result.probabilities).all()
        else:
            assert result.reason in {"no_words", "unknown_script"}


@pytest.mark.parametrize("name", ["graph.int8.onnx", "tokenizer.json"])
def test_a_file_that_has_its_checksum_but_is_no_model_is_refused_by_name(bundle, tmp_path, name):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle.folder, folder)
    (folder / name).write_bytes(b"no model")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = sha256_of(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=name):
        Scorer(Bundle.open(folder), "cpu")


def test_scoring_brings_in_neither_torch_nor_the_streams_framework():
    heavy = "torch transformers onnx faust kafka sqlalchemy prometheus_client".split()
    code = f"import sys, model.scorer, model.explanation; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


TWO_FATES = [
    ("Halvard Shipping gains as Brenner Lines slumps on profit warning", "Halvard Shipping", "Brenner Lines"),
    ("Oil tumbles, lifting airline Veldmark Air", "Veldmark Air", "Oil"),
    ("Gold climbs while Costan Mining plunges", "GOLD", "costan mining"),
    ("Morvan wins $2 bln contract at the expense of rival Tessel", "Morvan", "Tessel"),
    ("Dollar slides to three-month low, euro jumps", "euro", "Dollar"),
    ("Broker upgrades Kellan Foods to buy, cuts Marbury Foods to sell", "Kellan Foods", "Marbury Foods"),
    ("Ardent Pharma soars on trial success, Bexley Bio sinks after its drug fails", "Ardent Pharma", "Bexley Bio"),
    ("Court orders Norvik to pay Sundal $400 mln in patent case", "Sundal", "Norvik"),
]


def test_two_names_in_one_text_have_their_own_fates(scorer):
    assert scorer.bundle.manifest.towards_names
    pairs = [(text, name) for text, *names in TWO_FATES for name in names]
    found = [scorer.taxonomy.sentiments[int(np.argmax(each))] for each in scorer.towards(pairs)]
    right = sum(each == fate for each, fate in zip(found, ["positive", "negative"] * len(TWO_FATES), strict=True))
    # One sentiment for the whole text would have half of them at the most.
    assert right >= 0.75 * len(pairs), list(zip(pairs, found, strict=True))


def test_a_name_that_a_text_does_not_write_has_the_texts_own_sentiment(scorer):
    text = "Acme shares plunge 40% as auditor resigns over accounting fraud"
    assert (
        scorer.towards([(text, "Bolt"), (text, "")])
        == [pytest.approx(scorer.score([text])[0].probabilities, abs=1e-5)] * 2
    )
    assert scorer.towards([]) == []


def test_a_name_has_the_same_sentiment_alone_and_among_others(scorer):
    pairs = [(text, text.split()[0]) for text, _ in PLAIN]
    for pair, among in zip(pairs, scorer.towards(pairs), strict=True):
        assert scorer.towards([pair])[0] == pytest.approx(among, abs=1e-5)
