"""Who is let in at the desk, and as what; what every answer carries; what is written down."""

import stat
from datetime import timedelta

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from deploy.desk.app import build_desk, entries
from deploy.desk.attempts import OF_A_NAME, OF_AN_ADDRESS, WITHIN, Attempts
from deploy.desk.csrf import CsrfTokens
from deploy.desk.login import Door, Login, local_path
from deploy.desk.passwords import PasswordFile, remove_password, write_password
from deploy.desk.roles import Role
from model.errors import InputError, SettingsError
from stream.settings import DeskSettings, Settings

from .conftest import NOW, PASSWORD, PEOPLE, Visitor, with_desk


def test_without_login_the_desk_is_its_owners_who_runs_it_on_this_machine(desk):
    assert desk.get("/audit").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "10.0.0.7"])
def test_a_desk_without_login_answers_to_this_machines_names_alone(settings, archive, clock, host):
    app = build_desk(settings, archive, clock)
    answer = Visitor(app).get("/audit", headers={"host": host})
    assert answer.status_code == 421
    assert "audit" not in answer.text.lower().replace(host, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "desk.example"])
def test_it_does_not_listen_to_other_machines_without_login(settings, archive, host):
    with pytest.raises(SettingsError, match=r"does not listen on .* without login: set desk\.passwords"):
        build_desk(with_desk(settings, host=host), archive)


def test_who_is_not_logged_in_is_sent_to_the_login_and_back(guarded):
    visitor = Visitor(guarded)
    asked = visitor.http.get("/audit?who=x", follow_redirects=False)
    assert asked.headers["location"] == "/login?next=/audit%3Fwho%3Dx"
    answer = visitor.log_in(PEOPLE["operator"], target="/audit?who=x")
    assert answer.status_code == 200
    assert answer.url.path == "/audit"


