"""Which pages a history would have made, on histories whose squalls are known."""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from alerts.backtest import back_test, past_of
from stream.budget import Budget
from stream.detector import Detection
from stream.history import DAY
from stream.records import ScoredHeadline
from stream.settings import AlertSettings
from tests.scoredheadlines import scored_headline

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 21
HOUR = timedelta(hours=1)
FEW = AlertSettings(stories=4, stories_all=6, sources=3)
TWO_A_MONTH = Detection(budget=Budget(2.0), shortest=7 * DAY)
COMPANIES = "Kestrovan Pellwick Ostrava Brindle Tallow Vexford Quarrel Hollin Marchbank Dunmore".split()
DOINGS = (
    "recalls its newest ferries", "loses a court case over patents", "warns of thin margins", "shuts a mill near {}",
    "is sued by investors", "cuts its outlook for {}", "misses a coupon payment", "halts drilling off {}",
    "fires its treasurer", "admits a leak of customers' data", "writes off its stake in {}", "delays its opening in {}",
)  # fmt: skip
PLACES = "Malmo Trieste Cork Gdansk Porto Izmir Lima Osaka Quito Tromso".split()


def scored(
    number: int, title: str, at: datetime, source: str, *, sentiment: str = "negative", topic: str = "earnings",
    company: str | None = None,
) -> ScoredHeadline:  # fmt: skip
    entities = {company: sentiment} if company else {}
    return scored_headline(title, at, sentiment, id=f"h{number}", source=source, topic=topic, entities=entities)


def titles(chance: random.Random) -> Iterator[str]:
    """Titles of events that all differ."""
    while True:
        did = chance.choice(DOINGS).format(chance.choice(PLACES))
        yield f"{chance.choice(COMPANIES)} {did} after {chance.random():.6f}"


def ordinary(chance: random.Random, an_hour: float = 1.0) -> list[ScoredHeadline]:
    """Three weeks of a headline or so an hour, a third of it negative, by day more than by night."""
    made, at, told = [], START, titles(chance)
    while at < START + timedelta(days=DAYS):
        busy = 1.6 if 7 <= at.hour < 19 else 0.4
        at += HOUR * chance.expovariate(an_hour * busy)
        mood = chance.choice(("negative", "neutral", "positive"))
        made.append(scored(len(made), next(told), at, f"wire {chance.randrange(6)}", sentiment=mood))
    return made


def squall(chance: random.Random, at: datetime, size: int, first: int, **fields: str) -> list[ScoredHeadline]:
    """So many bad stories within an hour."""
    told = titles(chance)
    return [
        scored(first + n, next(told), at + n * HOUR / size, f"wire {n % 6}", **fields)  # type: ignore[arg-type]
        for n in range(size)
    ]


BEGIN = START + timedelta(days=17, hours=10)


def pages_of(headlines: Sequence[ScoredHeadline], alerts: AlertSettings = FEW, how: Detection = TWO_A_MONTH):
    past = past_of(headlines)
    assert past is not None
    return back_test(past, how, alerts)


@pytest.fixture
def calm() -> list[ScoredHeadline]:
    return ordinary(random.Random(3))


def test_a_squall_is_one_page_with_its_stories_soon_after_it_began(calm: list[ScoredHeadline]) -> None:
    blow = squall(random.Random(5), BEGIN, 24, 50_000)
    pages = [page for page in pages_of([*calm, *blow]) if page.fired_at >= BEGIN]
    assert len(pages) == 1
    page = pages[0]
    assert BEGIN < page.fired_at <= BEGIN + HOUR
    assert page.subject == "topic/earnings"
    assert page.also_subjects == ["topic/all"]
    assert page.resolved_at is not None
    assert page.fired_at < page.resolved_at <= BEGIN + 10 * HOUR
    assert page.surprise >= page.threshold
    assert page.severity == "critical"
    assert [page.severity for page in pages_of(calm)] == ["page"] * len(pages_of(calm))
    assert page.stories >= 4
    assert set(page.evidence) <= {each.title for each in blow} | {each.title for each in calm}


def test_what_was_judged_does_not_depend_on_what_came_later(calm: list[ScoredHeadline]) -> None:
    blow = squall(random.Random(5), BEGIN, 24, 50_000)
    whole = [*calm, *blow]
    until = BEGIN + 12 * HOUR
    cut = pages_of([each for each in whole if each.published_at < until])
    assert cut == [page for page in pages_of(whole) if page.fired_at < until]


def test_one_story_copied_forty_times_is_no_page(calm: list[ScoredHeadline]) -> None:
    title = "Kestrovan recalls its newest ferries after a fire"
    copies = [
        scored(50_000 + n, title, BEGIN + n * timedelta(minutes=1), f"outlet {n}") for n in range(40)
    ]  # fmt: skip
    before, after = pages_of(calm), pages_of([*calm, *copies])
    assert [page.fired_at for page in after if page.fired_at >= BEGIN] == [
        page.fired_at for page in before if page.fired_at >= BEGIN
    ]


def test_one_source_alone_is_no_page_unless_the_file_names_none(calm: list[ScoredHeadline]) -> None:
    blow = squall(random.Random(5), BEGIN, 24, 50_000, company="Kestrovan")
    alone = [msgspec.structs.replace(each, source="one blog") for each in blow]
    assert "entity/Kestrovan" not in {page.subject for page in pages_of([*calm, *alone])}
    nameless = [msgspec.structs.replace(each, source="") for each in (*calm, *blow)]
    assert "entity/Kestrovan" in {page.subject for page in pages_of(nameless)}


def test_the_companys_page_is_the_topics_too(calm: list[ScoredHeadline]) -> None:
    blow = squall(random.Random(5), BEGIN, 24, 50_000, company="Kestrovan", topic="fraud_governance")
    [page] = [page for page in pages_of([*calm, *blow]) if page.fired_at >= BEGIN]
    assert page.subject == "entity/Kestrovan"
    assert "topic/fraud_governance" in page.also_subjects


def test_what_is_about_no_market_pages_nobody(calm: list[ScoredHeadline]) -> None:
    blow = squall(random.Random(5), BEGIN, 40, 50_000, topic="other")
    assert "topic/other" not in {page.subject for page in pages_of([*calm, *blow])}


def test_dates_without_a_time_are_judged_by_days() -> None:
    chance = random.Random(8)
    told = titles(chance)
    made = []
    for day in range(120):
        bad = 12 if day == 100 else chance.choice((0, 1, 1, 2))
        for _ in range(bad):
            made.append(scored(len(made), next(told), START + timedelta(days=day), ""))
    past = past_of(made)
    assert past is not None
    assert past.step == DAY
    pages = back_test(past, Detection(budget=Budget(2.0), history=180 * DAY), FEW)
    assert START + timedelta(days=101) in [page.fired_at for page in pages]
    assert {page.window for page in pages} == {"1d"}


def test_days_that_nobody_counted_teach_nothing(calm: list[ScoredHeadline]) -> None:
    holed = [each for each in calm if not timedelta(days=4) <= each.published_at - START < timedelta(days=7)]
    past = past_of(holed)
    assert past is not None
    series = past.series("topic/all", [True] * len(past.negatives["topic/all"]))
    assert math.isnan(series.counts[past.place(START + timedelta(days=5))])
    assert series.counts[past.place(START + timedelta(days=8))] >= 0


def test_no_headlines_are_no_past() -> None:
    assert past_of([]) is None
