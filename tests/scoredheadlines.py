"""Headlines as a worker writes them, for tests that begin behind it."""

from datetime import datetime
from typing import Any

from stream.fingerprint import fingerprint
from stream.records import ScoredHeadline, polarity_of


def scored_headline(title: str, at: datetime, sentiment: str = "negative", **given: Any) -> ScoredHeadline:
    """A headline of Wire's on earnings, published and scored at `at`, quite surely of that sentiment; what is `given`
    is otherwise. Its id is its title, and its polarity follows from its probabilities."""
    fields = {
        "id": title,
        "title": title,
        "source": "Wire",
        "url": "",
        "published_at": at,
        "scored_at": at,
        "topic": "earnings",
        "topic_probability": 0.9,
        "sentiment": sentiment,
        "probabilities": {name: 0.8 if name == sentiment else 0.1 for name in ("negative", "neutral", "positive")},
        "entities": {},
        "fingerprint": fingerprint(title),
        "model": "m",
        **given,
    }
    fields.setdefault("polarity", polarity_of(fields["probabilities"]))
    return ScoredHeadline(**fields)
