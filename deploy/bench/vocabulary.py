"""Invented words for generated titles: few are common and most are rare, as in any language."""

import random
from collections.abc import Iterator
from itertools import product
from typing import Any

from stream.archive import headlines

SEED = 7
WORDS = 20_000


def vocabulary() -> list[str]:
    """Invented words, the commonest first; none is the stem of another."""
    parts = ["".join(pair) for pair in product("bdfgklmnprtvz", "aou")]
    chance = random.Random(SEED)  # noqa: S311  (made-up words)
    return [f"{''.join(each)}x" for each in chance.sample(list(product(parts, repeat=3)), WORDS)]


def worded(
    rows: Iterator[tuple[tuple[Any, ...], tuple[str, str] | None]],
) -> Iterator[tuple[tuple[Any, ...], tuple[str, str] | None]]:
    """The rows with two words more in each title: by Zipf's law, the n-th word a n-th as often as the first."""
    title = [column.name for column in headlines.columns].index("title")
    chance, words = random.Random(SEED), vocabulary()  # noqa: S311
    weights = [1 / (place + 1) for place in range(WORDS)]
    first, second = chance.choices(words, weights, k=999_983), chance.choices(words, weights, k=999_979)
    for number, (row, said) in enumerate(rows):
        longer = f"{row[title]} {first[number % len(first)]} {second[number % len(second)]}"
        yield (*row[:title], longer, *row[title + 1 :]), said
