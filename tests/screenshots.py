"""The README's pictures: `make screenshots` runs the demo, waits for its squall to become a page, and takes them.

Each picture is of the running desk, as anybody sees it there.
"""

import io
import os
import re
import signal
import subprocess
import sys
import time

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.integration.browser import ROOT, chromium

PICTURES = ROOT / "docs" / "pictures"
PERSON = "mara"
SECONDS = 900.0
WIDE, TALL, PHONE = (1280, 800), (1280, 1240), (390, 800)


def address_of(demo: "subprocess.Popen[str]") -> str:
    """Where the demo's desk is, once its squall is over."""
    assert demo.stdout is not None
    deadline = time.monotonic() + SECONDS
    for line in demo.stdout:
        print(line, end="", flush=True)
        if found := re.match(r"Desk\s+(http\S+)/", line):
            return found[1]
        if time.monotonic() > deadline:
            break
    raise SystemExit("the demo has not come to its end: no pictures")


def take(browser: Browser, address: str, name: str, path: str, size: tuple[int, int], scheme: str, **act: str) -> None:
    """One picture. `act`: click or key, something to do first."""
    context = browser.new_context(
        base_url=address,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page: Page = context.new_page()
    page.goto(path, wait_until="domcontentloaded")
    if "ready" in act:
        page.locator(act["ready"]).first.wait_for(timeout=120_000)
    if "click" in act:
        page.locator(act["click"]).first.click()
        page.wait_for_timeout(3_000)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)
    # Pages have few colours: a fifth of the bytes, and nobody sees a difference, if those of the smallest things are
    # among them.
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    few = picture.quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=1)
    few.save(PICTURES / f"{name}.png", optimize=True)
    context.close()


def main() -> None:
    """Take all."""
    PICTURES.mkdir(exist_ok=True)
    command = [sys.executable, "-P", "-c", "from deploy.cli import main; main()", "demo"]
    # The desk shows who runs it, and not everybody is to be in the README.
    environment = {**os.environ, "LOGNAME": PERSON}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
    ) as demo:
        try:
            address = address_of(demo)
            with chromium() as browser:
                subject = "/subjects/entity/Kestrovan%20Engineering?range=1h"
                take(browser, address, "board", "/", WIDE, "light", ready="#live-state:has-text('live')")
                take(browser, address, "subject", subject, TALL, "dark", ready=".headlines", click="a[data-part]")
                take(browser, address, "review", "/review", WIDE, "light", ready="h1.headline")
                take(browser, address, "phone", "/", PHONE, "dark", ready="#live-state:has-text('live')")
                page = browser.new_page(base_url=address)
                page.goto("/pages")
                path = page.locator(".headlines .title a").first.get_attribute("href") or "/pages"
                take(browser, address, "page", path, WIDE, "light", ready=".chart")
        finally:
            demo.send_signal(signal.SIGINT)
    print(f"the pictures are in {PICTURES}")


if __name__ == "__main__":
    main()
