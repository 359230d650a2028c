"""How far annotators agree: Cohen's kappa of every two of them on the texts that both labelled."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from stream.records import Label
from training.labels import HEADS, text_key


class PairAgreement(NamedTuple):
    """Two annotators on a head. `texts`: that both labelled; `same`: on which they say the same; `kappa`: in [-1, 1],
    None where it says nothing, since both used one and the same label throughout."""

    first: str
    second: str
    head: str
    texts: int
    same: int
    kappa: float | None


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance (Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20, 1960): 1 for complete agreement, 0 for what two would have who label by their own habits alone.

    `pairs`: the two labels of each text. None without texts, or where chance alone would agree always.

    >>> cohen_kappa([("a", "a"), ("a", "a"), ("b", "b"), ("b", "a")])
    0.5
    >>> cohen_kappa([("a", "a")]) is None
    True
    """
    if not pairs:
        return None
    number = len(pairs)
    observed = sum(first == second for first, second in pairs) / number
    firsts, seconds = (Counter(side) for side in zip(*pairs, strict=True))
    chance = sum(firsts[label] * seconds[label] for label in firsts) / number**2
    if chance == 1:
        return None
    return (observed - chance) / (1 - chance)


def agreements(labels: Iterable[Label]) -> list[PairAgreement]:
    """Every two annotators who have labelled a text both, on each head; those with most texts first."""
    said: dict[str, dict[str, dict[str, str]]] = {head: defaultdict(dict) for head in HEADS}
    for label in labels:
        for head in HEADS:
            if value := getattr(label, head):
                said[head][text_key(label.title)][label.annotator] = value
    found = []
    for head in HEADS:
        pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for told in said[head].values():
            for first, second in combinations(sorted(told), 2):
                pairs[first, second].append((told[first], told[second]))
        found += [_agreement(names, head, values) for names, values in pairs.items()]
    return sorted(found, key=lambda each: (-each.texts, each.first, each.second, each.head))


def _agreement(names: tuple[str, str], head: str, values: Collection[tuple[str, str]]) -> PairAgreement:
    same = sum(first == second for first, second in values)
    return PairAgreement(*names, head, len(values), same, cohen_kappa(list(values)))
