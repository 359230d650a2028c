"""The rules, read and run by Prometheus's own tool."""

import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import promtool, rules
from alerts.operations import NO_WORKER, REJECTIONS, SHORT_HISTORY, WATCHDOG, WORKER_DOWN
from model.errors import RulesError
from stream.metrics import exported_names
from stream.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = {
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
        "trends": {"windows": ["1m", "2m", "7m"], "shortest_history": "36h"},
    },
    "calm by the longest window": {
        "alerts": {"stories": 30, "sources": 20, "calm_window": "1h", "keep_firing_for": "30m"},
        "trends": {"windows": ["5m", "1h"]},
    },
    "calm by the shortest": {"alerts": {"calm_window": "5m"}, "trends": {"windows": ["5m", "15m", "1h"]}},
}


@pytest.mark.parametrize("given", SETTINGS.values(), ids=SETTINGS.keys())
def test_promtool_finds_the_rules_well_formed_and_firing_when_they_should(given: dict[str, Any]) -> None:
    settings = Settings(**given)
    assert "SUCCESS: 45 rules found" in promtool.check(settings)
    assert "SUCCESS" in promtool.test(settings, rules.SQUALL)
    assert "SUCCESS" in promtool.test(settings, SHORT_HISTORY)


@pytest.mark.parametrize("alert", rules.alert_names(Settings()))
def test_the_tests_of_each_alert_hold(alert: str) -> None:
    assert "SUCCESS" in promtool.test(Settings(), alert)


BROKEN = {
    "stories are not asked for": (
        rules.SQUALL,
        " >= scalar(newsquall:stories_threshold)",
        "",
    ),
    "all topics together page as one does": (
        rules.SQUALL,
        "scalar(newsquall:stories_all_threshold)",
        "scalar(newsquall:stories_threshold)",
    ),
    "any window may start a squall again": (rules.SQUALL, "unless on (topic)", "or on (topic)"),
    "the topic other pages": (rules.SQUALL, '{topic!="other"}', ""),
    "calm is not asked for": (
        rules.SQUALL,
        "and max by (topic) (newsquall_negative_headlines",
        "or max by (topic) (newsquall",
    ),
    "it is over at once": (rules.SQUALL, "keep_firing_for: 10m", "keep_firing_for: 0s"),
    "a worker's failure is not waited for": (WORKER_DOWN, "for: 2m", "for: 0s"),
    "rejections are not compared with all": (REJECTIONS, "> 0.1 * (", "> 0 * ("),
}


@pytest.mark.parametrize(("alert", "rule", "instead"), BROKEN.values(), ids=BROKEN.keys())
def test_the_rules_tests_notice(alert: str, rule: str, instead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Shorter than what comes: a day is simulated in seconds, not at once.
    settings = Settings(trends={"windows": ["5m", "15m", "1h"]})  # type: ignore[arg-type]
    rendered = rules.render(settings)
    flat = re.sub(r"\n\s*(and|or) ", r" \1 ", rendered)
    assert rule in flat
    monkeypatch.setattr(promtool, "render", lambda settings: flat.replace(rule, instead))
    assert "SUCCESS" in promtool.check(settings)
    with pytest.raises(RulesError, match=r"FAILED.*alertname"):
        promtool.test(settings, alert)


def test_a_rule_on_a_metric_that_nobody_exports_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = exported_names() - {"newsquall_archive_up", "newsquall_negative_stories"}
    monkeypatch.setattr(promtool, "exported_names", lambda: lacking)
    with pytest.raises(RulesError, match="NewsquallArchiveDown reads newsquall_archive_up") as refused:
        promtool.check(Settings())
    # In an expression, and in what a page is told.
    assert "newsquall:topic_squall reads newsquall_negative_stories" in str(refused.value)
    assert "NegativeNewsSquall reads newsquall_negative_stories" in str(refused.value)


def test_every_operational_alert_says_how_urgent_it_is_and_how_bad() -> None:
    for rule in rules.rule_file(Settings())["groups"][0]["rules"]:
        if rule.get("alert") not in (None, rules.SQUALL, WATCHDOG):
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert "{{" in rule["annotations"]["summary"] or rule["alert"] == NO_WORKER


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
    settings = Settings(alerts={"stories": 8, "sources": 4})  # type: ignore[arg-type]
    group, _charts = yaml.safe_load(rules.render(settings))["groups"]
    recorded = {rule["record"]: rule["expr"] for rule in group["rules"] if "record" in rule}
    assert recorded["newsquall:topic_surprise_threshold"] == "max by (topic, severity) (newsquall_surprise_threshold)"
    entities = "max by (entity, severity) (newsquall_entity_surprise_threshold)"
    assert recorded["newsquall:entity_surprise_threshold"] == entities
    assert recorded["newsquall:stories_threshold"] == "vector(8)"
    assert recorded["newsquall:sources_threshold"] == "vector(4)"
    assert group["interval"] == "15s"


def test_durations_are_whole_numbers() -> None:
    assert rules.prometheus_duration(timedelta(hours=36)) == "36h"
    assert rules.prometheus_duration(timedelta(seconds=90)) == "90s"
    assert rules.prometheus_duration(timedelta(0)) == "0s"
    assert rules.prometheus_duration(timedelta(seconds=2.25)) == "2250ms"
