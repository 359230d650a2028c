"""How a bench of latency sums its runs up."""

import pytest

from deploy.bench.latency import STAGES, companies, summary
from deploy.demo.system import Pace
from model.errors import ServerError


def run(relay: float, rule: float = 0.5) -> dict[str, float]:
    return {**dict.fromkeys(STAGES, 0.1), "rule": rule, "relay": relay}


def test_quantiles_are_of_whole_runs_and_shares_of_all_time_together() -> None:
    found = [run(0.1), run(0.3), None, run(1.1)]
    result = summary(found, 2, Pace())
    assert (result.runs, result.paged, result.others) == (4, 3, 2)
    assert (result.first, result.p50, result.p95, result.longest) == (1.0, 1.2, 2.0, 2.0)
    assert (result.stages["relay"].p50, result.stages["relay"].share) == (0.3, pytest.approx(1.5 / 4.2, abs=0.001))
    assert sum(stage.share for stage in result.stages.values()) == pytest.approx(1, abs=0.01)


def test_a_first_run_without_a_page_is_none_and_no_page_at_all_is_an_error() -> None:
    assert summary([None, run(0.1)], 0, Pace()).first is None
    with pytest.raises(ServerError, match="no squall came to a page"):
        summary([None], 0, Pace())


def test_there_are_as_many_companies_as_runs_and_no_two_alike() -> None:
    names = {each["name"] for each in companies(100)}
    assert len(names) == 100
    assert all(name[:8] not in other for name in names for other in names - {name})
