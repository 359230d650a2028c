"""The command line: help without imports, one-line errors, exit statuses that scripts rely on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from deploy import cli
from deploy.commands.console import LONGEST_LINE, one_line
from model.errors import BrokerError, SettingsError, UsageError
from stream.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"faust", "torch", "transformers", "kafka", "onnxruntime", "sqlalchemy", "pydantic", "aiohttp", "rich"}
NOT_FOR_SCORING = {"faust", "torch", "transformers", "kafka", "sqlalchemy", "aiohttp"}


def newsquall(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from deploy.cli import main; main()", *arguments],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, **options,  # type: ignore[call-overload]
    )  # fmt: skip


def imported_by(*arguments: str) -> set[str]:
    code = "import sys; from deploy.cli import run; run(sys.argv[1:]); print('|', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    return set(done.stdout.rpartition("|")[2].split())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., object]], None]:
    """Put a function in the place of `newsquall score`."""

    def replace(function: Callable[..., object]) -> None:
        module = type(sys)("probe_command")
        module.probe = click.command()(function)
        monkeypatch.setitem(sys.modules, "probe_command", module)
        monkeypatch.setattr(cli, "COMMANDS", {"probe": cli.Entry("probe_command:probe", "Probe.")})

    return replace


def test_help_names_every_command_and_imports_none() -> None:
    done = newsquall("--help")
    assert done.returncode == 0
    for name, entry in cli.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert entry.line in done.stdout
    assert not HEAVY & imported_by("--help")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_table_is_there_and_helps(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: newsquall {name}")


def test_scoring_imports_neither_stream_framework_nor_training(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"title": "Acme recalls 300 kettles"}\n')
    assert not NOT_FOR_SCORING & imported_by("score", str(file))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("newsquall ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["scor"], "there is no command 'scor'; did you mean 'score'? (see newsquall --help)"),
        (["zzz"], "there is no command 'zzz' (see newsquall --help)"),
        (["--nope"], "no such option: --nope (see newsquall --help)"),
        (["score"], "missing argument 'FILE' (see newsquall score --help)"),
        (["score", "a", "b"], "got unexpected extra argument (b) (see newsquall score --help)"),
        (["--settings", "/nowhere.toml", "score", "a.csv"], "settings file /nowhere.toml cannot be read: No such file"),
        (["score", "--model", "/nowhere", "a.csv"], "there is no model '/nowhere'"),
        (["score", "--provider", "abacus", "a.csv"], "invalid value for '--provider'"),
        (["replay", "--speed", "-1", "a.csv"], "invalid value for '--speed': '-1' is no speed"),
        (["replay", "--speed", "nan", "a.csv"], "invalid value for '--speed': 'nan' is no speed"),
        (["explain", "x " * 2000], "the text has 4,000 characters"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"newsquall: {told}")
    assert captured.err.count("\n") == 1


def test_no_command_at_all_shows_the_help_and_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (BrokerError("Kafka\nis  gone"), 1, "newsquall: Kafka is gone\n"),
        (UsageError("give a file"), 2, "newsquall: give a file\n"),
        (SettingsError("no"), 2, "newsquall: no\n"),
        (BrokerError("red \x1b[31m"), 1, "newsquall: red \\x1b[31m\n"),
        (OSError(28, "No space left on device"), 1, "newsquall: No space left on device\n"),
        (FileNotFoundError(2, "No such file", "x.csv"), 1, "newsquall: No such file: x.csv\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_expected_error_is_one_line_and_a_status(
    error: BaseException,
    status: int,
    told: str,
    command: Callable[[Callable[..., object]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> None:
        raise error

    command(fails)
    assert cli.run(["probe"]) == status
    assert capsys.readouterr().err.lstrip("\n") == told


def test_a_bug_is_not_hidden(command: Callable[[Callable[..., object]], None]) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    command(fails)
    with pytest.raises(ZeroDivisionError):
        cli.run(["probe"])


def test_a_command_has_the_settings_of_file_and_environment(
    command: Callable[[Callable[..., object]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nq.toml"
    file.write_text("[kafka]\npartitions = 7\n[worker]\nbatch = 3\n")
    monkeypatch.setenv("NEWSQUALL_WORKER__BATCH", "5")
    seen: list[Settings] = []
    command(click.pass_obj(seen.append))
    assert cli.run(["--settings", str(file), "probe"]) == 0
    assert isinstance(seen[0], Settings)
    assert (seen[0].kafka.partitions, seen[0].worker.batch) == (7, 5)


def test_help_of_a_command_and_of_its_sub_command_works_with_broken_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("kafka = ")
    for arguments in (["score", "--help"], ["bench", "--help"], ["bench", "scorer", "--help"]):
        assert cli.run(["--settings", str(file), *arguments]) == 0
    capsys.readouterr()
    assert cli.run(["--settings", str(file), "score", "a.csv"]) == 2
    assert "is not TOML" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"title": "Acme recalls 300 kettles"}\n' * 500)
    script = f"{sys.executable} -c 'from deploy.cli import main; main()' score {file} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{script}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    row, status = done.stdout.splitlines()
    assert row.startswith("{")
    assert (status, done.stderr) == ("141", "")


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from deploy.cli import main; main()", "--version"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "newsquall: No space left on device\n")


def test_standard_input_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"title": "Gr\xc3\xbcnberg beats forecasts"}\n{"title": "\xff"}\n'
    done = subprocess.run(
        [sys.executable, "-c", "from deploy.cli import main; main()", "score", "-"],
        input=content, capture_output=True, cwd=ROOT, timeout=120, check=False,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    assert done.returncode == 0
    assert '"title":"Grünberg beats forecasts"'.encode() in done.stdout
    assert b"-:2: not UTF-8: save the file as UTF-8" in done.stderr


def test_a_line_is_safe_and_not_endless() -> None:
    assert one_line("a\r\nb\tc \u202e d\x00") == "a b c \\u202e d\\x00"
    assert len(one_line("x" * 5000)) == LONGEST_LINE + 1
    assert one_line("Grünberg 📉 铜") == "Grünberg 📉 铜"
