"""Which pages a history of headlines would have made: by the stream's own baseline, conditions and evidence, step by
step, each judged by what was known before it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from alerts.breadth import distinct
from alerts.evidence import Evidence, gather, same_squall
from stream.budget import SEVERITIES, Severity
from stream.detector import Detection, Look, detect, looks, windows_of
from stream.duration import format_duration
from stream.history import DAY, History
from stream.records import MINUTE, ScoredHeadline, at_minute, minute_of
from stream.settings import AlertSettings
from stream.squall import Squall
from stream.stories import StoryBook
from stream.subjects import breadth_of, subjects_of, topic_subject
from stream.tellings import Tellings

Array = npt.NDArray[np.float64]

# What is about no company, asset, market or economy pages nobody.
SILENT = topic_subject("other")
STEP = 5  # minutes
EVIDENCE = 5  # titles of a page
# Without any headline at all for so long nobody was counting, and nothing is learnt of it.
_GAP = 2 * DAY


class PastPage(Struct, frozen=True):
    """A page that would have been sent. `surprise`, `count`, `baseline`: of the `window` that it began with, without
    the copies that are no news. `stories`, `sources`: distinct ones from the squall's onset to the page. `evidence`:
    the titles of the weightiest stories. `also_subjects`: others that the same squall would have made fire. `peak`: the
    surprise that it came to; `severity`: how severe that is, of several stories."""

    subject: str
    fired_at: datetime
    resolved_at: datetime | None
    surprise: float
    threshold: float
    stories: int
    sources: int
    evidence: list[str]
    window: str
    count: int
    baseline: float
    peak: float
    severity: Severity = "page"
    since: datetime | None = None
    also_subjects: list[str] = []


@dataclass(frozen=True)
class Past:
    """A history of scored headlines: of each subject its negatives, oldest first, and of each step whether anything
    came at all. `step`: minutes; a file that has days only is judged by days."""

    step: int
    first: int
    steps: int
    headlines: int
    negatives: Mapping[str, Sequence[ScoredHeadline]]
    came: npt.NDArray[np.bool_]
    sources: int

    @property
    def since(self) -> datetime:
        """When it begins."""
        return at_minute(self.first)

    @property
    def until(self) -> datetime:
        """When it ends."""
        return at_minute(self.first + self.step * self.steps)

    def place(self, at: datetime) -> int:
        """The step that a moment lies in."""
        return (minute_of(at) - self.first) // self.step

    def counts(self, subject: str) -> Array:
        """A subject's negatives by step."""
        counts = np.zeros(self.steps)
        for each in self.negatives[subject]:
            counts[self.place(each.published_at)] += 1
        return counts

    def series(self, subject: str, news: Sequence[bool]) -> History:
        """Those of a subject's negatives, by step, that are news; NaN in gaps."""
        counts = np.zeros(self.steps)
        for each, is_news in zip(self.negatives[subject], news, strict=True):
            counts[self.place(each.published_at)] += is_news
        counts[self._gaps()] = np.nan
        return History(self.first, self.step, counts)

    def _gaps(self) -> npt.NDArray[np.bool_]:
        there = np.flatnonzero(self.came)
        gaps = np.zeros(self.steps, bool)
        for before, after in zip(there[:-1].tolist(), there[1:].tolist(), strict=True):
            if (after - before - 1) * self.step >= _GAP:
                gaps[before + 1 : after] = True
        return gaps


