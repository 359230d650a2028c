"""The books of a run, beside each other: what came in, what is archived and rejected, what is counted, what is told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stream.archive import microseconds
from stream.hourlycounts import HOUR
from stream.ledger import Page
from stream.records import ScoredHeadline, minute_of
from stream.subjects import tallies

Place = tuple[int, int]  # partition and offset of news.headlines


@dataclass(frozen=True)
class Books:
    """All that can be looked at after a run.

    received: the headlines' ids on news.headlines, by place; None for a record that is none. archived: the archive.
    rejected: the places of what stands on news.rejected. scored: ids and models on news.scored. pages: the ledger's
    pages as the changelog has them last. told: headlines by topic and sentiment in the metrics of all workers.
    negatives: by subject, the widest window's negative headlines in the metrics, for each worker that tells of it.
    hourly: the archive's own counts, by the hour's beginning (microseconds since 1970), topic and sentiment.
    oldest: the first minute that is not closed; headlines before it are late, and counted nowhere.
    """

    received: Mapping[Place, str | None]
    archived: Mapping[str, ScoredHeadline]
    rejected: frozenset[Place]
    scored: Mapping[str, frozenset[str]]
    pages: tuple[Page, ...]
    told: Mapping[tuple[str, str], int]
    negatives: Mapping[str, tuple[int, ...]]
    hourly: Mapping[tuple[int, str, str], int]
    oldest: int = 0

    @property
    def counted(self) -> list[ScoredHeadline]:
        """The archived headlines that came in time."""
        return [each for each in self.archived.values() if minute_of(each.published_at) >= self.oldest]


@dataclass
class Findings:
    """What does not agree; nothing if all is well. Each is a number and a line of plain words."""

    lost: int = 0
    doubled: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether all books agree."""
        return not self.lines

    def found(self, lines: Iterable[str], lost: int = 0, doubled: int = 0) -> None:
        """Add to what was found."""
        self.lost += lost
        self.doubled += doubled
        self.lines += lines


def audit(books: Books) -> Findings:
    """Whether every headline is archived or rejected, and counted once in every bucket that it belongs to."""
    findings = Findings()
    _intake(books, findings)
    _scores(books, findings)
    _hours(books, findings)
    _buckets(books, findings)
    _metrics(books, findings)
    return findings


def _intake(books: Books, findings: Findings) -> None:
    """news.headlines = archive + rejected."""
    ids = {id_ for id_ in books.received.values() if id_ is not None}
    unreadable = {place for place, id_ in books.received.items() if id_ is None}
    if missing := ids - books.archived.keys():
        findings.found([f"{len(missing)} headlines are not archived, {_some(missing)}"], lost=len(missing))
    if strange := books.archived.keys() - ids:
        findings.found([f"{len(strange)} archived headlines never came, {_some(strange)}"], doubled=len(strange))
    if missing_ := unreadable - books.rejected:
        findings.found([f"{len(missing_)} unreadable records are not on news.rejected"], lost=len(missing_))
    if wrong := books.rejected - unreadable:
        findings.found([f"{len(wrong)} readable records are on news.rejected"], lost=len(wrong))


def _scores(books: Books, findings: Findings) -> None:
    """Every archived headline on news.scored, with the model that the archive names and no other."""
    missing = books.archived.keys() - books.scored.keys()
    if missing:
        findings.found([f"{len(missing)} headlines are not on news.scored, {_some(missing)}"], lost=len(missing))
    other = [id_ for id_, models in books.scored.items() if models != {getattr(books.archived.get(id_), "model", None)}]
    if other:
        findings.found([f"{len(other)} headlines have two scores, {_some(other)}"], doubled=len(other))


def _hours(books: Books, findings: Findings) -> None:
    """The archive's hourly counts = the archive."""
    expected: Counter[tuple[int, str, str]] = Counter()
    for each in books.archived.values():
        at = microseconds(each.published_at)
        expected[at - at % HOUR, each.topic, each.sentiment] += 1
    for key in sorted(expected.keys() | books.hourly.keys()):
        more = books.hourly.get(key, 0) - expected[key]
        if more:
            findings.found([f"{more:+} headlines in the hourly count of {key}"], max(0, -more), max(0, more))


def _buckets(books: Books, findings: Findings) -> None:
    """Of each subject, minute and sentiment the ids in the ledger are those in the archive."""
    counted: dict[tuple[str, str], tuple[int, str]] = {}
    doubled = 0
    for page in sorted(books.pages, key=lambda each: each.key):
        for entry in page.entries:
            key = (page.subject, entry.id)
            # An id on two pages counts once, as the ledger reads them; on two pages otherwise it is a double.
            if counted.setdefault(key, (entry.minute, entry.sentiment)) != (entry.minute, entry.sentiment):
                doubled += 1
    if doubled:
        findings.found([f"{doubled} headlines stand in two buckets of one subject"], doubled=doubled)
    expected = {
        (tally.subject, entry.id): (entry.minute, entry.sentiment)
        for tally in tallies(books.counted)
        for entry in tally.entries
    }
    if missing := expected.keys() - counted.keys():
        findings.found([f"{len(missing)} counts are missing, {_some(missing)}"], lost=len(missing))
    if strange := counted.keys() - expected.keys():
        findings.found([f"{len(strange)} counts are of nothing archived, {_some(strange)}"], doubled=len(strange))
    if wrong := [key for key in expected.keys() & counted.keys() if expected[key] != counted[key]]:
        findings.found([f"{len(wrong)} counts stand in another bucket, {_some(wrong)}"], doubled=len(wrong))


def _metrics(books: Books, findings: Findings) -> None:
    """/metrics = buckets, and no subject told by two workers."""
    totals = Counter((each.topic, each.sentiment) for each in books.counted)
    for key in sorted(totals.keys() | books.told.keys()):
        expected, told = totals.get(key, 0), books.told.get(key, 0)
        if expected != told:
            line = f"/metrics tells {told} {' '.join(key)} headlines, the archive has {expected}"
            findings.found([line], lost=max(0, expected - told), doubled=max(0, told - expected))
    for subject, values in sorted(books.negatives.items()):
        if len(values) > 1:
            findings.found([f"{len(values)} workers tell of {subject}"], doubled=sum(values) - max(values))
        name = subject.removeprefix("topic/")
        expected = sum(each.sentiment == "negative" and name in (each.topic, "all") for each in books.counted)
        if sum(values) != expected and len(values) == 1:
            line = f"/metrics tells {sum(values)} negatives of {subject}, the archive has {expected}"
            findings.found([line], lost=max(0, expected - sum(values)), doubled=max(0, sum(values) - expected))


def _some(items: Iterable[object]) -> str:
    return f"such as {min(map(str, items))}"
