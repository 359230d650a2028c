"""What trends are kept of: the topics, all of them together, and the watched entities."""

from collections.abc import Iterable

from stream.records import ScoredHeadline, Sentiment, Tally, TallyEntry, minute_of

ALL = "topic/all"


def topic_subject(topic: str) -> str:
    """The subject of a topic."""
    return f"topic/{topic}"


def entity_subject(entity: str) -> str:
    """The subject of a watched entity."""
    return f"entity/{entity}"


def subjects_of(headline: ScoredHeadline) -> list[tuple[str, Sentiment]]:
    """The subjects that a headline counts for, with the sentiment that it has towards each."""
    return [
        (topic_subject(headline.topic), headline.sentiment),
        (ALL, headline.sentiment),
        *((entity_subject(entity), sentiment) for entity, sentiment in headline.entities.items()),
    ]


def tallies(headlines: Iterable[ScoredHeadline]) -> list[Tally]:
    """One tally for each subject and model among the headlines, entries in their order."""
    entries: dict[tuple[str, str], list[TallyEntry]] = {}
    for headline in headlines:
        minute = minute_of(headline.published_at)
        for subject, sentiment in subjects_of(headline):
            entries.setdefault((subject, headline.model), []).append(
                TallyEntry(headline.id, minute, sentiment, headline.polarity, headline.fingerprint, headline.source)
            )
    return [Tally(subject, model, part) for (subject, model), part in entries.items()]
