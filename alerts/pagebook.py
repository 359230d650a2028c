"""The book of pages, in the archive's database: which alert belongs to which page, and what is still to be
delivered.

All that decides whether somebody is paged stands here before anybody is: a relay that is killed and started
again pages nobody twice and forgets nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from alerts.notification import Alert
from alerts.page import Page
from stream.archive import archive_errors, create_tables, from_microseconds, microseconds

LONGEST_SUBJECT = 300  # characters: a watched entity's name has 256 at most

_tables = sa.MetaData()

# Times are microseconds since 1970 in UTC, as in the archive.
_pages = sa.Table(
    "pages",
    _tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("fired_at", sa.BigInteger, nullable=False),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),  # the headline ids of each story when it fired
    sa.Index("pages_by_state", "state", "fired_at"),
    sa.Index("pages_by_time", "fired_at"),
)

# By which a subject's pages are found: those about it, and those that its squall joined.
_subjects = sa.Table(
    "page_subjects",
    _tables,
    sa.Column("subject", sa.String(LONGEST_SUBJECT), primary_key=True),
    sa.Column("page_id", sa.String(32), primary_key=True),
    sa.Column("fired_at", sa.BigInteger, nullable=False),
    sa.Index("page_subjects_by_time", "subject", "fired_at"),
)

# An alert is one firing of a rule for one subject: Alertmanager's fingerprint is the same at the next firing.
_alerts = sa.Table(
    "page_alerts",
    _tables,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("starts_at", sa.BigInteger, primary_key=True),
    sa.Column("page_id", sa.String(32), nullable=False),
    sa.Column("resolved_at", sa.BigInteger),
    sa.Index("page_alerts_by_page", "page_id"),
)

_deliveries = sa.Table(
    "page_deliveries",
    _tables,
    sa.Column("page_id", sa.String(32), primary_key=True),
    sa.Column("status", sa.String(16), primary_key=True),  # or grown-1 and so on
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("written_at", sa.BigInteger, nullable=False),
    sa.Column("delivered_at", sa.BigInteger),
    sa.Column("page", sa.Text, nullable=False),  # as it was then: a later attempt sends the same
    sa.Index("page_deliveries_pending", "receiver", "delivered_at", "written_at"),
)

_page = msgspec.json.Decoder(Page)
_ids = msgspec.json.Decoder(list[frozenset[str]])


@dataclass(frozen=True)
class Entry:
    """A page in the book with its evidence: the headline ids of each story when it fired."""

    page: Page
    evidence: list[frozenset[str]]


@dataclass(frozen=True)
class Delivery:
    """A page that a receiver has not got yet."""

    page: Page
    receiver: str

    @property
    def step(self) -> str:
        """Which of its page's deliveries it is."""
        return _step(self.page)

    @property
    def key(self) -> str:
        """By which a receiver knows a repeated delivery."""
        return f"{self.page.id}-{self.step}"


class Sending(NamedTuple):
    """A delivery as it was written. `page`: as it was then; `delivered_at`: None while the receiver has not got it."""

    step: str
    receiver: str
    written_at: datetime
    delivered_at: datetime | None
    page: Page


@dataclass(frozen=True)
class Outstanding:
    """How many pages a receiver has not got yet, and when the oldest of them was written."""

    pages: int
    since: datetime | None


