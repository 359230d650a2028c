"""How Alertmanager sends what fires to the relay. What follows from something else is kept quiet by the rules
themselves (alerts/operations.py: CAUSES)."""

from datetime import timedelta
from typing import Any

from alerts.operations import OUTBOX_STUCK, RELAY_DOWN, WATCHDOG
from alerts.rules import prometheus_duration
from stream.settings import Settings

RECEIVER = "newsquall"
WATCHDOG_RECEIVER = "newsquall-watchdog"
BACKUP_RECEIVER = "newsquall-backup"

# What serves as a dead man's switch raises the alarm after some missed beats; most ask for one in minutes.
WATCHDOG_EVERY = timedelta(minutes=1)

# What cannot be told through the relay.
BESIDE_THE_RELAY = (RELAY_DOWN, OUTBOX_STUCK)


def alertmanager_config(settings: Settings, relay_url: str) -> dict[str, Any]:
    """Alertmanager's configuration, as it documents it: all to the relay.

    `relay_url`: the relay's address for alerts, http://HOST:PORT/alerts.

    Alerts are grouped by name: topics and entities share one, so the subjects of one squall come in one
    message and the relay can see them side by side. It tells one squall from another by their headlines; a
    group by subject would leave that to the order in which messages happen to arrive.
    """
    alerts = settings.alerts
    return {
        "route": {
            "receiver": RECEIVER,
            "group_by": ["alertname"],
            "group_wait": prometheus_duration(alerts.group_wait),
            "group_interval": prometheus_duration(alerts.group_interval),
            "repeat_interval": prometheus_duration(alerts.repeat_interval),
            "routes": _routes(settings),
        },
        "receivers": _receivers(settings, relay_url),
    }


def _routes(settings: Settings) -> list[dict[str, Any]]:
    every = prometheus_duration(WATCHDOG_EVERY)
    watchdog = {
        "matchers": [_named(WATCHDOG)],
        "receiver": WATCHDOG_RECEIVER,
        "group_wait": "0s",
        # Twice as often as it is due: Alertmanager looks at each interval's end whether a reminder is.
        "group_interval": prometheus_duration(WATCHDOG_EVERY / 2),
        "repeat_interval": every,
    }
    if settings.alerts.backup is None:
        return [watchdog]
    backup = {"matchers": [_named(*BESIDE_THE_RELAY)], "receiver": BACKUP_RECEIVER, "continue": True}
    return [watchdog, backup, {"receiver": RECEIVER}]


def _receivers(settings: Settings, relay_url: str) -> list[dict[str, Any]]:
    def posted(name: str, url: str | None, *, resolved: bool = True) -> dict[str, Any]:
        # Without an address a receiver takes an alert and tells nobody.
        hooks = [{"url": url, "send_resolved": resolved, "max_alerts": 0}] if url else []
        return {"name": name, "webhook_configs": hooks}

    alerts = settings.alerts
    found = [posted(RECEIVER, relay_url), posted(WATCHDOG_RECEIVER, alerts.watchdog, resolved=False)]
    return [*found, posted(BACKUP_RECEIVER, alerts.backup)] if alerts.backup else found


def _named(*alerts: str) -> str:
    return f'alertname=~"{"|".join(alerts)}"' if len(alerts) > 1 else f'alertname="{alerts[0]}"'
