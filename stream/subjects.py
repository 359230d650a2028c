"""What trends are kept of: the topics, all of them together, and the watched entities."""

from collections.abc import Iterable, Iterator

from stream.records import ScoredHeadline, Tally, TallyEntry, encode, minute_of

ALL = "topic/all"

# A record of Kafka's may have a million bytes. Ordinary batches stay far below; one of long ids and titles does not,
# and would stop every worker that it comes to.
LARGEST_TALLY_BYTES = 500_000


def topic_subject(topic: str) -> str:
    """The subject of a topic."""
    return f"topic/{topic}"


def entity_subject(entity: str) -> str:
    """The subject of a watched entity."""
    return f"entity/{entity}"


def breadth_of(subject: str) -> int:
    """0 for an entity, 1 for a topic, 2 for all topics together, 3 for what is none of them: a page is the narrowest
    subject's.

    >>> [breadth_of(subject) for subject in ("entity/Acme", "topic/earnings", ALL, "alert/LagOld")]
    [0, 1, 2, 3]
    """
    return 2 if subject == ALL else {"entity": 0, "topic": 1}.get(subject.partition("/")[0], 3)


def subjects_of(headline: ScoredHeadline) -> list[tuple[str, ScoredHeadline]]:
    """The subjects that a headline counts for, with the headline as it is for each."""
    return [
        (topic_subject(headline.topic), headline),
        (ALL, headline),
        *((entity_subject(entity), headline.towards(entity)) for entity in headline.entities),
    ]


def tallies(headlines: Iterable[ScoredHeadline]) -> list[Tally]:
    """One tally for each subject and model among the headlines, entries in their order; several where one would be
    too large for a record."""
    entries: dict[tuple[str, str], list[TallyEntry]] = {}
    for headline in headlines:
        minute = minute_of(headline.published_at)
        for subject, seen in subjects_of(headline):
            entries.setdefault((subject, headline.model), []).append(
                TallyEntry(seen.id, minute, seen.sentiment, seen.polarity, seen.fingerprint, seen.source)
            )
    return [Tally(subject, model, part) for (subject, model), all_ in entries.items() for part in _portions(all_)]


def _portions(entries: Iterable[TallyEntry]) -> Iterator[list[TallyEntry]]:
    portion: list[TallyEntry] = []
    size = 0
    for entry in entries:
        added = len(encode(entry)) + 1
        if portion and size + added > LARGEST_TALLY_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(entry)
        size += added
    yield portion
