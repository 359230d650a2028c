"""What the benches of the stream make of what they see: profiles, waiting, order."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.bench.burst import behind_turn, delay_of, out_of_order
from deploy.bench.constant import ConstantScorer
from deploy.bench.profiling import Share, shares_of
from deploy.bench.state import entries_of, watchlist_of
from deploy.bench.stream import Watch, headlines_of
from model.bundle import BUNDLED, Bundle
from stream.records import Origin, ScoredHeadline, minute_of
from stream.subjects import ALL
from stream.watchlist import load_watchlist
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def scored(published: float, scored_after: float, offset: int = 0, partition: int = 0) -> ScoredHeadline:
    """A headline published so many seconds after noon, and scored so many after that."""
    at = NOW + timedelta(seconds=published)
    return scored_headline(
        "Acme profit falls",
        at,
        id=f"{partition}-{offset}",
        scored_at=at + timedelta(seconds=scored_after),
        origin=Origin(partition, offset),
    )


def test_a_profile_says_what_ran_itself_and_what_was_waited_for():
    lines = [
        'thread (0x1): "MainThread";run (loop.py:1);work (ours.py:5) 6',
        'thread (0x1): "MainThread";run (loop.py:1) 2',
        'thread (0x2): "scoring_0";work (ours.py:5);work (ours.py:5) 2',
        "Error 3",
    ]
    shares = shares_of(lines)
    assert shares.samples == 10
    assert shares.threads == {"MainThread": 0.8, "scoring_0": 0.2}
    assert shares.by_itself == [Share("work (ours.py:5)", 0.8, 0.8), Share("run (loop.py:1)", 0.2, 0.8)]


def test_a_profile_without_samples_is_empty():
    assert shares_of([]).samples == 0


def test_headlines_have_ids_of_their_own_and_dates_in_order():
    made = list(headlines_of(["a", "b"], 5, NOW, timedelta(hours=1)))
    assert len({each.id for each in made}) == 5
    assert [each.title for each in made] == ["a", "b", "a", "b", "a"]
    assert [each.published_at for each in made] == sorted(each.published_at for each in made)
    assert NOW - timedelta(hours=1) <= made[0].published_at <= made[-1].published_at <= NOW


def test_the_constant_scorer_always_says_the_same_and_knows_every_label():
    scorer = ConstantScorer(Bundle.open(BUNDLED))
    texts = [f"Acme sells plant {number}" for number in range(2_000)]
    first, again = scorer.score(texts), scorer.score(texts)
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert {score.topic for score in first} == set(scorer.taxonomy.topics)
    assert sum(score.sentiment == "negative" for score in first) == pytest.approx(700, abs=100)


def test_cpu_time_is_that_between_the_first_look_and_the_last_one():
    watch = Watch()
    for scored_so_far, cpu, rss in ((0, 2.0, 5e6), (50, 2.2, 9e6), (100, 2.5, 8e6)):
        watch.look(
            {
                ("process_cpu_seconds_total", ()): cpu,
                ("process_resident_memory_bytes", ()): rss,
                ("newsquall_batch_size_sum", ()): scored_so_far,
            }
        )
    watch.look({})  # it did not answer
    assert watch.cpu_ms == pytest.approx(5.0)
    assert watch.peak == 9e6


def test_a_headline_that_was_scored_before_an_older_one_is_told():
    in_order = [scored(0, 5, 0), scored(1, 5, 1), scored(2, 4, 2)]
    assert out_of_order(in_order) == 0
    assert behind_turn(in_order) == 0.0
    late = [*in_order, scored(3, 0.5, 4), scored(-2, 9, 3), scored(9, 0.1, 0, partition=1)]
    assert out_of_order(late) == 1
    assert behind_turn(late) == pytest.approx(3.5)


def test_the_delay_is_told_beside_what_the_metric_makes_of_it():
    name = "newsquall_publication_to_score_seconds"
    delay = delay_of([scored(0, 1), scored(1, 2), scored(2, 6)], {(f"{name}_sum", ()): 9.0, (f"{name}_count", ()): 3})
    assert (delay.told_mean, delay.mean, delay.p50, delay.max) == (3.0, 3.0, 2.0, 6.0)


def test_a_weeks_entries_are_of_every_topic_and_of_the_watched_companies(tmp_path):
    file = tmp_path / "watchlist.csv"
    file.write_text(watchlist_of(20))
    names = load_watchlist(file).names
    made = list(entries_of(["Acme profit falls"], 7, 200, len(names), NOW, seed=1))
    by_subject = {subject for subject, _ in made}
    assert sum(subject == ALL for subject, _ in made) == 1_400
    assert by_subject >= {f"topic/{name}" for name in ("earnings", "other")}
    assert {subject.removeprefix("entity/") for subject in by_subject if subject.startswith("entity/")} <= set(names)
    minutes = [entry.minute for subject, entry in made if subject == ALL]
    assert minutes == sorted(minutes)
    assert minute_of(NOW) - 7 * 1_440 == minutes[0]
    assert minutes[-1] < minute_of(NOW)
