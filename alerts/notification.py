"""What Alertmanager posts to the relay: its webhook payload, version 4
(https://prometheus.io/docs/alerting/latest/configuration/#webhook_config)."""

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from alerts.circumstances import Refusals
from alerts.rules import NUMBERS, SQUALL
from model.errors import InputError
from stream.duration import parse_duration
from stream.records import EARLIEST
from stream.settings import AlertSettings

VERSION = "4"
LONGEST = timedelta(days=366)  # of a window


class Alert(Struct, frozen=True, rename="camel"):
    """One alert that fires or has been resolved."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: datetime
    fingerprint: Annotated[str, Meta(pattern="^[0-9A-Za-z_.-]{1,64}$")]
    annotations: dict[str, str] = field(default_factory=dict)
    ends_at: datetime | None = None

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.labels.get("alertname", "an alert without a name")

    @property
    def is_squall(self) -> bool:
        """Whether it is about a subject of the news; others are about the monitor itself."""
        kind, _, name = self.labels.get("subject", "").partition("/")
        return self.name == SQUALL and kind in ("topic", "entity") and bool(name)

    @property
    def subject(self) -> str:
        """topic/NAME or entity/NAME of a squall; of any other alert its name and where it comes from."""
        if self.is_squall:
            return self.labels["subject"]
        return "/".join(filter(None, ("alert", self.name, self.labels.get("instance", ""))))


class Notification(Struct, frozen=True, rename="camel"):
    """One message of Alertmanager's: a group of alerts."""

    version: str
    alerts: list[Alert]
    group_key: str = ""
    truncated_alerts: int = 0


class Reading(Struct, frozen=True):
    """What one window of a subject held when the alert was last evaluated. `window`: its name, such as 15m; `share`: of
    negatives among its headlines, None where the alert does not say."""

    window: str
    headlines: float = 0.0
    baseline: float = 0.0
    surprise: float = 0.0
    stories: float = 0.0
    sources: float = 0.0
    share: float | None = None

    @property
    def length(self) -> timedelta:
        """The window's length."""
        return parse_duration(self.window)


_notification = msgspec.json.Decoder(Notification)


def decode_notification(body: bytes) -> Notification:
    """Read a payload. Times are in UTC. Raises InputError: one line, what is wrong with it."""
    try:
        notification = _notification.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"this is no webhook payload of Alertmanager's: {error}") from error
    if notification.version != VERSION:
        raise InputError(f"Alertmanager's payload has version {notification.version!r}; this relay reads {VERSION!r}")
    return msgspec.structs.replace(notification, alerts=[_in_utc(alert) for alert in notification.alerts])


def _in_utc(alert: Alert) -> Alert:
    try:
        starts = _utc(alert.starts_at)
        ends = None if alert.ends_at is None else _utc(alert.ends_at)
    except (OverflowError, ValueError) as error:
        raise InputError(f"alert {alert.fingerprint} has a time that cannot be read: {error}") from error
    if starts < EARLIEST:
        raise InputError(f"alert {alert.fingerprint} starts at {starts.isoformat()}, which cannot be")
    return msgspec.structs.replace(alert, starts_at=starts, ends_at=ends)


def _utc(moment: datetime) -> datetime:
    # Go's zero time, which Alertmanager writes for an end that is not known, lies before every offset's first
    # day.
    if moment.year == 1:
        return datetime.min.replace(tzinfo=UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def readings(annotations: Mapping[str, str]) -> list[Reading]:
    """What the `windows` annotation says, shortest window first. What cannot be read in it is left out: a
    page with fewer numbers is better than none.

    >>> readings({"windows": "5m headlines 18;5m baseline 0.01;5m surprise 31.5;5m stories 18;5m sources 8;"})
    [Reading(window='5m', headlines=18.0, baseline=0.01, surprise=31.5, stories=18.0, sources=8.0, share=None)]
    """
    numbers: dict[str, dict[str, float]] = {}
    for part in annotations.get("windows", "").split(";"):
        try:
            window, name, value = part.split()
            length, number = parse_duration(window), float(value)
        except (ValueError, OverflowError):
            continue
        if name in NUMBERS and 0 <= number < math.inf and timedelta(0) < length <= LONGEST:
            numbers.setdefault(window, {})[name] = number
    found = [Reading(window=window, **values) for window, values in numbers.items()]
    return sorted(found, key=lambda reading: reading.length)


def usual_share(annotations: Mapping[str, str]) -> float | None:
    """The share of negatives in the subject's history, in [0, 1]; None if the alert does not say.

    >>> usual_share({"usual_share": "0.25"}), usual_share({"usual_share": "NaN"}), usual_share({})
    (0.25, None, None)
    """
    try:
        share = float(annotations.get("usual_share", ""))
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def refusals(annotations: Mapping[str, str]) -> Refusals | None:
    """What the `rejected` annotation says; None if it does not say both numbers.

    >>> refusals({"rejected": "now 12;usual 0.5;"})
    Refusals(now=12.0, usual=0.5)
    """
    numbers: dict[str, float] = {}
    for part in annotations.get("rejected", "").split(";"):
        try:
            name, value = part.split()
            number = float(value)
        except ValueError:
            continue
        if name in Refusals._fields and 0 <= number < math.inf:
            numbers[name] = number
    return Refusals(**numbers) if len(numbers) == len(Refusals._fields) else None


def most_surprising(found: Collection[Reading], alerts: AlertSettings, subject: str) -> Reading | None:
    """The window that a subject's page is about: the most surprising of those that hold enough stories and sources, the
    shortest of equals. If none does (an alert that another rule file made), the most surprising of all; None if there
    is none."""
    stories = alerts.stories_of(subject)
    passing = [reading for reading in found if reading.stories >= stories and reading.sources >= alerts.sources]
    return max(passing or found, key=lambda reading: (reading.surprise, -reading.length), default=None)
