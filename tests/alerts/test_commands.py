"""`newsquall rules`, as a person calls it."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from alerts import mutation
from deploy.commands.rules import rules
from model.errors import RulesError, UsageError
from stream.settings import Settings


def test_rules_are_printed_or_written(tmp_path: Path) -> None:
    printed = CliRunner().invoke(rules, ["render"], obj=Settings())
    assert printed.exit_code == 0
    assert yaml.safe_load(printed.stdout)["groups"][0]["name"] == "newsquall"
    file = tmp_path / "rules.yml"
    written = CliRunner().invoke(rules, ["render", "--out", str(file)], obj=Settings())
    assert (written.exit_code, written.stdout) == (0, "")
    assert file.read_text(encoding="utf-8") == printed.stdout


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="No such file or directory"):
        CliRunner().invoke(
            rules,
            ["render", "--out", str(tmp_path / "no" / "rules.yml")],
            obj=Settings(),
            catch_exceptions=False,
        )


def test_rules_are_checked_and_tested() -> None:
    for command in (["check"], ["test", "--alert", "NewsquallWorkerDown"]):
        ended = CliRunner().invoke(rules, command, obj=Settings())
        assert ended.exit_code == 0
        assert "SUCCESS" in ended.stdout


def test_mutants_are_told_as_a_table_with_the_reasons_of_those_that_may_survive() -> None:
    ended = CliRunner().invoke(rules, ["test", "--mutate", "--alert", "NewsquallWatchdog"], obj=Settings())
    assert ended.exit_code == 0
    head, row, *excused = ended.stdout.splitlines()
    assert head.split() == ["alert", "mutants", "killed", "excused", "survived"]
    assert row.split() == ["NewsquallWatchdog", "4", "1", "3", "0"]
    assert [line.split()[0] for line in excused] == ["excused"] * 3
    assert "nobody reads that" in excused[0]
    assert "4 changes, 1 noticed" in ended.stderr


def test_a_mutant_that_survives_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "EXCUSED", ())
    ended = CliRunner().invoke(rules, ["test", "--mutate", "--alert", "NewsquallWatchdog"], obj=Settings())
    assert ended.exit_code == 1
    assert "survived  NewsquallWatchdog  keep_firing_for 5m instead of 0s" in ended.stdout


def test_an_alert_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="no alert 'Nothing': they are NegativeNewsSquall, "):
        CliRunner().invoke(rules, ["test", "--alert", "Nothing"], obj=Settings(), catch_exceptions=False)
