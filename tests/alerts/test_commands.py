"""`newsquall rules`, as a person calls it."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from deploy.commands.rules import rules
from model.errors import RulesError
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


@pytest.mark.parametrize("command", ["check", "test"])
def test_rules_are_checked_and_tested(command: str) -> None:
    ended = CliRunner().invoke(rules, [command], obj=Settings())
    assert ended.exit_code == 0
    assert "SUCCESS" in ended.stdout
