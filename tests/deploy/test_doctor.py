"""The doctor looks at each part for itself, in a few seconds, and says what to do."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy import cli, doctor
from deploy.doctor import Finding, bounded, examine, layout
from deploy.probe import ask
from stream.archive import Archive
from stream.settings import load_settings
from stream.topics import TOPICS
from tests.grafanaserver import TOKEN, GrafanaServer

READY: Mapping[str, Any] = {
    "/-/ready": "ok",
    "/api/v1/query?query=newsquall_model_info": {"data": {"result": [{"metric": {}}]}},
    "/api/v1/alertmanagers": {"data": {"activeAlertmanagers": [{"url": "http://a"}]}},
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def site() -> Iterator[Any]:
    """A server that answers what `answers` says, else 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = self.server.answers  # type: ignore[attr-defined]
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answers.get(self.path)).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = dict(READY)  # type: ignore[attr-defined]
    server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def closed() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def settings(**sections: Mapping[str, Any]) -> Path:
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    file = Path("nq.toml")
    file.write_text("\n".join(lines))
    return file


def levels(findings: list[Finding]) -> dict[str, str]:
    return {each.part: each.level for each in findings}


def test_checks_run_at_once_and_one_that_hangs_is_a_failure() -> None:
    never = threading.Event()

    def slow() -> list[Finding]:
        time.sleep(0.2)
        return [Finding("slow", "ok", "here")]

    def hangs() -> list[Finding]:
        never.wait(20)
        return []

    def faints() -> list[Finding]:
        raise ZeroDivisionError("by zero")

    started = time.monotonic()
    found = bounded({"slow": slow, "hangs": hangs, "slow too": slow, "faints": faints}, seconds=1.0)
    assert time.monotonic() - started < 3
    never.set()
    assert [(each.part, each.level) for each in found] == [
        ("slow", "ok"),
        ("hangs", "fail"),
        ("slow", "ok"),
        ("faints", "fail"),
    ]
    assert found[1].found == "no answer within 1 s"
    assert found[3].found == "ZeroDivisionError: by zero"


def test_broken_settings_are_told_and_the_rest_that_needs_them_is_not_guessed() -> None:
    Path("broken.toml").write_text("[kafka]\npartitions = 0\n")
    found = examine(Path("broken.toml"))
    assert levels(found)["settings"] == "fail"
    assert "kafka.partitions" in found[0].found
    assert set(levels(found)) == {"settings", "demo"}


def test_topics_beside_the_settings() -> None:
    assert layout(dict.fromkeys(TOPICS, 4), 4)[0].level == "ok"
    (missing,) = layout(dict.fromkeys(TOPICS[1:], 4), 4)
    assert (missing.level, missing.found) == ("warn", "not there yet: news.headlines")
    (wrong,) = layout({**dict.fromkeys(TOPICS, 4), "news.tallies": 3}, 4)
    assert (wrong.level, wrong.found) == ("fail", "news.tallies has 3 partitions; the settings say 4")


def test_a_broker_that_is_down_or_no_broker_at_all(closed: str) -> None:
    (down,) = doctor.broker(load_settings(settings(kafka={"bootstrap": closed})))
    assert (down.level, down.found) == ("fail", f"not reachable: {closed} Connection refused")
    (none,) = doctor.broker(load_settings(settings(kafka={"bootstrap": "nonsense:port"})))
    assert (none.level, none.found) == (
        "fail",
        "nonsense:port: 'nonsense:port' in kafka.bootstrap is no address: write host:port",
    )


def test_something_that_is_not_kafka_on_its_port_fails_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "BROKER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        (found,) = doctor.broker(load_settings(settings(kafka={"bootstrap": address})))
    assert found.level == "fail"


def test_the_archive_is_looked_at_and_not_made() -> None:
    given = load_settings(settings(archive={"url": "sqlite:///headlines.db"}))
    assert doctor.archive(given)[0].level == "warn"
    assert not Path("headlines.db").exists()
    Archive(given.archive.url).close()
    (found,) = doctor.archive(given)
    assert (found.level, found.found) == ("ok", "sqlite:///headlines.db, headlines: 0")
    Path("headlines.db").write_bytes(b"not a database, and long enough to be taken for one" * 100)
    assert doctor.archive(given)[0].level == "fail"


def test_an_archives_password_is_not_told() -> None:
    url = "postgresql+psycopg://desk:secret@127.0.0.1:1/news"
    (found,) = doctor.archive(load_settings(settings(archive={"url": url})))
    assert found.level == "fail"
    assert "secret" not in f"{found}"


def test_the_bundled_model_and_the_provider_in_use() -> None:
    given = load_settings(settings(scorer={"provider": "cpu"}))
    (found,) = doctor.model(given)
    assert found.level == "ok"
    assert "languages: en" in found.found
    (used,) = doctor.provider(given)
    assert used.level == "ok"
    assert used.found.startswith("asked for cpu, available ")
    assert used.found.endswith("in use cpu")


def test_a_model_that_is_not_there_fails_with_its_name() -> None:
    given = load_settings(settings(scorer={"model": "/nowhere"}))
    for check in (doctor.model, doctor.provider):
        assert check(given)[0].level == "fail"
        assert "/nowhere" in check(given)[0].found


