"""The benches of the stream on real servers, small: they end, and nothing is lost in them."""

import pytest

from deploy.bench.burst import measure as burst
from deploy.bench.desk import measure as desk
from deploy.bench.evidence import QUESTIONS, Database
from deploy.bench.evidence import measure as evidence
from deploy.bench.latency import STAGES
from deploy.bench.latency import measure as latency
from deploy.bench.scorer import texts_of
from deploy.bench.state import measure as state
from deploy.bench.stream import measure as stream
from deploy.demo.system import DEMO_PACE
from deploy.desk.view import TABS
from model.bundle import BUNDLED, Bundle
from model.scorer import Scorer
from stream.watchlist import Watchlist

TITLES = texts_of(None, 1_000)


def test_one_worker_streams_what_lies_on_the_topic() -> None:
    with Scorer(Bundle.open(BUNDLED), "cpu", 1) as scorer:
        result = stream(TITLES[:300], 300, scorer, Watchlist(()), {"NEWSQUALL_SCORER__THREADS": "1"}, lambda _: None)
    assert (result.headlines, result.lost, result.doubled) == (300, 0, 0)
    assert result.score is not None
    assert result.share is not None
    assert result.stream.per_second > 0


def test_a_burst_is_caught_up_with_in_order_and_without_a_rebalance() -> None:
    result = burst(TITLES, 5.0, 40.0, 3.0, "constant", {}, lambda _: None, constant=True)
    assert result.headlines > 300
    assert (result.lost, result.doubled, result.rebalances, result.out_of_order) == (0, 0, 0, 0)
    assert result.lag_peak > 0
    assert abs(result.delay.told_mean - result.delay.mean) <= 0.02


def test_a_squalls_fifth_story_becomes_a_page_and_every_stage_of_its_way_is_told() -> None:
    result = latency(2, DEMO_PACE, lambda _: None)
    assert (result.runs, result.paged) == (2, 2)
    assert list(result.stages) == list(STAGES)
    assert all(stage.p50 >= 0 for stage in result.stages.values())
    assert sum(stage.share for stage in result.stages.values()) == pytest.approx(1, abs=0.01)
    assert result.first is not None
    assert 0 < result.p50 <= result.p95 == result.longest


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_pages_are_decided_in_an_archive_of_generated_headlines_by_indexes(database: Database) -> None:
    said: list[str] = []
    result = evidence(database, 20_000, 10, 2, said.append)
    assert (result.headlines, result.runs, result.database) == (20_000, 2, database)
    assert 9_000 < result.mentions < 11_000
    assert [(each.subject, each.window) for each in result.answers] == list(QUESTIONS)
    for each in result.answers:
        assert each.negatives > 5
        assert 0 < each.whole.p50 <= each.whole.p95 <= result.slowest_p95
    assert any("headlines_by_time" in line for line in said)
    # PostgreSQL reads a small table whole, and rightly.
    assert database == "postgresql" or result.scans == 0


def test_a_worker_reads_its_state_back() -> None:
    result = state(TITLES, 2, 100, 5, {}, 0.0, lambda _: None)
    assert result.headlines == 200
    assert result.entries > 400
    assert 0 < result.kept_mb <= result.written_mb
    assert result.full.seconds > 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_page_of_the_desk_is_asked_for_with_an_archive_of_generated_headlines(database: Database) -> None:
    said: list[str] = []
    result = desk(database, 20_000, 10, 2, said.append)
    assert (result.headlines, result.runs, result.database) == (20_000, 2, database)
    assert 9_000 < result.mentions < 11_000
    assert all(0 < each.p50 <= each.p95 for each in result.pages)
    assert sum(each.cpu for each in result.pages) > 0
    assert result.over == sum(each.over for each in result.pages) == sum("TOO LONG" in line for line in said)
    # Every tab of the desk is among them.
    kinds = {each.page.split(":")[0] for each in result.pages}
    assert kinds >= {"board", "subject", "story", "page", "search", *(name.lower() for _, name, _ in TABS)}
