"""The rules, read and run by Prometheus's own tool."""

import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import promtool, rules
from alerts.routing import alertmanager_config
from model.errors import RulesError
from stream.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = {
    "as they come": {},
    "one window, any story": {
        "alerts": {
            "surprise": 3.3,
            "stories": 1,
            "sources": 1,
            "calm_window": "1m",
            "keep_firing_for": "5s",
            "evaluation": "0.5s",
        },
        "trends": {"windows": ["1m"]},
    },
    "a demo's": {
        "alerts": {
            "calm_window": "2m",
            "keep_firing_for": "0s",
            "evaluation": "1s",
            "runbooks": "https://x/y",
        },
        "trends": {"windows": ["1m", "2m", "7m"]},
    },
    "calm by the longest window": {
        "alerts": {"stories": 30, "sources": 20, "calm_window": "1d", "keep_firing_for": "3h"}
    },
    "calm by the shortest": {"alerts": {"calm_window": "5m"}},
}


@pytest.mark.parametrize("given", SETTINGS.values(), ids=SETTINGS.keys())
def test_promtool_finds_the_rules_well_formed_and_firing_when_they_should(given: dict[str, Any]) -> None:
    settings = Settings(**given)
    assert "SUCCESS: 14 rules found" in promtool.check(settings)
    assert "SUCCESS" in promtool.test(settings)


BROKEN = {
    "stories are not asked for": (
        " >= scalar(newsquall:stories_threshold)",
        "",
    ),
    "all topics together page as one does": (
        "scalar(newsquall:stories_all_threshold)",
        "scalar(newsquall:stories_threshold)",
    ),
    "any window may start a squall again": ("unless on (topic)", "or on (topic)"),
    "the topic other pages": ('{topic!="other"}', ""),
    "calm is not asked for": (
        "and max by (topic) (newsquall_negative_headlines",
        "or max by (topic) (newsquall",
    ),
    "it is over at once": ("keep_firing_for: 10m", "keep_firing_for: 0s"),
    "a worker's failure is not waited for": ("for: 2m", "for: 0s"),
    "one worker that waits for the archive is not enough": (
        "newsquall_archive_up == 0) > 0",
        "newsquall_archive_up == 0) > 2",
    ),
    "rejections are not compared with all": ("> 0.1 * (", "> 0 * ("),
}


@pytest.mark.parametrize(("rule", "instead"), BROKEN.values(), ids=BROKEN.keys())
def test_the_rules_tests_notice(rule: str, instead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = rules.render(Settings())
    flat = re.sub(r"\n\s*(and|or) ", r" \1 ", rendered)
    assert rule in flat
    monkeypatch.setattr(promtool, "render", lambda settings: flat.replace(rule, instead))
    assert "SUCCESS" in promtool.check(Settings())
    with pytest.raises(RulesError, match=r"FAILED.*alertname"):
        promtool.test(Settings())


def test_a_rule_that_does_not_hold_is_told_in_promtools_words_on_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promtool, "render", lambda settings: rules.render(settings).replace("max by", "mx by"))
    with pytest.raises(RulesError, match=r"promtool check rules refuses.*parse error") as refused:
        promtool.check(Settings())
    assert "\n" not in str(refused.value)


def test_without_promtool_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RulesError, match="make setup"):
        promtool.check(Settings())


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    text = (ROOT / "docs" / "oncall.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == rules.alert_names(Settings())


def test_thresholds_stand_in_the_rules_as_the_settings_say() -> None:
    settings = Settings(alerts={"surprise": 7.5, "stories": 8, "sources": 4})  # type: ignore[arg-type]
    (group,) = yaml.safe_load(rules.render(settings))["groups"]
    recorded = {rule["record"]: rule["expr"] for rule in group["rules"] if "record" in rule}
    assert recorded["newsquall:surprise_threshold"] == "vector(7.5)"
    assert recorded["newsquall:stories_threshold"] == "vector(8)"
    assert recorded["newsquall:sources_threshold"] == "vector(4)"
    assert group["interval"] == "15s"


def test_alertmanager_is_told_to_send_all_to_the_relay_and_what_ends_too() -> None:
    settings = Settings(alerts={"group_wait": "0.2s"})  # type: ignore[arg-type]
    config = alertmanager_config(settings, "http://relay:9/alerts")
    (receiver,) = config["receivers"]
    assert receiver["name"] == config["route"]["receiver"]
    assert receiver["webhook_configs"] == [{"url": "http://relay:9/alerts", "send_resolved": True, "max_alerts": 0}]
    assert config["route"]["group_wait"] == "200ms"
    assert config["route"]["repeat_interval"] == "12h"


def test_durations_are_whole_numbers() -> None:
    assert rules.prometheus_duration(timedelta(hours=36)) == "36h"
    assert rules.prometheus_duration(timedelta(seconds=90)) == "90s"
    assert rules.prometheus_duration(timedelta(0)) == "0s"
    assert rules.prometheus_duration(timedelta(seconds=2.25)) == "2250ms"
