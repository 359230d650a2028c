"""What happened when in a demo, and whether that is what it must show."""

from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.demo.receiver import Received
from model.errors import NewsquallError

Told = Literal["page", "update", "resolve"]


class DemoFailed(NewsquallError):  # noqa: N818  (the verdict of a run)
    """The demo did not show what it must: which page was missing or wrong."""


@dataclass
class Course:
    """Moments in seconds since 1970, and all that the receiver got: `pages` as each was opened, by id, `updates` of
    those that grew, and `resolves`."""

    started: float
    ready: float = 0.0
    squall: float = 0.0
    fifth: float = 0.0
    pages: dict[str, Received] = field(default_factory=dict)
    updates: list[Received] = field(default_factory=list)
    resolves: list[Received] = field(default_factory=list)

    def take(self, received: Received) -> Told:
        """Keep what arrived; says what it is."""
        page = received.page
        if page["status"] == "resolved":
            self.resolves.append(received)
            return "resolve"
        if page["id"] in self.pages:
            self.updates.append(received)
            return "update"
        self.pages[page["id"]] = received
        return "page"

    @property
    def over(self) -> bool:
        """Whether every page that was opened is resolved."""
        return self.pages.keys() <= {received.page["id"] for received in self.resolves}

    def judge(self, subject: str, told_once: str) -> None:
        """Raises DemoFailed unless one page came, about `subject` and without the story of `told_once`, and was
        resolved once."""
        subjects = [received.page["subject"] for received in self.pages.values()]
        if subjects != [subject]:
            raise DemoFailed(f"one page about {subject} was due, these came: {', '.join(subjects) or 'none'}")
        for received in (*self.pages.values(), *self.updates):
            if any(told_once in story["title"] for story in received.page["stories"]):
                raise DemoFailed("the syndicated story is among the page's evidence")
        if len(self.resolves) != 1:
            raise DemoFailed(f"one resolve was due, {len(self.resolves)} came")

    def result(self, headlines: int) -> dict[str, Any]:
        """The closing line's JSON. Seconds to the page count from the squall's first headline."""
        arrived = next((received.at for received in self.pages.values()), None)
        return {
            "headlines": headlines,
            "pages": len(self.pages),
            "updates": len(self.updates),
            "resolves": len(self.resolves),
            "seconds_to_page": None if arrived is None else round(arrived - self.squall, 1),
            "seconds_from_fifth_story": None if arrived is None else round(arrived - self.fifth, 1),
            "seconds_of_setup": round(self.ready - self.started, 1),
        }
