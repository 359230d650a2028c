"""A page: what the on-call person gets, all of it, as a record (JSON, `version` 1) and in a sentence."""

import hashlib
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from alerts.circumstances import Circumstances
from alerts.dashboardlinks import BEFORE, alert_path, subject_path
from alerts.evidence import Evidence, Story
from alerts.notification import Alert, Reading, usual_share
from alerts.rules import KINDS, anchor
from alerts.wording import about, chance_words, lasted_words, number, usual_words, window_words
from stream.duration import parse_duration
from stream.settings import Settings
from stream.subjects import ALL

STORIES = 5  # in a page; the archive has the rest
SOURCES = 2  # named of a story; the others are counted
VERDICT_WORDS = {"real": "it was real", "false_alarm": "it was a false alarm", "duplicate": "it was a duplicate"}
SEVERITIES = ("ticket", "warning", "page", "critical")  # the least first

Status = Literal["firing", "resolved"]


class PageStory(Struct, frozen=True):
    """One story of a page. `p_negative`: the model's mean probability over its `copies` tellings."""

    title: str
    sources: list[str]
    url: str
    first_at: datetime
    last_at: datetime
    copies: int
    p_negative: float


class VerdictLinks(Struct, frozen=True):
    """Where to say what a page was worth: each opens a form with one button."""

    real: str
    false_alarm: str
    duplicate: str


class Links(Struct, frozen=True):
    """Where to look further. `silence`: Alertmanager's form, filled in; only its duration and author are
    missing. `chart`: a PNG, and `verdicts`: keys for those who get the page, where the relay has an address for
    people. `dashboard`: Grafana's, where there is one. `desk`: the page itself there, where it has one."""

    graph: str
    silence: str
    runbook: str
    chart: str = ""
    verdicts: VerdictLinks | None = None
    dashboard: str = ""
    desk: str = ""


class PreviousSquall(Struct, frozen=True):
    """The squall before of the same subject, as its page knew it when this one fired. `page`: its id; `subject`: what
    that page was about, which may be a topic whose squall this subject's was; `headlines` and `story_count` from
    `since` to `last_at`; `story`: its weightiest one's title; `verdict`: what people said of that page (real,
    false_alarm, duplicate), if anybody did."""

    page: str
    subject: str
    fired_at: datetime
    resolved_at: datetime | None
    since: datetime | None
    last_at: datetime | None
    headlines: int
    story_count: int
    story: str
    verdict: str | None


class Page(Struct, frozen=True):
    """A page as it is delivered: when it fires, when it has grown much worse, and when it is resolved.

    `sentence`: all of it in a sentence. `subject`: topic/NAME or entity/NAME, or alert/NAME for an alert
    about the monitor itself, which has no numbers and no stories. `also_subjects`: others that the same
    squall made fire. `count`: negatives in the last `window`, which usually holds `baseline`; `surprise`:
    -log10 of the chance of that, when the alert fired; `share`: of negatives among all of the subject's headlines in
    the window then, and `usual_share` in its history, in [0, 1]. `headlines`, `story_count` and `source_count`: from
    the onset, `since`, to the last headline, `last_at`. `models`: the versions that scored them. `revision`: how often
    it has been told that it grew. `previous`: the squall before of this subject, None if there is no page of it.
    `circumstances`: what else changed when this one began.
    """

    id: str
    status: Status
    alert: str
    subject: str
    sentence: str
    fired_at: datetime
    links: Links
    severity: str = "page"
    also_subjects: list[str] = []
    since: datetime | None = None
    last_at: datetime | None = None
    resolved_at: datetime | None = None
    window: str | None = None
    count: int | None = None
    baseline: float | None = None
    surprise: float | None = None
    share: float | None = None
    usual_share: float | None = None
    stories: list[PageStory] = []
    headlines: int = 0
    story_count: int = 0
    source_count: int = 0
    models: list[str] = []
    revision: int = 0
    previous: PreviousSquall | None = None
    circumstances: Circumstances | None = None
    version: int = 1

    @property
    def is_squall(self) -> bool:
        """Whether it is about the news and not about the monitor itself."""
        return not self.subject.startswith("alert/")


def page_id(alert: Alert) -> str:
    """The id of the page that an alert opens: the same however often and by whomever it is received."""
    opened = f"{alert.fingerprint} {alert.starts_at.isoformat()}"
    return hashlib.blake2b(opened.encode(), digest_size=8).hexdigest()


