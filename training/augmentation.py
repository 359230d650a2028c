"""Training rows said otherwise: what must not change a label is varied, another way in every epoch.

Typos, punctuation, tickers, a wire's form, and other companies, countries and genders in the same news (augmentation:
Wei and Zou, EDA, EMNLP 2019; with counterfactuals: Lu et al., arXiv:1807.11714). A report's checks put in invented
companies; here it is companies and tickers of other rows, so that a model cannot know those of the checks.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from random import Random

from transformers import PreTrainedTokenizerBase

from model.text import clean
from training.batches import token_ids
from training.companies import TICKER, companies, kind_of, mentions, tickers
from training.counterfactuals import BIAS
from training.labels import LabelledText
from training.perturbations import ROBUSTNESS, Perturbation

# What the cleaning and an uncased vocabulary hide from a model, it cannot learn from.
_UNSEEN = ("casing", "form/white space", "form/quotes")


class Augmentation:
    """Variations of rows, drawn by the rows' own texts, a seed and the epoch: the same in every run."""

    def __init__(self, rows: Sequence[LabelledText], share: float, seed: int) -> None:
        """`share`: of the rows that an epoch sees varied, in [0, 1]."""
        self._rows, self._share, self._seed = rows, share, seed
        self._companies = {row.text: companies(row) for row in rows}
        by_kind: dict[str, set[str]] = defaultdict(set)
        for name in (name for names in self._companies.values() for name in names):
            by_kind[kind_of(name).lower()].add(name)
        self._names: Mapping[str, list[str]] = {kind: sorted(names) for kind, names in by_kind.items()}
        self._tickers = sorted({ticker for row in rows for ticker in tickers(row.text)})
        self._changes: dict[str, list[Perturbation]] = defaultdict(list)
        others = Perturbation("bias/company", "companies of other rows", 0.0, self._with_other_companies)
        for change in (*ROBUSTNESS, *(each for each in BIAS if each.name != others.name), others):
            if not change.name.startswith(_UNSEEN):
                kind, _, what = change.name.partition("/")
                self._changes[what if kind == "bias" else kind].append(change)

    def texts(self, epoch: int) -> list[str]:
        """The rows' texts as this epoch shall see them, cleaned."""
        seed = self._seed * 1000 + epoch
        return [self._text(row, seed) for row in self._rows]

    def ids(self, epoch: int, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[list[int]]:
        """The token ids of those texts."""
        return token_ids(self.texts(epoch), tokenizer, max_tokens)

    def _text(self, row: LabelledText, seed: int) -> str:
        text = clean(row.text)
        digest = blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
        chance = Random(int.from_bytes(digest, "big"))  # noqa: S311  (a choice, no secret)
        if chance.random() >= self._share:
            return text
        kinds = list(self._changes)
        chance.shuffle(kinds)
        for kind in kinds:
            changed = chance.choice(self._changes[kind]).of(row, seed)
            if changed is not None:
                return clean(changed.text)
        return text

    def _with_other_companies(self, row: LabelledText, text: str, chance: Random) -> str | None:
        there = self._companies[row.text]
        new_tickers = {ticker: f"${chance.choice(self._tickers)}" for ticker in tickers(text)}
        named = set(there)
        for name in there:
            # Never twice the same: that one gained and the other fell would be lost.
            others = [other for other in self._names[kind_of(name).lower()] if other not in named]
            if others:
                other = chance.choice(others)
                named.add(other)
                written = other.upper() if name.isupper() else other
                text = mentions(name).sub(lambda _, written=written: written, text)  # type: ignore[misc]
        text = TICKER.sub(lambda found: new_tickers.get(found.group(1), found.group()), text)
        return text if there or new_tickers else None
