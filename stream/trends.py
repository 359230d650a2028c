"""A subject's rolling trend: minute counts, stories, and how surprising its windows are. Time is passed in."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from stream.baseline import Baseline, fit
from stream.duration import format_duration
from stream.fingerprint import text_part
from stream.history import Array, of_minutes
from stream.ledger import Closed, Ledger, Page, Record, day_of
from stream.records import Tally, TallyEntry, TrendPoint, at_minute, minute_of
from stream.settings import TrendSettings
from stream.stories import StoryBook
from stream.tellings import Tellings

# So many of a subject's oldest headlines do not tell how long it has been watched: they may be back-dated.
_STRAYS = 2
_STRAY_SHARE = 0.02
# More than these that come for a time which a baseline already stands on, and a past is being filled in: the baseline
# is learnt anew this soon.
_STALE_FOR = timedelta(seconds=10)


@dataclass
class Counts:
    """Headlines by sentiment, the negatives that are news (stream/tellings.py), and the sum of polarities."""

    negative: int = 0
    neutral: int = 0
    positive: int = 0
    news: int = 0
    polarity_sum: float = 0.0

    def add(self, entry: TallyEntry) -> None:
        """Count one headline."""
        setattr(self, entry.sentiment, getattr(self, entry.sentiment) + 1)
        self.polarity_sum += entry.polarity

    def merge(self, other: "Counts") -> None:
        """Add another's headlines."""
        self.negative += other.negative
        self.neutral += other.neutral
        self.positive += other.positive
        self.news += other.news
        self.polarity_sum += other.polarity_sum

    @property
    def total(self) -> int:
        """All headlines."""
        return self.negative + self.neutral + self.positive

    @property
    def share(self) -> float:
        """The share of negatives, in [0, 1]; 0 where there is no headline."""
        return self.negative / self.total if self.total else 0.0

    @property
    def polarity(self) -> float:
        """Mean polarity in [-1, 1]; 0 where there is no headline."""
        return self.polarity_sum / self.total if self.total else 0.0


@dataclass(frozen=True)
class Reading:
    """What a window holds at a moment. `baseline`, of the negatives that are news, and `surprise`, which theirs is, are
    None while history is too short to judge."""

    window: int  # minutes
    counts: Counts
    stories: int
    sources: int
    baseline: float | None
    surprise: float | None


class Counted(NamedTuple):
    """What came of a tally: the ledger's pages that must be written before it may be acknowledged, and how many of its
    headlines were late."""

    pages: list[Page]
    late: int


