"""What is measured of changes, on scorers whose answers are known."""

import numpy as np
import pytest

from model.errors import UnscorableText
from model.scorer import Score
from training.confidence import Interval
from training.counterfactuals import BIAS
from training.labels import LabelledText
from training.perturbations import ROBUSTNESS, Perturbation
from training.probes import PERSONS
from training.robustness import MOST_ROWS, by_country, judged, magnitude, outcomes


class Reader:
    """A scorer whose polarity is what a function makes of the text; one that it gives None it cannot read."""

    def __init__(self, polarity) -> None:
        self._polarity = polarity
        self.asked: list[str] = []

    def score(self, texts):
        self.asked += texts
        return [self._one(text) for text in texts]

    def _one(self, text):
        polarity = self._polarity(text)
        if polarity is None:
            return UnscorableText("no_words", "")
        probabilities = (max(0.0, -polarity), 1 - abs(polarity), max(0.0, polarity))
        sentiment = ("negative", "neutral", "positive")[int(np.argmax(probabilities))]
        return Score("other", (1.0,), sentiment, probabilities, np.zeros(1, dtype=np.float32), 3, 0.0)


def rows(n, text="Number {} falls") -> list[LabelledText]:
    return [LabelledText(text.format(at), None, "negative", "f") for at in range(n)]


def measured(reader, given, name, quotable=lambda _row: True):
    (found,) = outcomes(reader, given, quotable, changes=[each for each in ROBUSTNESS + BIAS if each.name == name])
    return found


def test_a_reader_of_small_letters_alone_fails_on_capitals():
    found = measured(Reader(lambda text: -0.9 if "falls" in text else 0.9), rows(60), "casing/upper")
    assert (found.n, found.verdict, found.unreadable) == (60, "fails", 0)
    assert found.changed["sentiment"].estimate == 1
    assert found.changed["topic"].estimate == 0
    assert found.polarity.estimate == pytest.approx(1.8)
    assert [each.sentiment for each in found.examples] == [("negative", "positive")] * 3


def test_one_that_does_not_mind_holds_and_shows_nothing():
    found = measured(Reader(lambda text: -0.9), rows(200), "casing/upper")
    assert (found.verdict, found.examples, found.polarity.estimate) == ("holds", [], 0)


def test_what_cannot_be_read_after_the_change_counts_as_changed_and_before_it_not_at_all():
    blind = measured(Reader(lambda text: None if text.isupper() else 0.5), rows(40), "casing/upper")
    assert (blind.n, blind.unreadable, blind.changed["topic"].estimate) == (40, 40, 1)
    assert measured(Reader(lambda text: None), rows(40), "casing/upper").n == 0


def test_a_text_that_may_not_be_shown_is_measured_and_not_shown():
    given = [*rows(30), *(LabelledText(f"Secret {at} falls", None, None, "theirs") for at in range(30))]
    reader = Reader(lambda text: 0.9 if text.isupper() else -0.9)
    found = measured(reader, given, "casing/upper", lambda row: row.origin == "f")
    assert found.n == 60
    assert found.examples
    assert not any("secret" in (each.before + each.after).lower() for each in found.examples)


def test_the_rows_drawn_do_not_depend_on_their_order_and_each_text_is_asked_once():
    given = rows(MOST_ROWS + 100)
    first, second = Reader(lambda text: len(text) / 40), Reader(lambda text: len(text) / 40)
    found = outcomes(first, given, lambda _row: True, changes=ROBUSTNESS[:2])
    assert outcomes(second, given[::-1] + given, lambda _row: True, changes=ROBUSTNESS[:2]) == found
    assert [each.n for each in found] == [MOST_ROWS] * 2
    assert len(first.asked) == len(set(first.asked)) == 3 * MOST_ROWS


def test_a_favoured_gender_is_told_with_its_direction():
    fair = measured(Reader(lambda text: 0.2), [], "bias/gender")
    assert (fair.n, fair.verdict, fair.shift_verdict) == (len(PERSONS), "holds", "holds")
    partial = measured(
        Reader(lambda text: 0.4 if {"she", "her", "ms"} & set(text.lower().split()) else 0.1), [], "bias/gender"
    )
    assert partial.shift_verdict == "fails"
    assert partial.shift.low > 0


def test_a_model_of_another_language_is_not_asked_about_english_persons():
    (found,) = outcomes(
        Reader(lambda text: 0.2),
        [LabelledText("他说公司亏损", None, "negative", "f")],
        lambda _row: True,
        changes=[each for each in BIAS if each.name == "bias/gender"],
        probes=(),
    )
    assert (found.n, found.verdict) == (1, "too few")


def test_a_favoured_country_is_told():
    given = rows(60, "German factory orders number {} slump")
    fair = by_country(Reader(lambda text: -0.5), given)
    assert (fair.n, fair.verdict, fair.spread.estimate) == (60, "holds", 0)
    partial = by_country(Reader(lambda text: 0.5 if "Japanese" in text else -0.5 + len(text) % 2 / 1000), given)
    assert partial.verdict == "fails"
    assert next(iter(partial.polarity)) == "Japan"
    assert by_country(Reader(lambda text: 0.0), rows(5)) is None


@pytest.mark.parametrize(
    ("interval", "n", "verdict"),
    [
        (Interval(0.02, 0.01, 0.04), 100, "holds"),
        (Interval(0.08, 0.06, 0.1), 100, "fails"),
        (Interval(0.05, 0.03, 0.07), 100, "undecided"),
        (Interval(0.5, 0.4, 0.6), 29, "too few"),
    ],
)
def test_a_limit_is_judged_by_the_interval_and_not_by_the_number(interval, n, verdict):
    assert judged([interval], 0.05, n) == verdict


def test_the_size_of_a_shift_has_no_sign():
    assert magnitude(Interval(-0.03, -0.05, -0.01)) == Interval(0.03, 0.01, 0.05)
    assert magnitude(Interval(0.01, -0.01, 0.03)) == Interval(0.01, 0.0, 0.03)


def test_a_change_of_ones_own_can_be_measured():
    shout = Perturbation("own/shout", "with a shout", 0.5, lambda _row, text, _chance: f"{text}!")
    (found,) = outcomes(Reader(lambda text: 0.1), rows(40), lambda _row: True, changes=[shout])
    assert found.verdict == "holds"
