"""The metrics that people and rules outside rely on."""

import pytest
from prometheus_client import CollectorRegistry

from stream.metrics import Metrics

PROMISED = {
    "headlines_rejected": ("reason",),
    "negative_headlines": ("topic", "window"),
    "negative_stories": ("topic", "window"),
    "negative_sources": ("topic", "window"),
    "negative_baseline": ("topic", "window"),
    "negative_surprise": ("topic", "window"),
    "surprise_threshold": ("topic", "severity"),
    "entity_surprise_threshold": ("entity", "severity"),
    "polarity": ("topic", "window"),
    "entity_negative_headlines": ("entity", "window"),
    "entity_negative_surprise": ("entity", "window"),
    "entity_negative_stories": ("entity", "window"),
    "entity_negative_sources": ("entity", "window"),
    "scoring_seconds": (),
    "batch_size": (),
    "publication_to_score_seconds": (),
    "consumer_lag": ("partition",),
    "execution_provider": ("provider",),
    "model_info": ("version",),
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.mark.parametrize(("name", "labels"), PROMISED.items())
def test_a_promised_metric_is_there_with_its_labels(metrics, name, labels):
    assert metrics.registry._names_to_collectors[f"newsquall_{name}"]._labelnames == labels


def test_every_metric_has_the_prefix_and_says_what_it_is(metrics):
    for family in metrics.registry.collect():
        assert family.name.startswith("newsquall_")
        assert family.documentation.endswith(".")


def test_two_workers_in_one_process_do_not_meet(metrics):
    other = Metrics(CollectorRegistry())
    other.model_info.labels("m2").set(1)
    assert metrics.registry.get_sample_value("newsquall_model_info", {"version": "m2"}) is None
