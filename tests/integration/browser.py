"""A desk as a process and people at it in Chromium."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
# What a person meets: a wide screen by day, a phone by night.
SCREENS = {"wide": (1440, 900, "light"), "phone": (390, 844, "dark")}
# axe-core's grades of what keeps people out.
GRAVE = ("serious", "critical")


@contextmanager
def serving(settings: Path, folder: Path) -> Iterator[str]:
    """A desk that runs by a settings file; its address."""
    log = folder / "desk.log"
    command = [sys.executable, "-P", "-c", "from deploy.cli import main; main()", "--settings", str(settings), "desk"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"the desk is at (\S+)/", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        assert process.wait(20) == 0, log.read_text()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or else the one that Playwright has fetched."""
    own = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        yield browser
        browser.close()


class Person:
    """Somebody at a screen. What goes wrong there, and what is asked of other hosts, is kept."""

    def __init__(self, browser: Browser, address: str, screen: str = "wide") -> None:
        width, height, scheme = SCREENS[screen]
        self.address = address
        self.context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        self.troubles: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda told: self._note(told.type in ("error", "warning"), told.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on(
            "request", lambda asked: self._note(urlsplit(asked.url).netloc != urlsplit(address).netloc, asked.url)
        )

    def _note(self, is_trouble: bool, text: str) -> None:
        if is_trouble:
            self.troubles.append(text)

    def log_in(self, name: str, password: str) -> None:
        self.page.goto("/login")
        self.page.fill("[name=name]", name)
        self.page.fill("[name=password]", password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.address}/")

    def faults(self) -> list[str]:
        """What axe-core finds on the page that is open."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:160]}"
            for each in found
            if each["impact"] in GRAVE
        ]

    def sideways(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def wait(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline
            self.page.wait_for_timeout(50)

    def leave(self) -> None:
        self.context.close()