@dataclass
class SubjectTrend:
    """All that is known of one subject. Only `ledger` is durable; the rest is rebuilt from it."""

    subject: str
    writer: str
    settings: TrendSettings
    ledger: Ledger = field(init=False)
    windows: tuple[int, ...] = field(init=False)  # minutes, shortest first
    baseline: Baseline | None = None
    usual_share: float | None = None  # of negatives, in what the baseline stands on
    fitted_at: float = float("-inf")  # seconds since 1970
    _minutes: dict[int, Counts] = field(default_factory=lambda: defaultdict(Counts))
    # Negative headlines of the widest window: minute -> (story, source) of each.
    _negatives: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    _stories: StoryBook = field(default_factory=StoryBook)
    _tellings: Tellings = field(default_factory=Tellings)
    # What the windows hold at a minute, until another headline is counted: a worker asks every second of every subject.
    _held: tuple[int, list[tuple[Counts, int, int]]] | None = None
    _changed: bool = True
    # Headlines that the baseline stands on, and those that have come since for the same time.
    _taught: int = 0
    _came_since: int = 0
    _dropped: int = -1  # the last day whose pages were looked through

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.subject, self.writer)
        self.windows = tuple(sorted(int(window.total_seconds()) // 60 for window in self.settings.windows))

    def load(self, records: Iterable[Record], now: datetime) -> None:
        """Rebuild from the ledger's records."""
        for entry in sorted(self.ledger.load(records), key=lambda entry: (entry.minute, entry.id)):
            self._take(entry, minute_of(now))

    def count(self, tally: Tally, now: datetime) -> Counted:
        """Count a tally's headlines, but for those whose day is closed: they are late."""
        self.ledger.close(self._closable(now))
        for entry in self.ledger.new_entries(tally):
            self._take(entry, minute_of(now))
        late = self.ledger.late(tally)
        return Counted(self.ledger.count(tally), late)

    def drop(self, now: datetime) -> tuple[Closed, list[str]] | None:
        """Close the days that retention has run out for, and let go of their pages: once a day there is something to
        write. As of the ledger's."""
        day = self._closable(now)
        if day <= self._dropped:
            return None
        self._dropped = day
        self.ledger.close(day)
        return self.ledger.drop()

    def _closable(self, now: datetime) -> int:
        """The last day of which no minute is within the retention any more."""
        return day_of(minute_of(now) - int(self.settings.retention.total_seconds()) // 60) - 1

    def _take(self, entry: TallyEntry, now_minute: int) -> None:
        self._changed = True
        self._held = None
        self._minutes[entry.minute].add(entry)
        self._came_since += self.baseline is not None and entry.minute < self.baseline.last_minute
        if entry.sentiment != "negative":
            return
        # Stories are told apart where a window still sees them; of a past that is further back only what is word for
        # word the same is a copy.
        if entry.minute > now_minute - self.windows[-1]:
            story = self._stories.story_of(entry.fingerprint, entry.minute)
            self._negatives[entry.minute].append((story, entry.source))
            telling: Hashable = story
        else:
            telling = text_part(entry.fingerprint)
        self._minutes[entry.minute].news += self._tellings.is_news(telling, entry.minute)

    def readings(self, now: datetime) -> list[Reading]:
        """What each window holds at `now`, shortest window first."""
        minute, exact = minute_of(now), now.timestamp() / 60
        if self._held is None or self._held[0] != minute:
            self._held = minute, self._holding(minute)
        baseline = self.judge
        return [
            Reading(
                window=window,
                counts=counts,
                stories=stories,
                sources=sources,
                baseline=baseline.expected(exact, window) if baseline else None,
                surprise=baseline.surprise(counts.news, exact, window) if baseline else None,
            )
            for window, (counts, stories, sources) in zip(self.windows, self._held[1], strict=True)
        ]

    def _holding(self, minute: int) -> list[tuple[Counts, int, int]]:
        """Counts, stories and sources of each window that ends with a minute."""
        counts = Counts()
        stories: set[int] = set()
        sources: set[str] = set()
        result: list[tuple[Counts, int, int]] = []
        recent = sorted((at for at in self._minutes if minute - self.windows[-1] < at <= minute), reverse=True)
        at_place = 0
        for window in self.windows:
            while at_place < len(recent) and minute - recent[at_place] < window:
                at = recent[at_place]
                counts.merge(self._minutes[at])
                for story, source in self._negatives.get(at, ()):
                    stories.add(story)
                    sources.add(source)
                at_place += 1
            held = replace(counts)
            result.append((held, len(stories), len(sources)))
        return result

    @property
    def judge(self) -> Baseline | None:
        """The baseline, if it stands on enough history to judge by, and on all that is known of it: what was learnt of
        half a past finds the other half surprising."""
        shortest = self.settings.shortest_history.total_seconds() / 60
        if self.baseline is None or self.baseline.history_minutes < shortest or self.stale:
            return None
        return self.baseline

    @property
    def stale(self) -> bool:
        """Whether a past is being filled in that the baseline does not know."""
        return self._came_since > _STRAYS + int(self._taught * _STRAY_SHARE)

    def needs_fit(self, now: datetime) -> bool:
        """Whether there is something new to learn and the last time is long enough ago."""
        wait = min(self.settings.refit, _STALE_FOR) if self.stale else self.settings.refit
        return self._changed and now.timestamp() - self.fitted_at >= wait.total_seconds()

    def fit(self, now: datetime, likes: Array | None = None) -> None:
        """Learn the baseline anew, from history without its newest part; forget what no window sees any more.

        `likes`: the week that like subjects have, which one with few headlines leans on; shape (168,), mean 1.
        """
        minute = minute_of(now)
        oldest = minute - int(self.settings.history.total_seconds()) // 60
        held_back = int(self.settings.held_back.total_seconds()) // 60
        for at in [at for at in self._minutes if at < oldest]:
            del self._minutes[at]
        for at in [at for at in self._negatives if at <= minute - self.windows[-1]]:
            del self._negatives[at]
        self._stories.forget_before(minute - self.windows[-1])
        self._tellings.forget_before(minute - self.windows[-1])
        if self._minutes:
            news = {at: counts.news for at, counts in self._minutes.items() if counts.news}
            history = of_minutes(news, self._watched_since(minute - held_back), minute - held_back)
            self.baseline = fit(history, self.windows, self.settings.clocks, likes)
            taught = Counts()
            for at, counts in self._minutes.items():
                if at < self.baseline.last_minute:
                    taught.merge(counts)
            self._taught = taught.total
            self.usual_share = taught.share if taught.total else None
            self._came_since = 0
        self.fitted_at = now.timestamp()
        self._changed = False

    def _watched_since(self, now: int) -> int:
        """The minute from which on the subject has been watched, as far as its headlines before `now` tell: not the
        oldest one's, for a single back-dated headline would make a new installation look as if it had weeks of silence
        to judge by."""
        before = sorted(minute for minute in self._minutes if minute < now)
        count = sum(self._minutes[minute].total for minute in before)
        strays = min(count - 1, _STRAYS + int(count * _STRAY_SHARE))
        for minute in before:
            strays -= self._minutes[minute].total
            if strays < 0:
                return minute
        return now

    def point(self, minute: int) -> TrendPoint | None:
        """A minute that is over, if there was any headline in it."""
        counts = self._minutes.get(minute)
        if counts is None:
            return None
        told = self._negatives.get(minute, [])
        # At the very end of the minute: at the next one's beginning the windows would hold that one's headlines too.
        readings = self.readings(at_minute(minute + 1) - timedelta(microseconds=1))
        loudest = max(readings, key=lambda reading: reading.surprise or 0.0)
        return TrendPoint(
            subject=self.subject,
            minute=at_minute(minute),
            counts={"negative": counts.negative, "neutral": counts.neutral, "positive": counts.positive},
            stories=len({story for story, _ in told}),
            sources=len({source for _, source in told}),
            polarity=round(counts.polarity, 4),
            window=window_name(loudest.window),
            baseline=loudest.baseline,
            surprise=loudest.surprise,
        )


def window_name(minutes: int) -> str:
    """A window's name, as it stands in metrics: 5m, 1h, 1d."""
    return format_duration(timedelta(minutes=minutes))
