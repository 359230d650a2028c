"""How Alertmanager sends what fires to the relay."""

from typing import Any

from alerts.rules import prometheus_duration
from stream.settings import Settings

RECEIVER = "newsquall"


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
        },
        "receivers": [
            {
                "name": RECEIVER,
                "webhook_configs": [{"url": relay_url, "send_resolved": True, "max_alerts": 0}],
            }
        ],
    }
