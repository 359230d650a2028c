"""Which words made a headline's score, asked of the model in use: one question at a time, and each answer kept."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

from model.explanation import Explanation, explain
from model.masking import Masker
from model.registry import resolve
from model.scorer import Scorer
from stream.settings import Settings

MOST = 2_000  # answers that are kept
# How often the model that the settings name is looked for again: it may be an alias that has moved.
FOLLOWED = timedelta(minutes=1)


class Explained(NamedTuple):
    """An answer, and the model that gave it."""

    explanation: Explanation
    model: str
    topics: tuple[str, ...]
    sentiments: tuple[str, ...]


class Explainer:
    """Explains titles. The model is loaded with the first question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._scorer: Scorer | None = None
        self._looked: datetime | None = None
        self._known: OrderedDict[tuple[str, str], Explained] = OrderedDict()

    def scorer(self, now: datetime) -> Scorer:
        """The model that the settings name. Raises BundleError, RegistryError, ProviderError."""
        if self._scorer is None or self._looked is None or now - self._looked > FOLLOWED:
            bundle = resolve(self._settings.scorer.model, self._settings.registry.place())
            if self._scorer is None or self._scorer.version != bundle.version:
                self._scorer = Scorer(bundle, self._settings.scorer.provider, self._settings.scorer.threads)
            self._looked = now
        return self._scorer

    def explain(self, title: str, now: datetime) -> Explained:
        """Explain a title's score. Raises UnscorableText, ScoringError, and as scorer() does."""
        with self._lock:
            scorer = self.scorer(now)
            title = Masker(self._settings.masking.handles).mask(title).text
            key = (scorer.version, title)
            if key not in self._known:
                taxonomy = scorer.taxonomy
                self._known[key] = Explained(
                    explain(scorer, title), scorer.version, taxonomy.topics, taxonomy.sentiments
                )
                while len(self._known) > MOST:
                    self._known.popitem(last=False)
            return self._known[key]
