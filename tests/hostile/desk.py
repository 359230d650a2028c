"""`make hostile-desk N=10000`: hostile requests to a running desk, by everybody; the last line is JSON.

Nobody means well: markup, SQL, control characters, half surrogates, paths and dates beyond all ranges in every field of
every page, by all methods, with and without the form's token, by a stranger, a viewer, an analyst and an operator. What
is started is ended at once. Afterwards Chromium opens what was stored, and a sample of the addresses.
"""

import argparse
import json
import re
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Dialog
from playwright.sync_api import Error as BrowserError

from alerts.notification import Alert
from alerts.pagebook import PageBook
from alerts.pager import Pager
from deploy.desk.auditbook import AuditBook, Deed
from deploy.desk.passwords import write_password
from deploy.desk.roles import Role
from deploy.stack.postgres import Postgres
from stream.archive import Archive
from stream.records import ScoredHeadline
from stream.settings import Settings
from stream.verdicts import VerdictBook
from tests.hostile.markup import runs
from tests.hostile.visits import EVALUATED, EXECUTED, MARKUP, Visit, encoded, visits
from tests.integration.browser import Person, chromium, serving
from tests.scoredheadlines import scored_headline
from training.labelbook import LabelBook

PASSWORD = "a long enough one"
PEOPLE = {Role.VIEWER: "vera", Role.ANALYST: "anna", Role.OPERATOR: "olaf"}
# What only some may see, and what nobody may.
NEWS, DEEDS = "canary-of-the-news", "canary-of-the-audit-log"
SECRETS = ("$argon2", "root:x:0:", "def build_desk", "Traceback (most recent call last)")
# Of a form that cannot be read, from another place, or of a host that we are not.
UNREAD = (400, 403, 413, 415, 421)
STARTED = re.compile(r"/jobs/[\w-]+")
# What writes into the audit log under whose name.
OF_VIEWERS = {"logged in", "logged out", "login failed", "exported"}
OF_ANALYSTS = OF_VIEWERS | {"labelled", "took a label back", "judged"}
GARBAGE = (
    b"",
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"A" * 70_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    bytes(range(256)) * 8,
)
SECONDS = 30.0
_PLACES = count()


@dataclass
class Report:
    """What became of the requests. `statuses`: how many answers of each, by who asked; `browsed`: pages in Chromium."""

    requests: int = 0
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)
    browsed: int = 0
    jobs: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    findings: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class _Guest:
    """Somebody at the desk, without a browser. Each login comes from an address of its own: one that passwords were
    tried from is soon told to wait."""

    def __init__(self, address: str, role: Role | None) -> None:
        self.role = role
        self.name = PEOPLE[role] if role else "nobody"
        self._address = address
        self.token = ""
        self.http = httpx.Client()
        self.enter()

    def enter(self) -> None:
        """Come to the login, and through it."""
        self.http.close()
        place = next(_PLACES)
        self.http = httpx.Client(
            base_url=self._address,
            transport=httpx.HTTPTransport(local_address=f"127.1.{place // 250}.{place % 250 + 1}"),
            timeout=SECONDS,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=2.0),  # the desk closes what is silent for five seconds
        )
        self._note(self.http.get("/login"))
        if self.role is not None:
            self.http.post("/login", data={"name": self.name, "password": PASSWORD, "token": self.token})
            self._note(self.http.get("/guide"))

    def _note(self, answer: httpx.Response) -> None:
        found = re.search(r'data-token="(\w+)"', answer.text)
        assert found, (answer.status_code, answer.text[:300])
        self.token = found[1]

    def send(self, visit: Visit) -> httpx.Response:
        """Make a request. Of a page that never ends its beginning is read."""
        headers = dict(visit.headers)
        target, content = self._address + visit.path, visit.body  # two slashes at its beginning are a path here
        if visit.method == "POST":
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
            if content is None:
                token = {"token": self.token} if visit.with_token else {}
                content = encoded({**visit.fields, **token}).encode()
            elif visit.with_token:
                headers["x-desk-token"] = self.token
        elif visit.fields:
            target += "?" + encoded(visit.fields)
        if visit.cookie is not None:
            headers["cookie"] = visit.cookie
        with self.http.stream(visit.method, target, headers=headers, content=content) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer._content = next(answer.iter_raw(), b"")
            else:
                answer.read()
        return answer

    def stop(self, job: str) -> None:
        """End what was started."""
        self.http.post(f"{job}/stop", data={"token": self.token})


