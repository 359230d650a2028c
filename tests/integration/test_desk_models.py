"""An operator's way from labels to a champion in Chromium: train, put the report beside the champion's, promote, be
refused, promote by force, roll back. Each step is the real command line's, started by the desk.

The models are toys of a language of their own, of which the project has no corpus: a training that goes on from the
bundled model learns its headlines again and takes minutes.
"""

import csv
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("torch")

from playwright.sync_api import Browser, Page, expect

from deploy.desk.passwords import write_password
from model.registry import CHAMPION, Registry, RegistryPlace
from stream.archive import Archive
from stream.records import Label, ScoredHeadline
from tests.integration.browser import Person, chromium, serving
from tests.scoredheadlines import scored_headline
from tests.toyencoder import label_files, toy_encoder
from tests.toymodel import toy
from training.finetune import Recipe
from training.labelbook import LabelBook
from training.promotion import Because, history, promote
from training.train import train

PASSWORD = "a long enough one"
LANGUAGE = "eo"
# Enough that twenty bad ones are held back: the gate judges by fewer nobody.
EACH = 200
RECIPE = Recipe(epochs=4, batch=32, learning_rate=3e-3, max_tokens=48, augmented_share=0.0)
POOR, GOOD, TRAINED = 1, 2, 3
JOB_MS = 120_000.0
REASON = "a drill: can we take back what cannot read?"
COMPANIES = "Montefalda Pellwick Szelmark Tazrouq".split()
EVENTS = ("names a chief executive", "doubles profit", "loses court case", "cuts jobs", "wins patent")


class Site(NamedTuple):
    """A desk on whose book many labels stand, with a model that knows none of their words, and one that has learnt some
    as the champion."""

    address: str
    registry: Registry


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("models")
    shutil.copyfile(empty_registry, folder / "models.db")
    place = RegistryPlace(f"sqlite:///{folder}/models.db", f"{folder}/models", "newsquall", folder / "cache")
    registry, now = Registry(place), datetime.now(UTC)
    files = label_files(_made(folder / "labels"), EACH, step=2)
    base = toy_encoder(_made(folder / "base"), [Path(each).read_text(encoding="utf-8") for each in files])
    good = train(files, folder / "good", base, language=LANGUAGE, recipe=RECIPE)
    assert good is not None
    promote(registry, toy(folder / "poor", language=LANGUAGE, towards_names=False), Because("ada", now), None)
    promote(registry, good, Because("ada", now), POOR)
    with closing(Archive(f"sqlite:///{folder}/archive.db")) as archive:
        LabelBook(archive.engine).add(_labels(files, now))
        archive.keep([_scored(number, now) for number in range(12)])
    write_password(folder / "passwords", "olaf", "operator", PASSWORD)
    settings = folder / "newsquall.toml"
    settings.write_text(
        f'[archive]\nurl = "sqlite:///{folder}/archive.db"\n[scorer]\nthreads = 1\n[desk]\nport = 0\n'
        f'passwords = "{folder}/passwords"\nruns = "{folder}/runs"\n[relay]\nprometheus = "http://127.0.0.1:9"\n'
        f'[registry]\nuri = "{place.uri}"\nartifacts = "{place.artifacts}"\ncache = "{place.cache}"\n'
    )
    with serving(settings, folder) as address:
        yield Site(address, registry)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _labels(files: list[str], now: datetime) -> list[Label]:
    rows = [row for path in files for row in csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines())]
    return [
        Label(f"l{number}", row["title"], "ada", now, "import", topic=row["topic"], sentiment=row["sentiment"])
        for number, row in enumerate(rows)
    ]


def _scored(number: int, now: datetime) -> ScoredHeadline:
    title = f"{COMPANIES[number % len(COMPANIES)]} {EVENTS[number % len(EVENTS)]}"
    return scored_headline(
        title, now - timedelta(minutes=number), "neutral", id=f"h{number}", topic="personnel_labour", model="toy-1"
    )


@pytest.fixture
def olaf(site: Site) -> Iterator[Person]:
    """An operator at a wide screen, who says yes to every question. At the end nothing has gone wrong there."""
    with chromium() as browser:
        person = _come(browser, site)
        yield person
        troubles = person.troubles
        person.leave()
    assert troubles == []


