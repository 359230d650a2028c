"""Prometheus's own tool on the rendered rules: are they well formed, and do they fire when they should?"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from alerts import ruletests
from alerts.rules import alert_names, render, rules_of, unexported
from model.errors import RulesError
from stream.metrics import exported_names
from stream.settings import Settings

# promtool simulates minutes to days; it takes ten seconds, and minutes on a machine that has much else to do.
_SECONDS = 600


def check(settings: Settings) -> str:
    """Let promtool read the rendered rules; what it says, and that all their metrics are exported. Raises RulesError
    with promtool's words, or with the metrics that are not."""
    with tempfile.TemporaryDirectory(prefix="newsquall-rules-") as folder:
        said = _promtool("check", [_written(settings, Path(folder))])
    if missing := unexported(settings, exported_names()):
        told = ", ".join(f"{rule} reads {metric}" for rule, metric in missing)
        raise RulesError(f"rules stand on metrics that neither a worker nor ingest nor the relay exports: {told}")
    return f"{said}\n  every metric in them is exported by a worker, ingest or the relay"


def test(settings: Settings, alert: str | None) -> str:
    """Let promtool run the rules' tests (alerts/ruletests.py), or one alert's only; what it says. Raises RulesError
    with its words."""
    rules = yaml.safe_load(render(settings))
    with tempfile.TemporaryDirectory(prefix="newsquall-rules-") as folder:
        files = []
        for name in alert_names(settings) if alert is None else [alert]:
            # An alert with its own tests: the other rules would be evaluated in vain, hundreds of times.
            own = Path(folder) / f"{name}.rules.yml"
            own.write_text(json.dumps(rules_of(rules, name)), encoding="utf-8")
            files.append(Path(folder) / f"{name}.yml")
            files[-1].write_text(json.dumps(ruletests.tests_of(settings, own.name, name)), encoding="utf-8")
        return _promtool("test", files)


def passes(rules: Sequence[dict[str, Any]], tests: dict[str, Any], seconds: float) -> list[bool]:
    """Whether the same tests hold for each of these rule files' contents.

    `tests`: as alerts/ruletests.py makes them. Raises RulesError where promtool cannot read one, or takes longer than
    `seconds` for all of them.
    """
    with tempfile.TemporaryDirectory(prefix="newsquall-rules-") as folder:
        files = []
        # JSON is YAML, and written a hundred times as fast.
        for number, content in enumerate(rules):
            (Path(folder) / f"rules{number}.yml").write_text(json.dumps(content), encoding="utf-8")
            files.append(Path(folder) / f"tests{number}.yml")
            asked = {**tests, "rule_files": [f"rules{number}.yml"]}
            files[-1].write_text(json.dumps(asked), encoding="utf-8")
        ended = _run("test", files, seconds)
    parts = ended.stdout.split("Unit Testing:")[1:]
    if len(parts) != len(files) or "parse error" in ended.stdout:
        raise RulesError(f"promtool test rules cannot read a rule file: {' '.join(ended.stdout.split())[:500]}")
    return ["FAILED" not in part for part in parts]


def _written(settings: Settings, folder: Path) -> Path:
    rules = folder / "newsquall.rules.yml"
    rules.write_text(render(settings), encoding="utf-8")
    return rules


def _run(what: str, files: Sequence[Path], seconds: float) -> "subprocess.CompletedProcess[str]":
    """Run it; what it says is all in `stdout`, in its order."""
    promtool = shutil.which("promtool")
    if promtool is None:
        raise RulesError("promtool is not installed: run `make setup`")
    try:
        return subprocess.run(
            [promtool, what, "rules", *map(str, files)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
            cwd=files[0].parent,
        )
    except subprocess.TimeoutExpired as error:
        raise RulesError(f"promtool {what} rules did not end within {seconds:g} s") from error


def _promtool(what: str, files: Sequence[Path]) -> str:
    ended = _run(what, files, _SECONDS)
    said = ended.stdout.strip()
    if ended.returncode != 0:
        # One line, as every message of ours; promtool breaks its own over many.
        words = " ".join(said.replace(str(files[0].parent) + "/", "").split())
        raise RulesError(f"promtool {what} rules refuses the rendered rules: {words}")
    return said.replace(str(files[0].parent) + "/", "")
