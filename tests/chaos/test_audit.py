"""The audit finds what it is there to find; and a seed's plan is the same for ever."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from stream.hourlycounts import HOUR
from stream.ledger import Ledger, Page
from stream.records import ScoredHeadline, Sentiment, minute_of
from stream.subjects import tallies
from tests.chaos.audit import Books, audit
from tests.chaos.faults import MOST_WORKERS, plan
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def headline(id_: str, topic: str = "earnings", sentiment: Sentiment = "negative") -> ScoredHeadline:
    return scored_headline(f"Acme {id_}", NOW + timedelta(minutes=len(id_)), sentiment, id=id_, topic=topic)


HEADLINES = {each.id: each for each in (headline("a"), headline("bb", "other"), headline("ccc", "other", "positive"))}


def pages(of: dict[str, ScoredHeadline]) -> tuple[Page, ...]:
    return tuple(page for tally in tallies(of.values()) for page in Ledger(tally.subject, "w").count(tally))


NINE = int(NOW.replace(minute=0).timestamp()) * 1_000_000
HOURLY = {(NINE, "earnings", "negative"): 1, (NINE, "other", "negative"): 1, (NINE, "other", "positive"): 1}
WELL = Books(
    received={(0, 0): "a", (0, 1): None, (1, 0): "bb", (1, 1): "ccc", (1, 2): "a"},
    archived=HEADLINES,
    rejected=frozenset({(0, 1)}),
    scored={id_: frozenset({"m"}) for id_ in HEADLINES},
    pages=pages(HEADLINES),
    told={("earnings", "negative"): 1, ("other", "negative"): 1, ("other", "positive"): 1},
    negatives={"topic/all": (2,), "topic/earnings": (1,), "topic/other": (1,)},
    hourly=HOURLY,
)


def test_books_that_agree_are_well():
    findings = audit(WELL)
    assert findings.well
    assert (findings.lost, findings.doubled) == (0, 0)


def without(id_: str) -> dict[str, ScoredHeadline]:
    return {other: each for other, each in HEADLINES.items() if other != id_}


@pytest.mark.parametrize(
    ("books", "told"),
    [
        (replace(WELL, received={**WELL.received, (2, 0): "d"}), "1 headlines are not archived, such as d"),
        (replace(WELL, received={(0, 1): None, (1, 0): "bb", (1, 1): "ccc"}), "1 archived headlines never came"),
        (replace(WELL, rejected=frozenset()), "1 unreadable records are not on news.rejected"),
        (replace(WELL, rejected=frozenset({(0, 1), (1, 0)})), "1 readable records are on news.rejected"),
        (replace(WELL, scored={id_: frozenset({"m"}) for id_ in without("a")}), "1 headlines are not on news.scored"),
        (replace(WELL, scored={**WELL.scored, "a": frozenset({"m", "n"})}), "1 headlines have two scores"),
        (replace(WELL, hourly={**HOURLY, (NINE, "other", "negative"): 2}), "+1 headlines in the hourly count of"),
        (replace(WELL, hourly={(NINE, "other", "negative"): 1}), "-1 headlines in the hourly count of"),
        (replace(WELL, hourly={**HOURLY, (0, "other", "negative"): 1}), "+1 headlines in the hourly count of (0, "),
        (replace(WELL, pages=pages(without("bb"))), "2 counts are missing"),
        (replace(WELL, pages=(*WELL.pages, *pages({"d": headline("d")}))), "2 counts are of nothing archived"),
        (replace(WELL, told={**WELL.told, ("other", "negative"): 2}), "/metrics tells 2 other negative headlines"),
        (replace(WELL, told={("earnings", "negative"): 1}), "/metrics tells 0 other negative headlines"),
        (replace(WELL, negatives={**WELL.negatives, "topic/all": (2, 2)}), "2 workers tell of topic/all"),
        (replace(WELL, negatives={**WELL.negatives, "topic/all": (1,)}), "/metrics tells 1 negatives of topic/all"),
    ],
)
def test_what_does_not_agree_is_found(books, told):
    findings = audit(books)
    assert any(line.startswith(told) for line in findings.lines), findings.lines
    assert findings.lost + findings.doubled > 0


def test_an_id_on_two_pages_alike_counts_once_and_in_another_bucket_twice():
    again = replace_writer(WELL.pages, "v")
    assert audit(replace(WELL, pages=WELL.pages + again)).well
    moved = pages({"a": headline("a", sentiment="neutral")})
    findings = audit(replace(WELL, pages=WELL.pages + replace_writer(moved, "v")))
    assert findings.doubled >= 1
    assert "stand in two buckets" in findings.lines[0]


def test_a_late_headline_is_archived_and_counted_nowhere():
    late = {**HEADLINES, "d": replace_date(headline("d"))}
    books = replace(
        WELL,
        archived=late,
        received={**WELL.received, (2, 0): "d"},
        scored={id_: frozenset({"m"}) for id_ in late},
        hourly={**HOURLY, (NINE - 70 * 24 * HOUR, "earnings", "negative"): 1},
        oldest=minute_of(NOW - timedelta(days=35)),
    )
    assert audit(books).well
    assert not audit(replace(books, pages=pages(late))).well
    assert not audit(replace(books, oldest=0)).well


def replace_date(of: ScoredHeadline) -> ScoredHeadline:
    return msgspec.structs.replace(of, published_at=NOW - timedelta(days=70))


def replace_writer(of: tuple[Page, ...], writer: str) -> tuple[Page, ...]:
    return tuple(Page(page.subject, writer, page.number, page.model, page.entries) for page in of)


def test_a_seeds_plan_is_the_same_for_ever_and_another_seeds_is_another():
    assert plan(7) == plan(7)
    assert plan(7).faults != plan(8).faults
    for seed in range(50):
        drawn = plan(seed)
        assert 1 <= drawn.workers <= MOST_WORKERS
        assert list(drawn.faults) == sorted(drawn.faults, key=lambda each: each.at)
        assert sum(each.kind == "broker killed" for each in drawn.faults) <= 1
    kinds = {fault.kind for seed in range(50) for fault in plan(seed).faults}
    assert len(kinds) == 9
    drawn = hashlib.sha256(repr([plan(seed) for seed in range(200)]).encode()).hexdigest()
    assert drawn.startswith("3709e5711604c26f"), "a seed that failed must be had again as it was"


def test_a_plan_with_a_server_for_an_archive_is_the_seeds_plan_and_the_servers_deaths():
    for seed in range(50):
        ordinary, server = plan(seed), plan(seed, archive_server=True)
        assert server == plan(seed, archive_server=True)
        assert server.workers == ordinary.workers
        assert tuple(each for each in server.faults if each.kind != "archive killed") == ordinary.faults
        assert 1 <= len(server.faults) - len(ordinary.faults) <= 3


def test_a_plan_with_a_broker_kills_it_once_in_the_middle_and_changes_nothing_else():
    for seed in range(50):
        ordinary, broker = plan(seed), plan(seed, broker=True)
        (killed,) = (each for each in broker.faults if each.kind == "broker killed")
        assert killed.at == ordinary.seconds / 2
        rest = [tuple(each for each in drawn.faults if each.kind != "broker killed") for drawn in (ordinary, broker)]
        assert rest[0] == rest[1]