def attack(folder: Path, url: str, requests: int, seed: int = 1, browsed: int = 100) -> Report:
    """Send so many requests to a desk of its own on an empty archive at `url`, and look at it with Chromium."""
    report, began = Report(), time.monotonic()
    pages = {"page": _fill(url)}
    for role, name in PEOPLE.items():
        write_password(folder / "passwords", name, role.word, PASSWORD)
    settings = folder / "newsquall.toml"
    settings.write_text(
        f'[archive]\nurl = "{url}"\n[scorer]\nthreads = 1\n[kafka]\nbootstrap = "127.0.0.1:9"\n[desk]\nport = 0\n'
        f'passwords = "{folder}/passwords"\nruns = "{folder}/runs"\n[relay]\nprometheus = "http://127.0.0.1:9"\n'
        f'[registry]\nuri = "sqlite:///{folder}/models.db"\nartifacts = "{folder}/models"\ncache = "{folder}/cache"\n'
    )
    with serving(settings, folder) as address:
        guests = {role: _Guest(address, role) for role in (None, *PEOPLE)}
        seen = [_send(guests[visit.who], visit, report) for visit in visits(requests, seed, pages)]
        report.findings += _garbage(address)
        _browse(address, guests, [each for each in seen if each], browsed, report)
        for guest in guests.values():
            guest.http.close()
    said = (folder / "desk.log").read_text(errors="replace")
    if "Traceback" in said:
        report.findings.append(f"there is a traceback in the desk's log: ...{said[said.index('Traceback') :][:2_000]}")
    report.findings += [f"a command made {each}" for each in folder.rglob(EXECUTED)]
    report.findings += _written(url)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _fill(url: str) -> str:
    """Headlines with markup and a page about them; the page's id."""
    now = datetime.now(UTC)
    with closing(Archive(url)) as archive:
        told = [
            _scored(f"k{number}", f"{NEWS} Kestrovan falls {text}", now - timedelta(seconds=number))
            for number, text in enumerate(MARKUP)
        ]
        told += [_scored(f"c{number}", f"Pellwick sells {number} {text}", now) for number, text in enumerate(MARKUP)]
        archive.keep(told)
        labels = {"alertname": "NegativeNewsSquall", "entity": "Kestrovan", "subject": "entity/Kestrovan"}
        numbers = {"windows": "5m headlines 9;5m baseline 0.01;5m surprise 20;5m stories 5;5m sources 3;"}
        book = PageBook(archive.engine, ["terminal"])
        alert = Alert("firing", {**labels, "severity": "page"}, now, "fp", numbers)
        Pager(Settings(), archive, book, VerdictBook(archive.engine)).take([alert], now)
        AuditBook(archive.engine).write(Deed(now, "olaf", "", "labelled", f"{DEEDS} {MARKUP[0]}"))
        return book.recent(1)[0].id


def _scored(id_: str, title: str, at: datetime) -> ScoredHeadline:
    return scored_headline(
        title,
        at,
        id=id_,
        source=f"<b>{MARKUP[1]}",
        url=MARKUP[-4],
        entities={"Kestrovan": "negative", MARKUP[2]: "negative"},
        model=f"toy {MARKUP[0]}",
    )


def _send(guest: _Guest, visit: Visit, report: Report) -> tuple[Role | None, str] | None:
    """Make a request and judge its answer. Who may open the address in a browser, if it has a page."""
    before = time.monotonic()
    try:
        answer = guest.send(visit)
    except httpx.HTTPError as error:
        report.findings.append(f"no answer ({error!r}) to {visit}")
        return None
    report.slowest_ms = max(report.slowest_ms, round(1_000 * (time.monotonic() - before), 1))
    report.requests += 1
    of = report.statuses.setdefault(guest.name, {})
    of[answer.status_code] = of.get(answer.status_code, 0) + 1
    report.findings += [f"{trouble}: {answer.status_code} to {visit}" for trouble in _troubles(visit, answer)]
    place = answer.headers.get("location", "")
    if visit.method == "POST" and answer.status_code == 303:
        if STARTED.match(place):
            report.jobs += 1
            guest.stop(urlsplit(place).path)
        elif visit.path == "/logout":
            guest.enter()
    is_page = visit.method == "GET" and answer.status_code == 200 and not visit.headers and visit.cookie is None
    if not is_page or not answer.headers.get("content-type", "").startswith("text/html"):
        return None
    return visit.who, visit.path + ("?" + encoded(visit.fields) if visit.fields else "")


def _troubles(visit: Visit, answer: httpx.Response) -> list[str]:
    status, text = answer.status_code, answer.text
    is_post, place = visit.method == "POST", answer.headers.get("location", "/")
    anonymous = visit.who is None or visit.cookie is not None
    found = {
        "an error of the server's": status >= 500,
        "an address elsewhere": not place.startswith("/") or place.startswith("//") or "\\" in place,
        "a cookie that is not ours": not re.match(r'desk="?[\w-]*"?;', answer.headers.get("set-cookie", "desk=;")),
        "no policy": "default-src 'none'" not in answer.headers.get("content-security-policy", ""),
        "an expression's value": EVALUATED in text,
        "a secret": any(each in text for each in SECRETS),
        "the news to a stranger": anonymous and NEWS in text,
        "the audit log to who may not see it": (anonymous or visit.who is not Role.OPERATOR) and DEEDS in text,
        "a method that there is not": not visit.known and visit.method not in ("HEAD", "GET") and status < 400,
        "a form that is not ours": is_post
        and (not visit.with_token or visit.comes_from_elsewhere)
        and status not in (*UNREAD, 401, 404, 405),
        "a page to a stranger": visit.known and not visit.may and anonymous and not _sent_to_login(visit, answer),
        "a page to a role that may not": visit.known
        and not visit.may
        and not anonymous
        and status not in (UNREAD if is_post else (403, 421))
        # A slash in a name makes another address of it.
        and not (status == 404 and "%2F" in visit.path),
    }
    troubles = [name for name, is_so in found.items() if is_so]
    if answer.headers.get("content-type", "").startswith("text/html") and visit.path != "/models/report":
        troubles += [f"it would run: {each}" for each in runs(text)]
    return troubles


