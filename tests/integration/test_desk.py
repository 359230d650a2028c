"""People's ways through the desk, in Chromium: on-call from a page to a verdict, twenty headlines by the keyboard, and
every page on a wide screen and on a phone.

They need what deploy/setup.sh installs; without it these tests fail and say so.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from alerts.notification import Alert
from alerts.pagebook import PageBook
from alerts.pager import Pager
from deploy.desk.passwords import write_password
from stream.archive import Archive
from stream.records import ScoredHeadline
from stream.settings import Settings
from stream.verdicts import VerdictBook
from tests.integration.browser import SCREENS, Person, chromium, serving
from tests.scoredheadlines import scored_headline
from training.labelbook import LabelBook

PASSWORD = "a long enough one"
ROLES = {"vera": "viewer", "anna": "analyst", "olaf": "operator"}
SQUALL = (
    "Kestrovan auditor resigns and withdraws its opinion",
    "Kestrovan headquarters raided by police",
    "Banks freeze all credit lines of Kestrovan",
    "Kestrovan finance chief arrested on suspicion of forging invoices",
    "Suppliers halt deliveries to Kestrovan",
    "UPDATE 1-Kestrovan headquarters raided by police",
)
COMPANIES = "Montefalda Pellwick Szelmark Tazrouq Tarnhollow Umkhelo Cindermoor Tessaroy Delwin Eskara".split()
EVENTS = ("doubles profit", "burns oil", "loses court case", "sells bond", "cuts jobs", "wins patent")
MARKUP = "<img src=x onerror=\"document.title='pwned'\"> & <script>document.title='pwned'</script> falls"


class Site(NamedTuple):
    """A desk with something to show."""

    address: str
    archive: Archive
    page: str


def scored(id_: str, title: str, at: datetime, topic: str, sentiment: str, **entities: str) -> ScoredHeadline:
    return scored_headline(
        title,
        at,
        sentiment,
        id=id_,
        source=f"Source {len(title) % 5}",
        url=f"https://news.example/{id_}",
        topic=topic,
        topic_probability=0.6,
        entities=entities,
        model="toy-1",
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("desk")
    now = datetime.now(UTC)
    archive = Archive(f"sqlite:///{folder}/archive.db")
    told = [
        scored(
            f"k{number}",
            title,
            now - timedelta(seconds=20 * number),
            "fraud_governance",
            "negative",
            Kestrovan="negative",
        )
        for number, title in enumerate(SQUALL)
    ]
    told += [
        scored(f"c{number}", f"{company} {event}", now - timedelta(hours=number / 3), "product_company", "neutral")
        for number, (company, event) in enumerate((c, e) for c in COMPANIES for e in EVENTS)
    ]
    archive.keep([*told, scored("m", MARKUP, now - timedelta(hours=2), "other", "negative")])
    labels = {
        "alertname": "NegativeNewsSquall",
        "entity": "Kestrovan",
        "subject": "entity/Kestrovan",
        "severity": "page",
    }
    numbers = {"windows": "5m headlines 6;5m baseline 0.01;5m surprise 20;5m stories 5;5m sources 3;"}
    book = PageBook(archive.engine, ["terminal"])
    Pager(Settings(), archive, book, VerdictBook(archive.engine)).take(
        [Alert("firing", labels, now, "fp", numbers)], now
    )
    for name, role in ROLES.items():
        write_password(folder / "passwords", name, role, PASSWORD)
    (folder / "watchlist.csv").write_text("name\nKestrovan\nPellwick\n")
    settings = folder / "newsquall.toml"
    settings.write_text(
        f'[archive]\nurl = "sqlite:///{folder}/archive.db"\n[trends]\nwatchlist = "{folder}/watchlist.csv"\n'
        f'[desk]\nport = 0\npasswords = "{folder}/passwords"\nruns = "{folder}/runs"\n[scorer]\nthreads = 1\n'
        f'[relay]\nprometheus = "http://127.0.0.1:9"\n[kafka]\nbootstrap = "127.0.0.1:9"\n'
        f'[registry]\nuri = "sqlite:///{folder}/models.db"\nartifacts = "{folder}/models"\ncache = "{folder}/cache"\n'
    )
    with serving(settings, folder) as address:
        yield Site(address, archive, book.recent(1)[0].id)
    archive.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def enter(site: Site, browser: Browser) -> Iterator[Callable[..., Person]]:
    """Somebody who has logged in. At the end nothing has gone wrong on the screen, and no other host was asked."""
    people: list[Person] = []

    def come(name: str, screen: str = "wide") -> Person:
        person = Person(browser, site.address, screen)
        people.append(person)
        person.log_in(name, PASSWORD)
        return person

    yield come
    troubles = [trouble for person in people for trouble in person.troubles]
    for person in people:
        person.leave()
    assert troubles == []


def paths(site: Site) -> list[str]:
    text = f"""/ /pages /pages/{site.page} /review /guide /search /search?words=kestrovan /search?words=falls
    /story?id=k1 /words?id=k1 /subjects/topic/all /subjects/entity/Kestrovan?range=1h /models /models/compare /feeds
    /rejected /audit /subjects/topic/product_company?which=all&range=7d"""
    return text.split()


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_can_be_used_by_everybody_and_fits_the_screen(site: Site, enter: Callable[..., Person], screen: str):
    olaf = enter("olaf", screen)
    for path in paths(site):
        answer = olaf.page.goto(path, wait_until="domcontentloaded")
        assert answer is not None
        assert answer.status == 200, path
        assert olaf.faults() == [], path
        assert olaf.sideways() <= 0, path
        assert olaf.page.title() not in ("pwned", ""), path


def test_on_call_comes_from_a_pages_link_to_the_story_and_says_what_it_was(site: Site, browser: Browser, enter):
    anna = enter("anna", "phone")
    anna.page.goto(f"/pages/{site.page}")
    expect(anna.page.get_by_role("heading", level=1)).to_contain_text("negative headlines about Kestrovan")
    anna.page.get_by_role("link", name="Story").first.click()
    expect(anna.page.locator(".headlines > li").first).to_be_visible()
    anna.page.get_by_role("link", name="Why?").first.click()
    expect(anna.page.locator(".words li").first).to_be_visible()
    anna.page.goto(f"/pages/{site.page}")
    anna.page.keyboard.press("1")
    expect(anna.page.get_by_text("anna says it was real")).to_be_visible()
    expect(anna.page.get_by_role("button", name="It was real")).to_have_attribute("aria-pressed", "true")


def test_twenty_headlines_are_labelled_with_the_keyboard_alone(site: Site, enter: Callable[..., Person]):
    anna, book = enter("anna"), LabelBook(site.archive.engine)
    anna.page.goto("/review")
    anna.page.locator("h1.headline").wait_for(timeout=60_000)
    seen = []
    for number in range(20):
        title = anna.page.locator("h1.headline").inner_text()
        seen.append(title)
        for key in ("m", "1" if number % 2 else "3", "q", "Enter"):
            anna.page.keyboard.press(key)
        anna.page.wait_for_function("before => document.querySelector('h1.headline')?.innerText !== before", arg=title)
    assert len(set(seen)) == 20
    assert {label.title for label in book.current() if label.annotator == "anna"} == set(seen)
    assert {label.topic for label in book.current()} == {"earnings"}
    anna.page.keyboard.press("z")
    expect(anna.page.locator("h1.headline")).to_have_text(seen[-1])
    assert len(book.current()) == 19
    anna.page.keyboard.press("x")
    expect(anna.page.locator("h1.headline")).not_to_have_text(seen[-1])


def test_the_board_goes_on_by_itself(site: Site, enter: Callable[..., Person]):
    vera = enter("vera")
    row = vera.page.get_by_role("row").filter(has=vera.page.get_by_role("link", name="Pellwick"))
    expect(row.locator("td").nth(1)).to_have_text("0")
    expect(vera.page.locator("#live-state")).to_have_text("live")
    title = "Pellwick kettles catch fire"
    site.archive.keep([scored("p", title, datetime.now(UTC), "cyber_operations", "negative", Pellwick="negative")])
    expect(row.locator("td").nth(1)).to_have_text("1", timeout=15_000)
    # Found by its words, too, as soon as it is archived.
    vera.page.get_by_role("link", name="Search").click()
    vera.page.wait_for_url("**/search")
    vera.page.keyboard.press("/")
    vera.page.keyboard.type("kettle fires")
    vera.page.keyboard.press("Enter")
    expect(vera.page.locator(".headlines > li")).to_have_count(1)


def test_a_viewer_is_not_offered_what_is_not_for_viewers(site: Site, enter: Callable[..., Person]):
    vera = enter("vera")
    names = vera.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert "Review" not in names
    assert "Audit" not in names
    vera.page.goto(f"/pages/{site.page}")
    assert vera.page.get_by_role("button").all_inner_texts() == ["Log out"]
    vera.page.goto("/models")
    assert vera.page.get_by_role("button", name="Promote").count() == 0
    vera.page.get_by_role("button", name="Log out").click()
    expect(vera.page).to_have_url(f"{site.address}/login")


def test_the_login_is_plain_to_everybody(site: Site, browser: Browser):
    for screen in SCREENS:
        stranger = Person(browser, site.address, screen)
        stranger.page.goto("/search?words=x")
        assert stranger.page.url.startswith(f"{site.address}/login?next=")
        assert stranger.faults() == []
        stranger.page.fill("[name=name]", "anna")
        stranger.page.fill("[name=password]", "not the right one")
        stranger.page.keyboard.press("Enter")
        expect(stranger.page.get_by_role("alert")).to_contain_text("do not go together")
        stranger.leave()


def test_it_was_made_for_the_files_that_there_are():
    static = Path(__file__).resolve().parents[2] / "deploy" / "desk" / "static"
    assert sum(file.stat().st_size for file in static.iterdir()) < 40_000
