"""What to label next: the headlines from which a model learns most, no two of them alike, each with the reason why.

A headline is of interest where the model is unsure of it (margin sampling), where two models disagree about it (query
by committee) and where it decides whether a page was right. Both strategies: Settles, Active learning literature
survey, University of Wisconsin-Madison, Computer Sciences Technical Report 1648, 2009, sections 3.1 and 3.2. Of those
of interest the farthest from all that is labelled or chosen already comes next, which is the greedy k-centre algorithm
(Gonzalez, Theoretical Computer Science 38, 1985) as Sener and Savarese use it on a network's embeddings (Active
learning for convolutional neural networks: a core-set approach, ICLR 2018); that the distance is weighed by the
interest is ours, since the farthest alone are oddities.
"""

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from model.errors import UnscorableText
from model.scorer import Scorer
from model.text import has_words
from stream.records import ScoredHeadline
from stream.stories import group
from stream.subjects import subjects_of
from training.labels import text_key
from training.neardup import near_duplicates

Floats = npt.NDArray[np.float64]

# Headlines that are scored anew to choose from: with two models less than half a minute's work for two cores.
SHORTLIST = 2_000
# Labelled texts, the newest, from which the next ones shall be far.
CENTRES = 500
# What a headline in a page weighs beside one of which the model knows nothing, which weighs 1.
PAGE_WEIGHT = 0.5
# ... and after a verdict: what made a false alarm is wrong somewhere, and what made a real page is mostly right.
VERDICT_WEIGHTS = {"false_alarm": 1.0, "real": 0.25}
# In a page's time a headline below this probability of negative neither counted nor nearly did.
NEARLY_NEGATIVE = 0.2
# Above this the two likeliest labels are close enough to speak of doubt: the second has half the first's lead.
UNSURE = 0.5
# Above this two models' probabilities differ enough to speak of it where they choose the same label.
DISAGREEMENT = 0.1
# Cosine distance below which two texts say the same in other words: nine of ten near-duplicates (training/neardup.py)
# lie below 0.01, and one pair of unrelated headlines in a thousand below 0.05.
ALIKE = 0.05


class PageSpan(NamedTuple):
    """A page: what it was about, and from when to when. `subject`: topic/NAME, topic/all or entity/NAME. `verdict`: of
    those who got it (stream/verdicts.py), if there is one."""

    page: str
    subject: str
    since: datetime
    until: datetime
    verdict: str | None = None

    @property
    def weight(self) -> float:
        """What a headline in it weighs."""
        return VERDICT_WEIGHTS.get(self.verdict or "", PAGE_WEIGHT)


@dataclass(frozen=True)
class Views:
    """What a model says of texts, row by row. topic: (texts, topics), sentiment: (texts, sentiments), probabilities
    that sum to 1 along a row; embedding: (texts, width)."""

    topics: tuple[str, ...]
    sentiments: tuple[str, ...]
    topic: Floats
    sentiment: Floats
    embedding: npt.NDArray[np.float32]

    def part(self, rows: Sequence[int]) -> "Views":
        """Some of the rows, in the order given."""
        at = np.array(rows, dtype=np.int64)
        return replace(self, topic=self.topic[at], sentiment=self.sentiment[at], embedding=self.embedding[at])


def views_of(scorer: Scorer, texts: Sequence[str]) -> tuple[list[int], Views]:
    """What a model says of those texts that it can read, and their positions."""
    scores = scorer.score(texts)
    read = [(at, score) for at, score in enumerate(scores) if not isinstance(score, UnscorableText)]
    taxonomy = scorer.taxonomy
    views = Views(
        taxonomy.topics,
        taxonomy.sentiments,
        np.array([score.topic_probabilities for _, score in read]).reshape(-1, len(taxonomy.topics)),
        np.array([score.probabilities for _, score in read]).reshape(-1, len(taxonomy.sentiments)),
        np.stack([score.embedding for _, score in read]) if read else np.zeros((0, 0), dtype=np.float32),
    )
    return [at for at, _ in read], views


class Shortlist(NamedTuple):
    """The most promising headlines, of different stories, the most promising first. `seen`: how many there were,
    `labelled`: how many of these have a label."""

    headlines: list[ScoredHeadline]
    seen: int
    labelled: int


@dataclass(frozen=True)
class Suggestion:
    """A headline to label and why, with the label that the model gives each head and its probability.

    `unsure`: one less the margin, the mean of both heads; `disagreement`: the Jensen-Shannon divergence of two models,
    of the head where it is greater; both in [0, 1]. `page`: the page that it belongs to.
    """

    headline: ScoredHeadline
    topic: str
    topic_probability: float
    sentiment: str
    sentiment_probability: float
    unsure: float
    disagreement: float
    page: str | None
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)


def unsureness(probabilities: Floats) -> Floats:
    """One less the margin between the two likeliest classes, (rows,) in [0, 1], from (rows, classes).

    >>> unsureness(np.array([[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]])).tolist()
    [1.0, 0.5]
    """
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    ordered = np.sort(probabilities, axis=1)
    margins: Floats = 1 - (ordered[:, -1] - ordered[:, -2])
    return margins


