"""The local servers, for real: they come up, do their work, survive a crash, and leave nothing behind.

They need what deploy/setup.sh installs; without it these tests fail and say so.
"""

import contextlib
import http.server
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from deploy.stack.alertmanager import Alertmanager
from deploy.stack.errors import ProgramMissingError, ServerNotReadyError, ServerRefusedError
from deploy.stack.kafka import JARS, Kafka
from deploy.stack.postgres import Postgres
from deploy.stack.prometheus import Prometheus

ROOT = Path(__file__).resolve().parents[2]
OFTEN = {"scrape_interval": 0.5, "evaluation_interval": 0.5}


def until(true: Callable[[], Any], seconds: float = 40.0) -> Any:
    """The first true answer, or the last one when the time is up."""
    deadline = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


class Site:
    """A web site of this test: /metrics tells a gauge, anything posted is kept."""

    def __init__(self, value: int = 7) -> None:
        posted: queue.Queue[tuple[str, bytes]] = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name is http.server's
                self._answer(f"squall_headlines {value}\n".encode())

            def do_POST(self) -> None:
                posted.put((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.posted = posted
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


# ------------------------------------------------------------------ Kafka

PARTITIONS = 2


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with Kafka(tmp_path_factory.mktemp("kafka"), JARS) as broker:
        yield broker


def create_topic(broker: Kafka, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        admin.create_topics([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1)])
    finally:
        admin.close()


def send(broker: Kafka, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    try:
        for sent in [producer.send(topic, value=value) for value in values]:
            sent.get(timeout=30)
    finally:
        producer.close()


def receive(broker: Kafka, topic: str, count: int, group: str | None = None) -> list[bytes]:
    # Partitions by hand: a kafka-python 3.0.12 consumer that subscribes is now and then, after the broker
    # has restarted, given none at all, and stays without.
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id=group, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
    got: list[bytes] = []
    deadline = time.monotonic() + 30
    try:
        while len(got) < count and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=200).values():
                got.extend(record.value for record in records)
        if group:
            consumer.commit()
    finally:
        consumer.close()
    return sorted(got)


def test_kafka_keeps_its_records_offsets_and_port_through_a_crash_and_a_stop(kafka: Kafka) -> None:
    create_topic(kafka, "squalls")
    first = [b"headline %02d" % n for n in range(20)]
    send(kafka, "squalls", first)
    assert receive(kafka, "squalls", 20, group="readers") == first

    address, crashed = kafka.bootstrap, kafka.pid
    kafka.kill()
    assert not kafka.running
    kafka.start()
    assert (kafka.bootstrap, kafka.running) == (address, True)
    assert kafka.pid != crashed
    send(kafka, "squalls", [b"later"])
    assert receive(kafka, "squalls", 21) == [*first, b"later"]
    assert receive(kafka, "squalls", 1, group="readers") == [b"later"], "the group's place is kept too"

    kafka.stop()
    assert not kafka.running
    kafka.stop()
    kafka.start()
    kafka.start()
    assert receive(kafka, "squalls", 21) == [*first, b"later"]


def test_kafka_does_not_make_topics_by_mere_use(kafka: Kafka) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, max_block_ms=300)
        with pytest.raises(Exception, match=r"(?i)timeout|metadata|unknown"):
            producer.send("never.made", value=b"x").get(timeout=5)
        producer.close()
        assert "never.made" not in admin.list_topics()
    finally:
        admin.close()


def test_kafka_without_its_jars_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissingError, match="run `make setup`"):
        Kafka(tmp_path, tmp_path / "no-jars").start()


def test_kafka_on_a_taken_port_says_what_to_do(kafka: Kafka, tmp_path: Path) -> None:
    second = Kafka(tmp_path, JARS, port=kafka.port)
    with pytest.raises(ServerNotReadyError, match=f"another process listens on port {kafka.port}"):
        second.start()
    assert not second.running


# ------------------------------------------------------------------ Prometheus


def test_prometheus_scrapes_what_it_is_told_and_takes_up_a_new_target(tmp_path: Path, site: Site) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{record: squall_doubled, expr: squall_headlines * 2}]}]")
    second = Site(value=5)
    try:
        with Prometheus(tmp_path / "p", {"worker": [site.address]}, [rules], **OFTEN) as prometheus:
            assert prometheus.query("vector(3)")[0]["value"][1] == "3"
            assert prometheus.query("3")[0]["value"][1] == "3"
            assert prometheus.query("squall_never_seen") == []
            (seen,) = until(lambda: prometheus.query("squall_headlines"))
            assert seen["value"][1] == "7"
            assert (seen["metric"]["job"], seen["metric"]["instance"]) == ("worker", site.address)
            (doubled,) = until(lambda: prometheus.query("squall_doubled"))
            assert doubled["value"][1] == "14"

            prometheus.set_targets("worker", [site.address, second.address])
            prometheus.set_targets("relay", [second.address])
            assert until(lambda: len(prometheus.query("squall_headlines")) == 3)
            found = prometheus.query("squall_headlines")
            assert {(one["metric"]["job"], one["value"][1]) for one in found} == {
                ("worker", "7"),
                ("worker", "5"),
                ("relay", "5"),
            }

            with pytest.raises(ServerRefusedError, match=r"refused the query 'sum\('"):
                prometheus.query("sum(")
            rules.write_text("groups: [{name: g, rules: [{record: squall_doubled, expr: 'sum('}]}]")
            with pytest.raises(ServerRefusedError, match="refused its new settings"):
                prometheus.reload()
            rules.write_text("groups: [{name: g, rules: [{record: squall_tripled, expr: squall_headlines*3}]}]")
            prometheus.reload()
            assert len(until(lambda: prometheus.query("squall_tripled"))) == 3
        with pytest.raises(ServerRefusedError, match="does not answer"):
            prometheus.query("1")
    finally:
        second.close()


