"""The label sets that a worker's gauges have while it runs."""

from collections.abc import Sequence

from model.taxonomy import DEFAULT_TOPICS
from stream.duration import format_duration
from stream.metrics import Metrics
from stream.settings import Settings


def fill_label_sets(metrics: Metrics, settings: Settings, entities: Sequence[str]) -> None:
    """Give a worker's gauges the label sets of these companies and of the settings' windows, at 0."""
    windows = [format_duration(window) for window in settings.trends.windows]
    names = {"topic": ["all", *DEFAULT_TOPICS], "entity": list(entities)}
    for gauge in vars(metrics).values():
        labels = getattr(gauge, "_labelnames", ())
        for name in names.get(labels[0], []) if labels else []:
            for window in windows:
                gauge.labels(*(name, window)[: len(labels)])
    for provider in ("cpu", "cuda"):
        metrics.execution_provider.labels(provider)
    for partition in range(settings.kafka.partitions):
        metrics.consumer_lag.labels(str(partition))
    metrics.model_info.labels("m1")
