"""Which headlines a subject has counted: the durable record behind every count.

A subject's ledger is a set of pages. A page is one table record that holds both the ids that it has counted and what
was counted of them, so the two cannot part. Every writer has pages of its own: a worker that was superseded and did
not know it yet adds a page, it never overwrites one. Read together, an id that stands on two pages counts once: the
ledger is a set that only grows, and merging it in any order gives the same (a grow-only set; Shapiro et al.,
Conflict-free replicated data types, 2011).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from stream.records import Sentiment, Tally, TallyEntry

# Entries a page: a page is written whole at each change, so small pages cost less to write and large ones less to
# keep. At 64 entries it is about 9 KB.
PAGE_ENTRIES = 64


class Page(Struct, frozen=True):
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


_decoder = msgspec.json.Decoder(Page)


def decode_page(payload: bytes) -> Page:
    """Read a page's record. Raises msgspec.MsgspecError."""
    return _decoder.decode(payload)


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
    _ids: set[str] = field(default_factory=set)
    _totals: dict[tuple[str, Sentiment], int] = field(default_factory=dict)
    _open: Page | None = None
    _next: int = 0

    def load(self, pages: Iterable[Page]) -> Iterator[TallyEntry]:
        """Take over pages that were written before, by whomever; yields each headline's entry once.

        The order does not matter to the counts; where two pages have the same id, the page with the smaller key
        is the one that counts it.
        """
        for page in sorted(pages, key=lambda page: page.key):
            self.pages[page.key] = page
            if page.writer == self.writer:
                self._next = max(self._next, page.number + 1)
            for entry in page.entries:
                if entry.id not in self._ids:
                    self._ids.add(entry.id)
                    self._add(page.model, entry.sentiment)
                    yield entry

    def new_entries(self, tally: Tally) -> list[TallyEntry]:
        """The tally's entries that have not been counted yet, each once."""
        return list({entry.id: entry for entry in reversed(tally.entries) if entry.id not in self._ids}.values())[::-1]

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
