"""What is to be labelled next, for all who label at the desk: made in the background, each headline shown to one
annotator, and some to two."""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.pagespans import page_spans
from deploy.desk.explainer import Explainer
from model.errors import NewsquallError
from stream.archive import Archive, archive_errors
from stream.records import Label
from training.labelbook import LabelBook
from training.labels import text_key
from training.queue import Suggestion, next_to_label, shortlist

log = logging.getLogger(__name__)

LENGTH = 100  # headlines that are chosen at once
SHORT = 15  # fewer than these left, and more are chosen
LOOKED_BACK = timedelta(days=14)
# Where there was nothing to choose from, it is looked again after this.
PAUSE = timedelta(minutes=2)
REMEMBERED = 50  # what an annotator may take back
# What others label meanwhile (an import, another desk) is heeded after this.
FRESH = timedelta(minutes=1)


@dataclass(frozen=True)
class Step:
    """What an annotator did with a headline. `given`: the label; None if it was passed over. `before`: the label that
    stood."""

    headline_id: str
    given: Label | None
    before: Label | None = None


@dataclass
class _Annotator:
    labelled: set[str] = field(default_factory=set)  # keys of texts
    skipped: set[str] = field(default_factory=set)  # headlines' ids
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class LabelQueue:
    """The queue. `second_opinions`: share of the headlines that two annotators are shown."""

    def __init__(
        self,
        archive: Archive,
        book: LabelBook,
        explainer: Explainer,
        second_opinions: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._archive = archive
        self._book = book
        self._explainer = explainer
        self._share = second_opinions
        self._clock = clock
        self._lock = threading.Lock()
        self._items: list[Suggestion] = []
        self._making: threading.Thread | None = None
        self._made: datetime | None = None
        self._read: datetime | None = None
        self._annotators: dict[str, _Annotator] = defaultdict(_Annotator)
        self.labels: list[Label] = []
        self.trouble = ""

    @property
    def _is_making(self) -> bool:
        """Whether headlines are being chosen."""
        return self._making is not None and self._making.is_alive()

    def next(self, annotator: str) -> tuple[Suggestion | None, bool]:
        """What an annotator is to label next, None if nothing is chosen (yet); and whether more is being chosen."""
        self._refresh()
        with self._lock:
            # Asked before the items are read, which may have come by then: that is not 'nothing to label'.
            is_making = self._is_making
            left = [each for each in self._items if self._is_for(annotator, each)]
            if len(left) < SHORT and not is_making:
                is_making = self._make()
        return left[0] if left else None, is_making

    def left(self, annotator: str) -> int:
        """How many are chosen for an annotator."""
        with self._lock:
            return sum(self._is_for(annotator, each) for each in self._items)

    def find(self, headline_id: str) -> Suggestion | None:
        """A headline of the queue."""
        with self._lock:
            return next((each for each in self._items if each.headline.id == headline_id), None)

    def _is_for(self, annotator: str, item: Suggestion) -> bool:
        key = text_key(item.headline.title)
        own = self._annotators[annotator]
        if key in own.labelled or item.headline.id in own.skipped:
            return False
        others = sum(key in each.labelled for name, each in self._annotators.items() if name != annotator)
        return others == 0 or (others == 1 and self._wants_two(key))

    def _wants_two(self, key: str) -> bool:
        """Drawn by the text, so that it is the same whoever labels first and whenever the desk is started."""
        return int(key[:8], 16) < self._share * 2**32

    def done(self, annotator: str, step: Step) -> None:
        """An annotator has labelled a headline or passed it over."""
        with self._lock:
            own = self._annotators[annotator]
            own.steps.append(step)
            if step.given is None:
                own.skipped.add(step.headline_id)
            else:
                own.labelled.add(text_key(step.given.title))
        self._read = None

    def take_back(self, annotator: str) -> Step | None:
        """The annotator's last step, as if it had not been; None if there is none. Raises ArchiveError."""
        with self._lock:
            own = self._annotators[annotator]
            if not own.steps:
                return None
            step = own.steps[-1]
            if step.given is not None:
                self._book.restore(step.given, step.before)
                if step.before is None:
                    own.labelled.discard(text_key(step.given.title))
            own.skipped.discard(step.headline_id)
            own.steps.pop()
        self._read = None
        return step

    def can_take_back(self, annotator: str) -> bool:
        """Whether there is a step to take back."""
        return bool(self._annotators[annotator].steps)

    def _refresh(self) -> None:
        now = self._clock()
        if self._read is not None and timedelta(0) <= now - self._read < FRESH:
            return
        labels = self._book.current()
        with self._lock:
            self.labels, self._read = labels, now
            for each in self._annotators.values():
                each.labelled.clear()
            for label in labels:
                self._annotators[label.annotator].labelled.add(text_key(label.title))

    def _make(self) -> bool:
        """Begin to choose, unless that was done just now; the lock is held. Whether it was begun."""
        now = self._clock()
        if self._made is not None and timedelta(0) <= now - self._made < PAUSE:
            return False
        self._making = threading.Thread(target=self._choose, name="choosing what to label", daemon=True)
        self._making.start()
        return True

    def _choose(self) -> None:
        try:
            now = self._clock()
            labelled = [label.title for label in self._book.current()]
            pages = page_spans(self._archive, now)
            with archive_errors("the archive cannot be read"):
                candidates = shortlist(self._archive.published(now - LOOKED_BACK, now), labelled, pages)
            chosen = next_to_label(candidates, labelled, pages, self._explainer.scorer(now), None, LENGTH)
        except NewsquallError as error:
            log.error("what to label next cannot be chosen: %s", error)
            self.trouble = str(error)
        else:
            self.trouble = ""
            with self._lock:
                # What one annotator has labelled and another shall see is chosen no more: it stays.
                kept = [each for each in self._items if self._wants_two(text_key(each.headline.title))]
                known = {each.headline.id for each in kept}
                self._items = kept + [each for each in chosen if each.headline.id not in known]
        self._made = self._clock()

    def wait(self, seconds: float) -> None:
        """Wait until nothing is being chosen any more, but not longer than this."""
        if self._making is not None:
            self._making.join(seconds)
