"""A small storm of pages: kills and refusals lose nothing, and what comes twice has the same key."""

from deploy.bench.pages import measure


def test_no_page_is_lost_or_early_through_kills_and_refusals() -> None:
    said: list[str] = []
    result = measure(pages=12, kills=5, seed=3, say=said.append)
    assert (result.kills, result.deliveries, result.delivered) == (5, 24, 24)
    assert (result.lost, result.early, result.differing) == (0, 0, 0)
    assert result.posts == result.delivered + result.doubled
