"""Which headlines a subject has counted: the durable record behind every count.

A subject's ledger is a set of pages. A page is one table record that holds both the ids that it has counted and what
was counted of them, so the two cannot part. Every writer has pages of its own: a worker that was superseded and did
not know it yet adds a page, it never overwrites one. Read together, an id that stands on two pages counts once: the
ledger is a set that only grows, and merging it in any order gives the same (a grow-only set; Shapiro et al.,
Conflict-free replicated data types, 2011).

So that it does not grow for ever, days that are long over are closed: their totals stand in one record of the subject,
and pages that hold nothing younger are dropped. For a closed day no headline is counted any more, so a day's totals are
final, whoever adds them up; that is why a headline which comes so late is told as late and not counted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from stream.records import DAY_MINUTES, Sentiment, Tally, TallyEntry

# Entries a page, about 2 KB: a page is written whole at each change, and where headlines come one by one that is with
# each of its entries. At 64 a count had 3.7 KB written for it, at 16 it has 1.1 KB, and what is kept is 4 % more.
PAGE_ENTRIES = 16


class Page(Struct, frozen=True, tag="page"):
    """Some of a subject's counted headlines, all scored by one model.

    `number` counts the pages of `writer`.
    """

    subject: str
    writer: str
    number: int
    model: str
    entries: list[TallyEntry]

    @property
    def key(self) -> str:
        """The record's key, which no other writer uses."""
        return f"{self.subject}#{self.writer}#{self.number}"


class Closed(Struct, frozen=True, tag="closed"):
    """What a subject's closed days hold together.

    through: the last of them, in days since 1970 (UTC). totals: model version, sentiment and headlines.
    """

    subject: str
    through: int
    totals: list[tuple[str, Sentiment, int]]

    @property
    def key(self) -> str:
        """The record's key; any writer's would say the same of the same day."""
        return f"{self.subject}#closed"


Record = Page | Closed
_decoder = msgspec.json.Decoder(Record)


def decode_record(payload: bytes) -> Record:
    """Read a record of the table. Raises msgspec.MsgspecError."""
    record: Record = _decoder.decode(payload)
    return record


def day_of(minute: int) -> int:
    """Days since 1970 of a minute since 1970."""
    return minute // DAY_MINUTES


@dataclass
class Ledger:
    """One subject's pages, in memory.

    >>> entry = TallyEntry("a", 5, "negative", -0.9, "", "wire")
    >>> ledger = Ledger("topic/all", writer="w1")
    >>> [page.key for page in ledger.count(Tally("topic/all", "m", [entry]))]
    ['topic/all#w1#0']
    >>> ledger.count(Tally("topic/all", "m", [entry]))  # it came again
    []
    """

    subject: str
    writer: str
    pages: dict[str, Page] = field(default_factory=dict)
    through: int = -1  # the last day that is closed
    _ids: set[str] = field(default_factory=set)
    _totals: dict[tuple[str, Sentiment], int] = field(default_factory=dict)
    _open: Page | None = None
    _next: int = 0

    def load(self, records: Iterable[Record]) -> Iterator[TallyEntry]:
        """Take over what was written before, by whomever; yields each headline's entry of the days that are not closed
        once.

        The order does not matter to the counts; where two pages have the same id, the page with the smaller key
        is the one that counts it.
        """
        pages = []
        for record in records:
            if isinstance(record, Page):
                pages.append(record)
            else:
                self.through = record.through
                self._totals = {(model, sentiment): count for model, sentiment, count in record.totals}
        for page in sorted(pages, key=lambda page: page.key):
            self.pages[page.key] = page
            if page.writer == self.writer:
                self._next = max(self._next, page.number + 1)
            for entry in page.entries:
                if entry.id not in self._ids and not self.is_closed(entry):
                    self._ids.add(entry.id)
                    self._add(page.model, entry.sentiment)
                    yield entry

    def is_closed(self, entry: TallyEntry) -> bool:
        """Whether a headline's day is closed: if it was not counted before, it never will be."""
        return day_of(entry.minute) <= self.through

    def close(self, day: int) -> None:
        """Close all days through one: what comes of them from now on is late."""
        self.through = max(self.through, day)

    def late(self, tally: Tally) -> int:
        """How many of a tally's headlines come too late to be counted. One that was counted in time and comes again
        cannot be told from these once its page is gone."""
        return len({entry.id for entry in tally.entries if self.is_closed(entry)} - self._ids)

    def drop(self) -> tuple[Closed, list[str]] | None:
        """Let go of the pages that hold nothing but closed days; gives back the record to be written and, once that is
        confirmed, the keys of the records to be deleted. None where there is none."""
        dropped = [key for key, page in self.pages.items() if all(map(self.is_closed, page.entries))]
        if not dropped:
            return None
        for key in dropped:
            self._ids.difference_update(entry.id for entry in self.pages.pop(key).entries)
        if self._open is not None and self._open.key in dropped:
            self._open = None
        return self._closed(), dropped

    def _closed(self) -> Closed:
        """The closed days' totals: all that was counted, without what stands on a page for a later day."""
        totals = dict(self._totals)
        seen: set[str] = set()
        for page in sorted(self.pages.values(), key=lambda page: page.key):
            for entry in page.entries:
                if not self.is_closed(entry) and entry.id not in seen:
                    seen.add(entry.id)
                    totals[page.model, entry.sentiment] -= 1
        return Closed(self.subject, self.through, sorted((*of, count) for of, count in totals.items() if count))

    def new_entries(self, tally: Tally) -> list[TallyEntry]:
        """The tally's entries that are to be counted, each once: not those that have been, nor those of closed days."""
        fresh = {
            entry.id: entry
            for entry in reversed(tally.entries)
            if entry.id not in self._ids and not self.is_closed(entry)
        }
        return list(fresh.values())[::-1]

    def count(self, tally: Tally) -> list[Page]:
        """Count a tally's headlines, each id once for ever; gives back the pages that changed and must be written."""
        changed: dict[str, Page] = {}
        for entry in self.new_entries(tally):
            page = self._open
            if page is None or len(page.entries) >= PAGE_ENTRIES or page.model != tally.model:
                page = Page(self.subject, self.writer, self._next, tally.model, [])
                self._next += 1
            page = msgspec.structs.replace(page, entries=[*page.entries, entry])
            self._open = changed[page.key] = self.pages[page.key] = page
            self._ids.add(entry.id)
            self._add(tally.model, entry.sentiment)
        return list(changed.values())

    def totals(self) -> Mapping[tuple[str, Sentiment], int]:
        """Distinct headlines ever counted, by model version and sentiment."""
        return self._totals

    def _add(self, model: str, sentiment: Sentiment) -> None:
        self._totals[model, sentiment] = self._totals.get((model, sentiment), 0) + 1