def jensen_shannon(first: Floats, second: Floats) -> Floats:
    """Jensen-Shannon divergence row by row, in bits: 0 where two models agree, 1 where neither thinks possible what
    the other says (Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37,
    1991). first, second: (rows, classes).

    >>> jensen_shannon(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])).tolist()
    [1.0, 0.0]
    """
    divergence = _entropy((first + second) / 2) - (_entropy(first) + _entropy(second)) / 2
    return np.clip(divergence, 0.0, 1.0)


def _entropy(probabilities: Floats) -> Floats:
    entropy: Floats = -(probabilities * np.log2(np.where(probabilities > 0, probabilities, 1.0))).sum(axis=1)
    return entropy


def spread(
    interest: Floats, embeddings: npt.NDArray[np.float32], centres: npt.NDArray[np.float32], count: int
) -> list[int]:
    """Up to `count` rows, one after the other that with the greatest interest times distance to the nearest centre or
    row chosen before. None is alike another or a centre.

    interest: (rows,), above 0; embeddings: (rows, width); centres: (centres, width), of texts that are labelled.
    The distance is 1 less the cosine, in [0, 2].
    """
    if not len(embeddings):
        return []  # whose width is unknown, and need not be that of the centres
    unit = _unit(embeddings)
    distance = np.full(len(unit), 1.0)
    if len(centres):
        distance = 1 - (unit @ _unit(centres).T).max(axis=1).astype(np.float64)
    chosen: list[int] = []
    while len(chosen) < count:
        value = np.where(distance < ALIKE, -1.0, interest * distance)
        value[chosen] = -1.0
        if value.max() < 0:
            break
        chosen.append(int(value.argmax()))
        distance = np.minimum(distance, 1 - (unit @ unit[chosen[-1]]).astype(np.float64))
    return chosen


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def page_of(headline: ScoredHeadline, pages: Iterable[PageSpan]) -> PageSpan | None:
    """The page in whose time and subject a headline lies, if it counted there or nearly did: its label says whether
    the page was right. Of several that from which there is most to learn."""
    if headline.probabilities.get("negative", 0.0) < NEARLY_NEGATIVE:
        return None
    near = [page for page in pages if page.since <= headline.published_at <= page.until]
    subjects = {subject for subject, _ in subjects_of(headline)} if near else set()
    return max((page for page in near if page.subject in subjects), key=lambda page: page.weight, default=None)


def promise(headline: ScoredHeadline, pages: Iterable[PageSpan]) -> float:
    """The most interest that an archived score leaves possible: the archive keeps the likeliest topic's probability p
    alone, and the second one has min(p, 1 - p) at most."""
    sentiment = sorted(headline.probabilities.values())
    unsure = 1 - (sentiment[-1] - sentiment[-2]) + min(1.0, 2 * (1 - headline.topic_probability))
    page = page_of(headline, pages)
    return unsure / 2 + (page.weight if page else 0.0)