def _come(browser: Browser, site: Site) -> Person:
    person = Person(browser, site.address)
    person.context.on("page", _agree)
    _agree(person.page)
    person.log_in("olaf", PASSWORD)
    return person


def _agree(page: Page) -> None:
    page.on("dialog", lambda dialog: dialog.accept())


def test_from_labels_to_a_champion_and_back(site: Site, olaf: Person) -> None:
    page, registry = olaf.page, site.registry
    _label(page, 2)
    _train(olaf)

    page.get_by_role("link", name="Beside the champion").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"beside version {GOOD}")
    assert page.get_by_role("row").filter(has_text="macro-F1").count() == 2
    page.get_by_role("link", name=re.compile("The whole report of trained")).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.go_back()
    page.go_back()

    page.get_by_role("button", name="Promote it, if it is no worse").click()
    _watch(page)
    expect(page.get_by_role("heading", name="The gate: open")).to_be_visible()
    assert page.get_by_role("row").filter(has_text="negative recall").count() == 1
    assert registry.alias(CHAMPION) == TRAINED

    _promote_by_force(olaf, registry)

    page.goto("/models")
    page.get_by_label("Why").fill("it was better after all")
    page.get_by_role("button", name="Back to the one before").click()
    _watch(page)
    assert registry.alias(CHAMPION) == TRAINED
    page.goto("/audit")
    for deed in ("trained", "promoted by force", "rolled back"):
        expect(page.get_by_text(f"olaf {deed}", exact=True)).to_be_visible()


def _train(olaf: Person) -> None:
    """Press the button, and look on to the end. Who presses it meanwhile is refused."""
    page = olaf.page
    page.goto("/models")
    expect(page.get_by_text(f"{3 * EACH + 2} labelled texts")).to_be_visible()
    # Somebody else had the page open before: there the button can still be pressed.
    late = olaf.context.new_page()
    late.goto("/models")
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Training")
    late.get_by_role("button", name="Train").click()
    expect(late.get_by_role("alert")).to_contain_text("A training of olaf is under way: one at a time.")
    late.goto("/models")
    expect(late.get_by_role("button", name="Train")).to_be_disabled()
    late.close()
    seen = _watch(page)
    assert len(set(seen)) > 1, seen
    assert all(after.startswith(before) for before, after in pairwise(seen) if before)
    assert "the bundle is in" in seen[-1]
    assert re.search(r"rehearsed without labels: [1-9]\d* of \d+ texts; 0 of our own", seen[-1])
    assert olaf.faults() == []


def _promote_by_force(olaf: Person, registry: Registry) -> None:
    """A model that the gate refuses, which takes a reason."""
    page = olaf.page
    page.goto("/models")
    page.get_by_role("button", name=f"Promote version {POOR}").click()
    _watch(page)
    expect(page.get_by_role("heading", name="The gate: shut")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("texts it can read: worse by 1.000")
    assert olaf.faults() == []
    page.get_by_role("button", name="Promote by force").click()  # without a reason the browser does not send it
    assert registry.alias(CHAMPION) == TRAINED
    page.get_by_label("Why").fill(REASON)
    page.get_by_role("button", name="Promote by force").click()
    expect(page.locator(".facts .tag").first).to_have_text("done", timeout=JOB_MS)
    assert registry.alias(CHAMPION) == POOR
    assert (history(registry)[-1].by, history(registry)[-1].forced) == ("olaf", True)
    page.goto("/models")
    expect(page.get_by_role("row").filter(has_text=REASON)).to_contain_text("The gate had refused")


def _label(page: Page, count: int) -> None:
    """Label so many headlines with the keyboard."""
    page.goto("/review")
    page.locator("h1.headline").wait_for(timeout=60_000)
    for _ in range(count):
        title = page.locator("h1.headline").inner_text()
        for key in ("2", "q", "Enter"):
            page.keyboard.press(key)
        page.wait_for_function("before => document.querySelector('h1.headline')?.innerText !== before", arg=title)


def _watch(page: Page) -> list[str]:
    """A job's log each time that its page looked again, to its end."""
    page.wait_for_url("**/jobs/**")
    seen = []
    while True:
        runs = page.locator("[data-reload]").count()
        seen.append(page.locator("pre").inner_text().removesuffix("Nothing yet."))
        if not runs:
            return seen
        page.wait_for_event("load", timeout=JOB_MS)
