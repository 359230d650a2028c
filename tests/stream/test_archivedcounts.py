"""The archive's counts by time, on both databases."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from stream.archive import Archive
from stream.archivedcounts import ArchivedCounts
from stream.records import ScoredHeadline
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def archive(archive_url: str) -> Iterator[Archive]:
    opened = Archive(archive_url)
    yield opened
    opened.close()


def scored(id_: str, at: datetime, topic: str, sentiment: str, **entities) -> ScoredHeadline:
    return scored_headline(id_, at, sentiment, topic=topic, entities=entities)


def test_counts_are_those_of_the_headlines_in_each_step(archive):
    told = [
        scored("a", NOW - 3 * HOUR, "earnings", "negative"),
        scored("b", NOW - 2 * HOUR - timedelta(microseconds=1), "earnings", "negative", Bolt="positive"),
        scored("c", NOW - 2 * HOUR, "earnings", "positive", Bolt="negative"),
        scored("d", NOW - timedelta(minutes=1), "other", "neutral"),
        scored("e", NOW, "earnings", "negative"),  # the end is outside
    ]
    archive.keep(told)
    history = ArchivedCounts(archive.engine)

    def of(subject: str) -> list[tuple[int, int, int]]:
        counts = history.counts(subject, NOW - 3 * HOUR, NOW, HOUR)
        assert [each.at for each in counts] == [NOW - 3 * HOUR, NOW - 2 * HOUR, NOW - HOUR]
        return [(each.negative, each.neutral, each.positive) for each in counts]

    assert of("topic/earnings") == [(2, 0, 0), (0, 0, 1), (0, 0, 0)]
    assert of("topic/all") == [(2, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert of("entity/Bolt") == [(0, 0, 1), (1, 0, 0), (0, 0, 0)]
    assert of("topic/nothing") == [(0, 0, 0)] * 3
    assert history.topics() == ["earnings", "other"]
    board = history.negatives_by_subject(NOW - 3 * HOUR, NOW, HOUR, ["Bolt", "Acme"])
    assert board["topic/all"] == board["topic/earnings"] == [2, 0, 0]
    assert board["entity/Bolt"] == [0, 1, 0]
    assert board["entity/Acme"] == [0, 0, 0]


def test_whole_hours_are_counted_as_all_other_spans_are(archive):
    chance, until = Random(3), datetime(2026, 7, 3, 3, tzinfo=UTC)
    archive.keep(
        [
            scored(
                str(number),
                until - timedelta(microseconds=chance.randrange(-(10**10), 3 * 86_400 * 10**6)),
                chance.choice(["earnings", "other"]),
                chance.choice(["negative", "neutral", "positive"]),
                Bolt="negative",
            )
            for number in range(400)
        ]
    )
    history = ArchivedCounts(archive.engine)
    for subject in ("topic/all", "topic/other", "entity/Bolt"):
        for step in (HOUR, 6 * HOUR, 7 * HOUR):
            whole = history.counts(subject, until - timedelta(days=2), until, step)
            # No step of minutes is read off the hourly counts.
            fine = history.counts(subject, until - timedelta(days=2), until, timedelta(minutes=10))
            for each in whole:
                inside = [part for part in fine if each.at <= part.at < each.at + step]
                for name in ("negative", "neutral", "positive"):
                    assert getattr(each, name) == sum(getattr(part, name) for part in inside)
        assert sum(each.total for each in whole) > 100


def test_no_headline_is_in_two_steps_and_none_is_lost(archive):
    at = [NOW - timedelta(minutes=7 * number, microseconds=number) for number in range(200)]
    archive.keep([scored(f"h{number}", each, "earnings", "negative") for number, each in enumerate(at)])
    since = NOW - timedelta(days=1)
    counts = ArchivedCounts(archive.engine).counts("topic/earnings", since, NOW, HOUR)
    expected = Counter(int((each - since) / HOUR) for each in at if since <= each < NOW)
    assert {number: each.negative for number, each in enumerate(counts) if each.negative} == expected


def test_an_empty_archive_has_no_topics_and_counts_nothing(archive):
    assert ArchivedCounts(archive.engine).topics() == []
    assert sum(each.total for each in ArchivedCounts(archive.engine).counts("topic/all", NOW - HOUR, NOW, HOUR)) == 0