def test_two_runtimes_beside_each_other_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "runtimes", lambda: ["onnxruntime", "onnxruntime-gpu"])
    first, second = doctor.provider(load_settings(settings()))
    assert (first.level, second.level) == ("warn", "ok")
    assert first.found.startswith("onnxruntime and onnxruntime-gpu are both installed")


def test_a_gpu_that_is_not_used_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = tmp_path / "nvidia0"
    device.touch()
    monkeypatch.setattr(doctor, "NVIDIA_DEVICE", device)
    monkeypatch.setattr(doctor.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert doctor.provider(load_settings(settings()))[0].level == "warn"
    assert doctor.provider(load_settings(settings(scorer={"provider": "cpu"})))[0].level == "ok"


def test_prometheus_that_is_ready_scrapes_and_has_somewhere_to_send(site: Any) -> None:
    given = load_settings(settings(relay={"prometheus": site.url + "/"}))
    assert levels(doctor.prometheus(given)) == {"prometheus": "ok"}
    del site.answers["/api/v1/alertmanagers"]
    site.answers["/api/v1/query?query=newsquall_model_info"] = {"data": {"result": []}}
    assert [each.level for each in doctor.prometheus(given)] == ["ok", "warn", "warn"]
    site.answers.clear()
    (found,) = doctor.prometheus(given)
    assert (found.level, found.found) == ("fail", f"{site.url}: it answers 404 Not Found")


def test_relay_and_alertmanager(site: Any, closed: str) -> None:
    port = site.server_port
    given = load_settings(settings(relay={"alertmanager": f"http://{closed}", "port": port}))
    assert doctor.alertmanager(given)[0].found == f"http://{closed}: Connection refused"
    assert doctor.relay(given)[0].level == "warn"
    given = load_settings(settings(relay={"port": port, "webhooks": ["http://desk.example/pages"]}))
    assert doctor.relay(given)[0].level == "ok"
    assert doctor.relay(load_settings(settings(relay={"port": 0})))[0].level == "warn"


def test_grafana_is_looked_at_where_one_is_set(closed: str) -> None:
    assert doctor.grafana(load_settings(settings())) == []
    (away,) = doctor.grafana(load_settings(settings(grafana={"url": f"http://{closed}", "token": TOKEN})))
    assert (away.level, away.remedy) == ("fail", "start Grafana, or set grafana.url")
    with GrafanaServer(prefix="/g") as server:
        at = {"url": server.url}
        (bare,) = doctor.grafana(load_settings(settings(grafana=at)))
        assert (bare.level, bare.found) == ("warn", f"Grafana 11.6.0 at {server.url}, no token")
        (refused,) = doctor.grafana(load_settings(settings(grafana={**at, "token": "other"})))
        assert (refused.level, "refuses the token: 401" in refused.found) == ("fail", True)
        given = load_settings(settings(grafana={**at, "token": TOKEN}))
        (empty,) = doctor.grafana(given)
        assert (empty.level, empty.remedy) == ("warn", "run `newsquall dashboards push`")
        server.dashboards["newsquall-weather"] = {"dashboard": {}, "meta": {}}
        (well,) = doctor.grafana(given)
        assert (well.level, TOKEN in str(well)) == ("ok", False)
        assert well.found.endswith(f"{server.url}/d/newsquall-weather")


def test_something_else_at_grafanas_address_is_no_grafana(site: Any) -> None:
    site.answers["/api/health"] = {"status": "ok"}
    (found,) = doctor.grafana(load_settings(settings(grafana={"url": site.url})))
    assert found.found == f"{site.url}: what answers there is no Grafana"


def test_the_demos_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "JARS", tmp_path)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None if name in ("java", "promtool") else name)
    (found,) = doctor.programs()
    assert (found.level, found.found) == ("warn", "not installed: java, promtool, Kafka's jars")


@pytest.mark.parametrize("url", ["", "localhost:9090", "ftp://x", "http://", "http://127.0.0.1:notaport"])
def test_what_is_no_address_is_told_and_raises_nothing(url: str) -> None:
    answer = ask(url)
    assert not answer.ok
    assert answer.trouble
    assert answer.json() == {}


def test_the_command_exits_1_when_something_fails(capsys: pytest.CaptureFixture[str], closed: str) -> None:
    file = settings(
        kafka={"bootstrap": closed}, relay=dict.fromkeys(["prometheus", "alertmanager"], f"http://{closed}")
    )
    assert cli.run(["--settings", str(file), "doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {"settings", "broker", "archive", "model", "provider", "prometheus", "alertmanager", "relay", "demo"} == {
        each["part"] for each in found
    }
    assert all(set(each) == {"part", "level", "found", "remedy"} for each in found)
    assert all(each["remedy"] for each in found if each["level"] != "ok")
    assert cli.run(["--settings", str(file), "doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in ("ok", "warn", "fail") for line in lines)
    assert len(lines) == len(found)


def test_the_command_exits_0_when_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda file: [Finding("archive", "warn", "a\nb", "c")])
    assert cli.run(["doctor"]) == 0
    assert capsys.readouterr().out == "warn archive       a b; c\n"