def test_prometheus_with_a_wrong_rule_says_why_it_did_not_start(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{record: squall, expr: 'sum('}]}]")
    with pytest.raises(ServerNotReadyError, match=r"Prometheus did not come up.*unclosed left parenthesis"):
        Prometheus(tmp_path / "p", {}, [rules]).start()
    with pytest.raises(ValueError, match="job's name"):
        Prometheus(tmp_path / "q", {"../worker": []})


# ------------------------------------------------------------------ Alertmanager


def routed_to(site: Site) -> dict[str, Any]:
    return {
        "route": {"receiver": "desk", "group_wait": "100ms", "group_by": ["alertname"]},
        "receivers": [{"name": "desk", "webhook_configs": [{"url": f"http://{site.address}/pages"}]}],
    }


def test_alertmanager_passes_an_alert_on(tmp_path: Path, site: Site) -> None:
    with Alertmanager(tmp_path, routed_to(site)) as alertmanager:
        alerts = json.dumps([{"labels": {"alertname": "Squall"}}])
        status, _ = alertmanager.ask("POST", "/api/v2/alerts", alerts)
        assert status == 200
        path, body = site.posted.get(timeout=20)
    assert path == "/pages"
    (alert,) = json.loads(body)["alerts"]
    assert alert["labels"] == {"alertname": "Squall"}
    assert alert["generatorURL"] == ""


def test_a_firing_rule_reaches_the_webhook_by_way_of_alertmanager(tmp_path: Path, site: Site) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, rules: [{alert: Squall, expr: squall_headlines > 5}]}]")
    with (
        Alertmanager(tmp_path / "a", routed_to(site)) as alertmanager,
        Prometheus(tmp_path / "p", {"worker": [site.address]}, [rules], alertmanager.url, **OFTEN),
    ):
        _, body = site.posted.get(timeout=40)
    assert json.loads(body)["alerts"][0]["labels"]["instance"] == site.address


def test_alertmanager_with_a_wrong_config_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerNotReadyError, match=r"Alertmanager did not come up.*no route"):
        Alertmanager(tmp_path, {"receivers": []}).start()


# ------------------------------------------------------------------ PostgreSQL


def rows(url: str) -> list[Any]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return [each for (each,) in connection.execute("SELECT n FROM t ORDER BY n")]


def test_postgresql_keeps_what_was_committed_and_its_port_through_a_crash_and_a_stop(tmp_path: Path) -> None:
    with Postgres(tmp_path) as postgres:
        url = postgres.create("news")
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as at_work:
            at_work.execute("CREATE TABLE t (n int)")
            at_work.execute("INSERT INTO t VALUES (1)")
            at_work.execute("BEGIN")
            at_work.execute("INSERT INTO t VALUES (2)")
            crashed = postgres.pid
            postgres.kill()
            assert not postgres.running
            with pytest.raises(psycopg.OperationalError):
                at_work.execute("COMMIT")
        postgres.start()
        assert postgres.pid != crashed
        assert rows(url) == [1]
        with psycopg.connect(url.replace("+psycopg", "")) as idle:
            postgres.stop()
            assert postgres.process.exit_code == 0, "it does not wait for a client that is idle"
            with pytest.raises(psycopg.OperationalError):
                idle.execute("SELECT 1")
        postgres.start()
        assert rows(url) == [1]
        with pytest.raises(psycopg.Error, match="already exists"):
            postgres.create("news")


def test_postgresql_that_is_not_installed_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.stack.postgres.PACKAGES", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissingError, match="run `make setup`"):
        Postgres(tmp_path / "p").start()


# ------------------------------------------------------------------ all together


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_a_parent_killed_with_kill_9_leaves_no_server_behind(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from deploy.stack.alertmanager import Alertmanager; from deploy.stack.kafka import Kafka\n"
        "from deploy.stack.postgres import Postgres; from deploy.stack.prometheus import Prometheus\n"
        "at, config = Path(sys.argv[1]), {'route': {'receiver': 'r'}, 'receivers': [{'name': 'r'}]}\n"
        "servers = [Kafka(at / 'k'), Prometheus(at / 'p', {}), Alertmanager(at / 'a', config), Postgres(at / 'd')]\n"
        "for server in servers: server.start()\n"
        "print(*[server.pid for server in servers], flush=True); time.sleep(120)"
    )
    pids: list[int] = []
    argv = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        try:
            assert parent.stdout is not None
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(pids) == 4
            assert all(map(is_alive, pids))
            parent.send_signal(signal.SIGKILL)
            parent.wait(10)
            assert until(lambda: not any(map(is_alive, pids)), seconds=10)
        finally:
            parent.kill()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