def squall_page(alert: Alert, reading: Reading | None, evidence: Evidence, negatives: int, settings: Settings) -> Page:
    """The page that a squall opens.

    `reading`: the window that it is about; None where the alert does not say. `negatives`: how many the
    archive has in that window by now.
    """
    page = Page(
        id=page_id(alert),
        status="firing",
        alert=alert.name,
        subject=alert.subject,
        sentence="",
        fired_at=alert.starts_at,
        links=_links(alert, settings, reading.window if reading else None),
        severity=alert.labels.get("severity", "page"),
        since=evidence.since,
        last_at=evidence.last_at,
        window=reading.window if reading else None,
        # The archive may have more by now, or less, where it lags or the window has moved on.
        count=max(negatives, int(reading.headlines)) if reading else None,
        baseline=reading.baseline if reading else None,
        surprise=reading.surprise if reading else None,
        share=reading.share if reading else None,
        usual_share=usual_share(alert.annotations),
        stories=[_page_story(story) for story in evidence.stories[:STORIES]],
        headlines=evidence.headlines,
        story_count=len(evidence.stories),
        source_count=evidence.sources,
        models=list(evidence.models),
    )
    return msgspec.structs.replace(page, sentence=_firing_sentence(page))


def plain_page(alert: Alert, settings: Settings) -> Page:
    """The page of an alert about the monitor itself: what the alert says, no evidence."""
    return Page(
        id=page_id(alert),
        status="firing",
        alert=alert.name,
        subject=alert.subject,
        sentence=alert.annotations.get("summary") or f"{alert.subject.removeprefix('alert/')} fires.",
        fired_at=alert.starts_at,
        links=_links(alert, settings),
        severity=alert.labels.get("severity", "page"),
    )


def joined_page(page: Page, alert: Alert, reading: Reading | None, evidence: Evidence, negatives: int) -> Page:
    """The page when another alert tells of its squall; it is told again where that one is more severe. `reading`,
    `evidence` and `negatives`: the alert's, as of squall_page."""
    others = [each for each in dict.fromkeys([*page.also_subjects, alert.subject]) if each != page.subject]
    joined = msgspec.structs.replace(page, also_subjects=others)
    if severity_rank(alert) <= _rank(page.severity):
        return joined
    severity = alert.labels["severity"]
    worse = msgspec.structs.replace(joined, severity=severity, revision=page.revision + 1)
    if reading and alert.subject == page.subject:
        worse = msgspec.structs.replace(
            _with(worse, evidence),
            window=reading.window,
            count=max(negatives, int(reading.headlines)),
            baseline=reading.baseline,
            surprise=reading.surprise,
            share=reading.share,
        )
    return msgspec.structs.replace(worse, sentence=f"Now {severity}: {_firing_sentence(worse)}")


def grown_page(page: Page, count: int, evidence: Evidence | None) -> Page:
    """The page when its window holds `count` by now, and it is told again."""
    grown = msgspec.structs.replace(_with(page, evidence), count=count, revision=page.revision + 1)
    return msgspec.structs.replace(grown, sentence=f"Grown: {_firing_sentence(grown)}")


def severity_rank(alert: Alert) -> int:
    """How severe an alert is, beside others."""
    return _rank(alert.labels.get("severity", "page"))


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def resolved_page(page: Page, resolved_at: datetime, evidence: Evidence | None) -> Page:
    """The page at its end. `evidence`: all that the archive has of it by then; None keeps what is known."""
    ended = msgspec.structs.replace(_with(page, evidence), status="resolved", resolved_at=resolved_at)
    return msgspec.structs.replace(ended, sentence=_resolved_sentence(ended, resolved_at))


def _with(page: Page, evidence: Evidence | None) -> Page:
    """The page with newer evidence, unless the archive has lost some."""
    if evidence is None or evidence.headlines < page.headlines:
        return page
    return msgspec.structs.replace(
        page,
        last_at=evidence.last_at,
        stories=[_page_story(story) for story in evidence.stories[:STORIES]],
        headlines=evidence.headlines,
        story_count=len(evidence.stories),
        source_count=evidence.sources,
        models=list(evidence.models),
    )


def _firing_sentence(page: Page) -> str:
    if page.count is None or page.window is None:
        return f"Negative headlines {about(page.subject)} surge"
    counted = number(page.count, "negative headline")
    usual = usual_words(page.baseline or 0.0)
    return f"{counted} {about(page.subject)} in {window_words(page.window)}, {usual}"


def _resolved_sentence(page: Page, resolved_at: datetime) -> str:
    if not page.is_squall:
        return f"Over after {lasted_words(resolved_at - page.fired_at)}: {page.sentence}"
    if page.since is None or page.last_at is None:
        return f"The surge of negative headlines {about(page.subject)} is over"
    headlines = number(page.headlines, "negative headline")
    stories = number(page.story_count, "story", "stories")
    lasted = lasted_words(page.last_at - page.since)
    return f"The squall {about(page.subject)} is over: {headlines} in {stories} within {lasted}"


def previous_squall(page: Page, verdict: str | None) -> PreviousSquall:
    """What a later page tells of this one."""
    return PreviousSquall(
        page=page.id,
        subject=page.subject,
        fired_at=page.fired_at,
        resolved_at=page.resolved_at,
        since=page.since,
        last_at=page.last_at,
        headlines=page.headlines,
        story_count=page.story_count,
        story=page.stories[0].title if page.stories else "",
        verdict=verdict,
    )


