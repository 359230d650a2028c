"""Spans of time in parts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from stream.spans import spans

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)


def test_spans_of_time_join_without_a_seam():
    for since in (None, NOW - timedelta(days=30), NOW, NOW + timedelta(days=1)):
        for until in (None, NOW - timedelta(days=40), NOW + timedelta(days=1), datetime(1, 1, 1, tzinfo=UTC)):
            parts = list(spans(since, until, NOW))
            assert (parts[0].until, parts[-1].since) == (until, since)
            assert all(newer.since == older.until for newer, older in pairwise(parts))
