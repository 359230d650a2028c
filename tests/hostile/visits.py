"""Requests to the desk that nobody means well by: every page, method and field, by everybody; of a count and a seed the
same."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote, urlencode

from deploy.desk.app import entries
from deploy.desk.login import Door, Login
from deploy.desk.roles import Role
from deploy.desk.view import TEMPLATES
from stream.settings import DeskSettings
from tests.hostile.inputs import ANY_TEXT, made

MARKUP = (
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    "</title><script>document.title='pwned'</script>",
    "</pre></textarea><iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>x</a><base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<style>*{background:url(//evil.example/x)}</style>",
    "javascript:alert(1)",
    "{{77777*7}}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "${77777*7}",
)
EVALUATED = "544439"
EXECUTED = "pwned"  # a file
NASTY = (
    *MARKUP,
    *(
        "' OR 1=1 --",
        "'; DROP TABLE headlines; --",
        '"; DROP TABLE headlines; --',
        "1' UNION SELECT * FROM desk_audit --",
    ),
    *("../../../../etc/passwd", "..%2f..%2fetc", "file:///etc/passwd", "//evil.example", "\\\\evil", "/\\evil.example"),
    *("\x00", "\x1b[31m", "\r\nSet-Cookie: a=b", "\ud800", "\uffff", "a\u202eb", "𝕏" * 300, "A" * 5_000),
    *("-1", "9" * 40, "1e309", "NaN", "null", "0001-01-01", "9999-12-31", "2026-07-03T02:40:00+99:99", "١", "²"),
    *(
        "%",
        "*",
        '"',
        "NEAR(",
        "--all",
        "-",
        "1-",
        "茅台 -",
        f"$(touch {EXECUTED})",
        f"`touch {EXECUTED}`",
        f"|touch {EXECUTED};",
        "a OR b",
    ),
)
# What a field is meant for, so that it is not the first of them that ends every request.
FITTING = {
    "action": ("save", "skip", "undo"),
    "id": ("k1", "k2", "c1"),
    "topic": ("earnings", "other", ""),
    "sentiment": ("negative", "positive", ""),
    "entity": ("Kestrovan", ""),
    "since": ("2026-07-03", ""),
    "until": ("2026-07-04", ""),
    "range": ("1h", "7d", "28d"),
    "which": ("all", "negative"),
    "verdict": ("real", "false_alarm", "duplicate"),
    "origin": ("0-1", "3-99", ""),
    "reason": ("not_json", "too_old", ""),
    "ref": ("bundled", "1"),
    "first": ("bundled",),
    "second": ("bundled",),
    "force": ("yes", ""),
    "before": ("5", ""),
    "after": ("",),
    "kind": ("topic", "entity"),
    "name": ("all", "Kestrovan", "anna"),
    "words": ("falls", '"police raid"', "-auditor", "kest*"),
    "next": ("/search", "/"),
}
# Beside those of the forms: what the desk's own addresses have in their queries.
FIELDS = sorted(
    {"before", "after", "range", "which", "first", "second", "page", "job", "kind"}.union(
        *(re.findall(r'name="(\w+)"', each.read_text(encoding="utf-8")) for each in TEMPLATES.iterdir())
    )
    - {"token", "viewport"}
)
STRANGE = (
    *(
        "/static/..%2f..%2fapp.py",
        "/static/../app.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static/desk.css%00",
        "/static/",
    ),
    *(
        "/board/live",
        "/favicon.ico",
        "/.env",
        "/admin",
        "//evil.example/",
        "/%ff",
        "/pages/",
        "/jobs//stop",
        "/models/",
    ),
)
HEADERS: tuple[Mapping[str, str], ...] = (
    {"x-desk-part": "1"},
    {"x-forwarded-user": "olaf", "x-forwarded-for": "127.0.0.1"},
    {"x-forwarded-for": "<script>alert(1)</script>"},
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"host": "evil.example"},
    {"content-type": "application/json"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"content-type": "application/x-www-form-urlencoded; charset=utf-16"},
    {"accept-encoding": "x" * 4_000, "range": "bytes=0-,-1", "if-none-match": "*"},
    {"authorization": "Basic b2xhZjpvbGFm", "x-http-method-override": "DELETE"},
)
# A stranger's cookies: those that a login might take for its own.
COOKIES = ("", "desk=", "desk=olaf", "desk=" + "A" * 43, "desk=" + "A" * 9_000, 'desk="\\"; desk=x', "desk=../../x")
WHO = (None, *Role)
METHODS = ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")


@dataclass(frozen=True)
class Visit:
    """A request. `who`: whose login it has; `needs`: whose it has to have, None if nobody's; `known`: whether there is
    such a page and method; `with_token`: whether the form is the desk's own; `body`: sent as it is, in place of
    fields."""

    who: Role | None
    method: str
    path: str
    needs: Role | None
    known: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    with_token: bool = True
    cookie: str | None = None
    body: bytes | None = None

    @property
    def may(self) -> bool:
        """Whether it is open to who comes."""
        return self.needs is None or (self.who is not None and self.who >= self.needs)

    @property
    def comes_from_elsewhere(self) -> bool:
        """Whether a browser says that another site sends it."""
        return "sec-fetch-site" in self.headers


def encoded(fields: Mapping[str, str]) -> str:
    """Fields as a form has them; a half surrogate as a browser would never send it."""
    return urlencode(fields, errors="surrogatepass")


def routes() -> list[tuple[str, str, Role | None]]:
    """The desk's pages: method, address, and for whom."""
    return [
        (method, each.path, each.role)
        for each in entries(Login(Door(DeskSettings())))
        for method, handler in (("GET", each.get), ("POST", each.post))
        if handler is not None
    ]


