"""Settings from the file and the environment, and how a wrong one is told."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from model.errors import SettingsError, UsageError
from stream.duration import format_duration, parse_duration
from stream.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """No settings of the machine's own."""
    for name in [name for name in os.environ if name.upper().startswith("NEWSQUALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("given.toml")
    path.write_text(text, encoding="utf-8")
    return path


def refusal(text: str = "") -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(written(text))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_defaults_hold_without_a_file():
    assert load_settings() == Settings()
    assert load_settings().kafka.bootstrap == "127.0.0.1:9092"


def test_the_working_folders_file_is_read_if_there_is_one():
    Path("newsquall.toml").write_text("[kafka]\npartitions = 9\n", encoding="utf-8")
    assert load_settings().kafka.partitions == 9
    assert load_settings(written("[kafka]\npartitions = 3\n")).kafka.partitions == 3


def test_durations_in_a_file_are_written_as_people_do():
    settings = load_settings(written('[trends]\nhistory = "1.5d"\nshortest_history = "1d"\nwindows = ["15m", "2h"]\n'))
    assert settings.trends.history == timedelta(hours=36)
    assert settings.trends.windows == (timedelta(minutes=15), timedelta(hours=2))
    assert settings.trends.refit == timedelta(minutes=5)


def test_the_environment_stands_over_the_file_name_by_name(monkeypatch):
    path = written('[kafka]\nbootstrap = "a:1"\npartitions = 7\n[alerts]\nsurprise = 4.0\n')
    monkeypatch.setenv("NEWSQUALL_KAFKA__BOOTSTRAP", "b:2")
    monkeypatch.setenv("NEWSQUALL_TRENDS__SHORTEST_HISTORY", "3d")
    monkeypatch.setenv("NEWSQUALL_TRENDS__WINDOWS", '["15m", "1h"]')
    monkeypatch.setenv("NEWSQUALL_RELAY__WEBHOOKS", '["http://127.0.0.1:1/x"]')
    settings = load_settings(path)
    assert (settings.kafka.bootstrap, settings.kafka.partitions) == ("b:2", 7)
    assert settings.alerts.surprise == 4.0
    assert settings.trends.shortest_history == timedelta(days=3)
    assert settings.trends.windows == (timedelta(minutes=15), timedelta(hours=1))
    assert settings.relay.webhooks == ("http://127.0.0.1:1/x",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[kafka]\nbotstrap = 'a:1'\n", "kafka.botstrap"),
        ("[kafak]\nbootstrap = 'a:1'\n", "kafak"),
        ("kafka = 5\n", "kafka"),
        ("[kafka]\npartitions = 0\n", "kafka.partitions"),
        ("[kafka]\npartitions = 'many'\n", "kafka.partitions"),
        ("[scorer]\nprovider = 'gpu'\n", "scorer.provider"),
        ("[trends]\nhistory = '4 weeks'\n", "trends.history"),
        ("[trends]\nhistory = '-1d'\n", "trends.history"),
        ("[trends]\nhistory = '3d'\n", "trends"),  # never long enough to judge by
        ("[trends]\nrefit = -5\n", "trends.refit"),
        ("[trends]\nwindows = []\n", "trends.windows"),
        ("[trends]\nwindows = ['15m', 'x']\n", "trends.windows.1"),
        ("[trends]\nwindows = ['15m', '30s']\n", "trends.windows"),
        ("[trends]\nwindows = ['15m', '90s']\n", "trends.windows"),
        ("[trends]\nwindows = ['15m', '0m']\n", "trends.windows"),
        ("[alerts]\nsurprise = 0\n", "alerts.surprise"),
        ("[alerts]\nbudget = 0\n", "alerts.budget"),
        ("[alerts]\ncritical_budget = 4\n", "critical_budget 4 is more than budget 3"),
        ("[alerts]\nsurprise = 5\ncritical_surprise = 4.5\n", "critical_surprise 4.5 is less than surprise 5"),
        (
            "[alerts]\ncalm_window = '10m'\n",
            "alerts.calm_window 10m is not one of trends.windows (5m, 15m, 1h, 6h, 1d)",
        ),
        ("[trends]\nwindows = ['5m']\n", "alerts.calm_window"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(text, place):
    assert place in refusal(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEWSQUALL_KAFKA__PARTITIONS", "none"),
        ("NEWSQUALL_KAFKA__BOTSTRAP", "a:1"),
        ("NEWSQUALL_KAFAK__BOOTSTRAP", "a:1"),
        ("NEWSQUALL_TRENDS__REFIT", "soon"),
        ("NEWSQUALL_TRENDS__WINDOWS", "15m"),
    ],
)
def test_a_wrong_variable_is_refused_with_its_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    told = refusal().upper()
    section, _, field = name.removeprefix("NEWSQUALL_").partition("__")
    assert name in told or f"{section}.{field}" in told or f'"{section}"' in told


def test_variables_that_an_orchestrator_sets_for_its_services_are_none_of_ours(monkeypatch):
    monkeypatch.setenv("NEWSQUALL_RELAY_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("NEWSQUALL_RELAY_PORT", "tcp://10.0.0.1:9109")
    assert load_settings() == Settings()


def test_a_file_that_is_no_toml_or_not_there_is_refused_with_its_name():
    assert "given.toml is not TOML" in refusal("[kafka\n")
    Path("bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"bytes\.toml is not TOML"):
        load_settings(Path("bytes.toml"))
    with pytest.raises(SettingsError, match=r"absent\.toml cannot be read"):
        load_settings(Path("absent.toml"))


def test_a_wrong_setting_is_a_wrong_call():
    assert issubclass(SettingsError, UsageError)


def sections() -> list[tuple[str, type[BaseModel]]]:
    return [(name, field.annotation) for name, field in Settings.model_fields.items()]


@pytest.mark.parametrize(("name", "section"), sections())
def test_every_setting_says_what_it_is(name, section):
    assert section.__doc__
    for field, info in section.model_fields.items():
        assert info.description, f"{name}.{field}"
        assert not info.is_required(), f"{name}.{field} has no default"


@given(st.integers(1, 10**6), st.sampled_from(["s", "m", "h", "d"]))
def test_a_duration_written_short_is_read_back_as_itself(number, unit):
    duration = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(duration)) == duration
    assert len(format_duration(duration)) <= len(f"{number}{unit}")


@given(st.integers(0, 10**10))
def test_any_whole_number_of_milliseconds_is_written_so_that_it_can_be_read(number):
    duration = timedelta(milliseconds=number)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 weeks", "5m 3s", "1e3s", "٣", "5M"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)
