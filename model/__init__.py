"""How a text is scored: taxonomy, bundle, scorer, explanation. Stands alone: no torch, no stream."""
