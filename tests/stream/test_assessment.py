"""Headlines become scored headlines or rejections, in order, by whatever model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import UnscorableText
from model.masking import Masker
from model.scorer import Score
from model.taxonomy import Taxonomy
from model.text import has_words
from stream.assessment import assess, language_problem, primary_subtag
from stream.fingerprint import fingerprint, sketch_of
from stream.records import Headline, Rejection, ScoredHeadline

NOW = datetime(2025, 3, 3, 9, 30, tzinfo=UTC)
THEN = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
GLOOM = (0.71234567, 0.2, 0.08765433)


class FixedScorer:
    """In place of a Scorer: the same answer to every text with words; keeps what it was asked."""

    version = "fixed-1"
    taxonomy = Taxonomy()

    def __init__(
        self,
        languages: Sequence[str] = ("en",),
        probabilities: tuple[float, ...] = GLOOM,
        towards_names: bool = False,
    ) -> None:
        self.bundle = SimpleNamespace(manifest=SimpleNamespace(languages=list(languages), towards_names=towards_names))
        self.probabilities = probabilities
        self.asked: list[str] = []

    def score(self, texts: Sequence[str]) -> list[Score | UnscorableText]:
        self.asked.extend(texts)
        topics = tuple(np.eye(len(self.taxonomy.topics))[0].tolist())
        sentiment = self.taxonomy.sentiments[int(np.argmax(self.probabilities))]
        return [
            Score(self.taxonomy.topics[0], topics, sentiment, self.probabilities, np.zeros(4, np.float32), 3, 0.0)
            if has_words(text)
            else UnscorableText("no_words", "the title has no letter and no digit")
            for text in texts
        ]


def headline(title: str = "Acme recalls kettles", **fields: Any) -> Headline:
    return Headline(**{"id": "a1", "title": title, "published_at": THEN, **fields})


def assessed(*headlines: Headline, scorer: Any = None, **options: Any) -> list[ScoredHeadline | Rejection]:
    return assess(list(headlines), scorer or FixedScorer(), NOW, **options)


def test_a_scored_headline_says_all_that_the_wire_promises() -> None:
    (scored,) = assessed(headline(source="Baltic Wire", url="https://wire.example/1"))
    assert scored == ScoredHeadline(
        id="a1",
        title="Acme recalls kettles",
        source="Baltic Wire",
        url="https://wire.example/1",
        published_at=THEN,
        scored_at=NOW,
        topic="earnings",
        topic_probability=1.0,
        sentiment="negative",
        probabilities={"negative": 0.712346, "neutral": 0.2, "positive": 0.087654},
        polarity=-0.624692,
        entities={},
        fingerprint=fingerprint("Acme recalls kettles", sketch_of(np.zeros(4, np.float32), "fixed-1")),
        model="fixed-1",
    )


def test_each_watched_name_has_the_sentiment_towards_it() -> None:
    class Fan(FixedScorer):
        def towards(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, ...]]:
            self.pairs = list(pairs)
            return [(0.05, 0.0, 0.95) if name == "acme" else (0.1, 0.8, 0.1) for _, name in pairs]

    scorer = Fan(towards_names=True)
    names = {"Acme Corp": "acme", "Bolt": "$blt"}
    results = assessed(
        headline("Acme and $BLT part"),
        headline("📉"),
        headline("Nothing named"),
        headline("Bolt falls"),
        scorer=scorer,
        entities_of=lambda title: {k: v for k, v in names.items() if k.split()[0] in title or v in title.casefold()},
    )
    assert scorer.pairs == [("Acme and $BLT part", "acme"), ("Acme and $BLT part", "$blt"), ("Bolt falls", "$blt")]
    found = [each.entities if isinstance(each, ScoredHeadline) else None for each in results]
    assert found == [{"Acme Corp": "positive", "Bolt": "neutral"}, None, {}, {"Bolt": "neutral"}]
    first = results[0]
    assert isinstance(first, ScoredHeadline)
    of_acme, of_bolt = first.towards("Acme Corp"), first.towards("Bolt")
    assert (first.sentiment, of_acme.sentiment, of_bolt.sentiment) == ("negative", "positive", "neutral")
    assert (of_acme.polarity, of_bolt.polarity) == (0.9, 0.0)
    assert of_acme.probabilities == {"negative": 0.05, "neutral": 0.0, "positive": 0.95}


def test_a_model_that_was_not_taught_names_gives_them_the_headlines_own_sentiment() -> None:
    scored, other = assessed(
        headline(), headline("Nothing named"), entities_of=lambda title: {"Acme": "acme"} if "Acme" in title else {}
    )
    assert isinstance(scored, ScoredHeadline)
    assert isinstance(other, ScoredHeadline)
    assert (scored.entities, other.entities) == ({"Acme": "negative"}, {})


def test_a_title_without_words_is_rejected_and_not_neutral() -> None:
    rejection, scored = assessed(headline("📉📉📉"), headline())
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "no_words"
    assert isinstance(scored, ScoredHeadline)


def test_a_declared_language_that_the_model_does_not_read_never_reaches_it() -> None:
    scorer = FixedScorer()
    results = assessed(
        headline("one", language="de"), headline("two"), headline("three", language="en-GB"), scorer=scorer
    )
    assert scorer.asked == ["two", "three"]
    assert isinstance(results[0], Rejection)
    assert (results[0].reason, results[0].detail) == (
        "language",
        "language 'de' is not one that the model reads (en)",
    )
    assert [each.title for each in results[1:] if isinstance(each, ScoredHeadline)] == ["two", "three"]


@pytest.mark.parametrize("language", ["en", "EN", "en-GB", "en_US", " en ", "", "und", None])
def test_languages_that_an_english_model_takes(language: str | None) -> None:
    assert language_problem(language, ["en"]) is None


@pytest.mark.parametrize("language", ["de", "zh-Hans", "e", "english", "xx-en"])
def test_languages_that_an_english_model_refuses(language: str) -> None:
    assert language_problem(language, ["en"]) == f"language '{language}' is not one that the model reads (en)"


def test_a_model_may_name_its_languages_with_a_region() -> None:
    assert language_problem("en", ["en-US", "zh"]) is None
    assert language_problem("zh-TW", ["en-US", "ZH"]) is None


@given(st.text(max_size=35))
def test_any_language_tag_has_a_primary_subtag(tag: str) -> None:
    first = primary_subtag(tag)
    assert "-" not in first
    assert first == primary_subtag(first)


@given(
    st.lists(
        st.tuples(st.sampled_from(["Acme falls", "📉", "Beta rises"]), st.sampled_from([None, "en", "de"])),
        max_size=30,
    )
)
def test_the_order_is_the_headlines_order_whatever_is_rejected(
    given_rows: list[tuple[str, str | None]],
) -> None:
    headlines = [headline(title, id=str(at), language=language) for at, (title, language) in enumerate(given_rows)]
    results = assessed(*headlines)
    for each, result in zip(headlines, results, strict=True):
        if each.language == "de" or each.title == "📉":
            assert isinstance(result, Rejection)
        else:
            assert isinstance(result, ScoredHeadline)
            assert (result.id, result.title) == (each.id, each.title)


@given(st.tuples(*[st.floats(0.001, 1)] * 3))
def test_polarity_is_the_difference_of_the_probabilities_on_the_wire(weights: tuple[float, ...]) -> None:
    probabilities = tuple(weight / sum(weights) for weight in weights)
    (scored,) = assessed(headline(), scorer=FixedScorer(probabilities=probabilities))
    assert isinstance(scored, ScoredHeadline)
    assert scored.polarity == round(scored.probabilities["positive"] - scored.probabilities["negative"], 6)
    assert -1 <= scored.polarity <= 1
    assert sum(scored.probabilities.values()) == pytest.approx(1, abs=2e-6)


def test_nothing_that_comes_of_a_headline_holds_its_personal_data() -> None:
    scorer, kinds, named = FixedScorer(), list[str](), list[str]()
    (scored,) = assessed(
        headline(
            "Acme (ir@acme.example, 电话:138 0013 8000) recalls 1,200 kettles, says @kettlefan",
            source="jane@wire.example (Baltic Wire)",
            url="https://wire.example/4111111111111111?by=jane@wire.example",
        ),
        scorer=scorer,
        entities_of=lambda title: named.append(title) or {},
        masked=kinds.append,
    )
    assert isinstance(scored, ScoredHeadline)
    title = "Acme ([email], 电话:[phone]) recalls 1,200 kettles, says @kettlefan"
    assert scorer.asked == named == [scored.title] == [title]
    assert (scored.id, scored.source) == ("a1", "[email] (Baltic Wire)")
    assert scored.url == "https://wire.example/4111111111111111?by=[email]"
    sketch = sketch_of(np.zeros(4, np.float32), "fixed-1")
    assert scored.fingerprint == fingerprint("Acme recalls 1,200 kettles, says @kettlefan 电话", sketch)
    assert kinds == ["email", "phone", "email", "email"]


def test_handles_are_masked_where_that_is_asked_for() -> None:
    (scored,) = assessed(headline("Acme recalls kettles, says @kettlefan"), masker=Masker(handles=True))
    assert isinstance(scored, ScoredHeadline)
    assert scored.title == "Acme recalls kettles, says [handle]"


def test_a_masked_source_is_no_longer_than_the_archive_keeps() -> None:
    (scored,) = assessed(headline(source=("a@b.co " * 40)[:256]))
    assert isinstance(scored, ScoredHeadline)
    assert scored.source == ("[email] " * 40)[:256]
