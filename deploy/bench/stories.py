"""How well stories are told apart, on pairs of headlines of which people know, and what that costs."""

import csv
import hashlib
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from model.errors import InputError, UnscorableText
from model.scorer import Scorer
from stream.fingerprint import fingerprint, sketch_of
from stream.stories import StoryBook, same_story

PAIRS = Path(__file__).resolve().parents[2] / "tests" / "stream" / "story_pairs.csv"
COLUMNS = ("first", "second", "same", "kind", "language")
ROUNDS = 3
# Of a subject's day: the words that its headlines are drawn from, and how many each has.
VOCABULARY = 5_000
WORDS = 9

Half = Literal["development", "test"]


class Pair(msgspec.Struct, frozen=True):
    """Two headlines, and whether they tell of one event. `kind`: how one was made from the other."""

    first: str
    second: str
    same: bool
    kind: str
    language: str

    @property
    def half(self) -> Half:
        """Which half of the set it is in, by a hash: whatever is chosen is chosen on the development half."""
        drawn = hashlib.blake2b(f"{self.first}\n{self.second}".encode(), digest_size=1).digest()[0]
        return "test" if drawn % 2 else "development"


class Outcome(msgspec.Struct, frozen=True):
    """Of the pairs called one story, those that are (precision); of those that are, those called so (recall); both are
    0 where there is none."""

    pairs: int
    precision: float
    recall: float
    f1: float


class Kind(msgspec.Struct, frozen=True):
    """`right`: the share of pairs called right. Of pairs of one event that is recall; of pairs of two it is the share
    kept apart, and the rest is what costs precision."""

    pairs: int
    same: bool
    right: float


class StoriesBench(msgspec.Struct, frozen=True):
    """What was measured. `text_alone`: without the encoder's sketches, as across two models. Bytes and microseconds are
    a headline's; `share_of_scoring`: of the time that it is scored in, what its fingerprint takes."""

    half: Half
    model: str
    stories: Outcome
    text_alone: Outcome
    languages: dict[str, Outcome]
    kinds: dict[str, Kind]
    bytes_mean: float
    bytes_max: int
    scoring_us: float
    fingerprint_us: float
    share_of_scoring: float
    book_us: float


def read_pairs(path: str | Path = PAIRS) -> list[Pair]:
    """The pairs of a CSV with the columns first, second, same (yes or no), kind and language. Raises InputError."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    pairs = []
    for number, row in enumerate(rows, start=2):
        if any(not row.get(name) for name in COLUMNS) or row["same"] not in ("yes", "no"):
            raise InputError(f"{path}, row {number}: a pair has {', '.join(COLUMNS)}; same is yes or no")
        pairs.append(Pair(row["first"], row["second"], row["same"] == "yes", row["kind"], row["language"]))
    return pairs


def measure(
    pairs: Sequence[Pair],
    half: Half,
    scorer: Scorer,
    report: Callable[[str], None],
    *,
    headlines: int,
    clock: Callable[[], float] = time.perf_counter,
) -> StoriesBench:
    """Call each pair of a half one story or two, with the sketches of a model and without. Raises InputError if there
    is none.

    `headlines`: how many a subject has in the day that the story book is timed with. `report`: told each kind's share.
    `clock`: seconds, monotonic.
    """
    chosen = [pair for pair in pairs if pair.half == half]
    if not chosen:
        raise InputError(f"there is no pair in the {half} half")
    titles = [title for pair in chosen for title in (pair.first, pair.second)]
    scores = scorer.score(titles)  # the first call pays for what later ones have
    embeddings = [None if isinstance(score, UnscorableText) else score.embedding for score in scores]

    def prints() -> list[str]:
        return [
            fingerprint(title, "" if embedding is None else sketch_of(embedding, scorer.version))
            for title, embedding in zip(titles, embeddings, strict=True)
        ]

    whole = prints()
    called = _called(whole)
    kinds = _kinds(chosen, called)
    for name, kind in kinds.items():
        report(f"{name}: {kind.right:.2f} of {kind.pairs} pairs of {'one event' if kind.same else 'two events'}")
    scoring, printing = [], []
    for _ in range(ROUNDS):  # in turns, so that what else the machine does falls on both alike
        scoring.append(_seconds(lambda: scorer.score(titles), clock))
        printing.append(_seconds(prints, clock))
    scoring_us, fingerprint_us = (1e6 * statistics.median(each) / len(titles) for each in (scoring, printing))
    by_language = defaultdict(list)
    for at, pair in enumerate(chosen):
        by_language[pair.language].append(at)
    return StoriesBench(
        half=half,
        model=scorer.version,
        stories=_outcome(chosen, called),
        text_alone=_outcome(chosen, _called([fingerprint(title) for title in titles])),
        languages={
            language: _outcome([chosen[at] for at in places], [called[at] for at in places])
            for language, places in sorted(by_language.items())
        },
        kinds=kinds,
        bytes_mean=round(statistics.mean(map(len, whole)), 1),
        bytes_max=max(map(len, whole)),
        scoring_us=round(scoring_us, 1),
        fingerprint_us=round(fingerprint_us, 1),
        share_of_scoring=round(fingerprint_us / scoring_us, 4),
        book_us=round(1e6 * _book_seconds(headlines, clock) / headlines, 1),
    )


def _called(prints: Sequence[str]) -> list[bool]:
    return [same_story(first, second) for first, second in zip(prints[::2], prints[1::2], strict=True)]


def _outcome(pairs: Sequence[Pair], called: Sequence[bool]) -> Outcome:
    same = np.array([pair.same for pair in pairs])
    told = np.array(called)
    both = int((same & told).sum())
    precision, recall = both / max(1, int(told.sum())), both / max(1, int(same.sum()))
    f1 = 2 * both / max(1, int(told.sum()) + int(same.sum()))
    return Outcome(len(pairs), round(precision, 4), round(recall, 4), round(f1, 4))


def _kinds(pairs: Sequence[Pair], called: Sequence[bool]) -> dict[str, Kind]:
    places = defaultdict(list)
    for at, pair in enumerate(pairs):
        places[pair.same, pair.kind].append(at)
    return {
        kind: Kind(len(each), same, round(sum(called[at] == same for at in each) / len(each), 4))
        for (same, kind), each in sorted(places.items(), key=lambda item: (not item[0][0], item[0][1]))
    }


def _book_seconds(headlines: int, clock: Callable[[], float]) -> float:
    """How long a story book takes over a day's headlines of one company, each another event."""
    draw = random.Random(1)  # noqa: S311  (words, not secrets)
    words = [f"w{number:x}q" for number in range(VOCABULARY)]
    # Words of a language are not equally frequent: the n-th is so n times less often than the first.
    shares = [1 / rank for rank in range(1, VOCABULARY + 1)]
    prints = [fingerprint("Acme " + " ".join(draw.choices(words, shares, k=WORDS))) for _ in range(headlines)]
    book = StoryBook()

    def tell() -> None:
        for minute, print_ in enumerate(prints):
            book.story_of(print_, minute % 1440)

    return _seconds(tell, clock)


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    run()
    return clock() - started
