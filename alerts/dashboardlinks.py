"""Where in Grafana a subject or an alert is looked at: the dashboards' names in addresses, and their variables.

They stand here and not beside the dashboards (deploy/dashboards/), since pages lead to them.
"""

from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from alerts import operations

WEATHER = "newsquall-weather"
SUBJECT = "newsquall-subject"
OPERATIONS = "newsquall-operations"
MODEL = "newsquall-model"

# Variables of the subject's dashboard.
KIND, NAME, WINDOW = "kind", "name", "window"

# What is seen before the moment that a link is about.
BEFORE = timedelta(hours=6)
_OF_THE_MODEL = (
    operations.INPUT_DRIFT,
    operations.PREDICTION_DRIFT,
    operations.MODEL_NOT_TAKEN,
    operations.REGISTRY_DOWN,
)


def subject_path(subject: str, window: str | None, since: datetime | None = None, until: datetime | None = None) -> str:
    """The path of a subject's dashboard. `subject`: topic/NAME or entity/NAME. `until`: now if not given.

    >>> subject_path("entity/Johnson & Johnson", "1h")
    '/d/newsquall-subject?var-kind=entity&var-name=Johnson%20%26%20Johnson&var-window=1h'
    """
    kind, _, name = subject.partition("/")
    variables = {f"var-{KIND}": kind, f"var-{NAME}": name}
    if window:
        variables[f"var-{WINDOW}"] = window
    return _path(SUBJECT, variables, since, until)


def alert_path(alert: str, since: datetime) -> str:
    """The path of the dashboard on which an alert about the monitor itself is looked into."""
    return _path(MODEL if alert in _OF_THE_MODEL else OPERATIONS, {}, since, None)


def _path(dashboard: str, variables: dict[str, str], since: datetime | None, until: datetime | None) -> str:
    if since is not None:
        variables |= {"from": _milliseconds(since), "to": _milliseconds(until) if until else "now"}
    return f"/d/{dashboard}{f'?{urlencode(variables, quote_via=quote)}' if variables else ''}"


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