def visits(count: int, seed: int, pages: Mapping[str, str]) -> Iterator[Visit]:
    """So many. `pages`: by a name in an address what there is of it, such as a page's id."""
    chance = Random(seed)
    texts = made(ANY_TEXT, seed, max(100, count // 10))
    blobs = [text.encode("utf-8", "surrogatepass") for text in texts]
    known = routes()

    def value(name: str, well: float) -> str:
        return chance.choice(
            FITTING.get(name, ("x",)) if chance.random() < well else chance.choice((NASTY, NASTY, texts))
        )

    def address(path: str) -> str:
        def filled(match: re.Match[str]) -> str:
            name = match[1].partition(":")[0]
            text = pages[name] if name in pages and chance.random() < 0.6 else value(name, 0.5)
            return quote(text.encode("utf-8", "surrogatepass"), safe="") or "x"

        return re.sub(r"\{([\w:]+)\}", filled, path)

    for _ in range(count):
        who = chance.choice(WHO)
        method, path, needs = chance.choice(known)
        kind = chance.choices(("fields", "bytes", "method", "strange"), (90, 4, 3, 3))[0]
        asked = {
            "who": who,
            "headers": chance.choice(HEADERS) if chance.random() < 0.15 else {},
            "with_token": chance.random() < 0.8,
            "cookie": chance.choice(COOKIES) if who is None and chance.random() < 0.3 else None,
        }
        well = chance.choice((0.0, 0.5, 0.9))
        fields = {name: value(name, well) for name in chance.sample(FIELDS, chance.randrange(len(FIELDS)))}
        if kind == "method":
            method = chance.choice(METHODS)
            is_head = method == "HEAD" and ("GET", path, needs) in known
            yield Visit(**asked, method=method, path=address(path), needs=needs, known=is_head, fields=fields)
        elif kind == "strange":
            strange = chance.choice((*STRANGE, "/" + quote(value("", 0.0).encode("utf-8", "surrogatepass"), safe="")))
            yield Visit(**asked, method=method, path=strange, needs=None, known=False, fields=fields)
        elif kind == "bytes" and method == "POST":
            yield Visit(**asked, method=method, path=address(path), needs=needs, body=chance.choice(blobs))
        else:
            yield Visit(**asked, method=method, path=address(path), needs=needs, fields=fields)
