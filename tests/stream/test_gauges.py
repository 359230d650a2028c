"""What a worker exports of the subjects that it owns."""

import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from stream.budget import Limits
from stream.gauges import Gauges
from stream.metrics import Metrics
from stream.records import Tally, TallyEntry, minute_of
from stream.settings import TrendSettings
from stream.trends import SubjectTrend

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def unjudged(_trend: SubjectTrend) -> None:
    """No subject has enough history."""


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def gauges(registry) -> Gauges:
    return Gauges(Metrics(registry), "m1")


def trend_of(subject: str, *sentiments: str, model: str = "m1") -> SubjectTrend:
    trend = SubjectTrend(subject, "w1", TrendSettings())
    entries = [
        TallyEntry(f"{model}{number}", minute_of(NOW), sentiment, -0.5, f"{number:04x}.", f"s{number}")
        for number, sentiment in enumerate(sentiments)
    ]
    trend.count(Tally(subject, model, entries), NOW)
    return trend


def test_label_sets_of_an_owned_subject_stand_at_zero_from_the_start(registry, gauges):
    gauges.export([trend_of("topic/earnings"), trend_of("entity/Acme")], NOW, unjudged)
    for name in ("headlines", "stories", "sources", "baseline", "surprise"):
        for window in ("5m", "15m", "1h", "6h", "1d"):
            labels = {"topic": "earnings", "window": window}
            assert registry.get_sample_value(f"newsquall_negative_{name}", labels) == 0
            labels = {"entity": "Acme", "window": window}
            assert registry.get_sample_value(f"newsquall_entity_negative_{name}", labels) == 0
    for sentiment in ("negative", "neutral", "positive"):
        labels = {"topic": "earnings", "sentiment": sentiment, "model": "m1"}
        assert registry.get_sample_value("newsquall_headlines_scored_total", labels) == 0


def test_windows_and_totals_are_exported_and_windows_fall_back(registry, gauges):
    trend = trend_of("topic/earnings", "negative", "negative", "positive")
    five = {"topic": "earnings", "window": "5m"}
    total = {"topic": "earnings", "sentiment": "negative", "model": "m1"}
    gauges.export([trend], NOW, unjudged)
    assert registry.get_sample_value("newsquall_negative_headlines", five) == 2
    assert registry.get_sample_value("newsquall_negative_stories", five) == 2
    assert registry.get_sample_value("newsquall_negative_sources", five) == 2
    assert registry.get_sample_value("newsquall_polarity", five) == -0.5
    gauges.export([trend], NOW + timedelta(minutes=5), unjudged)
    assert registry.get_sample_value("newsquall_negative_headlines", five) == 0
    assert registry.get_sample_value("newsquall_polarity", five) == 0
    assert registry.get_sample_value("newsquall_headlines_scored_total", total) == 2


def test_totals_are_by_model_and_leave_all_and_entities_out(registry, gauges):
    trends = [trend_of("topic/earnings", "negative", model="m0"), trend_of("topic/all", "negative")]
    gauges.export([*trends, trend_of("entity/Acme", "negative")], NOW, unjudged)
    told = generate_latest(registry).decode()
    scored = [line for line in told.splitlines() if line.startswith("newsquall_headlines_scored_total")]
    assert len(scored) == 4
    assert any('model="m0"' in line and line.endswith(" 1.0") for line in scored)


def subjects_told(registry) -> set[str]:
    return set(re.findall(r'(?:topic|entity)="([^"]+)"', generate_latest(registry).decode()))


def test_a_subject_that_moved_away_is_exported_no_more_and_one_that_comes_back_is(registry, gauges):
    first, second = trend_of("topic/earnings", "negative"), trend_of("entity/Acme", "negative")
    gauges.export([first, second], NOW, unjudged)
    assert subjects_told(registry) == {"earnings", "Acme"}
    gauges.export([first], NOW, unjudged)
    assert subjects_told(registry) == {"earnings"}
    gauges.clear()
    assert subjects_told(registry) == set()
    gauges.export([second], NOW, unjudged)
    assert subjects_told(registry) == {"Acme"}


def test_no_exported_number_but_polarity_is_negative(registry, gauges):
    gauges.export([trend_of("topic/earnings", "negative"), trend_of("entity/Acme", "negative")], NOW, unjudged)
    for family in registry.collect():
        if "polarity" not in family.name:
            assert not any(sample.value < 0 for sample in family.samples), family.name


def test_the_share_of_negatives_is_exported_and_what_is_usual_once_it_is_known(registry, gauges):
    trend = trend_of("entity/Acme", "negative", "negative", "negative", "positive")
    gauges.export([trend], NOW, unjudged)
    share = ("newsquall_entity_negative_share", {"entity": "Acme", "window": "5m"})
    usual = ("newsquall_entity_negative_usual_share", {"entity": "Acme"})
    assert registry.get_sample_value(*share) == 0.75
    assert math.isnan(registry.get_sample_value(*usual))
    trend.usual_share = 0.25
    gauges.export([trend], NOW + timedelta(minutes=10), unjudged)
    assert (registry.get_sample_value(*share), registry.get_sample_value(*usual)) == (0.0, 0.25)
    gauges.export([], NOW, unjudged)
    assert registry.get_sample_value(*usual) is None


def test_the_surprise_from_which_a_subject_is_paged_is_exported_and_nan_while_it_is_not_judged(registry, gauges):
    trends = [trend_of("topic/earnings"), trend_of("topic/all"), trend_of("entity/Acme")]
    known = {"topic/earnings": Limits(4.25, 5.5), "entity/Acme": Limits(6.5, 7.5)}
    gauges.export(trends, NOW, lambda trend: known.get(trend.subject))

    def limit(severity, **of):
        name = "entity_surprise_threshold" if "entity" in of else "surprise_threshold"
        return registry.get_sample_value(f"newsquall_{name}", {**of, "severity": severity})

    assert (limit("page", topic="earnings"), limit("critical", topic="earnings")) == (4.25, 5.5)
    assert (limit("page", entity="Acme"), limit("critical", entity="Acme")) == (6.5, 7.5)
    assert math.isnan(limit("page", topic="all"))
    assert math.isnan(limit("critical", topic="all"))
    gauges.clear()
    assert limit("page", topic="earnings") is None
