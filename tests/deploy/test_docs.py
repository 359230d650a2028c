"""What outsiders rely on by name is in the docs as it is in the code."""

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from alerts.page import Page
from deploy.cli import COMMANDS
from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS
from model.text import MASKS
from stream.duration import format_duration
from stream.gauges import Gauges
from stream.metrics import FeedMetrics, Metrics, RelayMetrics
from stream.records import REASONS
from stream.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8").splitlines()


def shown(value: object) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, tuple):
        return ", ".join(map(shown, value)) or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def setting_rows() -> list[str]:
    rows = []
    for section, part in Settings.model_fields.items():
        assert isinstance(part.default, BaseModel)
        for name, field in type(part.default).model_fields.items():
            rows.append(f"| `{section}.{name}` | {shown(field.default)} | {field.description} |")
    return rows


def test_the_operators_guide_has_every_setting_with_its_default_and_no_other() -> None:
    rows = setting_rows()
    assert [line for line in OPERATOR if line.startswith("| `") and "." in line.split("`")[1]] == rows


def test_the_operators_guide_has_every_metric_and_no_other() -> None:
    registry = CollectorRegistry()
    Gauges(Metrics(registry), "m")
    FeedMetrics(registry, ["Wire"])
    RelayMetrics(registry, ["terminal"])
    names = {f"{each.name}_total" if each.type == "counter" else each.name for each in registry.collect()}
    assert {line.split("`")[1] for line in OPERATOR if line.startswith("| `newsquall_")} == names


def test_the_operators_guide_says_what_to_do_about_each_reason_of_a_rejection() -> None:
    start = OPERATOR.index("## Rejected headlines")
    section = OPERATOR[start : OPERATOR.index("## Personal data")]
    assert {line.split("`")[1] for line in section if line.startswith("| `")} == set(REASONS)


def test_the_operators_guide_says_of_each_kind_of_personal_data_what_is_masked() -> None:
    section = OPERATOR[OPERATOR.index("## Personal data") : OPERATOR.index("## Metrics")]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in section if line.startswith("| ")]
    assert rows[1:] == list(MASKS)


def test_the_schema_of_a_page_in_the_docs_is_the_one_by_which_pages_are_posted() -> None:
    kept = msgspec.json.decode((ROOT / "docs" / "page.schema.json").read_bytes())
    about = {name: kept.pop(name) for name in ("$schema", "$id", "title")}
    assert about["$id"].endswith(f"/page-{Page.__struct_defaults__[-1]}.json")
    # Changed on purpose? Write msgspec.json.schema(Page) there; a reader of version 1 must still understand it.
    assert kept == msgspec.json.schema(Page)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown_in_the_docs(command: str) -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages if page.name != "LOG.md")
    assert re.search(rf"\b(newsquall (--settings \S+ )?|make ){command}\b", text)


def test_the_labelling_set_up_has_every_topic_and_sentiment_and_no_other() -> None:
    page = (ROOT / "docs" / "analyst.md").read_text(encoding="utf-8")
    choices = re.findall(r'<Choice value="(\w+)"/>', page)
    assert sorted(choices) == sorted([*DEFAULT_TOPICS, *SENTIMENTS])
    assert re.findall(r'<Choices name="(\w+)" toName="title"', page) == ["sentiment", "topic"]
