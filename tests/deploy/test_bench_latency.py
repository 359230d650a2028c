"""How a bench of latency sums its runs up."""

from datetime import timedelta

import pytest

from deploy.bench.latency import STAGES, companies, summary
from deploy.demo.system import DEMO_PACE, Pace
from model.errors import ServerError
from stream.settings import Settings


def run(relay: float, rule: float = 0.5) -> dict[str, float]:
    return {**dict.fromkeys(STAGES, 0.1), "rule": rule, "relay": relay}


def test_quantiles_are_of_whole_runs_and_shares_of_all_time_together() -> None:
    found = [run(0.1), run(0.3), None, run(1.1)]
    result = summary(found, 2, DEMO_PACE)
    assert (result.runs, result.paged, result.others) == (4, 3, 2)
    assert (result.first, result.p50, result.p95, result.longest) == (1.0, 1.2, 2.0, 2.0)
    assert (result.stages["relay"].p50, result.stages["relay"].share) == (0.3, pytest.approx(1.5 / 4.2, abs=0.001))
    assert sum(stage.share for stage in result.stages.values()) == pytest.approx(1, abs=0.01)


def test_a_first_run_without_a_page_is_none_and_no_page_at_all_is_an_error() -> None:
    assert summary([None, run(0.1)], 0, DEMO_PACE).first is None
    with pytest.raises(ServerError, match="no squall came to a page"):
        summary([None], 0, DEMO_PACE)


def test_there_are_as_many_companies_as_runs_and_no_two_alike() -> None:
    names = {each["name"] for each in companies(100)}
    assert len(names) == 100
    assert all(name[:8] not in other for name in names for other in names - {name})


def test_the_pace_as_shipped_is_that_of_the_settings() -> None:
    settings = Settings(alerts={"evaluation": "20s"})  # type: ignore[arg-type]
    pace = Pace.of(settings, timedelta(seconds=15))
    assert (pace.scrape, pace.evaluation) == (timedelta(seconds=15), timedelta(seconds=20))
    assert (pace.calm_window, pace.windows) == (settings.alerts.calm_window, settings.trends.windows)
    assert DEMO_PACE.calm_window in DEMO_PACE.windows
