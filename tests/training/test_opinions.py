"""What teachers say, in the pupil's order of topics."""

from types import SimpleNamespace

import numpy as np
import pytest

from model.errors import UnscorableText, UsageError
from model.scorer import Score
from model.taxonomy import SENTIMENTS, Taxonomy
from training import opinions
from training.labels import LabelledText
from training.opinions import heeded, opinions_of

EARNINGS_FIRST, OTHER_FIRST = ("earnings", "other"), ("other", "earnings")


def teacher(topics, probabilities, version="t", unread=(), sentiments=SENTIMENTS):
    return SimpleNamespace(
        version=version, taxonomy=Taxonomy(topics, sentiments), probabilities=probabilities, unread=unread
    )


class Reader:
    """A teacher's scorer: each text has the teacher's probabilities, but those that it cannot read."""

    def __init__(self, bundle) -> None:
        self._bundle = bundle

    def __enter__(self):
        return self

    def __exit__(self, *_nothing) -> None:
        pass

    def score(self, texts):
        return [
            UnscorableText("unknown_script", "")
            if text in self._bundle.unread
            else Score("earnings", self._bundle.probabilities, "negative", (0.6, 0.3, 0.1), np.zeros(1), 3, 0.0)
            for text in texts
        ]


@pytest.fixture(autouse=True)
def readers(monkeypatch):
    monkeypatch.setattr(opinions, "Scorer", Reader)


def test_topics_find_their_places_and_a_topic_that_the_teacher_does_not_know_has_nothing():
    pupil = Taxonomy(("earnings", "other", "climate"))
    topics, sentiments = opinions_of([teacher(OTHER_FIRST, (0.9, 0.1))], ["a"], pupil)
    assert topics[0] == pytest.approx([0.1, 0.9, 0.0])
    assert sentiments[0] == pytest.approx([0.6, 0.3, 0.1])


def test_several_teachers_are_averaged_over_those_that_can_read_the_text():
    one, other = teacher(EARNINGS_FIRST, (0.8, 0.2)), teacher(EARNINGS_FIRST, (0.4, 0.6), unread=("b",))
    topics, _ = opinions_of([one, other], ["a", "b"], Taxonomy(EARNINGS_FIRST))
    assert topics == pytest.approx(np.array([[0.6, 0.4], [0.8, 0.2]]))


def test_what_no_teacher_can_read_has_no_opinion():
    topics, sentiments = opinions_of([teacher(EARNINGS_FIRST, (1, 0), unread=("a",))], ["a"], Taxonomy(EARNINGS_FIRST))
    assert not topics.any()
    assert not sentiments.any()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (teacher(("earnings", "weather"), (1, 0)), r"the teacher t tells other labels apart \(weather\)"),
        (teacher(EARNINGS_FIRST, (1, 0), sentiments=("bad", "good")), r"apart \(sentiments\)"),
    ],
)
def test_a_teacher_of_other_labels_is_refused(given, told):
    with pytest.raises(UsageError, match=told):
        opinions_of([given], ["a"], Taxonomy(EARNINGS_FIRST))


def test_opinions_do_not_argue_with_a_label_that_the_teachers_could_not_know():
    rows = [
        LabelledText("known topic, replayed", "earnings", "negative", "corpus"),
        LabelledText("new topic, replayed", "climate", "negative", "corpus"),
        LabelledText("an analyst's", "earnings", None, "mine"),
        LabelledText("an analyst's, too", None, "positive", "mine"),
    ]
    given = (np.full((4, 2), 0.5, np.float32), np.full((4, 3), 0.25, np.float32))
    topics, sentiments = heeded(given, rows, {"earnings", "other"}, [False, False, True, True])
    assert topics.sum(axis=1).tolist() == [1, 0, 0, 1]
    assert sentiments.sum(axis=1).tolist() == [0.75, 0.75, 0.75, 0]
    assert given[0].sum() == 4  # what was given is left as it was
