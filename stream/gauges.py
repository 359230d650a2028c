"""From trends to metrics: what a worker exports of the subjects that it owns, and of no other."""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from stream.budget import SEVERITIES, Limits
from stream.metrics import Metrics, SubjectMetrics
from stream.records import Sentiment
from stream.trends import Reading, SubjectTrend, window_name

_SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")


class ScoredTotals(Collector):
    """newsquall_headlines_scored_total, read off the ledgers: distinct headlines, whatever was killed meanwhile."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.totals: dict[tuple[str, str, str], int] = {}  # (topic, sentiment, model) -> headlines

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One sample for each topic, sentiment and model."""
        family = CounterMetricFamily(
            self._name,
            "Distinct headlines scored and counted, of the topics that this worker owns.",
            labels=("topic", "sentiment", "model"),
        )
        for labels, total in self.totals.items():
            family.add_metric(labels, total)
        yield family


class Gauges:
    """Sets the trend gauges; a subject that is owned no longer loses its label sets."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self._model = model
        self._by_topic, self._by_entity = _Family(metrics.topics), _Family(metrics.entities)
        self._scored = ScoredTotals(metrics.headlines_scored)
        metrics.registry.register(self._scored)
        self._exported: dict[str, tuple[int, ...]] = {}

    def score_with(self, model: str) -> None:
        """The model whose totals stand at 0 until it has scored."""
        self._model = model

    def export(
        self, trends: Iterable[SubjectTrend], now: datetime, paged_from: Callable[[SubjectTrend], Limits | None]
    ) -> None:
        """Export all owned subjects as they are at `now`. `paged_from`: a subject's limits."""
        totals: dict[tuple[str, str, str], int] = {}
        seen = set()
        for trend in trends:
            seen.add(trend.subject)
            kind, _, name = trend.subject.partition("/")
            readings = trend.readings(now)
            family = self._by_entity if kind == "entity" else self._by_topic
            family.set(name, trend, readings, paged_from(trend))
            self._exported[trend.subject] = tuple(reading.window for reading in readings)
            if kind == "topic" and name != "all":
                totals |= {(name, sentiment, self._model): 0 for sentiment in _SENTIMENTS}
                for (model, sentiment), count in trend.ledger.totals().items():
                    totals[name, sentiment, model] = count
        self._scored.totals = totals
        for subject in [subject for subject in self._exported if subject not in seen]:
            self._remove(subject)

    def clear(self) -> None:
        """Export nothing, until subjects are owned again."""
        self._scored.totals = {}
        for subject in list(self._exported):
            self._remove(subject)

    def _remove(self, subject: str) -> None:
        kind, _, name = subject.partition("/")
        (self._by_entity if kind == "entity" else self._by_topic).remove(name, self._exported.pop(subject))


class _Family:
    """The gauges of one kind of subject."""

    def __init__(self, metrics: SubjectMetrics) -> None:
        self._metrics = metrics
        self._gauges = (
            metrics.negative_headlines,
            metrics.negative_stories,
            metrics.negative_sources,
            metrics.negative_baseline,
            metrics.negative_surprise,
            metrics.negative_share,
            metrics.polarity,
        )
        self._children: dict[tuple[str, int], list[Gauge]] = {}  # of a name and a window, in the order of `_gauges`

    def set(self, name: str, trend: SubjectTrend, readings: Iterable[Reading], limits: Limits | None) -> None:
        for reading in readings:
            children = self._children.get((name, reading.window))
            if children is None:
                window = window_name(reading.window)
                children = [gauge.labels(name, window) for gauge in self._gauges]
                self._children[name, reading.window] = children
            values = (
                reading.counts.negative,
                reading.stories,
                reading.sources,
                # Unjudged is 0, never a guess; history_seconds says why.
                reading.baseline or 0.0,
                reading.surprise or 0.0,
                reading.counts.share,
                reading.counts.polarity,
            )
            for child, value in zip(children, values, strict=True):
                child.set(value)
        self._metrics.history.labels(name).set(trend.baseline.history_minutes * 60 if trend.baseline else 0)
        self._metrics.usual_share.labels(name).set(math.nan if trend.usual_share is None else trend.usual_share)
        # No number is one that nothing reaches: a surprise of 0 would reach 0.
        for severity in SEVERITIES:
            limit = math.nan if limits is None else getattr(limits, severity)
            self._metrics.threshold.labels(name, severity).set(limit)

    def remove(self, name: str, windows: Iterable[int]) -> None:
        for window in windows:
            self._children.pop((name, window), None)
            for gauge in self._gauges:
                gauge.remove(name, window_name(window))
        self._metrics.history.remove(name)
        self._metrics.usual_share.remove(name)
        for severity in SEVERITIES:
            self._metrics.threshold.remove(name, severity)