def told_words(story: PageStory) -> str:
    """Who tells a story, how often, and how sure the model is."""
    others = len(story.sources) - SOURCES
    by = ", ".join(story.sources[:SOURCES]) + (f" and {others} more" if others > 0 else "") or "source unknown"
    copies = f", {story.copies} copies" if story.copies > 1 else ""
    return f"{by}{copies}, negative {story.p_negative:.0%}"


def extent_words(page: Page) -> str:
    """How much evidence a page has."""
    stories = number(page.story_count, "story", "stories")
    return f"{number(page.headlines, 'headline')}, {stories}, {number(page.source_count, 'source')}"


def surprise_words(page: Page) -> str | None:
    """How unlikely a page's numbers are by its subject's history; None without them."""
    if page.surprise is None or page.window is None:
        return None
    chance = chance_words(page.surprise)
    return f"{page.surprise:.1f} in {window_words(page.window)}: by its history a chance of {chance}"


def share_words(page: Page) -> str | None:
    """Whether the subject's news has turned or there is only more of it; None without both numbers."""
    if page.share is None or page.usual_share is None:
        return None
    return f"{page.share:.0%} of its headlines are negative, usually {page.usual_share:.0%}"


def also_words(page: Page) -> str:
    """Which other subjects the same squall shows in."""
    names = ["all topics" if each == ALL else each.partition("/")[2] for each in page.also_subjects]
    return f"The same squall shows in {', '.join(names)}"


def previous_words(page: Page) -> str | None:
    """When the squall before was, how large and how long, its main story, and what people said; None without one."""
    before = page.previous
    if before is None:
        return None
    at = before.fired_at.astimezone(UTC)
    extent = f"{number(before.headlines, 'headline')} in {number(before.story_count, 'story', 'stories')}"
    if before.since and before.last_at:
        extent += f" within {lasted_words(before.last_at - before.since)}"
    elsewhere = "" if before.subject == page.subject else f" (in the page {about(before.subject)})"
    said = VERDICT_WORDS.get(before.verdict or "", "nobody said what it was worth")
    story = f": {before.story}" if before.story else ""
    return f"The squall before: {at.day} {at:%b %Y %H:%M} UTC{elsewhere}, {extent}; {said}{story}"


def circumstances_words(page: Page) -> str | None:
    """Whether it is the news, or what comes in, or the model."""
    return None if page.circumstances is None else f"Data or model? {page.circumstances.sentence}"


def _page_story(story: Story) -> PageStory:
    return PageStory(
        title=story.title,
        sources=story.sources,
        url=story.url,
        first_at=story.first_at,
        last_at=story.last_at,
        copies=len(story.tellings),
        p_negative=round(story.p_negative, 4),
    )


def _links(alert: Alert, settings: Settings, window: str | None = None) -> Links:
    matchers = ["alertname", "subject"] if alert.is_squall else sorted(alert.labels)
    wanted = ", ".join(f"{name}={_quoted(alert.labels.get(name, ''))}" for name in matchers)
    alertmanager = settings.relay.alertmanager.rstrip("/")
    desk = settings.desk.public_url
    return Links(
        desk=f"{desk.rstrip('/')}/pages/{page_id(alert)}" if desk else "",
        graph=_graph(alert, settings),
        silence=f"{alertmanager}/#/silences/new?filter={quote(f'{{{wanted}}}', safe='')}",
        runbook=alert.annotations.get("runbook") or f"{settings.alerts.runbooks}#{anchor(alert.name)}",
        dashboard=_dashboard(alert, settings, window),
    )


def _dashboard(alert: Alert, settings: Settings, window: str | None) -> str:
    """The subject's dashboard as the page's window shows it; of any other alert, the one to look into it."""
    if settings.grafana.url is None:
        return ""
    if alert.is_squall:
        before = max(BEFORE, 2 * parse_duration(window)) if window else BEFORE
        path = subject_path(alert.subject, window, alert.starts_at - before)
    else:
        path = alert_path(alert.name, alert.starts_at - BEFORE)
    return f"{settings.grafana.url.rstrip('/')}{path}"


def _graph(alert: Alert, settings: Settings) -> str:
    """Prometheus's graph of the subject's negative headlines; of any other alert, what fires."""
    kind = next((kind for kind in KINDS if alert.is_squall and alert.subject.startswith(f"{kind.label}/")), None)
    if kind is None:
        expression = f"ALERTS{{alertname={_quoted(alert.name)}}}"
    else:
        name = _quoted(alert.subject.partition("/")[2])
        expression = f"{kind.prefix}_headlines{{{kind.label}={name}}}"
    parameters = {"g0.expr": expression, "g0.tab": "0", "g0.range_input": "6h"}
    return f"{settings.relay.prometheus.rstrip('/')}/graph?{urlencode(parameters)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
