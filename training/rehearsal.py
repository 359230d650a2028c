"""Rehearsal: other texts shown again in a training, by what the model itself says of them, so that it does not forget.

A model that learns new labels loses some of what it knew of the texts that it no longer sees; a sample of them keeps it
(Robins, Catastrophic forgetting, rehearsal and pseudorehearsal, Connection Science 7, 1995).
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from stream.records import ScoredHeadline
from training.exchange import as_csv
from training.labels import LabelledText, Part, is_own, part_of, text_key
from training.neardup import without_copies

# docs/LOG.md has what they keep and what they cost.
REHEARSED = 6_000
# With the project's own headlines, of which there are 7,400: too many of those draw a model towards their habits.
SHOWN_AGAIN = 9_000


def rehearsal(
    texts: Sequence[LabelledText],
    parts: Mapping[Part, Sequence[LabelledText]],
    judging: Sequence[LabelledText] = (),
    limit: int = REHEARSED,
) -> list[LabelledText]:
    """Of some texts those that a training shows again: at most so many, drawn by their letters and so alike in every
    run; none that is held back, here or among the texts themselves, and none that is an analyst's row or nearly copies
    one: its label has the say."""
    taken = {text_key(row.text) for part in parts.values() for row in part}
    own = [row for row in parts["train"] if is_own(row)]
    fresh = {text_key(row.text): row for row in texts if part_of(row.text) == "train"}
    drawn = some([row for key, row in fresh.items() if key not in taken], limit)
    held = [row for row in texts if part_of(row.text) != "train"]
    return without_copies(drawn, [*own, *parts["validation"], *parts["test"], *judging, *held])


def some(rows: Sequence[LabelledText], limit: int) -> list[LabelledText]:
    """At most so many of the rows, drawn by their letters, in their order."""
    kept = set(heapq.nsmallest(limit, {text_key(row.text) for row in rows}))
    return [row for row in rows if text_key(row.text) in kept]


def to_rehearse(headlines: Iterable[ScoredHeadline], limit: int = REHEARSED) -> list[ScoredHeadline]:
    """Of headlines at most so many that a training can show again, drawn by their letters: each text once, none that is
    held back. Of any number no more than twice `limit` are held in memory."""
    drawn: dict[str, ScoredHeadline] = {}

    def fewest() -> list[tuple[str, ScoredHeadline]]:
        return heapq.nsmallest(limit, drawn.items(), key=itemgetter(0))

    for headline in headlines:
        if part_of(headline.title) == "train":
            drawn.setdefault(text_key(headline.title), headline)
            if len(drawn) > 2 * limit:
                drawn = dict(fewest())
    return [headline for _, headline in fewest()]


def rehearsal_sheet(headlines: Iterable[ScoredHeadline]) -> str:
    """Headlines as the CSV that `newsquall train --rehearse` reads."""
    return as_csv(("title", "source"), [{"title": each.title, "source": each.source} for each in headlines])
