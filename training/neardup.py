"""Near-duplicates among texts: a held-back headline must not have trained in another wording."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from training.labels import LabelledText, story_key

# Words in common over words in all (Jaccard), from which on two texts are near-duplicates. Of the public sets the pairs
# between 0.7 and 0.8 are mostly other news in the same form ('AAA upgraded to Buy at BBB').
NEAR = 0.8


def words(text: str) -> frozenset[str]:
    """A text's words without case, numbers and punctuation. A script without spaces is cut into pairs of characters."""
    found: set[str] = set()
    for word in story_key(text).split():
        if word.isascii() or not _without_spaces(word):
            found.add(word)
        else:
            found.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
    return frozenset(found)


def near_duplicates(texts: Sequence[str], others: Sequence[str], near: float = NEAR) -> list[int | None]:
    """For each text the position of a near-duplicate among others, or None.

    A pair that reaches Jaccard j shares a word among the rarest (1 - j) * n + 1 of its n words: only those are looked
    up (prefix filtering: Chaudhuri et al., ICDE 2006; Bayardo et al., WWW 2007). 30,000 beside 3,000 take two seconds.
    """
    mine, theirs = [words(text) for text in texts], [words(text) for text in others]
    frequency = Counter(word for each in (*mine, *theirs) for word in each)
    index: dict[str, list[int]] = defaultdict(list)
    for at, each in enumerate(theirs):
        for word in _rarest(each, frequency, near):
            index[word].append(at)
    result: list[int | None] = []
    for each in mine:
        candidates = {at for word in _rarest(each, frequency, near) for at in index.get(word, ())}
        close = (at for at in sorted(candidates) if len(each & theirs[at]) >= near * len(each | theirs[at]))
        result.append(next(close, None))
    return result


def without_copies(rows: Sequence[LabelledText], held: Sequence[LabelledText]) -> list[LabelledText]:
    """The rows that are no near-duplicates of rows that are held back."""
    copies = near_duplicates([row.text for row in rows], [row.text for row in held])
    return [row for row, copy in zip(rows, copies, strict=True) if copy is None]


def _rarest(each: frozenset[str], frequency: Counter[str], near: float) -> list[str]:
    kept = len(each) - int(-(-near * len(each) // 1)) + 1  # all but the ceiling of near * n, and one
    return sorted(each, key=lambda word: (frequency[word], word))[:kept]


def _without_spaces(word: str) -> bool:
    return any("\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af" for character in word)
