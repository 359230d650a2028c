"""What Alertmanager is told to do with what fires."""

from typing import Any

from alerts import operations as ops
from alerts.routing import alertmanager_config
from alerts.rules import alert_names
from stream.settings import Settings

URL = "http://relay:9/alerts"


def config(**alerts: str) -> dict[str, Any]:
    return alertmanager_config(Settings(alerts=alerts), URL)  # type: ignore[arg-type]


def posts(config: dict[str, Any]) -> dict[str, list[str]]:
    return {each["name"]: [hook["url"] for hook in each["webhook_configs"]] for each in config["receivers"]}


def test_all_goes_to_the_relay_and_what_ends_too() -> None:
    made = config(group_wait="0.2s")
    receiver = made["receivers"][0]
    assert receiver["name"] == made["route"]["receiver"]
    assert receiver["webhook_configs"] == [{"url": URL, "send_resolved": True, "max_alerts": 0}]
    assert made["route"]["group_wait"] == "200ms"
    assert made["route"]["repeat_interval"] == "12h"


def test_the_watchdog_goes_to_nobody_but_its_switch() -> None:
    (route,) = config()["route"]["routes"]
    assert route["matchers"] == ['alertname="NewsquallWatchdog"']
    assert posts(config())[route["receiver"]] == []
    assert posts(config(watchdog="https://switch/1"))[route["receiver"]] == ["https://switch/1"]


def test_what_the_relay_cannot_tell_goes_beside_it_and_to_it() -> None:
    made = config(backup="https://backup/1")
    _, beside, rest = made["route"]["routes"]
    assert posts(made)[beside["receiver"]] == ["https://backup/1"]
    assert beside["matchers"] == ['alertname=~"NewsquallRelayDown|NewsquallOutboxStuck"']
    assert (beside["continue"], rest) == (True, {"receiver": made["route"]["receiver"]})


def test_causes_and_what_follows_from_them_are_alerts_of_ours_and_stand_in_their_order() -> None:
    names = alert_names(Settings())
    for alert, causes in ops.CAUSES.items():
        # A squall is told whatever else is wrong.
        assert {alert, *causes} <= {*names} - {"NegativeNewsSquall"}
        # What is evaluated later sees what has just begun to fire.
        assert all(names.index(cause) < names.index(alert) for cause in causes)