@pytest.mark.parametrize(("name", "password"), [("olaf", "wrong wrong wrong"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_or_password_is_told_in_the_same_words_and_written_down(guarded, log_in, name, password):
    visitor = Visitor(guarded)
    answer = visitor.log_in(name, password)
    assert answer.status_code == 403
    assert "do not go together" in answer.text
    assert "login failed" in log_in("operator").get("/audit").text


def test_after_a_few_wrong_passwords_a_name_waits_and_comes_in_later(guarded, clock):
    visitor = Visitor(guarded)
    for _ in range(OF_A_NAME):
        assert visitor.log_in("olaf", "wrong wrong wrong").status_code == 403
    assert visitor.log_in("olaf").status_code == 429
    clock.turn(seconds=WITHIN.total_seconds())
    visitor.log_in("olaf")
    assert visitor.get("/audit").status_code == 200


@given(st.lists(st.integers(0, 120), max_size=60))
def test_no_address_ever_has_more_failures_within_the_while_than_it_may(pauses):
    attempts, now, let_in = Attempts(), NOW, []
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        if not attempts.wait(f"name{number}", "a", now):
            attempts.failed(f"name{number}", "a", now)
            let_in.append(now)
        assert sum(at > now - WITHIN for at in let_in) <= OF_AN_ADDRESS
    if attempts.wait("x", "a", now):
        assert not attempts.wait("x", "a", now + attempts.wait("x", "a", now))


def test_a_login_ends_by_time_by_leaving_and_by_the_password_file(settings, archive, clock, tmp_path):
    path = tmp_path / "passwords"
    write_password(path, "olaf", "operator", PASSWORD)
    app = build_desk(with_desk(settings, passwords=path, session="1h"), archive, clock)

    def entered() -> Visitor:
        visitor = Visitor(app)
        visitor.log_in("olaf")
        assert visitor.get("/audit").url.path == "/audit"
        return visitor

    visitor = entered()
    cookie = visitor.http.cookies["desk"]
    visitor.post("/logout")
    visitor.http.cookies.set("desk", cookie)
    assert visitor.get("/audit").url.path == "/login"

    visitor = entered()
    clock.turn(hours=1)
    assert visitor.get("/audit").url.path == "/login"

    visitor = entered()
    write_password(path, "olaf", "viewer", PASSWORD)
    assert visitor.get("/audit").url.path == "/login"

    visitor = Visitor(app)
    visitor.log_in("olaf")
    assert visitor.get("/audit").status_code == 403
    remove_password(path, "olaf")
    assert visitor.get("/audit").url.path == "/login"


def test_without_its_password_file_nobody_is_let_in(settings, archive, clock, tmp_path):
    path = tmp_path / "passwords"
    write_password(path, "olaf", "operator", PASSWORD)
    visitor = Visitor(build_desk(with_desk(settings, passwords=path), archive, clock))
    visitor.log_in("olaf")
    path.unlink()
    assert visitor.get("/audit").status_code == 503
    assert visitor.get("/login").status_code == 503
    assert visitor.get("/board/live").status_code == 503


def test_a_login_never_goes_on_with_the_cookie_that_the_visitor_brought(guarded):
    visitor = Visitor(guarded)
    visitor.get("/login")
    before = visitor.http.cookies["desk"]
    visitor.log_in("olaf")
    assert visitor.http.cookies["desk"] != before


def test_cookies_are_out_of_reach_of_scripts_and_by_https_for_https_alone(settings, archive, clock, password_file):
    app = build_desk(with_desk(settings, passwords=password_file), archive, clock)
    plain = Visitor(app).get("/login").headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=lax" in plain
    named = with_desk(settings, passwords=password_file, public_url="https://desk.example")
    safe = Visitor(build_desk(named, archive, clock), "desk.example").get("/login").headers
    assert safe["set-cookie"].startswith("__Host-desk=")
    assert "secure" in safe["set-cookie"].lower()
    assert "strict-transport-security" in safe


def test_a_trusted_proxy_says_who_comes_and_nobody_else_does(settings, archive, clock):
    given_ = {"proxy_header": "X-User", "proxy_operators": ["olaf"], "proxy_analysts": ["anna"]}
    trusting = build_desk(with_desk(settings, trusted_proxies=["testclient"], **given_), archive, clock)
    assert Visitor(trusting).get("/audit", headers={"X-User": "olaf"}).status_code == 200
    assert Visitor(trusting).get("/audit", headers={"X-User": "anna"}).status_code == 403
    assert Visitor(trusting).get("/audit").url.path == "/login"
    other = build_desk(with_desk(settings, **given_), archive, clock)
    assert Visitor(other).get("/audit", headers={"X-User": "olaf"}).url.path == "/login"


def test_nobody_without_a_proxy_chooses_the_address_by_which_tries_are_counted(guarded):
    visitor = Visitor(guarded)
    visitor.get("/login")
    for number in range(OF_AN_ADDRESS):
        visitor.http.headers["x-forwarded-for"] = f"10.0.0.{number}"
        visitor.post("/login", name=f"name{number}", password="wrong wrong wrong")
    assert visitor.post("/login", name="olaf", password=PASSWORD).status_code == 429


def routes() -> list[tuple[str, str, Role]]:
    table = entries(Login(Door(DeskSettings())))
    return [
        (method, each.path, each.role)
        for each in table
        for method, handler in (("GET", each.get), ("POST", each.post))
        if handler is not None and each.role is not None
    ]


@pytest.mark.parametrize(("method", "path", "role"), routes())
def test_no_page_is_open_to_a_lesser_role_nor_to_who_is_not_logged_in(guarded, log_in, method, path, role):
    stranger = Visitor(guarded)
    stranger.get("/login")
    path = path.replace("{kind}", "topic").replace("{name}", "all").replace("{page}", "x").replace("{job}", "x")
    if method == "GET":
        assert stranger.get(path).url.path == "/login"
    else:
        assert stranger.post(path).status_code == 401
    if role > Role.VIEWER:
        lesser = log_in(Role(role - 1).word)
        answer = lesser.get(path) if method == "GET" else lesser.post(path)
        assert answer.status_code == 403
        assert f"for the role {role.word}" in answer.text


@pytest.mark.parametrize(("method", "path", "role"), [each for each in routes() if each[0] == "POST"])
def test_nothing_is_done_without_the_forms_token_or_at_another_sites_wish(log_in, method, path, role):
    visitor = log_in(role.word)
    path = path.replace("{page}", "x").replace("{job}", "x")
    token = visitor.token
    for wrong in ("", "0" * 64, CsrfTokens().token(visitor.http.cookies["desk"])):
        assert visitor.http.post(path, data={"token": wrong}).status_code == 403
    elsewhere = visitor.http.post(path, data={"token": token}, headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403


def test_every_answer_forbids_what_is_not_the_desks_own(desk):
    for path in ("/audit", "/nowhere", "/static/desk.css"):
        policy = desk.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_the_pages_have_neither_styles_nor_scripts_nor_handlers_in_them(desk):
    text = desk.get("/audit").text
    assert "style=" not in text
    assert "<style" not in text
    assert " on" + "click=" not in text


@pytest.mark.parametrize("path", ["/audit?before=x", "/audit?before=-1", "/audit?who=%00", "/audit?before=" + "9" * 30])
def test_what_cannot_be_meant_is_refused_in_words(desk, path):
    answer = desk.get(path)
    assert answer.status_code == 400
    assert "That cannot be read" in answer.text


def test_a_form_of_another_kind_or_size_is_refused(desk):
    desk.get("/audit")
    assert desk.http.post("/logout", content=b"{}", headers={"content-type": "application/json"}).status_code == 415
    assert desk.http.post("/logout", data={"token": "x" * 100_000}).status_code == 413


@given(st.text())
def test_after_a_login_one_is_never_sent_to_another_host(wanted):
    target = local_path(wanted)
    assert target.startswith("/")
    assert not target.startswith("//")
    assert "\\" not in target


def test_the_password_file_is_its_owners_alone_and_keeps_no_password(tmp_path):
    path = tmp_path / "deep" / "passwords"
    write_password(path, "anna", "analyst", PASSWORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    assert "$argon2id$" in path.read_text()
    book = PasswordFile(path)
    assert book.check("anna", PASSWORD).person.role is Role.ANALYST
    assert book.check("anna", PASSWORD + "x") is None
    for name, password in (("a:b", PASSWORD), ("", PASSWORD), ("anna", "short"), ("x" * 65, PASSWORD)):
        with pytest.raises(InputError):
            write_password(path, name, "viewer", password)
    path.write_text("anna:king:$argon2id$x\n")
    with pytest.raises(SettingsError, match="passwords:1 is no line"):
        PasswordFile(path)


def test_the_command_writes_the_password_that_it_is_given(tmp_path):
    from deploy.commands.desk import desk as command

    path = tmp_path / "passwords"
    settings = Settings(desk=DeskSettings(passwords=path))
    arguments = ["--add", "anna", "--role", "analyst"]
    assert CliRunner().invoke(command, arguments, obj=settings, input=f"{PASSWORD}\n").exit_code == 0
    assert PasswordFile(path).check("anna", PASSWORD).person.role is Role.ANALYST
    assert CliRunner().invoke(command, ["--remove", "anna"], obj=settings).exit_code == 0
    assert PasswordFile(path).entries() == {}


def test_an_error_of_the_desks_own_is_told_with_the_policy(settings, archive, clock, monkeypatch, caplog):
    def fail(_desk, _visit):
        raise RuntimeError("the secret of the matter")

    monkeypatch.setattr("deploy.desk.feeds.show", fail)
    with (visitor := Visitor(build_desk(settings, archive, clock))).http:
        answer = visitor.get("/feeds")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "the secret of the matter" in caplog.text


@pytest.mark.parametrize("path", ["/pages/", "/models/", "//evil.example/"])
def test_a_slash_too_many_leads_nowhere(desk, path):
    answer = desk.http.get(f"http://127.0.0.1:9111{path}", headers={"host": "localhost"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers
