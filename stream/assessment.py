"""Headlines in, scored headlines or rejections out: what the stream's agent and `newsquall score` both do."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import cast

import msgspec

from model.errors import UnscorableText
from model.masking import Masker
from model.scorer import Score, Scorer
from stream.fingerprint import fingerprint, sketch_of
from stream.records import (
    DIGITS,
    MAX_SOURCE_CHARACTERS,
    Headline,
    Rejection,
    ScoredHeadline,
    Sentiment,
    chosen,
    polarity_of,
)

# BCP 47 subtags of texts whose language their producer does not know or name: not declared, then.
_UNDECLARED = frozenset({"", "und", "mul", "zxx"})
_SUBTAGS = re.compile(r"[-_]")

EntitiesOf = Callable[[str], Mapping[str, str]]
Watch = Callable[[Score], None]
Told = Callable[[str], None]


def primary_subtag(language: str) -> str:
    """A language tag's first part, in lower case.

    >>> primary_subtag("en-GB")
    'en'
    """
    return _SUBTAGS.split(language.strip(), maxsplit=1)[0].strip().lower()


def language_problem(language: str | None, known: Collection[str]) -> str | None:
    """Why a declared language cannot be scored by a model of the `known` ones; None if it can, or if none is
    declared."""
    declared = primary_subtag(language or "")
    readable = {primary_subtag(each) for each in known}
    if declared in _UNDECLARED or declared in readable:
        return None
    return f"language '{language}' is not one that the model reads ({', '.join(sorted(readable))})"


def assess(
    headlines: list[Headline],
    scorer: Scorer,
    now: datetime,
    entities_of: EntitiesOf | None = None,
    watch: Watch | None = None,
    masker: Masker = Masker(),  # noqa: B008  (frozen)
    masked: Told | None = None,
) -> list[ScoredHeadline | Rejection]:
    """Mask and score headlines, in their order. One that cannot be scored soundly is a Rejection in its place.

    What comes of a headline holds no personal data that it came with: its texts are masked before anything is made of
    them.

    `now`: what becomes scored_at, in UTC. `entities_of`: the watched names found in a title, each as the title
    writes it; the sentiment towards each is scored, or is the headline's own if the model was not taught the other.
    `watch`: is shown each score. `masked`: is told the kind of each piece of personal data that was taken out. Raises
    ScoringError if the model itself fails; then nothing has been scored.
    """
    headlines = [without_personal_data(headline, masker, masked) for headline in headlines]
    languages = scorer.bundle.manifest.languages
    problems = [language_problem(headline.language, languages) for headline in headlines]
    readable = [headline.title for headline, problem in zip(headlines, problems, strict=True) if problem is None]
    scores = iter(scorer.score(readable))
    results: list[ScoredHeadline | Rejection] = []
    for headline, problem in zip(headlines, problems, strict=True):
        if problem is not None:
            results.append(Rejection("language", problem))
            continue
        score = next(scores)
        if isinstance(score, UnscorableText):
            results.append(Rejection(score.reason, score.detail))
        else:
            if watch:
                watch(score)
            results.append(_scored(headline, score, scorer, now))
    return _with_entities(results, scorer, entities_of) if entities_of else results


def _with_entities(
    results: Sequence[ScoredHeadline | Rejection], scorer: Scorer, entities_of: EntitiesOf
) -> list[ScoredHeadline | Rejection]:
    """The results with the watched entities that their titles name, and the sentiment towards each."""
    named = [{} if isinstance(each, Rejection) else entities_of(each.title) for each in results]
    pairs = [
        (each.title, written)
        for each, names in zip(results, named, strict=True)
        if not isinstance(each, Rejection)
        for written in names.values()
    ]
    towards = iter(scorer.towards(pairs)) if scorer.bundle.manifest.towards_names else None
    whole: list[ScoredHeadline | Rejection] = []
    for each, names in zip(results, named, strict=True):
        if not isinstance(each, Rejection) and names:
            told = {name: _rounded(next(towards), scorer) for name in names} if towards else {}
            each = msgspec.structs.replace(  # noqa: PLW2901
                each,
                entities={name: chosen(told[name]) if name in told else each.sentiment for name in names},
                entity_probabilities=told,
            )
        whole.append(each)
    return whole


def without_personal_data(headline: Headline, masker: Masker, masked: Told | None = None) -> Headline:
    """The headline with its title, source and link masked: what is scored, archived and sent on. The id is a key, by
    which it is known when it comes again, and stays."""
    title, source, url = masker.mask(headline.title), masker.mask(headline.source), masker.mask_url(headline.url)
    kinds = (*title.kinds, *source.kinds, *url.kinds)
    if not kinds:
        return headline
    if masked:
        for kind in kinds:
            masked(kind)
    # A mask may be longer than what it stands for, and the archive has room for so much of a source.
    return msgspec.structs.replace(headline, title=title.text, source=source.text[:MAX_SOURCE_CHARACTERS], url=url.text)


def _scored(headline: Headline, score: Score, scorer: Scorer, now: datetime) -> ScoredHeadline:
    sentiment = cast(Sentiment, score.sentiment)
    probabilities = _rounded(score.probabilities, scorer)
    return ScoredHeadline(
        id=headline.id,
        title=headline.title,
        source=headline.source,
        url=headline.url,
        published_at=headline.published_at,
        scored_at=now,
        topic=score.topic,
        topic_probability=round(score.topic_probability, DIGITS),
        sentiment=sentiment,
        probabilities=probabilities,
        # Of the rounded ones, so that the archive, which keeps those, gives the same number back.
        polarity=polarity_of(probabilities),
        entities={},
        fingerprint=fingerprint(headline.title, sketch_of(score.embedding, scorer.version)),
        model=scorer.version,
    )


def _rounded(probabilities: Sequence[float], scorer: Scorer) -> dict[str, float]:
    """Probabilities by sentiment, as exact as they are on the wire."""
    return {name: round(each, DIGITS) for name, each in zip(scorer.taxonomy.sentiments, probabilities, strict=True)}
