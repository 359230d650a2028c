"""Which headlines tell the same event: copies and light rewrites, by the words they share."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from stream.fingerprint import words_of
from stream.records import DAY_MINUTES

Item = TypeVar("Item")

# Share of words in common (Jaccard), from which on two headlines with the same numbers are one story.
SAME_STORY = 0.6
# A copy that dropped its last clause: nearly all of the shorter one's words are in the longer one.
CONTAINED = 0.9
FEWEST_WORDS_CONTAINED = 4


def same_story(first: str, second: str) -> bool:
    """Whether two fingerprints are of one story.

    Numbers must not contradict: the same sentence with other figures is another story; a copy that leaves a
    figure out is not.
    """
    return _same(words_of(first), words_of(second))


Words = tuple[frozenset[str], frozenset[str]]


def _same(first: Words, second: Words) -> bool:
    (words, numbers), (other_words, other_numbers) = first, second
    if not (numbers <= other_numbers or other_numbers <= numbers):
        return False
    shared = len(words & other_words)
    if not shared:
        return first == second
    if shared / len(words | other_words) >= SAME_STORY:
        return True
    fewest = min(len(words), len(other_words))
    return fewest >= FEWEST_WORDS_CONTAINED and shared / fewest >= CONTAINED


@dataclass
class StoryBook:
    """Gives every headline a story number, the same to all tellings of one event within a sliding day.

    Headlines may come out of order: a telling up to a day older or newer than a known one joins it. The number of
    comparisons stays small: only stories that share a word, the rarest ones first, are looked at.
    """

    _words: dict[int, Words] = field(default_factory=dict)
    _last_minute: dict[int, int] = field(default_factory=dict)
    _by_word: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _by_print: dict[str, int] = field(default_factory=dict)
    _next: int = 0

    def story_of(self, print_: str, minute: int) -> int:
        """The number of the story that a fingerprint belongs to; a new number for a new story."""
        known = self._by_print.get(print_)
        if known is not None and abs(self._last_minute[known] - minute) <= DAY_MINUTES:
            self._last_minute[known] = max(self._last_minute[known], minute)
            return known
        words = words_of(print_)
        for story in self._candidates(words, minute):
            if _same(words, self._words[story]):
                self._last_minute[story] = max(self._last_minute[story], minute)
                self._by_print.setdefault(print_, story)
                return story
        story, self._next = self._next, self._next + 1
        self._words[story] = words
        self._last_minute[story] = minute
        self._by_print[print_] = story
        for word in words[0]:
            self._by_word[word].add(story)
        return story

    def _candidates(self, words: Words, minute: int) -> Iterable[int]:
        shared: dict[int, int] = defaultdict(int)
        for word in words[0]:
            for story in self._by_word.get(word, ()):
                shared[story] += 1
        near = [story for story in shared if abs(self._last_minute[story] - minute) <= DAY_MINUTES]
        return sorted(near, key=lambda story: (-shared[story], story))[:16]

    def forget_before(self, minute: int) -> None:
        """Drop stories that were last told before a minute."""
        for story in [number for number, last in self._last_minute.items() if last < minute]:
            for word in self._words.pop(story)[0]:
                self._by_word[word].discard(story)
                if not self._by_word[word]:
                    del self._by_word[word]
            del self._last_minute[story]
        self._by_print = {text: story for text, story in self._by_print.items() if story in self._words}


def group(items: Iterable[tuple[Item, str, int]]) -> list[list[Item]]:
    """Items (with fingerprint and minute) grouped by story, each story's items in the order given."""
    book = StoryBook()
    stories: dict[int, list[Item]] = defaultdict(list)
    for item, print_, minute in items:
        stories[book.story_of(print_, minute)].append(item)
    return list(stories.values())
