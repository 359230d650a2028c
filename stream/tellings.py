"""Which tellings of a story are news: the first few of a day. The fortieth copy tells nothing that the third did not,
so no number of copies makes a squall, nor do they teach what is usual."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Hashable

from stream.records import DAY_MINUTES

# An event that several tell is more than one that one tells; what more than these tell is how many copy.
NEWS_A_DAY = 3


class Tellings:
    """Keeps of each story when it was news."""

    def __init__(self) -> None:
        self._news: dict[Hashable, list[int]] = defaultdict(list)  # by story, sorted minutes

    def is_news(self, story: Hashable, minute: int) -> bool:
        """Take a telling of a story at a minute since 1970, in any order. It is news unless the day before it and the
        day after it hold NEWS_A_DAY that were.

        >>> tellings = Tellings()
        >>> [tellings.is_news(7, minute) for minute in (0, 1, 2, 3, 1500)]
        [True, True, True, False, True]
        """
        news = self._news[story]
        near = bisect_left(news, minute + DAY_MINUTES) - bisect_right(news, minute - DAY_MINUTES)
        if near >= NEWS_A_DAY:
            return False
        insort(news, minute)
        return True

    def forget_before(self, minute: int) -> None:
        """Drop stories that were last news before a minute."""
        self._news = defaultdict(list, {story: news for story, news in self._news.items() if news[-1] >= minute})
