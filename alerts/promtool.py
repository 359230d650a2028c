"""Prometheus's own tool on the rendered rules: are they well formed, and do they fire when they should?"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from alerts import ruletests
from alerts.rules import render
from model.errors import RulesError
from stream.settings import Settings

# promtool simulates minutes to hours; it takes seconds.
_SECONDS = 120


def check(settings: Settings) -> str:
    """Let promtool read the rendered rules; what it says. Raises RulesError with promtool's words."""
    with tempfile.TemporaryDirectory(prefix="newsquall-rules-") as folder:
        return _promtool("check", _written(settings, Path(folder)))


def test(settings: Settings) -> str:
    """Let promtool run the rules' tests (alerts/ruletests.py); what it says. Raises RulesError with its
    words."""
    with tempfile.TemporaryDirectory(prefix="newsquall-rules-") as folder:
        rules = _written(settings, Path(folder))
        tests = Path(folder) / "tests.yml"
        content = ruletests.render_tests(settings, rules.name)
        tests.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return _promtool("test", tests)


def _written(settings: Settings, folder: Path) -> Path:
    rules = folder / "newsquall.rules.yml"
    rules.write_text(render(settings), encoding="utf-8")
    return rules


def _promtool(what: str, file: Path) -> str:
    promtool = shutil.which("promtool")
    if promtool is None:
        raise RulesError("promtool is not installed: run `make setup`")
    try:
        ended = subprocess.run(
            [promtool, what, "rules", str(file)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            cwd=file.parent,
        )
    except subprocess.TimeoutExpired as error:
        raise RulesError(f"promtool {what} rules did not end within {_SECONDS} s") from error
    said = (ended.stdout + "\n" + ended.stderr).strip()
    if ended.returncode != 0:
        # One line, as every message of ours; promtool breaks its own over many.
        words = " ".join(said.replace(str(file.parent) + "/", "").split())
        raise RulesError(f"promtool {what} rules refuses the rendered rules: {words}")
    return said.replace(str(file.parent) + "/", "")