def past_of(scored: Iterable[ScoredHeadline]) -> Past | None:
    """Sort scored headlines into a past; None without any. Where every one lies at a midnight, their dates are days."""
    negatives: dict[str, list[ScoredHeadline]] = defaultdict(list)
    minutes: list[int] = []
    sources: set[str] = set()
    days = True
    for headline in scored:
        minutes.append(minute_of(headline.published_at))
        sources.add(headline.source)
        at = headline.published_at.astimezone(UTC)
        days = days and (at.hour, at.minute, at.second) == (0, 0, 0)
        for subject, seen in subjects_of(headline):
            if seen.sentiment == "negative" and subject != SILENT:
                negatives[subject].append(seen)
    if not minutes:
        return None
    step = DAY if days else STEP
    first = min(minutes) // step * step
    steps = (max(minutes) - first) // step + 1
    came = np.zeros(steps, bool)
    came[(np.array(minutes) - first) // step] = True
    for each in negatives.values():
        each.sort(key=lambda headline: (headline.published_at, headline.id))
    return Past(step, first, steps, len(minutes), dict(negatives), came, len(sources))


@dataclass(frozen=True)
class Subject:
    """All that is judged of a subject: its counts, where a squall may begin (steps, windows), and what was seen there,
    stretch after stretch."""

    name: str
    series: History
    broad: npt.NDArray[np.bool_]
    seen: Sequence[Look]


def subjects_of_past(past: Past, detection: Detection, alerts: AlertSettings) -> Iterator[Subject]:
    """Each subject of a past, judged; no budget has a part in it."""
    for name in past.negatives:
        stories, news = _stories(past.negatives[name])
        series = past.series(name, news)
        broad = _broad(past, name, stories, detection, alerts)
        yield Subject(name, series, broad, list(looks(series, detection)))


def back_test(past: Past, detection: Detection, alerts: AlertSettings) -> list[PastPage]:
    """The pages, oldest first. `detection.budget`: of all subjects together."""
    return pages_of(past, subjects_of_past(past, detection, alerts), detection)


def pages_of(past: Past, subjects: Iterable[Subject], detection: Detection) -> list[PastPage]:
    """The pages that subjects have within a budget, as `back_test`."""
    how = replace(detection, budget=detection.budget.shared(len(past.negatives)))
    fired: list[tuple[str, Squall, float, Severity]] = []
    for subject in subjects:
        judged = detect(subject.series, how, subject.broad, subject.seen)
        for squall, severity in zip(judged.squalls, judged.severities, strict=True):
            at = round((squall.fired_at - past.first) / past.step) - 1
            fired.append((subject.name, squall, float(judged.threshold[at]), severity))
    fired.sort(key=lambda each: (each[1].fired_at, breadth_of(each[0])))
    pages: list[_Open] = []
    for name, squall, threshold, severity in fired:
        evidence = _evidence(past, name, squall)
        page = next((each for each in pages if each.goes_on(squall) and same_squall(evidence.ids, each.ids)), None)
        if page is not None:
            page.also.append(name)
            page.severity = max(page.severity, severity, key=SEVERITIES.index)
            page.ends = max(page.ends, _end(squall))
        else:
            pages.append(_Open(name, squall, threshold, evidence, _end(squall), severity))
    return [each.page() for each in pages]


@dataclass
class _Open:
    subject: str
    squall: Squall
    threshold: float
    evidence: Evidence
    ends: float
    severity: Severity
    also: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[frozenset[str]]:
        return self.evidence.ids

    def goes_on(self, squall: Squall) -> bool:
        return self.ends > squall.fired_at

    def page(self) -> PastPage:
        gust = self.squall.fired
        return PastPage(
            subject=self.subject,
            fired_at=_moment(self.squall.fired_at),
            resolved_at=None if self.ends == float("inf") else _moment(self.ends),
            surprise=round(gust.surprise, 2),
            threshold=round(self.threshold, 2),
            stories=len(self.evidence.stories),
            sources=self.evidence.sources,
            evidence=[story.title for story in self.evidence.stories[:EVIDENCE]],
            window=format_duration(timedelta(minutes=gust.window)),
            count=int(gust.count),
            baseline=round(gust.usual, 2),
            peak=round(self.squall.peak.surprise, 2),
            severity=self.severity,
            since=self.evidence.since,
            also_subjects=self.also,
        )


def _end(squall: Squall) -> float:
    return float("inf") if squall.resolved_at is None else squall.resolved_at


def _moment(minute: float) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def _stories(negatives: Sequence[ScoredHeadline]) -> tuple[list[int], list[bool]]:
    """Of each headline the number of its story, and whether it is news."""
    book, tellings = StoryBook(), Tellings()
    stories, news = [], []
    for each in negatives:
        minute = minute_of(each.published_at)
        stories.append(book.story_of(each.fingerprint, minute))
        news.append(tellings.is_news(stories[-1], minute))
    return stories, news


def _broad(
    past: Past, subject: str, stories: Sequence[int], how: Detection, alerts: AlertSettings
) -> npt.NDArray[np.bool_]:
    """Of each step and window whether its stories and sources are several enough for a page."""
    negatives = past.negatives[subject]
    places = [past.place(each.published_at) for each in negatives]
    sources = [each.source for each in negatives]
    # A file that names no sources cannot be held to them.
    fewest = alerts.sources if past.sources > 1 else 0
    columns = []
    for window in windows_of(past.step, how.windows):
        width = window // past.step
        enough = distinct(list(zip(places, stories, strict=True)), past.steps, width) >= alerts.stories_of(subject)
        columns.append(enough & (distinct(list(zip(places, sources, strict=True)), past.steps, width) >= fewest))
    return np.stack(columns, 1)


def _evidence(past: Past, subject: str, squall: Squall) -> Evidence:
    now, window = _moment(squall.fired_at), timedelta(minutes=squall.fired.window)
    lately = [each for each in past.negatives[subject] if now - 2 * window <= each.published_at < now]
    # A step is over when it is judged, so its last minute is in it.
    return gather(lately, squall.fired.usual, window, now - MINUTE)