def shortlist(
    headlines: Iterable[ScoredHeadline],
    labelled: Collection[str],
    pages: Sequence[PageSpan],
    size: int = SHORTLIST,
    explore: bool = False,
) -> Shortlist:
    """The most promising of any number of headlines, without those that are labelled, their near-copies, and further
    tellings of a story. No more than `size` are held.

    `labelled`: texts. `explore`: half of them are drawn by the hash of their text instead, since of what a second model
    disagrees about the first one may be sure.
    """
    known = {text_key(text) for text in labelled}
    met: set[str] = set()
    best: list[tuple[float, str, ScoredHeadline]] = []
    drawn: list[tuple[str, ScoredHeadline]] = []
    seen = done = 0
    for headline in headlines:
        seen += 1
        key = text_key(headline.title)
        if key in known:
            done += 1
        elif key not in met and has_words(headline.title):
            met.add(key)
            _keep(best, (promise(headline, pages), key, headline), size - size // 2 if explore else size)
            if explore:
                _keep(drawn, (key, headline), size // 2)
    ranked = [headline for *_, headline in sorted(best, reverse=True)]
    told = {headline.id for headline in ranked}
    ranked += [headline for _, headline in sorted(drawn, reverse=True) if headline.id not in told]
    copies = near_duplicates([headline.title for headline in ranked], list(labelled))
    new = [headline for headline, copy in zip(ranked, copies, strict=True) if copy is None]
    # Whenever it was told: a story of last week teaches nothing new today.
    stories = group((headline, headline.fingerprint, 0) for headline in new)
    return Shortlist([story[0] for story in stories], seen, done)


def _keep(heap: list[Any], item: tuple[Any, ...], size: int) -> None:
    if len(heap) < size:
        heapq.heappush(heap, item)
    else:
        heapq.heappushpop(heap, item)


def next_to_label(
    candidates: Shortlist,
    labelled: Sequence[str],
    pages: Sequence[PageSpan],
    scorer: Scorer,
    challenger: Scorer | None,
    count: int,
) -> list[Suggestion]:
    """Up to `count` of the shortlist, after asking the model, and the challenger if there is one, for their views.

    What either of them cannot read is left out. `labelled`: texts, the newest last. Raises ScoringError.
    """
    titles = [headline.title for headline in candidates.headlines]
    rows, views = views_of(scorer, titles)
    others = None
    if challenger is not None:
        theirs, others = views_of(challenger, titles)
        shared = sorted(set(rows) & set(theirs))
        views = views.part([rows.index(at) for at in shared])
        others = others.part([theirs.index(at) for at in shared])
        rows = shared
    _, centres = views_of(scorer, labelled[-CENTRES:])
    return suggest([candidates.headlines[at] for at in rows], views, others, centres.embedding, pages, count)


def suggest(
    headlines: Sequence[ScoredHeadline],
    champion: Views,
    challenger: Views | None,
    centres: npt.NDArray[np.float32],
    pages: Sequence[PageSpan],
    count: int,
) -> list[Suggestion]:
    """Up to `count` of the headlines, the one to label first first.

    champion, challenger: what two models say of the headlines, in their order; centres: (texts, width), the champion's
    embeddings of texts that are labelled.
    """
    heads = [_head(champion, challenger, "topic"), _head(champion, challenger, "sentiment")]
    # The mean of the heads: of what it puts first the model has nearly twice as many wrong as by the greater of them.
    unsure = np.mean([head.unsure for head in heads], axis=0)
    disagreement = np.maximum(*(head.disagreement for head in heads))
    found = [page_of(headline, pages) for headline in headlines]
    paged = np.array([page.weight if page else 0.0 for page in found], dtype=np.float64)
    chosen = spread(unsure + disagreement + paged, champion.embedding, centres, count)
    return [
        Suggestion(
            headline=headlines[at],
            topic=champion.topics[int(champion.topic[at].argmax())],
            topic_probability=float(champion.topic[at].max()),
            sentiment=champion.sentiments[int(champion.sentiment[at].argmax())],
            sentiment_probability=float(champion.sentiment[at].max()),
            unsure=float(unsure[at]),
            disagreement=float(disagreement[at]),
            page=page.page if (page := found[at]) else None,
            reasons=_reasons(at, heads, found[at]),
        )
        for at in chosen
    ]


class _Head(NamedTuple):
    """One head of one or two models over the classes that either of them knows."""

    classes: tuple[str, ...]
    champion: Floats
    challenger: Floats | None
    unsure: Floats
    disagreement: Floats


def _head(champion: Views, challenger: Views | None, name: str) -> _Head:
    mine: tuple[str, ...] = getattr(champion, name + "s")
    probabilities: Floats = getattr(champion, name)
    unsure = unsureness(probabilities)
    if challenger is None:
        return _Head(mine, probabilities, None, unsure, np.zeros(len(unsure)))
    theirs: tuple[str, ...] = getattr(challenger, name + "s")
    classes = tuple(dict.fromkeys((*mine, *theirs)))
    first, second = _over(classes, mine, probabilities), _over(classes, theirs, getattr(challenger, name))
    return _Head(classes, first, second, unsure, jensen_shannon(first, second))


def _over(classes: Sequence[str], known: Sequence[str], probabilities: Floats) -> Floats:
    """Probabilities over more classes than a model knows: 0 for the others."""
    wide = np.zeros((len(probabilities), len(classes)))
    wide[:, [classes.index(each) for each in known]] = probabilities
    return wide


def _reasons(at: int, heads: Sequence[_Head], page: PageSpan | None) -> tuple[str, ...]:
    reasons = []
    doubts = [_two(head, at) for head in heads if head.unsure[at] >= UNSURE]
    if doubts:
        reasons.append(f"model unsure: {', '.join(doubts)}")
    for head in heads:
        if head.challenger is None:
            continue
        first, second = int(head.champion[at].argmax()), int(head.challenger[at].argmax())
        if first != second:
            reasons.append(f"champion says {head.classes[first]}, challenger {head.classes[second]}")
        elif head.disagreement[at] >= DISAGREEMENT:
            shares = f"{head.champion[at, first]:.2f}, challenger {head.challenger[at, first]:.2f}"
            reasons.append(f"champion says {head.classes[first]} {shares}")
    if page is not None:
        said = f", said to be {page.verdict.replace('_', ' ')}" if page.verdict else ""
        reasons.append(f"in page {page.page} of {page.subject}{said}")
    if not reasons:
        reasons.append(f"unlike what is labelled ({', '.join(_two(head, at) for head in heads)})")
    return tuple(reasons)


def _two(head: _Head, at: int) -> str:
    """A head's two likeliest classes with their probabilities."""
    order = head.champion[at].argsort()[::-1][:2]
    return " / ".join(f"{head.classes[number]} {head.champion[at, number]:.2f}" for number in order)
