"""Which headlines tell the same event: every headline gets the number of its story, within a sliding day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TypeVar

from stream.fingerprint import Fingerprint, keys_of, read, text_part
from stream.gist import TICKER
from stream.likeness import SAME_STORY, likeness
from stream.records import DAY_MINUTES

Item = TypeVar("Item")

# What a headline costs stays the same however many there are, be they all alike: of each of its keys, the rarest first,
# the newest stories are counted, those with most keys in common are looked at, and of these a few compared.
NEWEST_OF_A_KEY = 128
COUNTED = 512  # of all keys together
LOOKED_AT = 64
COMPARED = 8
TELLINGS = 4  # of a story, the first ones that differ: these a headline is compared with
# Two headlines that share fewer of the shorter one's keys are never as like as SAME_STORY asks.
LEAST_SHARED = 0.4


def same_story(first: str, second: str) -> bool:
    """Whether two fingerprints are of one story."""
    return likeness(read(first), read(second)) >= SAME_STORY


@dataclass
class _Story:
    first_minute: int
    last_minute: int
    tellings: list[str] = field(
        default_factory=list
    )  # fingerprints, which take much less memory than what is read of them
    keys: dict[str, None] = field(default_factory=dict)
    enough: float = float("inf")  # keys that a headline must share with the telling that has fewest

    def is_near(self, minute: int) -> bool:
        return self.first_minute - DAY_MINUTES <= minute <= self.last_minute + DAY_MINUTES

    def told_at(self, minute: int) -> None:
        self.first_minute = min(self.first_minute, minute)
        self.last_minute = max(self.last_minute, minute)

    def likeness(self, other: Fingerprint) -> float:
        """To its tellings on average, so that a story does not wander from one event to the next; 0 where it
        contradicts any of them."""
        total = 0.0
        for each in self.tellings:
            alike = likeness(read(each), other)
            if not alike:
                return 0.0
            total += alike
        return total / len(self.tellings)


@dataclass
class StoryBook:
    """Gives every headline a story number, the same to all tellings of one event within a sliding day.

    Headlines may come out of order: a telling up to a day older or newer than a known one joins it.
    """

    _stories: dict[int, _Story] = field(default_factory=dict)
    _by_key: dict[str, dict[int, None]] = field(default_factory=lambda: defaultdict(dict))
    _by_text: dict[str, int] = field(default_factory=dict)
    _next: int = 0

    def story_of(self, print_: str, minute: int) -> int:
        """The number of the story that a fingerprint belongs to; a new number for a new story."""
        text = text_part(print_)
        known = self._by_text.get(text)
        if known is not None and self._stories[known].is_near(minute):
            self._stories[known].told_at(minute)
            return known
        keys = keys_of(print_)
        number = self._likest(read(print_), keys, minute)
        if number is None:
            number, self._next = self._next, self._next + 1
            self._stories[number] = _Story(minute, minute)
        story = self._stories[number]
        story.told_at(minute)
        self._by_text[text] = number
        if len(story.tellings) < TELLINGS:
            story.tellings.append(print_)
            story.enough = min(story.enough, LEAST_SHARED * len(keys))
            story.keys.update(dict.fromkeys(keys))
            for key in keys:
                self._by_key[key][number] = None
        return number

    def _likest(self, words: Fingerprint, keys: Sequence[str], minute: int) -> int | None:
        alike = [(self._stories[each].likeness(words), -each) for each in self._candidates(words, keys, minute)]
        best, number = max(alike, default=(0.0, 0))
        return -number if best >= SAME_STORY else None

    def _candidates(self, words: Fingerprint, keys: Sequence[str], minute: int) -> list[int]:
        newest: list[Iterable[int]] = []
        left = COUNTED
        # A ticker may stand for a name and a rounded figure for an exact one without being the same key.
        unseen = len(words.figures) + sum(name.kind == TICKER for name in words.names)
        for stories in sorted([self._by_key[key] for key in keys if key in self._by_key], key=len):
            seen = min(len(stories), NEWEST_OF_A_KEY, left)
            newest.append(islice(reversed(stories), seen))
            left -= seen
            unseen += seen < len(stories)
        found = Counter(chain.from_iterable(newest))
        enough = LEAST_SHARED * len(keys) - unseen
        near: list[int] = []
        # Those with most keys in common first, of these the ones with the rarest, then the newest.
        several = [number for number, shared in found.items() if shared > 1]  # few: only these need be sorted
        several.sort(key=found.__getitem__, reverse=True)
        for number in islice(chain(several, (each for each, shared in found.items() if shared == 1)), LOOKED_AT):
            story, shared = self._stories[number], found[number]
            if (shared >= enough or shared >= story.enough - unseen) and story.is_near(minute):
                near.append(number)
                if len(near) == COMPARED:
                    break
        return near

    def forget_before(self, minute: int) -> None:
        """Drop stories that were last told before a minute."""
        for number in [number for number, story in self._stories.items() if story.last_minute < minute]:
            for key in self._stories.pop(number).keys:
                del self._by_key[key][number]
                if not self._by_key[key]:
                    del self._by_key[key]
        self._by_text = {text: number for text, number in self._by_text.items() if number in self._stories}


def group(items: Iterable[tuple[Item, str, int]]) -> list[list[Item]]:
    """Items (with fingerprint and minute) grouped by story, each story's items in the order given."""
    book = StoryBook()
    stories: dict[int, list[Item]] = defaultdict(list)
    for item, print_, minute in items:
        stories[book.story_of(print_, minute)].append(item)
    return list(stories.values())
