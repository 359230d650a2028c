"""A budget of pages: how many a month ordinary times may cause, and how many of them may become critical."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from stream.threshold import PageRate

Severity = Literal["page", "critical"]
# Of a squall, the least first.
SEVERITIES: tuple[Severity, ...] = ("page", "critical")


class Limits(NamedTuple):
    """The surprise from which a subject is paged, and from which its squall is critical."""

    page: float
    critical: float


@dataclass(frozen=True)
class Budget:
    """pages_a_month: what ordinary times may page. critical_share: how many of them may become critical, in (0, 1].
    surprise, critical_surprise: the limits themselves, in place of what these come to."""

    pages_a_month: float = 1.0
    critical_share: float = 1 / 12
    surprise: float | None = None
    critical_surprise: float | None = None

    def shared(self, subjects: int) -> "Budget":
        """One subject's part of it."""
        return replace(self, pages_a_month=self.pages_a_month / max(1, subjects))

    def limits(self, rate: "PageRate") -> Limits:
        """What it comes to for a subject whose past passed what so often. What is critical is a page too."""
        page = self.surprise or rate.threshold(self.pages_a_month)
        critical = self.critical_surprise or rate.threshold(self.pages_a_month * self.critical_share)
        return Limits(page, max(page, critical))
