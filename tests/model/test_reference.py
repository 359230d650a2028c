"""What a bundle says of its training texts: shares, which a later worker can read."""

import json
import shutil

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.bundle import MANIFEST, Bundle, sha256_of
from model.errors import BundleError
from model.reference import (
    CONFIDENCE_BINS,
    LENGTH_EDGES,
    REFERENCE,
    UNKNOWN_EDGES,
    Reference,
    decode,
    describe,
    encode,
)
from model.scorer import Score

NOTHING = np.zeros(4, np.float32)


def score(topic: str = "earnings", sure: float = 0.9, length: int = 15, unknown: float = 0.0, at: int = 0) -> Score:
    rest = (1 - sure) / 2
    probabilities = [rest, rest, rest]
    probabilities[at] = sure
    sentiment = ("negative", "neutral", "positive")[at]
    return Score(topic, (sure, 1 - sure), sentiment, tuple(probabilities), NOTHING, length, unknown)


scores = st.builds(
    score,
    st.sampled_from(["earnings", "other", "climate"]),
    st.floats(0.5, 1.0),
    st.integers(1, 94),
    st.floats(0.0, 0.5),
    st.integers(0, 2),
)


def test_shares_are_of_what_was_said_and_of_what_the_texts_were_like():
    found = describe([score(), score(sure=1.0, length=8, at=2), score("other", 0.55, 9, 0.05), score(length=90)])
    assert found.n == 4
    assert found.topic == {"earnings": 0.75, "other": 0.25}
    assert found.sentiment == {"negative": 0.75, "positive": 0.25}
    # A probability of exactly 1 is in the last bin, as 0.9 is.
    assert found.confidence["topic"] == [0, 0, 0, 0, 0, 0.25, 0, 0, 0, 0.75]
    assert found.length[:2] == [0.25, 0.25]
    assert found.length[-1] == 0.25
    assert found.unknown == [0.75, 0.25, 0, 0, 0]


@given(st.lists(scores, min_size=1, max_size=60))
def test_every_reference_comes_back_as_it_was_written(texts):
    found = describe(texts)
    assert decode(encode(found)) == found
    assert len(found.length) == len(LENGTH_EDGES) + 1
    assert len(found.unknown) == len(UNKNOWN_EDGES) + 1
    assert all(len(bins) == CONFIDENCE_BINS for bins in found.confidence.values())
    for shares in found.shares().values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)


def test_no_scores_have_no_shares():
    with pytest.raises(ValueError, match="no score"):
        describe([])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 0}, "n is the number"),
        ({"topic": {"earnings": 0.4}}, "topic do not sum to 1"),
        ({"topic": {"earnings": 1.5, "other": -0.5}}, "topic has a share"),
        ({"length": [1.0]}, "length has 1 bins"),
        ({"confidence": {"topic": [0.1] * 10}}, "sentiment_confidence has 0 bins"),
        ({"edges": []}, "unknown field"),
    ],
)
def test_what_cannot_be_shares_is_refused(change, said):
    content = msgspec.to_builtins(describe([score()])) | change
    with pytest.raises(msgspec.MsgspecError, match=said):
        decode(json.dumps(content).encode())


def with_file(bundle: Bundle, folder, content: bytes) -> Bundle:
    shutil.copytree(bundle.folder, folder)
    (folder / REFERENCE).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][REFERENCE] = sha256_of(folder / REFERENCE)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return Bundle.open(folder)


def test_a_bundle_has_the_reference_that_lies_in_it(bundle, scorer, tmp_path):
    read = [each for each in scorer.score(["Acme cuts its outlook", "Shares rise"]) if isinstance(each, Score)]
    made = describe(read)
    assert with_file(bundle, tmp_path / "with", encode(made)).reference() == made
    assert made.topic.keys() <= set(bundle.taxonomy.topics)


def test_a_bundle_without_one_has_none(bundle, tmp_path):
    folder = tmp_path / "without"
    shutil.copytree(bundle.folder, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"].pop(REFERENCE, None)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert Bundle.open(folder).reference() is None


def test_a_reference_of_another_format_is_refused_by_name(bundle, tmp_path):
    with pytest.raises(BundleError, match=REFERENCE):
        with_file(bundle, tmp_path / "bad", b'{"n": 1}').reference()


def test_a_reference_is_what_the_class_says():
    assert set(Reference.__struct_fields__) == {"n", "topic", "sentiment", "confidence", "length", "unknown"}
