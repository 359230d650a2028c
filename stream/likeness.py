"""Whether two headlines tell of one event: what contradicts, and how much of what they say they share."""

from collections.abc import Collection, Iterable

from stream.figures import Figure, agree
from stream.fingerprint import SKETCH_BITS, Fingerprint, Name
from stream.gist import NAME, TICKER
from stream.lexicon import AFTERWARDS, DENIED, REFUSED

# Chosen on the development half of tests/stream/story_pairs.csv and on pairs of a wire's archive (docs/LOG.md). A word,
# a name and a figure weigh 1 if both have it.
SAME_STORY = 0.68
MOST_SHARED = 2  # names and figures that count: of two companies everything else may be told
# ... and if one alone has it:
IN_SHORTER = 0.6  # a word of the headline that has fewer such words
IN_LONGER = 0.15  # a word of the other one: a copy drops clauses, an outlet adds some
NAME_OF_BOTH = 2.0  # each has a name that the other has not
NAME_OF_ONE = 0.6
# The share of bits in which the sketches of headlines agree that could be one event as well as two.
ALIKE = 0.85


def likeness(first: Fingerprint, second: Fingerprint) -> float:
    """How much speaks for one event, at most 1.15; from SAME_STORY on it is one. Symmetric. 0 where they contradict
    each other, or share too few words to come that far.

    What they share over that and what one alone has, weighed (Tversky, Features of similarity, Psychological Review 84,
    1977), and how far the encoder's sketches agree.
    """
    if first.words == second.words and first[:-2] == second[:-2]:
        return 1.0
    # Where all words have capitals, one of them may be taken for a name that the other headline has as a word.
    mine = len(second.words.intersection(first.stems))
    theirs = len(first.words.intersection(second.stems))
    words = len(first.words & second.words)
    fewer, more = sorted((max(0, len(first.words) - words - theirs), max(0, len(second.words) - words - mine)))
    words += mine + theirs
    most = words + min(len(first.names) - mine, len(second.names) - theirs, MOST_SHARED)
    most += min(len(first.figures), len(second.figures), MOST_SHARED)
    if most < (SAME_STORY - 1 + ALIKE) * (most + IN_SHORTER * fewer + IN_LONGER * more):
        return 0.0  # whatever the rest is
    lonely = lonely_names(first, second)
    if contradict(first, second, lonely):
        return 0.0
    names = min(len(first.names) - mine - len(lonely[0]), len(second.names) - theirs - len(lonely[1]), MOST_SHARED)
    figures = min(
        sum(any(agree(each, other) for other in second.figures) for each in first.figures),
        sum(any(agree(each, other) for other in first.figures) for each in second.figures),
        MOST_SHARED,
    )
    if not words + figures:
        return 0.0  # the same names alone
    shared = words + names + figures
    both, one = sorted(map(len, lonely))
    unshared = IN_SHORTER * fewer + IN_LONGER * more + NAME_OF_BOTH * both + NAME_OF_ONE * one
    return shared / (shared + unshared) + _by_sketch(first, second)


def _by_sketch(first: Fingerprint, second: Fingerprint) -> float:
    if not first.model or first.model != second.model:
        return 0.0  # different models' embeddings have nothing in common
    agreeing = 1 - (first.sketch ^ second.sketch).bit_count() / SKETCH_BITS
    return agreeing - ALIKE


def contradict(first: Fingerprint, second: Fingerprint, lonely: tuple[list[Name], list[Name]] | None = None) -> bool:
    """Whether one says what the other denies: other names, other figures, another time, another direction."""
    mine, theirs = lonely or lonely_names(first, second)
    if any(_category(one) == _category(other) for one in mine for other in theirs):
        return True
    return (
        _other_figures(first.figures, second.figures)
        or _other_times(first.periods, second.periods)
        or any(
            pole.swapcase() in second.poles and pole not in second.poles and pole.swapcase() not in first.poles
            for pole in first.poles
        )
        or not (second.words & first.negated <= second.negated and first.words & second.negated <= first.negated)
        or (AFTERWARDS in first.poles) != (AFTERWARDS in second.poles)
        or _denies(first, second)
        or _denies(second, first)
    )


def _category(name: Name) -> str:
    return "n" if name.kind == TICKER else name.kind


def _other_figures(first: Collection[Figure], second: Collection[Figure]) -> bool:
    mine = {each.unit for each in first if not any(agree(each, other) for other in second)}
    return bool(mine) and any(each.unit in mine and not any(agree(each, other) for other in first) for each in second)


def _other_times(first: frozenset[str], second: frozenset[str]) -> bool:
    kinds = {period[0] for period in first} & {period[0] for period in second}
    return any(not any(period in second for period in first if period[0] == kind) for kind in kinds)


def _denies(first: Fingerprint, second: Fingerprint) -> bool:
    return DENIED in first.poles and not (first.negated or second.negated or second.poles & {DENIED, REFUSED})


def lonely_names(first: Fingerprint, second: Fingerprint) -> tuple[list[Name], list[Name]]:
    """The names of each that the other has not, be it as a word, a ticker or an abbreviation."""
    if first.names == second.names:
        return [], []
    return _lonely(first, second), _lonely(second, first)


def _lonely(mine: Fingerprint, other: Fingerprint) -> list[Name]:
    # Where initials are the other's abbreviation, it spells out none of the names.
    spelt = any(name.kind == TICKER and name.letters in mine.initials for name in other.names)
    return [name for name in mine.names if not (spelt and name.kind == NAME) and not _has(other, name)]


def _has(other: Fingerprint, name: Name) -> bool:
    if name.stem in other.words or name.stem in other.stems:
        return True
    if name.kind == TICKER and name.letters in other.initials:
        return True
    for each in other.names:
        if TICKER in (each.kind, name.kind):
            short, long = (each, name) if each.kind == TICKER else (name, each)
            if _ticker_of(short.letters, long.letters):
                return True
    return False


def _ticker_of(ticker: str, name: str) -> bool:
    """Whether a ticker's letters stand in a name in their order, the first one first: snnt, sonnet."""
    if not 2 <= len(ticker) <= len(name) or ticker[0] != name[0]:
        return False
    letters: Iterable[str] = iter(name)
    return all(letter in letters for letter in ticker)