class PageBook:
    """Pages, their alerts and their deliveries. Raises ArchiveError when the database fails.

    `receivers`: the names of those that get every page.
    """

    def __init__(self, engine: sa.Engine, receivers: Collection[str]) -> None:
        self._engine = engine
        self._receivers = list(receivers)
        with archive_errors("the book of pages cannot be opened"):
            create_tables(engine, _tables)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with (
            archive_errors("the book of pages cannot be read or written"),
            self._engine.begin() as connection,
        ):
            yield connection

    def page_of(self, alert: Alert) -> Page | None:
        """The page that this firing of an alert belongs to."""
        query = sa.select(_pages.c.page).join(_alerts, _alerts.c.page_id == _pages.c.id).where(*_is(alert))
        with self._transaction() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else _page.decode(found)

    def open_entries(self) -> list[Entry]:
        """The pages that are not resolved, the newest first."""
        query = sa.select(_pages.c.page, _pages.c.evidence).where(_pages.c.state == "firing")
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(_pages.c.fired_at.desc(), _pages.c.id)).all()
        return [Entry(_page.decode(page), _ids.decode(evidence)) for page, evidence in rows]

    def recent(self, limit: int, before: datetime | None = None) -> list[Page]:
        """The newest pages, as they are now; those that fired before a moment if it is given."""
        query = sa.select(_pages.c.page).order_by(_pages.c.fired_at.desc(), _pages.c.id).limit(limit)
        if before is not None:
            query = query.where(_pages.c.fired_at < microseconds(before))
        with self._transaction() as connection:
            return [_page.decode(page) for page in connection.execute(query).scalars()]

    def fired_since(self, since: datetime) -> list[Page]:
        """The pages that fired then or later, as they are now, the oldest first."""
        query = sa.select(_pages.c.page).where(_pages.c.fired_at >= microseconds(since))
        with self._transaction() as connection:
            found = connection.execute(query.order_by(_pages.c.fired_at, _pages.c.id)).scalars()
            return [_page.decode(page) for page in found]

    def find(self, page_id: str) -> Page | None:
        """A page as it is now."""
        with self._transaction() as connection:
            found = connection.execute(sa.select(_pages.c.page).where(_pages.c.id == page_id)).scalar()
        return None if found is None else _page.decode(found)

    def previous(self, subject: str, before: datetime) -> Page | None:
        """The newest page that a subject's squall was told in and that fired before then."""
        query = (
            sa.select(_pages.c.page)
            .join(_subjects, _subjects.c.page_id == _pages.c.id)
            .where(_subjects.c.subject == subject[:LONGEST_SUBJECT], _subjects.c.fired_at < microseconds(before))
            .order_by(_subjects.c.fired_at.desc(), _subjects.c.page_id)
            .limit(1)
        )
        with self._transaction() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else _page.decode(found)

    def evidence(self, page_id: str) -> list[frozenset[str]]:
        """The headline ids of each story of a page when it fired; none if there is no such page."""
        with self._transaction() as connection:
            found = connection.execute(sa.select(_pages.c.evidence).where(_pages.c.id == page_id)).scalar()
        return [] if found is None else _ids.decode(found)

    def sendings(self, page_id: str) -> list[Sending]:
        """All that was written to be delivered of a page, the oldest first."""
        query = (
            sa.select(_deliveries)
            .where(_deliveries.c.page_id == page_id)
            .order_by(_deliveries.c.written_at, _deliveries.c.status, _deliveries.c.receiver)
        )
        with self._transaction() as connection:
            return [
                Sending(
                    row.status,
                    row.receiver,
                    from_microseconds(row.written_at),
                    None if row.delivered_at is None else from_microseconds(row.delivered_at),
                    _page.decode(row.page),
                )
                for row in connection.execute(query)
            ]

    def open_page(self, page: Page, alert: Alert, evidence: Sequence[frozenset[str]], now: datetime) -> None:
        """Write a new page, opened by an alert, and that it is to be delivered."""
        row = {
            "id": page.id,
            "state": page.status,
            "fired_at": microseconds(page.fired_at),
            "page": _text(page),
            "evidence": msgspec.json.encode([sorted(ids) for ids in evidence]).decode(),
        }
        with self._transaction() as connection:
            connection.execute(_pages.insert().values(row))
            self._add_alert(connection, page, alert)
            self._to_deliver(connection, page, now)

    def join(self, page: Page, joined: Page, alert: Alert, now: datetime) -> None:
        """Write that an alert tells of a page's squall too. Nobody is told unless it makes another revision of it."""
        with self._transaction() as connection:
            self._add_alert(connection, page, alert)
            connection.execute(_pages.update().where(_pages.c.id == page.id).values(page=_text(joined)))
            if joined.revision != page.revision:
                self._to_deliver(connection, joined, now)

    def grow(self, page: Page, now: datetime) -> None:
        """Write that an open page has grown, and that this is to be delivered."""
        with self._transaction() as connection:
            changed = connection.execute(
                _pages.update().where(_pages.c.id == page.id, _pages.c.state == "firing").values(page=_text(page))
            )
            if changed.rowcount:
                self._to_deliver(connection, page, now)

    def _add_alert(self, connection: sa.Connection, page: Page, alert: Alert) -> None:
        connection.execute(
            _alerts.insert().values(
                fingerprint=alert.fingerprint, starts_at=microseconds(alert.starts_at), page_id=page.id
            )
        )
        if not alert.is_squall:
            return
        # A subject may fire more than once for one page, by rules of several severities or after a restart.
        row = {"subject": alert.subject[:LONGEST_SUBJECT], "page_id": page.id}
        known = sa.select(_subjects.c.page_id).filter_by(**row)
        if connection.execute(known).first() is None:
            connection.execute(_subjects.insert().values(**row, fired_at=microseconds(page.fired_at)))

    def page_beside(self, alert: Alert) -> Page | None:
        """The open page of a squall's subject that another rule of it fires for."""
        others = sa.exists().where(
            _alerts.c.page_id == _pages.c.id,
            _alerts.c.fingerprint != alert.fingerprint,
            _alerts.c.resolved_at.is_(None),
        )
        query = (
            sa.select(_pages.c.page)
            .join(_subjects, _subjects.c.page_id == _pages.c.id)
            .where(_subjects.c.subject == alert.subject[:LONGEST_SUBJECT], _pages.c.state == "firing", others)
            .order_by(_pages.c.fired_at.desc(), _pages.c.id)
            .limit(1)
        )
        with self._transaction() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else _page.decode(found)

    def earlier_firings(self, alert: Alert) -> list[Alert]:
        """Unresolved firings of the same rule and subject that began before this one: their end was never
        heard of."""
        return self._unresolved(alert, _alerts.c.starts_at < microseconds(alert.starts_at))

    def firings_until(self, alert: Alert, ended_at: datetime) -> list[Alert]:
        """Unresolved firings of the same rule and subject that began by then."""
        return self._unresolved(alert, _alerts.c.starts_at <= microseconds(ended_at))

    def _unresolved(self, alert: Alert, when: sa.ColumnElement[bool]) -> list[Alert]:
        query = sa.select(_alerts.c.starts_at).where(
            _alerts.c.fingerprint == alert.fingerprint, _alerts.c.resolved_at.is_(None), when
        )
        with self._transaction() as connection:
            starts = connection.execute(query.order_by(_alerts.c.starts_at)).scalars().all()
        return [msgspec.structs.replace(alert, starts_at=from_microseconds(start)) for start in starts]

    def end_alert(self, alert: Alert, ended_at: datetime) -> Page | None:
        """Write that a firing is over. The page, if it is open and no alert of it fires any more."""
        with self._transaction() as connection:
            connection.execute(
                _alerts.update()
                .where(*_is(alert), _alerts.c.resolved_at.is_(None))
                .values(resolved_at=microseconds(ended_at))
            )
            page_id = connection.execute(sa.select(_alerts.c.page_id).where(*_is(alert))).scalar()
            fires = sa.exists().where(_alerts.c.page_id == page_id, _alerts.c.resolved_at.is_(None))
            query = sa.select(_pages.c.page).where(_pages.c.id == page_id, _pages.c.state == "firing", ~fires)
            found = connection.execute(query).scalar()
        return None if found is None else _page.decode(found)

    def resolve(self, page: Page, now: datetime) -> None:
        """Write that a page is resolved, and that this is to be delivered: once, however often it is
        called."""
        with self._transaction() as connection:
            changed = connection.execute(
                _pages.update()
                .where(_pages.c.id == page.id, _pages.c.state == "firing")
                .values(state=page.status, page=_text(page))
            )
            if changed.rowcount:
                self._to_deliver(connection, page, now)

    def _to_deliver(self, connection: sa.Connection, page: Page, now: datetime) -> None:
        if self._receivers:
            rows = [
                {
                    "page_id": page.id,
                    "status": _step(page),
                    "receiver": receiver,
                    "written_at": microseconds(now),
                    "page": _text(page),
                }
                for receiver in self._receivers
            ]
            connection.execute(_deliveries.insert(), rows)

    def pending(self, receiver: str) -> list[Delivery]:
        """What a receiver has not got yet, oldest first; a page's firing before its end."""
        query = (
            sa.select(_deliveries.c.page)
            .where(_deliveries.c.receiver == receiver, _deliveries.c.delivered_at.is_(None))
            .order_by(_deliveries.c.written_at, _deliveries.c.page_id, _deliveries.c.status)
        )
        with self._transaction() as connection:
            pages = connection.execute(query).scalars().all()
        return [Delivery(_page.decode(page), receiver) for page in pages]

    def outstanding(self) -> dict[str, Outstanding]:
        """What each receiver has not got yet."""
        query = (
            sa.select(_deliveries.c.receiver, sa.func.count(), sa.func.min(_deliveries.c.written_at))
            .where(_deliveries.c.receiver.in_(self._receivers), _deliveries.c.delivered_at.is_(None))
            .group_by(_deliveries.c.receiver)
        )
        with self._transaction() as connection:
            found = {
                receiver: Outstanding(pages, from_microseconds(oldest))
                for receiver, pages, oldest in connection.execute(query)
            }
        return {receiver: found.get(receiver, Outstanding(0, None)) for receiver in self._receivers}

    def delivered(self, delivery: Delivery, now: datetime) -> None:
        """Write that a receiver has got a page."""
        with self._transaction() as connection:
            connection.execute(
                _deliveries.update()
                .where(
                    _deliveries.c.page_id == delivery.page.id,
                    _deliveries.c.status == delivery.step,
                    _deliveries.c.receiver == delivery.receiver,
                )
                .values(delivered_at=microseconds(now))
            )


def _is(alert: Alert) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _alerts.c.fingerprint == alert.fingerprint, _alerts.c.starts_at == microseconds(alert.starts_at)


def _step(page: Page) -> str:
    """firing, grown-1 and so on, resolved: two of a page that are written in one moment sort as they follow."""
    return f"grown-{page.revision}" if page.status == "firing" and page.revision else page.status


def _text(page: Page) -> str:
    return msgspec.json.encode(page).decode()
