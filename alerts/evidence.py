"""The evidence of a squall: which stories it is made of, since when, and whether two subjects tell of the
same one."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from stream.records import ScoredHeadline, minute_of
from stream.stories import group

StoryIds = Collection[frozenset[str]]


@dataclass(frozen=True)
class Story:
    """One event, in all its tellings, oldest first."""

    tellings: Sequence[ScoredHeadline]

    @property
    def title(self) -> str:
        """The title that speaks for it: the first telling's."""
        return self.tellings[0].title

    @property
    def url(self) -> str:
        """A link to it: that of the first telling that has one."""
        return next((telling.url for telling in self.tellings if telling.url), "")

    @property
    def sources(self) -> list[str]:
        """Who told it, the first one first."""
        return list(dict.fromkeys(telling.source for telling in self.tellings if telling.source))

    @property
    def first_at(self) -> datetime:
        """When it was first told."""
        return self.tellings[0].published_at

    @property
    def last_at(self) -> datetime:
        """When it was last told."""
        return self.tellings[-1].published_at

    @property
    def p_negative(self) -> float:
        """The mean probability of negative over its tellings."""
        return math.fsum(each.probabilities["negative"] for each in self.tellings) / len(self.tellings)

    @property
    def ids(self) -> frozenset[str]:
        """Its headlines' ids."""
        return frozenset(telling.id for telling in self.tellings)


@dataclass(frozen=True)
class Evidence:
    """What the archive knows of a squall. `stories`: the weightiest first. `since`: its onset, `last_at`: its
    last headline; None without any. `models`: the versions that scored it, sorted."""

    stories: Sequence[Story]
    since: datetime | None
    last_at: datetime | None
    headlines: int
    sources: int
    models: Sequence[str]

    @property
    def ids(self) -> list[frozenset[str]]:
        """The headlines' ids, story by story."""
        return [story.ids for story in self.stories]


def gather(negatives: Sequence[ScoredHeadline], baseline: float, window: timedelta, now: datetime) -> Evidence:
    """The evidence in a subject's negative headlines, oldest first, from the squall's onset on.

    `baseline`: how many a window of length `window` usually holds.
    """
    since = onset([each.published_at for each in negatives], baseline, window, now)
    return summarise([each for each in negatives if since is not None and each.published_at >= since], now)


def summarise(negatives: Sequence[ScoredHeadline], now: datetime) -> Evidence:
    """The evidence in negative headlines that all belong to it, oldest first."""
    grouped = group((each, each.fingerprint, minute_of(each.published_at)) for each in negatives)
    since = negatives[0].published_at if negatives else None
    span = max(now - since, timedelta(minutes=1)) if since else timedelta(minutes=1)
    stories = sorted(
        (Story(tellings) for tellings in grouped),
        # Equal weights keep a fixed order: the newer first, then by id.
        key=lambda story: (-weight(story, now, span), -story.last_at.timestamp(), story.tellings[0].id),
    )
    return Evidence(
        stories=stories,
        since=since,
        last_at=negatives[-1].published_at if negatives else None,
        headlines=len(negatives),
        sources=len({each.source for each in negatives}),
        models=sorted({each.model for each in negatives}),
    )


def unbroken(negatives: Sequence[ScoredHeadline], pause: timedelta) -> Sequence[ScoredHeadline]:
    """The headlines, oldest first, until one comes later than a pause after the one before: there the squall
    that began with the first one was over."""
    for at, (before, after) in enumerate(pairwise(negatives), start=1):
        if after.published_at - before.published_at > pause:
            return negatives[:at]
    return negatives


def weight(story: Story, now: datetime, span: timedelta) -> float:
    """How much a story says about a squall of length `span`: the more, the surer the model, the more sources
    tell it (a second source says more than a twelfth), the more recently it was told. Copies count least: one
    wire's story may be on forty sites."""
    told = 1.0 + math.log2(max(1, len(story.sources))) + 0.25 * math.log2(len(story.tellings))
    age = max(0.0, (now - story.last_at) / span)
    return story.p_negative * told * math.exp2(-age)


def onset(times: Sequence[datetime], baseline: float, window: timedelta, now: datetime) -> datetime | None:
    """When a squall began: the time (of `times`, sorted) from which on until `now` there is the greatest
    excess over what is usual. None without times.

    This is the change point of the cumulative sum (Page, Continuous inspection schemes, Biometrika 41, 1954).
    What is taken off for each minute is the reference value for Poisson counts, (r1 - r0) / (ln r1 - ln r0),
    between the usual rate r0 and the present one r1 (Lucas, Counted data CUSUM's, Technometrics 27, 1985):
    with r0 alone, which is next to nothing for most subjects, any stray headline of the morning would be the
    beginning.
    """
    if not times:
        return None
    usual = max(baseline, 1e-6) / window.total_seconds()
    within = max(1, sum(1 for time in times if time > now - window))
    present = within / window.total_seconds()
    if present <= usual:
        return times[0]
    reference = (present - usual) / math.log(present / usual)
    excess = [(len(times) - at) - reference * (now - time).total_seconds() for at, time in enumerate(times)]
    return times[max(range(len(times)), key=lambda at: excess[at])]


def same_squall(first: StoryIds, second: StoryIds) -> bool:
    """Whether two subjects' evidence, given as the headline ids of each story, tells of one squall: at least
    half of the stories of the one with fewer are in the other too.

    Stories are compared and not headlines: forty copies of one story that stands in both make no squall of
    two.
    """
    fewer, more = sorted((first, second), key=len)
    if not fewer:
        return False
    known = frozenset().union(*more)
    shared = sum(1 for ids in fewer if not ids.isdisjoint(known))
    return 2 * shared >= len(fewer)
