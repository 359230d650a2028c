"""A subject's windows as time passes: what they hold, and when it leaves them."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.fingerprint import fingerprint
from stream.ledger import PAGE_ENTRIES, decode_record
from stream.records import Tally, TallyEntry, TrendPoint, at_minute, encode, minute_of
from stream.settings import TrendSettings
from stream.trends import SubjectTrend, window_name

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
MINUTE = minute_of(NOW)
SUBJECT = "topic/earnings"
POLARITY = {"negative": -0.75, "neutral": 0.125, "positive": 0.5}
TITLES = ("Acme profit falls sharply", "Bolt recalls kettles", "Harbour bank raided by police", "Union calls strike")


def entry(id_, minute, sentiment="negative", source="wire", title="Acme profit falls sharply") -> TallyEntry:
    return TallyEntry(str(id_), minute, sentiment, POLARITY[sentiment], fingerprint(title), source)


def trend_with(entries=(), now=NOW, **changes) -> SubjectTrend:
    trend = SubjectTrend(SUBJECT, "w1", TrendSettings(**changes))
    trend.count(Tally(SUBJECT, "m1", list(entries)), now)
    return trend


def negatives(trend: SubjectTrend, now: datetime) -> list[int]:
    return [reading.counts.negative for reading in trend.readings(now)]


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_windows_are_read_shortest_first_in_whole_minutes():
    trend = trend_with(windows=(timedelta(hours=1), timedelta(minutes=5), timedelta(days=1)))
    assert [reading.window for reading in trend.readings(NOW)] == [5, 60, 1440]
    assert [window_name(minutes) for minutes in (5, 60, 90, 1440)] == ["5m", "1h", "90m", "1d"]


@pytest.mark.parametrize(("minutes", "inside"), [(0, True), (4, True), (4.99, True), (5, False), (60, False)])
def test_a_headline_stays_in_the_five_minutes_that_begin_with_its_own(minutes, inside):
    assert negatives(trend_with([entry(1, MINUTE)]), later(minutes))[0] == int(inside)


def test_windows_fall_back_to_nothing_as_time_passes_with_no_new_headline():
    trend = trend_with([entry(1, MINUTE), entry(2, MINUTE - 4, "positive")])
    held = [negatives(trend, later(minutes)) for minutes in (0, 5, 15, 60, 360, 1440)]
    assert held == [[1, 1, 1, 1, 1], [0, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1], [0] * 5]
    empty = trend.readings(later(1440))[-1]
    assert (empty.counts.total, empty.counts.polarity, empty.stories, empty.sources) == (0, 0.0, 0, 0)


def test_they_fall_back_the_same_when_baselines_are_learnt_meanwhile():
    trend = trend_with([entry(number, MINUTE - number) for number in range(100)])
    for minutes in range(0, 1600, 7):
        assert negatives(trend, later(minutes))[-1] == sum(minutes + number < 1440 for number in range(100))
        trend.fit(later(minutes))


def test_a_headline_dated_a_little_ahead_counts_from_its_minute_on():
    trend = trend_with([entry(1, MINUTE + 3)])
    assert negatives(trend, later(2))[0] == 0
    assert negatives(trend, later(3))[0] == 1
    assert negatives(trend, later(7.9))[0] == 1
    assert negatives(trend, later(8))[0] == 0


entries = st.builds(
    lambda number, minute, sentiment, source, title: (number, minute, sentiment, source, title),
    st.integers(0, 60),
    st.integers(-1500, 4),
    st.sampled_from(["negative", "neutral", "positive"]),
    st.sampled_from(["wire", "ledger", "desk"]),
    st.sampled_from(TITLES),
)


@settings(max_examples=70, deadline=None)
@given(
    st.lists(entries, max_size=60).map(lambda rows: list({row[0]: row for row in rows}.values())),
    st.data(),
    st.integers(0, 1500),
)
def test_counts_stories_and_sources_are_those_of_the_distinct_headlines_in_the_window(rows, data, passed):
    arrivals = data.draw(st.permutations(rows + rows[: len(rows) // 2]))
    trend = SubjectTrend(SUBJECT, "w1", TrendSettings())
    while arrivals:
        size = data.draw(st.integers(1, 10))
        batch, arrivals = arrivals[:size], arrivals[size:]
        made = [entry(number, MINUTE + at, sentiment, source, title) for number, at, sentiment, source, title in batch]
        trend.count(Tally(SUBJECT, "m1", made), NOW)
    # What is older than the widest window when it comes is history only: no story, no source, but counted.
    for reading in trend.readings(later(passed)):
        inside = [row for row in rows if passed - reading.window < row[1] <= passed]
        told = [row for row in inside if row[2] == "negative"]
        assert reading.counts.negative == len(told)
        assert reading.counts.total == len(inside)
        mean = sum(POLARITY[row[2]] for row in inside) / len(inside) if inside else 0.0
        assert reading.counts.polarity == pytest.approx(mean)
        assert reading.sources == len({row[3] for row in told})
        assert reading.stories == len({row[4] for row in told})


@settings(max_examples=40, deadline=None)
@given(st.lists(entries, max_size=60).map(lambda rows: list({row[0]: row for row in rows}.values())))
def test_a_trend_rebuilt_from_its_pages_reads_the_same(rows):
    live = SubjectTrend(SUBJECT, "w1", TrendSettings())
    table = {}
    for number, at, sentiment, source, title in rows:
        tally = Tally(SUBJECT, "m1", [entry(number, MINUTE + at, sentiment, source, title)])
        table |= {page.key: encode(page) for page in live.count(tally, NOW).pages}
    rebuilt = SubjectTrend(SUBJECT, "w2", TrendSettings())
    rebuilt.load(map(decode_record, table.values()), NOW)
    for mine, theirs in zip(live.readings(NOW), rebuilt.readings(NOW), strict=True):
        assert (mine.counts.negative, mine.counts.total) == (theirs.counts.negative, theirs.counts.total)
        assert (mine.stories, mine.sources) == (theirs.stories, theirs.sources)
        assert mine.counts.polarity == pytest.approx(theirs.counts.polarity)


def test_one_story_copied_forty_times_is_one_story_of_forty_sources():
    titles = ["Pellwick recalls electric kettles over fault", "UPDATE 1-PELLWICK RECALLS ELECTRIC KETTLES OVER FAULT"]
    copies = [entry(number, MINUTE, source=f"outlet {number}", title=titles[number % 2]) for number in range(40)]
    reading = trend_with(copies).readings(NOW)[0]
    assert (reading.counts.negative, reading.stories, reading.sources) == (40, 1, 40)


def test_only_negative_headlines_make_negative_stories_and_sources():
    reading = trend_with([entry(1, MINUTE, "positive"), entry(2, MINUTE, "neutral", "ledger")]).readings(NOW)[0]
    assert (reading.counts.total, reading.counts.negative, reading.stories, reading.sources) == (2, 0, 0, 0)


def test_a_tally_that_comes_again_changes_nothing_and_writes_no_page():
    trend = trend_with()
    tally = Tally(SUBJECT, "m1", [entry(1, MINUTE), entry(2, MINUTE)])
    assert len(trend.count(tally, NOW).pages) == 1
    assert trend.count(tally, NOW) == ([], 0)
    assert negatives(trend, NOW)[0] == 2


def history(days: float, a_day: int = 24, seed: int = 1) -> list[TallyEntry]:
    chance = random.Random(seed)
    first = MINUTE - int(days * 1440)
    minutes = [first, *(chance.randrange(first, MINUTE - 120) for _ in range(int(days * a_day)))]
    return [
        entry(f"h{number}", minute, title=f"Court fines firm {number} {number + 3} million")
        for number, minute in enumerate(minutes)
    ]


def squall(minute: int = MINUTE) -> list[TallyEntry]:
    return [
        entry(f"s{number}", minute - number % 3, title=TITLES[number % 4], source=f"o{number}") for number in range(40)
    ]


def test_with_a_short_history_nothing_is_judged():
    trend = trend_with([*history(2.9), *squall()])
    trend.fit(NOW)
    for reading in trend.readings(NOW):
        assert reading.surprise is None
        assert reading.baseline is None
    assert trend.point(MINUTE).surprise is None


def test_with_enough_history_a_squall_surprises_and_a_calm_does_not():
    trend = trend_with([*history(9), *squall()])
    trend.fit(NOW)
    assert max(reading.surprise for reading in trend.readings(later(0.9))) > 6
    calm = trend.readings(later(60))
    assert calm[0].surprise == 0.0
    assert 0 < calm[0].baseline < calm[-1].baseline


def test_the_usual_share_of_negatives_is_that_of_the_history_and_not_of_the_newest_hour():
    turned = [entry(f"n{number}", MINUTE, title=TITLES[number % 4]) for number in range(30)]
    calm = [entry(f"p{number}", MINUTE - 2000 - 60 * number, "positive") for number in range(30)]
    bad = [entry(f"b{number}", MINUTE - 2000 - 60 * number) for number in range(10)]
    trend = trend_with([*calm, *bad, *turned])
    assert trend.usual_share is None
    trend.fit(NOW)
    assert trend.usual_share == pytest.approx(0.25)
    assert [reading.counts.share for reading in trend.readings(NOW)] == [1.0] * 5
    assert trend.readings(later(3000))[0].counts.share == 0.0


def test_copies_of_one_story_surprise_no_more_than_its_first_tellings():
    title = "Pellwick recalls electric kettles"
    copies = [entry(f"c{number}", MINUTE, title=title, source=f"outlet {number}") for number in range(40)]
    few, many = trend_with([*history(9), *copies[:3]]), trend_with([*history(9), *copies])
    for trend in (few, many):
        trend.fit(NOW)
    assert negatives(many, NOW) == [each + 37 for each in negatives(few, NOW)]
    assert [each.surprise for each in many.readings(NOW)] == [each.surprise for each in few.readings(NOW)]


def test_copies_of_old_do_not_teach_what_is_usual():
    plain = trend_with(history(9))
    copied = trend_with(
        [*history(9), *(entry(f"c{number}", MINUTE - 4000 - number % 600, title="Acme falls") for number in range(300))]
    )
    for trend in (plain, copied):
        trend.fit(NOW)
    assert copied.baseline.rates.sum() == pytest.approx(plain.baseline.rates.sum(), rel=0.1)


def test_what_was_learnt_of_half_a_past_does_not_judge_the_other_half():
    past = sorted(history(20, a_day=48), key=lambda each: each.minute)
    trend = trend_with(past[:300])
    trend.fit(NOW)
    assert trend.judge is not None
    trend.count(Tally(SUBJECT, "m1", past[300:]), NOW)
    assert trend.judge is None
    assert not trend.needs_fit(NOW + timedelta(seconds=9))
    soon = NOW + timedelta(seconds=10)
    assert trend.needs_fit(soon)
    trend.fit(soon)
    assert trend.judge is not None
    assert max(reading.surprise for reading in trend.readings(soon)) < 3


def test_a_few_late_headlines_leave_a_subject_judged():
    trend = trend_with(history(9))
    trend.fit(NOW)
    late = [
        entry(f"l{number}", MINUTE - 600 - number, title=f"Ship {number} sinks off {number}") for number in range(4)
    ]
    trend.count(Tally(SUBJECT, "m1", late), NOW)
    assert trend.judge is not None
    assert not trend.needs_fit(NOW + timedelta(minutes=4))


def test_the_newest_hour_does_not_teach_yet():
    trend = trend_with(history(9))
    trend.fit(NOW)
    before = trend.baseline.rates.sum()
    trend.count(Tally(SUBJECT, "m1", squall(MINUTE - 30)), NOW)
    trend.fit(NOW)
    assert trend.baseline.rates.sum() == before


def test_fitting_is_due_only_for_something_new_and_not_too_often():
    trend = trend_with([entry(1, MINUTE)])
    assert trend.needs_fit(NOW)
    trend.fit(NOW)
    trend.count(Tally(SUBJECT, "m1", [entry(2, MINUTE)]), NOW)
    assert not trend.needs_fit(later(4.9))
    assert trend.needs_fit(later(5))
    trend.fit(later(5))
    assert not trend.needs_fit(later(600))


def test_what_is_older_than_the_history_is_forgotten_but_its_headlines_stay_counted():
    old = [entry("old", MINUTE - 29 * 1440)]
    trend = trend_with([*old, *history(9)])
    trend.fit(NOW)
    assert trend.baseline.history_minutes <= 9 * 1440
    assert trend.count(Tally(SUBJECT, "m1", old), NOW) == ([], 0)


def test_a_headline_is_counted_as_long_as_its_day_is_open_and_late_from_then_on():
    trend = trend_with(retention=timedelta(days=35))
    day = MINUTE // 1440
    for number, (minute, late) in enumerate([((day - 35) * 1440, 0), ((day - 35) * 1440 - 1, 1), (0, 1)]):
        counted = trend.count(Tally(SUBJECT, "m1", [entry(f"x{number}", minute)]), NOW)
        assert (len(counted.pages), counted.late) == (1 - late, late)
    assert sum(trend.ledger.totals().values()) == 1


def test_pages_of_closed_days_are_dropped_once_a_day_and_their_headlines_stay_in_the_totals():
    trend = trend_with(history(9))
    assert trend.drop(NOW) is None
    total = sum(trend.ledger.totals().values())
    closed, keys = trend.drop(NOW + timedelta(days=60))
    assert len(keys) == -(-total // PAGE_ENTRIES)
    assert trend.ledger.pages == {}
    assert sum(count for _, _, count in closed.totals) == total == sum(trend.ledger.totals().values())
    assert trend.drop(NOW + timedelta(days=60, minutes=5)) is None
    assert trend.drop(NOW + timedelta(days=61)) is None


@pytest.mark.parametrize("strays", [1, 2])
def test_a_back_dated_headline_does_not_make_a_new_installation_look_old(strays):
    old = [entry(f"old{number}", MINUTE - (20 + number) * 1440) for number in range(strays)]
    trend = trend_with([*old, *history(1), *squall()])
    trend.fit(NOW)
    assert trend.baseline.history_minutes < 1440
    assert all(reading.surprise is None for reading in trend.readings(NOW))


def test_the_point_of_a_minute_is_its_own_headlines_and_its_most_surprising_window():
    trend = trend_with([*history(9), *squall(), entry("p", MINUTE, "positive", "desk")])
    trend.fit(NOW)
    point = trend.point(MINUTE)
    assert point.minute == NOW
    assert point.counts == {"negative": 14, "neutral": 0, "positive": 1}
    assert (point.stories, point.sources) == (4, 14)
    assert point.polarity == pytest.approx((14 * -0.75 + 0.5) / 15, abs=1e-4)
    at_the_end = trend.readings(at_minute(MINUTE + 1) - timedelta(microseconds=1))
    loudest = max(at_the_end, key=lambda reading: reading.surprise)
    assert (point.window, point.surprise) == (window_name(loudest.window), loudest.surprise)
    assert msgspec.json.decode(encode(point), type=TrendPoint) == point


def test_the_point_of_a_minute_knows_nothing_of_the_next_one():
    trend = trend_with(history(9))
    trend.count(Tally(SUBJECT, "m1", [entry("a", MINUTE)]), NOW)
    trend.fit(NOW)
    alone = trend.point(MINUTE)
    trend.count(Tally(SUBJECT, "m1", squall(MINUTE + 3)), later(3))
    trend.count(Tally(SUBJECT, "m1", [entry(f"n{number}", MINUTE + 1) for number in range(30)]), later(1))
    assert trend.point(MINUTE) == alone


def test_a_minute_without_a_headline_has_no_point():
    trend = trend_with([entry(1, MINUTE)])
    assert trend.point(MINUTE - 1) is None
    assert trend.point(MINUTE + 1) is None
    assert negatives(trend, NOW)[0] == 1
