"""From alerts to pages: whether an alert opens a page, joins one or ends one, and what evidence goes with
it."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from alerts.circumstances import DAYS, ENOUGH, SHORTEST, Circumstances, circumstances, span_of
from alerts.evidence import Evidence, gather, same_squall, summarise, unbroken
from alerts.keyedlinks import KeyedLinks
from alerts.notification import Alert, Reading, most_surprising, readings, refusals
from alerts.operations import WATCHDOG
from alerts.page import (
    Page,
    PreviousSquall,
    grown_page,
    joined_page,
    plain_page,
    previous_squall,
    resolved_page,
    severity_rank,
    squall_page,
)
from alerts.pagebook import Entry, PageBook
from stream.archive import Archive, archive_errors
from stream.duration import format_duration, parse_duration
from stream.inflow import Inflow
from stream.records import MINUTE, ScoredHeadline
from stream.settings import Settings
from stream.subjects import breadth_of
from stream.verdicts import VerdictBook

log = logging.getLogger(__name__)

# The gauges' windows begin with a whole minute, and a scrape and an evaluation lie between them and an alert.
SLACK = 2 * MINUTE


class Pager:
    """Decides about pages, by what the archive and the book of pages say. Raises ArchiveError.

    Not for two threads at once: each decision stands on the one before.
    """

    def __init__(self, settings: Settings, archive: Archive, book: PageBook, verdicts: VerdictBook) -> None:
        self._settings = settings
        self._archive = archive
        self._verdicts = verdicts
        self._links = KeyedLinks.of(settings.relay)
        self.book = book

    def take(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Take alerts in. When this returns, what follows from them is written; taking them again changes
        nothing."""
        # It fires for ever, so that its silence tells: no page, if Alertmanager should send it here.
        alerts = [alert for alert in alerts if alert.name != WATCHDOG]
        # What fires before what has ended: a subject that takes a squall over keeps its page open. The most
        # specific subject first, so that it is the page's.
        firing = sorted((each for each in alerts if each.status == "firing"), key=_specificity)
        for alert in firing:
            self._fire(alert, firing, now)
        for alert in alerts:
            if alert.status == "resolved":
                ended_at = _ended_at(alert, now)
                # By another beginning than was told: Prometheus has been restarted meanwhile, and Alertmanager goes by
                # the rule and its labels alone.
                for other in self.book.firings_until(alert, ended_at):
                    self._end(other, ended_at, now)
                self._end(alert, ended_at, now)

    def lags(self, alerts: Sequence[Alert], now: datetime) -> bool:
        """Whether the archive holds fewer negatives yet than a new squall's alert has counted."""
        for alert in alerts:
            if alert.status == "firing" and alert.is_squall and self.book.page_of(alert) is None:
                reading = self._reading(alert)
                if len(self._negatives(alert, reading, now)) < reading.headlines:
                    return True
        return False

    def watch(self, now: datetime) -> bool:
        """Look whether open pages have grown: Alertmanager, which knows only that an alert still fires, does not tell.
        Whether there is something to deliver."""
        grown = False
        for page in (entry.page for entry in self.book.open_entries()):
            if not page.is_squall or not page.window or not page.count:
                continue
            with archive_errors("the archive cannot be read"):
                since = now - parse_duration(page.window)
                count = len(self._archive.negative_times(page.subject, since, now + MINUTE))
            if count >= self._settings.alerts.growth * page.count:
                evidence = self._whole(page.subject, page.since, now + MINUTE) if page.since else None
                larger = grown_page(page, count, evidence)
                self.book.grow(larger, now)
                grown = True
                log.info("page %s: %s", larger.id, larger.sentence)
        return grown

    def _fire(self, alert: Alert, firing: Sequence[Alert], now: datetime) -> None:
        if self.book.page_of(alert) is None:
            if alert.is_squall:
                self._fire_squall(alert, firing, now)
            else:
                self.book.open_page(self._linked(plain_page(alert, self._settings), now), alert, [], now)
        # Alertmanager does not tell the end of what is silenced meanwhile.
        for earlier in self.book.earlier_firings(alert):
            self._end(earlier, alert.starts_at, now)

    def _fire_squall(self, alert: Alert, firing: Sequence[Alert], now: datetime) -> None:
        told = bool(readings(alert.annotations))
        reading, negatives, evidence = self._found(alert, now)
        lately = sum(1 for each in negatives if each.published_at > now - reading.length)
        # A subject's rules of several severities tell of one squall, evidence or not.
        page = self._same_squall(evidence, now) or self.book.page_beside(alert)
        if page is not None:
            log.info("%s tells of the squall of page %s (%s)", alert.subject, page.id, page.subject)
            self.book.join(page, joined_page(page, alert, reading if told else None, evidence, lately), alert, now)
            return
        if not negatives:
            log.warning("%s fires and the archive has no negative headline of it", alert.subject)
        page = squall_page(alert, reading if told else None, evidence, lately, self._settings)
        page = msgspec.structs.replace(page, severity=self._severity(alert, evidence, firing, now))
        told_of = {"previous": self._previous(page), "circumstances": self.circumstances(alert, evidence, now)}
        page = self._linked(msgspec.structs.replace(page, **told_of), now)
        self.book.open_page(page, alert, evidence.ids, now)
        log.info("page %s: %s", page.id, page.sentence)

    def _severity(self, alert: Alert, evidence: Evidence, firing: Sequence[Alert], now: datetime) -> str:
        """Of the squall that an alert begins: that of the most severe of those which come together, so that nobody is
        told in one moment of a squall and that it is worse."""
        worst = alert
        for other in firing:
            if other.is_squall and severity_rank(other) > severity_rank(worst):
                _, _, theirs = self._found(other, now)
                if same_squall(theirs.ids, evidence.ids):
                    worst = other
        return worst.labels.get("severity", "page")

    def _previous(self, page: Page) -> PreviousSquall | None:
        """The squall before of the page's subject."""
        before = self.book.previous(page.subject, page.fired_at)
        if before is None:
            return None
        said = self._verdicts.newest([before.id]).get(before.id)
        return previous_squall(before, said.verdict if said else None)

    def circumstances(self, alert: Alert, evidence: Evidence, now: datetime) -> Circumstances:
        """What else changed when a squall began, of which this evidence was found. Raises ArchiveError."""
        span = span_of(evidence.since, now)
        with archive_errors("the archive cannot be read"):
            (lately,) = self._archive.inflows([(now - span, now)])
            if lately.headlines > ENOUGH:
                span = max(SHORTEST, span * (ENOUGH / lately.headlines))
                (lately,) = self._archive.inflows([(now - span, now)])
            before = self._days_before(span, now)
            first = self._archive.first_scored(lately.models)
        tellings = (telling for story in evidence.stories for telling in story.tellings)
        own = Counter(telling.source for telling in tellings if now - span <= telling.published_at < now)
        return circumstances(lately, before, own, first, refusals(alert.annotations))

    def _days_before(self, span: timedelta, now: datetime) -> list[Inflow]:
        """What came in at the same hours of each day before that the archive knows."""
        ends = [now - timedelta(days=day) for day in range(1, DAYS + 1)]
        found = zip(ends, self._archive.inflows([(end - span, end) for end in ends]), strict=True)
        # A quiet hour of a day with headlines is nothing; a day without any is one before the archive's first.
        return [day for end, day in found if day.headlines or self._archive.holds_any(end - timedelta(days=1), end)]

    def _linked(self, page: Page, now: datetime) -> Page:
        return self._links.add(page, now) if self._links else page

    def _same_squall(self, evidence: Evidence, now: datetime) -> Page | None:
        """The open page of the same squall."""
        entries = [entry for entry in self.book.open_entries() if entry.page.is_squall]
        for entry in entries:
            if same_squall(evidence.ids, entry.evidence) or same_squall(evidence.ids, self._grown(entry, now)):
                return entry.page
        return None

    def _grown(self, entry: Entry, now: datetime) -> list[frozenset[str]]:
        """An open page's evidence as it has grown. Only an entity's: all that is negative about a company
        belongs to its squall, but a topic goes on to hold other companies' news, which must page for
        themselves."""
        page = entry.page
        if page.since is None or not page.subject.startswith("entity/"):
            return []
        return self._whole(page.subject, page.since, now).ids

    def _whole(self, subject: str, since: datetime, until: datetime) -> Evidence:
        """A squall from its onset to where it ended, until then at most."""
        alerts = self._settings.alerts
        # Without a negative headline for so long, the alert has ended, even if that was never heard of.
        pause = alerts.calm_window + alerts.keep_firing_for
        return summarise(unbroken(self._archived(subject, since, until), pause), until)

    def _end(self, alert: Alert, ended_at: datetime, now: datetime) -> None:
        page = self.book.end_alert(alert, ended_at)
        if page is None:
            return
        evidence = None
        if page.is_squall and page.since is not None:
            evidence = self._whole(page.subject, page.since, ended_at)
        ended = resolved_page(page, ended_at, evidence)
        self.book.resolve(ended, now)
        log.info("page %s: %s", ended.id, ended.sentence)

    def _reading(self, alert: Alert) -> Reading:
        found = most_surprising(readings(alert.annotations), self._settings.alerts, alert.subject)
        # An alert without its numbers: the window that tells whether a squall still blows.
        return found or Reading(window=format_duration(self._settings.alerts.calm_window))

    def _found(self, alert: Alert, now: datetime) -> tuple[Reading, list[ScoredHeadline], Evidence]:
        """What a squall's alert reads, the negatives that it has counted, and the squall's evidence among them."""
        reading = self._reading(alert)
        negatives = self._negatives(alert, reading, now)
        return reading, negatives, gather(negatives, reading.baseline, reading.length, now)

    def _negatives(self, alert: Alert, reading: Reading, now: datetime) -> list[ScoredHeadline]:
        # The gauges count the whole present minute, in which a producer's clock may be ahead.
        since = min(alert.starts_at, now) - reading.length - SLACK
        return self._archived(alert.subject, since, now + MINUTE)

    def _archived(self, subject: str, since: datetime, until: datetime) -> list[ScoredHeadline]:
        with archive_errors("the archive cannot be read"):
            return self._archive.negatives(subject, since, until)


def _specificity(alert: Alert) -> tuple[int, int, datetime, str]:
    """Entities, then topics, then all topics together; then the most severe, and what fired first."""
    return breadth_of(alert.subject), -severity_rank(alert), alert.starts_at, alert.fingerprint


def _ended_at(alert: Alert, now: datetime) -> datetime:
    """When an alert ended: what it says, where that can be."""
    if alert.ends_at is None or not alert.starts_at <= alert.ends_at <= now + timedelta(minutes=1):
        return now
    return alert.ends_at
