"""Headlines in, trends and metrics out: records, settings, archive, scoring, trends, metrics."""
