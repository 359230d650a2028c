"""Requests that nobody means well by: no error of the server's, and nothing of them in a page that would run. Those of
`make hostile-desk` are more and by everybody, to a desk that is a process (tests/hostile/desk.py)."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.desk.app import build_desk
from stream.archive import Archive
from tests.hostile.markup import runs
from tests.hostile.visits import FIELDS, NASTY, encoded, routes

from .conftest import Visitor, scored, with_desk

# `python -m pytest --hypothesis-profile=default tests/deploy/desk/test_hostile_requests.py` draws others each time.
EXAMPLES = 400
FORM = {"content-type": "application/x-www-form-urlencoded"}
values = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=60), st.integers().map(str), st.sampled_from(["", "k1", "real"])
)
fields = st.dictionaries(st.sampled_from([*FIELDS, "token"]), values, max_size=6)
ROUTES = [
    (method, path)
    for method, path, _ in routes()
    # What would log the visitor out or start a process is not for here.
    if path not in ("/logout", "/models/rollback") and not path.startswith("/models/train")
]


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
        answer = visitor.http.get(f"{path}?{encoded(fields)}", follow_redirects=False)
    else:
        token = {"token": visitor.token} if with_token else {}
        answer = visitor.http.post(path, content=encoded({**fields, **token}), headers=FORM, follow_redirects=False)
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    assert method == "GET" or with_token or answer.status_code in (403, 404, 405, 413, 415)
    assert "set-cookie" not in answer.headers or "desk=" in answer.headers["set-cookie"]
    assert answer.headers.get("location", "/").startswith("/")
    assert not answer.headers.get("location", "/").startswith("//")
    if answer.headers.get("content-type", "").startswith("text/html") and "/models/report" not in path:
        assert runs(answer.text) == []


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