def _sent_to_login(visit: Visit, answer: httpx.Response) -> bool:
    if answer.status_code == 303:
        return visit.method != "POST" and answer.headers["location"].startswith("/login?next=")
    return answer.status_code in (401, *UNREAD) or (answer.status_code == 404 and "%2F" in visit.path)


def _garbage(address: str) -> list[str]:
    """What is no request at all: refused or unanswered, and the desk goes on."""
    found = []
    host, port = urlsplit(address).hostname, urlsplit(address).port
    for blob in GARBAGE:
        with socket.create_connection((host, port), SECONDS) as connection:
            connection.settimeout(0.5)
            connection.sendall(blob)
            try:
                told = connection.recv(4_096)
            except OSError:
                told = b""
        if told and not re.match(rb"HTTP/1.1 (4\d\d|303) ", told):
            found.append(f"{told[:100]!r} to {blob[:100]!r}")
    if httpx.get(f"{address}/login", trust_env=False).status_code != 200:
        found.append("after garbage there is no login any more")
    return found


def _browse(
    address: str,
    guests: Mapping[Role | None, _Guest],
    seen: Sequence[tuple[Role | None, str]],
    most: int,
    report: Report,
) -> None:
    """Open what was stored and a sample of the addresses in Chromium, where nothing of it may run."""
    stored = "/ /audit /review /models /pages /search /search?words=falls /rejected /feeds /story?id=k1 /words?id=k1"
    opened = [(Role.OPERATOR, path) for path in stored.split()]
    opened += seen[:: max(1, len(seen) // most)]
    with chromium() as browser:
        people = {}
        for role, guest in guests.items():
            people[role] = person = Person(browser, address)
            person.page.on("dialog", partial(_dismiss, person))
            for cookie in guest.http.cookies.jar:
                person.context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": address}])
        for role, path in opened:
            person = people[role]
            report.browsed += 1
            try:
                person.page.goto(address + path, wait_until="load")
                if "pwned" in person.page.title():
                    person.troubles.append("another title")
                if person.page.locator("iframe, object, embed, img, base, main script, main style").count():
                    person.troubles.append("elements that are not ours")
            except BrowserError as error:  # led away
                person.troubles.append(str(error))
            report.findings += [f"in Chromium: {trouble}: {role} at {path}" for trouble in person.troubles]
            person.troubles.clear()
        for person in people.values():
            person.leave()


def _dismiss(person: Person, dialog: Dialog) -> None:
    person.troubles.append(f"a dialog: {dialog.message}")
    dialog.dismiss()


def _written(url: str) -> list[str]:
    """What stands in the books under the name of somebody who may not write it."""
    with closing(Archive(url)) as archive:
        deeds = AuditBook(archive.engine).newest(10**9)
        annotators = {label.annotator for label in LabelBook(archive.engine).current()}
        page = PageBook(archive.engine, ()).recent(1)[0].id
        judges = {verdict.who for verdict in VerdictBook(archive.engine).all(page)}
        missing = {f"k{number}" for number in range(len(MARKUP))} - archive.find(
            f"k{number}" for number in range(len(MARKUP))
        ).keys()
    found = [
        f"{deed.who} {deed.action}: {deed.detail}"
        for deed in deeds
        if (deed.who == "vera" and deed.action not in OF_VIEWERS)
        or (deed.who == "anna" and deed.action not in OF_ANALYSTS)
        or (deed.who not in PEOPLE.values() and deed.action != "login failed")
    ]
    if strangers := (annotators | judges) - {"anna", "olaf"}:
        found.append(f"labels or verdicts of {strangers}")
    if missing:
        found.append(f"headlines are gone: {missing}")
    return found


def main() -> None:
    """Send them, report; exit status 1 if anything is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    asked = parser.parse_args()
    folder = Path(mkdtemp(prefix="newsquall-hostile-desk-"))
    with Postgres(folder / "postgres") as server:
        report = attack(folder, server.create("archive"), asked.requests, asked.seed)
    if report.well:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print("\n".join([*report.findings[:50], f"the desk's log is in {folder}"]), flush=True)
    kinds = Counter(each.partition(":")[0] for each in report.findings)
    print(json.dumps({**asdict(report), "findings": dict(kinds), "well": report.well}))
    sys.exit(not report.well)


if __name__ == "__main__":
    main()
