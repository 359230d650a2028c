"""A worker whose scorer costs nothing, so that what binds all the rest is seen: `python -m deploy.bench.constant`.

Its answer is of the shape of a model's (a topic and a sentiment by a hash of the text, an embedding), made once.
"""

import sys
from collections.abc import Sequence
from zlib import crc32

import numpy as np

from model.bundle import Bundle
from model.errors import NewsquallError, UnscorableText
from model.providers import ProviderChoice
from model.scorer import Score, Scorer
from stream.settings import load_settings
from stream.worker import run_worker

# About as a wire's headlines are, hundredths: what is negative costs most, for stories are told apart among these.
NEGATIVE, NEUTRAL = 35, 35


class ConstantScorer(Scorer):
    """Opens no model, and answers at once. Arguments as of Scorer."""

    def __init__(self, bundle: Bundle, provider: ProviderChoice = "auto", threads: int | None = None) -> None:  # noqa: ARG002
        self.bundle = bundle
        self.taxonomy = bundle.taxonomy
        self.threads = threads or 1
        self.provider = "cpu"
        random = np.random.default_rng(1)
        topics, width = len(self.taxonomy.topics), bundle.manifest.hidden_size
        self._answers = [
            Score(
                topic=topic,
                topic_probabilities=tuple(0.8 if at == place else 0.2 / (topics - 1) for at in range(topics)),
                sentiment=sentiment,
                probabilities=tuple(0.8 if each == sentiment else 0.1 for each in self.taxonomy.sentiments),
                embedding=random.standard_normal(width, np.float32),
                length=12,
                unknown_share=0.0,
            )
            for place, topic in enumerate(self.taxonomy.topics)
            for sentiment in self.taxonomy.sentiments
        ]

    def score(self, texts: Sequence[str]) -> list[Score | UnscorableText]:
        """Each text's answer, the same whenever it is asked."""
        return [self._answers[self._place(text)] for text in texts]

    def towards(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, ...]]:
        """Each text's own probabilities: a name costs nothing either."""
        return [self._answers[self._place(text)].probabilities for text, _ in pairs]

    def _place(self, text: str) -> int:
        drawn = crc32(text.encode())
        share = drawn // len(self.taxonomy.topics) % 100
        sentiment = (share >= NEGATIVE) + (share >= NEGATIVE + NEUTRAL)
        return drawn % len(self.taxonomy.topics) * len(self.taxonomy.sentiments) + sentiment

    def close(self) -> None:
        """There is nothing to close."""


def main() -> None:
    """Run a worker by the environment's settings."""
    try:
        run_worker(load_settings(), ConstantScorer)
    except NewsquallError as error:
        sys.exit(f"newsquall: {error}")


if __name__ == "__main__":
    main()
