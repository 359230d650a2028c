"""Which alerts open a page, join one, end one: on a real archive and a real book of pages."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from alerts.circumstances import Circumstances
from alerts.evidence import gather
from alerts.notification import Alert
from alerts.page import Page
from alerts.pagebook import PageBook
from alerts.pager import Pager
from model.errors import ArchiveError
from stream.archive import Archive
from stream.settings import Settings
from stream.verdicts import Verdict, VerdictBook
from tests.scoredheadlines import scored_headline

NOW = datetime(2026, 7, 3, 2, 40, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
EVENTS = (
    "auditor resigns and withdraws its opinion",
    "headquarters raided by police and regulators",
    "banks freeze all credit lines as liquidity fears mount",
    "finance chief arrested on suspicion of forging invoices",
    "suppliers halt deliveries, demand payment up front",
    "pension fund dumps its entire stake at a loss",
    "plants stop work, unions fear mass layoffs",
    "bonds collapse to a record low",
)
KESTROVAN, MONTEFALDA = "entity/Kestrovan", "entity/Montefalda"


def pager_of(archive: Archive) -> Pager:
    return Pager(Settings(), archive, PageBook(archive.engine, ["desk"]), VerdictBook(archive.engine))


def tell(
    archive: Archive, company: str, at: datetime, topic: str = "fraud_governance", events: range = range(8)
) -> None:
    """A squall about a company: one headline a second, each another event, from three sources."""
    rows = []
    for number in events:
        title = f"{company} {EVENTS[number]}"
        published = at + number * SECOND
        rows.append(
            scored_headline(
                title,
                published,
                id=f"{company}-{number}",
                source=("Baltic Wire", "Tideline", "Rhinegate")[number % 3],
                url=f"https://news.example/{company}/{number}",
                topic=topic,
                entities={company: "negative"},
                model="v1",
            )
        )
    archive.keep(rows)


def firing(subject: str, at: datetime = NOW, headlines: int = 8, severity: str = "page") -> Alert:
    kind, _, name = subject.partition("/")
    return Alert(
        status="firing",
        labels={"alertname": "NegativeNewsSquall", kind: name, "subject": subject, "severity": severity},
        starts_at=at,
        fingerprint=f"{subject.replace('/', '-')}-{severity}",
        annotations={"windows": f"5m headlines {headlines};5m baseline 0.01;5m surprise 20;5m stories 8;5m sources 3;"},
    )


def resolved(alert: Alert, at: datetime) -> Alert:
    return Alert(
        "resolved",
        alert.labels,
        alert.starts_at,
        alert.fingerprint,
        annotations=alert.annotations,
        ends_at=at,
    )


def statuses(pager: Pager) -> list[tuple[str, str]]:
    return [(delivery.page.subject, delivery.page.status) for delivery in pager.book.pending("desk")]


def only_page(pager: Pager) -> Page:
    (page,) = pager.book.recent(10)
    return page


def test_a_page_has_the_numbers_and_the_evidence(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN, headlines=5)], NOW)
    page = only_page(pager)
    assert page.sentence == "8 negative headlines about Kestrovan in 5 minutes, usually 0.01"
    assert (page.status, page.count, page.baseline, page.surprise) == ("firing", 8, 0.01, 20)
    assert (page.headlines, page.story_count, page.source_count, page.models) == (8, 8, 3, ["v1"])
    assert len(page.stories) == 5
    assert page.stories[0].url.startswith("https://news.example/Kestrovan/")
    assert (page.since, page.fired_at) == (NOW - MINUTE, NOW)
    assert statuses(pager) == [(KESTROVAN, "firing")]


def test_entity_and_topics_of_one_squall_in_one_message_are_one_page_about_the_entity(
    archive: Archive,
) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing("topic/all"), firing("topic/fraud_governance"), firing(KESTROVAN)], NOW)
    page = only_page(pager)
    assert (page.subject, page.also_subjects) == (KESTROVAN, ["topic/fraud_governance", "topic/all"])
    assert statuses(pager) == [(KESTROVAN, "firing")]


def test_an_entity_joins_the_page_of_the_topic_that_came_first(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing("topic/fraud_governance")], NOW)
    pager.take([firing("topic/fraud_governance"), firing(KESTROVAN, NOW + 15 * SECOND)], NOW + 20 * SECOND)
    page = only_page(pager)
    assert (page.subject, page.also_subjects) == ("topic/fraud_governance", [KESTROVAN])


def test_another_companys_squall_is_another_page(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    tell(archive, "Montefalda", NOW - MINUTE, topic="credit_debt")
    pager = pager_of(archive)
    pager.take([firing("topic/credit_debt"), firing(KESTROVAN), firing(MONTEFALDA)], NOW)
    assert {page.subject: page.also_subjects for page in pager.book.recent(10)} == {
        KESTROVAN: [],
        MONTEFALDA: ["topic/credit_debt"],
    }


def test_a_topic_joins_a_squall_that_has_grown_since_its_page(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(3))
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN, headlines=3)], NOW)
    later = NOW + 9 * MINUTE
    tell(archive, "Kestrovan", later - MINUTE, topic="credit_debt", events=range(3, 8))
    pager.take([firing("topic/credit_debt", later, headlines=5)], later)
    assert only_page(pager).also_subjects == ["topic/credit_debt"]


def test_while_all_topics_fire_a_later_squall_pages_for_itself(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing("topic/all")], NOW)
    later = NOW + 10 * MINUTE
    tell(archive, "Montefalda", later - MINUTE)
    pager.take([firing(MONTEFALDA, later)], later)
    assert [page.subject for page in pager.book.recent(10)] == [MONTEFALDA, "topic/all"]


def test_alertmanager_repeating_itself_changes_nothing_nor_does_a_restart(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    alerts = [firing(KESTROVAN), firing("topic/all")]
    pager = pager_of(archive)
    pager.take(alerts, NOW)
    pager.take(alerts, NOW + timedelta(hours=12))
    restarted = pager_of(archive)
    restarted.take(alerts, NOW + timedelta(hours=13))
    assert only_page(restarted).also_subjects == ["topic/all"]
    assert statuses(restarted) == [(KESTROVAN, "firing")]


def test_a_page_ends_once_when_the_last_of_its_alerts_has(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(5))
    company, everything = firing(KESTROVAN, headlines=5), firing("topic/all", headlines=5)
    pager = pager_of(archive)
    pager.take([company, everything], NOW)
    tell(archive, "Kestrovan", NOW + MINUTE, events=range(5, 8))
    ended = NOW + 30 * MINUTE
    pager.take([resolved(company, ended - 5 * MINUTE), everything], ended - 5 * MINUTE)
    assert only_page(pager).status == "firing"
    pager.take([resolved(company, ended - 5 * MINUTE), resolved(everything, ended)], ended)
    pager.take([resolved(everything, ended)], ended + MINUTE)
    page = only_page(pager)
    assert (page.status, page.resolved_at, page.headlines) == ("resolved", ended, 8)
    assert page.sentence == ("The squall about Kestrovan is over: 8 negative headlines in 8 stories within 2 min 7 s")
    assert statuses(pager) == [(KESTROVAN, "firing"), (KESTROVAN, "resolved")]


def test_the_next_squall_of_the_same_company_is_a_new_page(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    first = firing(KESTROVAN, headlines=4)
    pager = pager_of(archive)
    pager.take([first], NOW)
    pager.take([resolved(first, NOW + 30 * MINUTE)], NOW + 30 * MINUTE)
    later = NOW + timedelta(hours=3)
    tell(archive, "Kestrovan", later - MINUTE, events=range(4, 8))
    pager.take([firing(KESTROVAN, later, headlines=4)], later)
    assert [page.status for page in pager.book.recent(10)] == ["firing", "resolved"]


def squalls_of(pager: Pager, subject: str, starts: Sequence[datetime]) -> list[Page]:
    """So many firings one after the other, each over half an hour later; their pages in this order."""
    for start in starts:
        alert = firing(subject, start, headlines=4)
        pager.take([alert], start)
        pager.take([resolved(alert, start + 30 * MINUTE)], start + 30 * MINUTE)
    return pager.book.recent(10)[::-1]


def test_a_page_tells_of_the_squall_before_and_of_what_was_said_of_it(archive: Archive) -> None:
    later = NOW + timedelta(hours=3)
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    tell(archive, "Kestrovan", later - MINUTE, events=range(4, 8))
    tell(archive, "Montefalda", NOW - MINUTE, topic="credit_debt")
    pager = pager_of(archive)
    squalls_of(pager, MONTEFALDA, [NOW - SECOND])
    _, first = squalls_of(pager, KESTROVAN, [NOW])
    assert first.previous is None, "another company's squall is none of its own"
    VerdictBook(archive.engine).give(first.id, Verdict("real", "Ada", NOW))
    VerdictBook(archive.engine).give(first.id, Verdict("false_alarm", "Ada", NOW))
    before = squalls_of(pager, KESTROVAN, [later])[-1].previous
    assert before is not None
    assert (before.page, before.subject, before.verdict) == (first.id, KESTROVAN, "false_alarm")
    assert (before.headlines, before.story_count, before.since) == (4, 4, NOW - MINUTE)
    assert (before.fired_at, before.resolved_at) == (NOW, NOW + 30 * MINUTE)
    assert before.story == first.stories[0].title


def test_a_squall_that_joined_another_subjects_page_is_the_squall_before(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    pager = pager_of(archive)
    together = [firing("topic/all", headlines=4), firing("topic/fraud_governance", headlines=4)]
    pager.take(together, NOW)
    pager.take([resolved(each, NOW + 30 * MINUTE) for each in together], NOW + 30 * MINUTE)
    later = NOW + timedelta(hours=3)
    tell(archive, "Kestrovan", later - MINUTE, events=range(4, 8))
    pager.take([firing("topic/all", later, headlines=4)], later)
    before = pager.book.recent(1)[0].previous
    assert before is not None
    assert (before.subject, before.fired_at) == ("topic/fraud_governance", NOW)
    assert (before.page, before.verdict) == (pager.book.recent(2)[1].id, None)


def test_of_several_squalls_before_the_newest_is_told(archive: Archive) -> None:
    starts = [NOW + timedelta(days=day) for day in range(4)]
    for number, start in enumerate(starts):
        tell(archive, "Kestrovan", start - MINUTE, events=range(2 * number, 2 * number + 2))
    pages = squalls_of(pager_of(archive), KESTROVAN, starts)
    assert [page.previous and page.previous.page for page in pages] == [None, *(page.id for page in pages[:-1])]


def days_before(archive: Archive, days: int, source: str = "Rhinegate", model: str = "v1", each: int = 12) -> None:
    """Ordinary headlines in the hour before NOW of each of so many days before."""
    for day in range(1, days + 1):
        ordinary(archive, source, [NOW - timedelta(days=day) - (number + 1) * MINUTE for number in range(each)], model)


def ordinary(archive: Archive, source: str, times: Sequence[datetime], model: str = "v1") -> None:
    """Neutral headlines about nobody."""
    rows = []
    for at in times:
        title = f"Markets quiet {at:%d %H %M}"
        rows.append(
            scored_headline(
                title,
                at,
                "neutral",
                id=f"{source}-{at.isoformat()}",
                source=source,
                topic="markets_general",
                model=model,
            )
        )
    archive.keep(rows)


def circumstances_of(archive: Archive) -> Circumstances:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN)], NOW)
    found = only_page(pager).circumstances
    assert found is not None
    return found


def test_a_page_says_that_the_archive_is_too_young_to_compare(archive: Archive) -> None:
    days_before(archive, 2)
    found = circumstances_of(archive)
    assert (found.days, found.changes) == (0, [])
    assert found.sentence == (
        "The archive is too young to say which sources are usual; the same model v1 since 1 Jul 2026 02:28 UTC"
    )


def test_a_page_names_a_feed_that_has_fallen_silent(archive: Archive) -> None:
    days_before(archive, 4)
    found = circumstances_of(archive)
    assert found.days == 4
    # Two of the squall's headlines come from there.
    assert "Rhinegate sends 2 headlines, at least 12 before (compared with the same hours of 4 days)" in found.sentence


def test_of_very_many_headlines_the_newest_say_what_has_changed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    onset = NOW - timedelta(hours=5)
    days_before(archive, 4, each=2)
    ordinary(archive, "Flood", [NOW - timedelta(hours=4) + number * MINUTE for number in range(12)])
    tell(archive, "Kestrovan", onset)
    pager, alert = pager_of(archive), firing(KESTROVAN)
    evidence = gather(archive.negatives(KESTROVAN, onset, NOW), 0.01, timedelta(hours=6), NOW)
    assert [each.name for each in pager.circumstances(alert, evidence, NOW).changes] == ["Flood"]
    # Of twenty headlines in five hours four are one hour's.
    monkeypatch.setattr("alerts.pager.ENOUGH", 4)
    assert not pager.circumstances(alert, evidence, NOW).changes


def test_a_page_tells_of_refusals_that_the_alert_tells_of(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    alert = firing(KESTROVAN)
    alert.annotations["rejected"] = "now 40;usual 1.5;"
    pager.take([alert], NOW)
    found = only_page(pager).circumstances
    assert found is not None
    assert "40 headlines were refused in the last hour, usually 2" in found.sentence


def test_a_page_names_a_model_that_is_new(archive: Archive) -> None:
    days_before(archive, 4, model="v0", each=2)
    found = circumstances_of(archive)
    assert [(change.kind, change.name) for change in found.changes] == [("model", "v1")]
    assert found.model_since == NOW - MINUTE


def test_the_squalls_own_headlines_are_no_change_of_what_comes_in(archive: Archive) -> None:
    days_before(archive, 4, each=2)
    tell(archive, "Montefalda", NOW - 3 * MINUTE)
    found = circumstances_of(archive)
    assert found.sentence.startswith("Nothing else changed: the same model v1 since 29 Jun 2026")


def test_an_hour_without_headlines_is_a_day_before_if_that_day_has_some(archive: Archive) -> None:
    days_before(archive, 4, each=2)
    with archive.engine.begin() as connection:
        connection.execute(sa.text("UPDATE headlines SET published_at = published_at - 7200000000"))
    assert circumstances_of(archive).days == 4


def test_a_firing_whose_end_was_never_heard_of_does_not_swallow_the_next_squall(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN, headlines=4)], NOW)
    # A silence hid the end; hours later another squall fires.
    later = NOW + timedelta(hours=3)
    tell(archive, "Kestrovan", later - MINUTE, events=range(4, 8))
    pager.take([firing(KESTROVAN, later, headlines=4)], later)
    second, first = pager.book.recent(10)
    assert (second.status, first.status) == ("firing", "resolved")
    assert (second.headlines, first.headlines) == (4, 4)


def test_prometheus_started_again_goes_on_with_the_same_page(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN)], NOW)
    again = firing(KESTROVAN, NOW + 2 * MINUTE)
    pager.take([again], NOW + 2 * MINUTE)
    assert only_page(pager).status == "firing"
    pager.take([resolved(again, NOW + 20 * MINUTE)], NOW + 20 * MINUTE)
    assert only_page(pager).status == "resolved"


def test_an_end_by_a_beginning_that_was_never_told_ends_the_page(archive: Archive) -> None:
    """Prometheus and Alertmanager were restarted between two reminders, and know of another beginning."""
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN)], NOW)
    again = firing(KESTROVAN, NOW + 2 * MINUTE)
    ended = NOW + 20 * MINUTE
    # An end that lies before it began is another squall's.
    pager.take([resolved(firing(KESTROVAN, NOW - 9 * MINUTE), NOW - MINUTE)], ended)
    assert only_page(pager).status == "firing"
    pager.take([resolved(again, ended)], ended)
    assert only_page(pager).status == "resolved"
    pager.take([resolved(again, ended)], ended)
    assert statuses(pager) == [(KESTROVAN, "firing"), (KESTROVAN, "resolved")]


def test_a_squall_without_evidence_in_the_archive_pages_all_the_same(archive: Archive) -> None:
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN, headlines=12), firing("topic/all", headlines=12)], NOW)
    pages = pager.book.recent(10)
    assert {page.subject for page in pages} == {KESTROVAN, "topic/all"}
    assert [page.count for page in pages] == [12, 12]
    assert pages[0].since is None


def test_a_squall_without_numbers_pages_with_what_the_archive_has(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    alert = firing(KESTROVAN)
    pager.take([Alert(alert.status, alert.labels, alert.starts_at, alert.fingerprint)], NOW)
    page = only_page(pager)
    assert page.sentence == "Negative headlines about Kestrovan surge"
    assert (page.window, page.count, page.headlines) == (None, None, 8)


def test_an_alert_about_the_monitor_is_passed_on_as_it_is(archive: Archive) -> None:
    down = Alert(
        "firing",
        {"alertname": "NewsquallWorkerDown", "instance": "w:1", "severity": "page"},
        NOW,
        "f1",
        annotations={"summary": "The worker at w:1 does not answer.", "runbook": "docs/oncall.md#x"},
    )
    pager = pager_of(archive)
    pager.take([down], NOW)
    pager.take([resolved(down, NOW + 3 * MINUTE)], NOW + 3 * MINUTE)
    page = only_page(pager)
    assert page.subject == "alert/NewsquallWorkerDown/w:1"
    assert page.sentence == "Over after 3 min: The worker at w:1 does not answer."
    assert (page.stories, page.links.runbook) == ([], "docs/oncall.md#x")
    assert [status for _, status in statuses(pager)] == ["firing", "resolved"]


def test_an_end_without_a_beginning_pages_nobody(archive: Archive) -> None:
    pager = pager_of(archive)
    pager.take([resolved(firing(KESTROVAN), NOW)], NOW)
    assert pager.book.recent(10) == []


def test_the_archive_lags_while_it_has_fewer_than_the_alert_has_counted(archive: Archive) -> None:
    pager = pager_of(archive)
    alert = firing(KESTROVAN, headlines=8)
    assert pager.lags([alert], NOW)
    tell(archive, "Kestrovan", NOW - MINUTE)
    assert not pager.lags([alert], NOW)
    assert not pager.lags([resolved(firing(MONTEFALDA), NOW)], NOW)


def test_what_is_delivered_is_marked_for_its_receiver_alone(archive: Archive) -> None:
    book = PageBook(archive.engine, ["desk", "terminal"])
    pager = Pager(Settings(), archive, book, VerdictBook(archive.engine))
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager.take([firing(KESTROVAN)], NOW)
    (delivery,) = book.pending("desk")
    assert delivery.key == f"{delivery.page.id}-firing"
    book.delivered(delivery, NOW)
    assert book.pending("desk") == []
    assert len(book.pending("terminal")) == 1


def test_a_database_that_fails_is_an_archive_error_of_one_line(archive: Archive) -> None:
    pager = pager_of(archive)
    with archive.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE page_alerts"))
    with pytest.raises(ArchiveError, match="no such table: page_alerts") as failed:
        pager.take([firing(KESTROVAN)], NOW)
    assert "\n" not in str(failed.value)


def test_a_page_is_told_again_when_its_count_has_doubled_and_not_before(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    pager = pager_of(archive)
    alert = firing(KESTROVAN, headlines=4)
    pager.take([alert], NOW)
    tell(archive, "Kestrovan", NOW, events=range(4, 7))
    assert not pager.watch(NOW + MINUTE)
    tell(archive, "Kestrovan", NOW, events=range(7, 8))
    assert pager.watch(NOW + MINUTE)
    assert not pager.watch(NOW + MINUTE), "what has been told is not told again"
    page = only_page(pager)
    assert page.sentence == "Grown: 8 negative headlines about Kestrovan in 5 minutes, usually 0.01"
    assert (page.revision, page.count, page.headlines, page.story_count) == (1, 8, 8, 8)
    pager.take([resolved(alert, NOW + 30 * MINUTE)], NOW + 30 * MINUTE)
    assert not pager.watch(NOW + 31 * MINUTE)
    assert [delivery.key for delivery in pager.book.pending("desk")] == [
        f"{page.id}-firing",
        f"{page.id}-grown-1",
        f"{page.id}-resolved",
    ]
    for delivery in pager.book.pending("desk"):
        pager.book.delivered(delivery, NOW)
    assert pager.book.pending("desk") == []


def test_a_restart_between_two_looks_tells_nothing_twice(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN, headlines=4)], NOW)
    tell(archive, "Kestrovan", NOW, events=range(4, 8))
    assert pager.watch(NOW + MINUTE)
    assert not pager_of(archive).watch(NOW + 2 * MINUTE)


def test_a_more_severe_alert_of_the_same_squall_is_told_and_a_less_severe_one_is_not(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN)], NOW)
    for severity, fingerprint_ in (("ticket", "f1"), ("critical", "f2"), ("critical", "f3")):
        first = firing(KESTROVAN)
        labels = {**first.labels, "severity": severity}
        again = Alert("firing", labels, NOW + SECOND, fingerprint_, annotations=first.annotations)
        pager.take([again], NOW + SECOND)
        pager.take([again], NOW + 2 * SECOND)
    page = only_page(pager)
    assert (page.severity, page.revision) == ("critical", 1)
    assert [delivery.key for delivery in pager.book.pending("desk")] == [f"{page.id}-firing", f"{page.id}-grown-1"]


@pytest.mark.parametrize("evidence", [True, False])
def test_what_is_critical_at_once_is_told_once(archive: Archive, evidence: bool) -> None:
    if evidence:
        tell(archive, "Kestrovan", NOW - MINUTE)
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN), firing(KESTROVAN, severity="critical")], NOW)
    page = only_page(pager)
    assert (page.severity, page.revision, page.also_subjects) == ("critical", 0, [])
    assert statuses(pager) == [(KESTROVAN, "firing")]


def test_a_topic_that_is_critical_makes_its_companys_page_so_at_once(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE)
    tell(archive, "Montefalda", NOW - MINUTE, topic="credit_debt")
    pager = pager_of(archive)
    fraud = "topic/fraud_governance"
    pager.take([firing(MONTEFALDA), firing(fraud, severity="critical"), firing(fraud), firing(KESTROVAN)], NOW)
    found = {page.subject: (page.severity, page.revision, page.also_subjects) for page in pager.book.recent(10)}
    assert found == {KESTROVAN: ("critical", 0, [fraud]), MONTEFALDA: ("page", 0, [])}


def test_a_page_that_becomes_critical_tells_its_numbers_anew_and_ends_with_the_squall(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    pager = pager_of(archive)
    first = firing(KESTROVAN, headlines=4)
    pager.take([first], NOW)
    tell(archive, "Kestrovan", NOW, events=range(4, 7))
    critical = firing(KESTROVAN, NOW + MINUTE, headlines=7, severity="critical")
    pager.take([first, critical], NOW + MINUTE)
    page = only_page(pager)
    assert page.sentence == "Now critical: 7 negative headlines about Kestrovan in 5 minutes, usually 0.01"
    assert (page.severity, page.revision, page.count, page.headlines) == ("critical", 1, 7, 7)
    over = NOW + 30 * MINUTE
    pager.take([first, resolved(critical, over)], over)
    assert only_page(pager).status == "firing"
    pager.take([resolved(first, over), resolved(critical, over)], over)
    assert only_page(pager).status == "resolved"
    assert [delivery.step for delivery in pager.book.pending("desk")] == ["firing", "grown-1", "resolved"]


def test_two_severities_of_a_squall_without_evidence_are_one_page(archive: Archive) -> None:
    pager = pager_of(archive)
    pager.take([firing(KESTROVAN)], NOW)
    pager.take([firing(KESTROVAN), firing(KESTROVAN, NOW + SECOND, severity="critical")], NOW + SECOND)
    assert (only_page(pager).severity, only_page(pager).revision) == ("critical", 1)


def test_steps_of_a_page_that_are_written_in_one_moment_are_delivered_as_they_follow(archive: Archive) -> None:
    tell(archive, "Kestrovan", NOW - MINUTE, events=range(4))
    pager = pager_of(archive)
    alert = firing(KESTROVAN, headlines=4)
    pager.take([alert], NOW)
    tell(archive, "Kestrovan", NOW, events=range(4, 8))
    assert pager.watch(NOW)
    pager.take([resolved(alert, NOW)], NOW)
    assert [delivery.step for delivery in pager.book.pending("desk")] == ["firing", "grown-1", "resolved"]
