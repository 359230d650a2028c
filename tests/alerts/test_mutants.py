"""The mutation check itself: are the changes what they say, and does a sample of them get caught?"""

from collections import Counter

import pytest
import yaml

from alerts import mutation, promtool
from alerts.mutants import Mutant, expressions, mutants
from alerts.mutation import all_mutants, excuse, tallies
from alerts.rules import SQUALL, alert_names, rule_file
from model.errors import RulesError
from stream.settings import Settings

MUTANTS = all_mutants(Settings())


def test_every_mutant_differs_from_the_rules_in_one_field_of_one_rule_and_has_a_name_of_its_own() -> None:
    true = rule_file(Settings())["groups"][0]["rules"]
    for mutant in MUTANTS:
        (group,) = mutant.rules["groups"]
        ((before, after),) = [pair for pair in zip(true, group["rules"], strict=True) if pair[0] != pair[1]]
        assert len([key for key in after if before.get(key) != after[key]]) == 1, mutant.change
    names = Counter((mutant.alert, mutant.change) for mutant in MUTANTS)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_alert_has_its_thresholds_and_its_waiting_changed() -> None:
    assert {mutant.alert for mutant in MUTANTS} == set(alert_names(Settings()))
    for alert in alert_names(Settings()):
        changes = [mutant.change for mutant in MUTANTS if mutant.alert == alert]
        assert any("number" in change for change in changes), alert
        assert any(change.split(": ")[-1].startswith("for ") for change in changes), alert


def test_promtool_can_read_every_expression_that_was_changed(tmp_path) -> None:
    rules = [
        {"record": f"r:{number}", "expr": rule["expr"]}
        for number, rule in enumerate(
            changed
            for mutant in MUTANTS
            for true, changed in zip(
                rule_file(Settings())["groups"][0]["rules"], mutant.rules["groups"][0]["rules"], strict=True
            )
            if true["expr"] != changed["expr"]
        )
    ]
    file = tmp_path / "all.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool._promtool("check", [file])


@pytest.mark.parametrize(
    ("expression", "without"),
    [
        ("a and b", {"b", "a"}),
        ("a unless on (x) b", {"a"}),
        ("a or b and c", {"b and c", "a", "a or c", "a or b"}),
        ("max by (x) (a or b) and c", {"c", "max by (x) (a or b)", "max by (x) (b) and c", "max by (x) (a) and c"}),
        ("a and (b or c)", {"(b or c)", "a", "a and (c)", "a and (b)"}),
    ],
)
def test_clauses_are_left_out_as_promql_binds_them(expression: str, without: set[str]) -> None:
    found = {"".join(changed.split()) for change, changed in expressions(expression) if "clause" in change}
    assert found == {"".join(each.split()) for each in without}


def test_a_name_of_the_rules_is_no_number() -> None:
    changes = [change for change, _ in expressions('histogram_quantile(0.5, x2_bucket{le="900"}[30m]) >= 20')]
    assert [change for change in changes if "number" in change] == [
        "1. number 0.5 as 0.55", "1. number 0.5 as 0.45", "2. number 20 as 22", "2. number 20 as 18"
    ]  # fmt: skip


def test_a_sample_of_the_mutants_is_noticed() -> None:
    """One of each alert, another kind of change from alert to alert; all of them are `make mutants`."""
    sample = []
    for at, alert in enumerate(alert_names(Settings())):
        own = [mutant for mutant in MUTANTS if mutant.alert == alert and excuse(mutant) is None]
        sample.append(own[7 * at % len(own)])
    for tally in tallies(Settings(), sample):
        assert (tally.killed, tally.survived) == (1, []), tally


def test_a_change_that_no_test_notices_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [mutant for mutant in MUTANTS if mutant.alert == "NewsquallWatchdog"]
    (tally,) = tallies(Settings(), own)
    assert (tally.mutants, tally.killed, len(tally.excused), tally.holds) == (4, 1, 3, True)
    monkeypatch.setattr(mutation, "EXCUSED", (("NewsquallWatchdog", "for .*", "a mistake"),))
    (tally,) = tallies(Settings(), own)
    assert (len(tally.survived), tally.unneeded, tally.holds) == (3, ["for 5m instead of 0s"], False)


def test_what_promtool_cannot_read_is_not_taken_for_noticed() -> None:
    (own, *_) = [mutant for mutant in MUTANTS if mutant.alert == "NewsquallWatchdog"]
    broken = rule_file(Settings())
    broken["groups"][0]["rules"][-1]["expr"] = "vector("
    with pytest.raises(RulesError, match="cannot read"):
        list(tallies(Settings(), [Mutant(own.alert, "", own.change, broken)]))


def test_tests_that_fail_for_the_true_rules_notice_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [mutant for mutant in MUTANTS if mutant.alert == "NewsquallWatchdog"]
    monkeypatch.setattr(mutation, "rule_file", lambda settings: own[-2].rules)
    assert "for 5m" in own[-2].change
    with pytest.raises(RulesError, match="do not hold for the rules as they are"):
        list(tallies(Settings(), own))


def test_recorded_rules_belong_to_the_squall() -> None:
    recorded = [mutant for mutant in mutants(rule_file(Settings()), SQUALL) if mutant.change.startswith("newsquall:")]
    assert recorded
    assert {mutant.alert for mutant in recorded} == {SQUALL}
