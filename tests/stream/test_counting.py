"""Which subjects a worker keeps, and of which it tells."""

from datetime import UTC, datetime, timedelta

from stream.counting import TrendKeeper
from stream.fingerprint import fingerprint
from stream.records import Tally, TallyEntry, encode, minute_of
from stream.settings import Settings

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
DAY = 1440


def partition_of(subject: str) -> int:
    return len(subject) % 2


def keeper(*entities: str, **alerts: float) -> TrendKeeper:
    made = TrendKeeper(Settings(alerts=alerts), ["earnings", "other"], entities, "w", partition_of)
    made.own({0, 1}, [], NOW)
    return made


def tally(subject: str, *ids: str) -> Tally:
    entries = [TallyEntry(id_, minute_of(NOW), "negative", -0.5, "", "wire") for id_ in ids]
    return Tally(subject, "m", entries)


def told(of: TrendKeeper) -> set[str]:
    return {trend.subject for trend in of.told()}


TOPICS = {"topic/all", "topic/earnings", "topic/other"}


def test_topics_and_watched_entities_are_told_of_from_the_start():
    assert told(keeper("Acme", "Bolt")) == TOPICS | {"entity/Acme", "entity/Bolt"}


def test_an_entity_that_is_watched_no_more_is_told_of_no_more_and_what_was_counted_stays():
    kept = keeper("Acme", "Bolt")
    kept.count(tally("entity/Acme", "a", "b"), NOW)
    kept.watch(["Bolt", "Coil"])
    assert told(kept) == TOPICS | {"entity/Bolt", "entity/Coil"}
    # One that was under way when the list changed is counted all the same.
    counted = kept.count(tally("entity/Acme", "b", "c"), NOW)
    assert counted is not None
    assert len(counted.pages) == 1
    kept.watch(["Acme"])
    assert told(kept) == TOPICS | {"entity/Acme"}
    assert sum(kept.trends["entity/Acme"].ledger.totals().values()) == 3


def test_what_was_counted_is_read_back_for_entities_that_are_not_watched_too():
    kept = keeper("Acme")
    pages = kept.count(tally("entity/Acme", "a"), NOW).pages
    heir = keeper()
    heir.own({0, 1}, [encode(page) for page in pages], NOW)
    assert told(heir) == TOPICS
    heir.watch(["Acme"])
    assert sum(heir.trends["entity/Acme"].ledger.totals().values()) == 1


def test_only_subjects_of_owned_partitions_are_kept_and_a_tally_of_another_is_left():
    kept = keeper("Acme", "Bolts")
    kept.own({partition_of("entity/Acme")}, [], NOW)
    kept.watch(["Acme", "Bolts"])
    assert "entity/Acme" in told(kept)
    assert "entity/Bolts" not in told(kept)
    assert kept.count(tally("entity/Bolts", "a"), NOW) is None


def test_pages_of_two_ownerships_never_share_a_key():
    kept = keeper("Acme")
    first = {page.key for page in kept.count(tally("entity/Acme", "a"), NOW).pages}
    kept.own({0, 1}, [], NOW)
    assert first.isdisjoint(page.key for page in kept.count(tally("entity/Acme", "b"), NOW).pages)


def test_a_topic_that_a_new_model_brings_stands_at_nothing():
    kept = keeper()
    kept.learn(["earnings", "climate"])
    assert told(kept) == TOPICS | {"topic/climate"}


def entry(id_: str, minute: int) -> TallyEntry:
    """A negative headline that is no copy of another."""
    return TallyEntry(id_, minute, "negative", -0.5, fingerprint(f"Court fines firm {minute} million"), "wire")


def with_history(kept: TrendKeeper) -> TrendKeeper:
    """Acme has ten days of it, and nobody else any."""
    now = minute_of(NOW)
    entries = [entry(f"a{at}", now - 10 * DAY + 97 * at) for at in range(148)]
    kept.count(Tally("entity/Acme", "m", entries), NOW)
    kept.trends["entity/Acme"].fit(NOW)
    return kept


def test_a_budget_is_shared_by_all_subjects_there_are_and_only_what_is_judged_has_a_threshold():
    alone, among = with_history(keeper("Acme")), with_history(keeper("Acme", *(f"C{number}" for number in range(500))))
    few, many = (kept.paged_from(kept.trends["entity/Acme"]) for kept in (alone, among))
    assert many.page > few.page + 1
    assert many.critical > few.critical + 1
    assert alone.paged_from(alone.trends["topic/all"]) is None
    rate = alone.trends["entity/Acme"].judge.pages
    assert few == (rate.threshold(3.0 / 4), rate.threshold(3.0 / 4 / 12))


def test_a_larger_budget_asks_for_less_and_a_number_stands_over_it():
    small, large = (with_history(keeper("Acme", budget=budget)) for budget in (0.5, 30.0))
    assert small.paged_from(small.trends["entity/Acme"]) > large.paged_from(large.trends["entity/Acme"])
    fixed = with_history(keeper("Acme", surprise=4.5, critical_surprise=8.0))
    assert fixed.paged_from(fixed.trends["entity/Acme"]) == (4.5, 8.0)
    high = with_history(keeper("Acme", surprise=40.0))
    assert high.paged_from(high.trends["entity/Acme"]) == (40.0, 40.0), "what is critical is a page too"
    assert fixed.paged_from(fixed.trends["topic/all"]) is None


def test_a_subject_with_few_headlines_leans_on_the_week_of_its_likes():
    kept = keeper("Acme", "Bolt")
    now = minute_of(NOW)
    first = now - 20 * DAY
    # Everything happens between 12:00 and 18:00, of which Bolt's few headlines say little.
    busy = [first + day * DAY + 3 * 60 + at for day in range(20) for at in range(0, 360, 9) if at < now]
    noon = [at - at % DAY + 12 * 60 + (at - first) % 360 for at in busy]
    for subject, minutes in (("topic/all", noon), ("entity/Bolt", noon[::97])):
        made = [entry(f"{subject}{n}", at) for n, at in enumerate(minutes)]
        kept.count(Tally(subject, "m", made), NOW)
    bolt = kept.trends["entity/Bolt"]
    bolt.fit(NOW)
    alone = bolt.judge.season.shape
    kept.trends["topic/all"].fit(NOW)
    bolt.fitted_at = float("-inf")
    bolt._changed = True
    kept.fit(NOW, 60.0, 60.0)
    leaning = bolt.judge.season.shape
    night = [hour for hour in range(168) if hour % 24 < 6]
    assert leaning[night].mean() < 0.5 * alone[night].mean()


def test_what_was_never_learnt_has_more_time_than_what_was():
    kept = keeper("Acme", "Bolt", "Cord")
    never = [trend for trend in kept.trends.values() if trend.fitted_at == float("-inf")]
    kept.fit(NOW, 0.0, 60.0)
    assert all(trend.fitted_at == NOW.timestamp() for trend in never)
    for trend in never:
        trend.count(Tally(trend.subject, "m", [entry("a", minute_of(NOW))]), NOW)
    later = NOW + timedelta(hours=1)
    kept.fit(later, 0.0, 60.0)
    assert all(trend.fitted_at == NOW.timestamp() for trend in never)
