"""Requests that nobody means well by: no error of the server's, and nothing of them in a page that would run."""

from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.desk.app import build_desk, entries
from deploy.desk.login import Door, Login
from stream.archive import Archive
from stream.settings import DeskSettings

from .conftest import Visitor, scored, with_desk

# `python -m pytest --hypothesis-profile=default tests/deploy/desk/test_hostile_requests.py` draws others each time.
EXAMPLES = 400
NAMES = """words topic sentiment entity source since until after before who id range which first second ref reason
origin verdict action force next name password token page job kind""".split()
NASTY = [
    "' OR 1=1 --", '"; DROP TABLE headlines; --', "<script>alert(1)</script>", "\"><svg onload=alert(1)>", "{{7*7}}",
    "${7*7}", "../../../../etc/passwd", "..%2f..%2fetc", "\x00", "\x1b[31m", "\r\nSet-Cookie: a=b", "\ud800".encode(
    "utf-8", "surrogatepass").decode("latin-1"), "𝕏" * 300, "A" * 5_000, "-1", "9" * 40, "1e309", "NaN", "null",
    "file:///etc/passwd", "javascript:alert(1)", "//evil.example", "0001-01-01", "9999-12-31", "%", "*", '"', "NEAR(",
    "١",    "2026-07-03T02:40:00+99:99", "--all", "-", "1-", "a OR b", "茅台 -", "￿",
]  # fmt: skip
values = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=60), st.integers().map(str), st.sampled_from(["", "k1", "real"])
)
fields = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
ROUTES = [
    (method, each.path)
    for each in entries(Login(Door(DeskSettings())))
    for method, handler in (("GET", each.get), ("POST", each.post))
    # What would log the visitor out or start a process is not for here.
    if handler is not None
    and each.path not in ("/logout", "/models/rollback")
    and not each.path.startswith("/models/train")
]


class Inspector(HTMLParser):
    """Finds what would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given_ = dict(attributes)
        if tag in ("img", "iframe", "object", "embed", "base", "style") or "http-equiv" in given_:
            self.found.append(tag)
        if tag == "script" and given_.get("src") != "/static/desk.js":
            self.found.append("script")
        for name, value in attributes:
            link = name in ("href", "src", "action", "formaction", "xlink:href") and (value or "").strip().lower()
            if name.startswith("on") or name == "style" or (link and link.startswith(("javascript:", "data:", "//"))):
                self.found.append(f"{tag} {name}={value}")


@pytest.fixture
def archive(archive_url):
    opened = Archive(archive_url)
    yield opened
    opened.close()


@pytest.fixture
def visitor(settings, archive, clock, tmp_path):
    archive.keep([scored("k1", "<script>alert(1)</script> falls", url="javascript:alert(1)", source="<b>")])
    told = with_desk(settings, runs=tmp_path / "runs")
    person = Visitor(build_desk(told, archive, clock))
    with person.http:
        person.get("/audit")
        yield person


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(route=st.sampled_from(ROUTES), fields=fields, part=values, with_token=st.booleans())
def test_no_request_brings_the_desk_down_or_anything_into_its_pages(visitor, route, fields, part, with_token):
    method, path = route
    for name in ("kind", "page", "job"):
        path = path.replace(f"{{{name}}}", quoted(part))
    path = path.replace("{name:path}", quoted(part))
    if method == "GET":
        answer = visitor.http.get(path, params=fields, follow_redirects=False)
    else:
        token = {"token": visitor.token} if with_token else {}
        answer = visitor.http.post(path, data={**fields, **token}, follow_redirects=False)
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    assert method == "GET" or with_token or answer.status_code in (403, 404, 405, 413, 415)
    assert "set-cookie" not in answer.headers or "desk=" in answer.headers["set-cookie"]
    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")
    if answer.headers.get("content-type", "").startswith("text/html") and "/models/report" not in path:
        inspector = Inspector()
        inspector.feed(answer.text)
        assert inspector.found == []


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace").decode(), safe="") or "x"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300),
    st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""]),
)
def test_any_bytes_as_a_form_are_answered(visitor, body, kind):
    answer = visitor.http.post("/review", content=body, headers={"content-type": kind} if kind else {})
    assert answer.status_code in (400, 403, 413, 415)
