"""A Kafka broker of one node (Apache Kafka in KRaft mode, without ZooKeeper and without Docker)."""

import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from deploy.stack.errors import ProgramMissingError, ServerNotReadyError
from deploy.stack.ports import free_port, is_free
from deploy.stack.server import Server, program, write_whole

JARS = Path(__file__).resolve().parents[2] / ".stack" / "kafka"
"""Where deploy/setup.sh puts the broker's jars."""

_FORMAT_SECONDS = 60.0

# A broker for one machine: one copy of everything, few threads, no waiting for a second member of a group.
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # After a crash the controller waits for the old broker's session to end (9 s by default) before it admits
    # the restarted one.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.started.name = kafka.server.KafkaRaftServer
logger.started.level = info
"""


class Kafka(Server):
    """A Kafka broker on this machine, ready when a client can fetch its metadata.

    folder: its settings, data and log. jars: the folder of the broker's jars (deploy/setup.sh makes it).
    port: where clients connect; a free one by default. settings: broker settings on top of ours, by Kafka's
    names. memory: the Java heap in MiB.

    Topics are not created by mere use; create them as in production.
    """

    NAME: ClassVar[str] = "Kafka"

    def __init__(
        self,
        folder: Path,
        jars: Path = JARS,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        memory: int = 400,
    ) -> None:
        super().__init__(folder, port)
        self.jars = jars.absolute()
        self.memory = memory
        self._controller_port = free_port()
        self._settings = dict(settings or {})

    @property
    def bootstrap(self) -> str:
        """The address for clients, "127.0.0.1:PORT"."""
        return f"127.0.0.1:{self.port}"

    def _prepare(self) -> list[str]:
        java = program("java")
        if not any(self.jars.glob("kafka_*.jar")):
            raise ProgramMissingError(f"Kafka (no jars in {self.jars})")
        # Somebody took it since, or it is the other one of ours; no client knows it, so another does as well.
        while self._controller_port == self.port or not is_free(self._controller_port):
            self._controller_port = free_port()
        settings = self.folder / "server.properties"
        write_whole(settings, "".join(f"{name}={value}\n" for name, value in self._all_settings().items()))
        logging = self.folder / "log4j2.properties"
        write_whole(logging, _LOGGING)
        base = [
            java,
            f"-Xmx{self.memory}m",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            f"-Dlog4j2.configurationFile={logging}",
            "-cp",
            f"{self.jars}/*",
        ]
        if not (self._data / "meta.properties").exists():
            self._format(base, settings)
        return [*base, "kafka.Kafka", str(settings)]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _all_settings(self) -> dict[str, str]:
        return {
            **_SETTINGS,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self._data),
            **self._settings,
        }

    def _format(self, base: list[str], settings: Path) -> None:
        # An id that began with "-" would be read as an option.
        cluster = "n" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        argv = [*base, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)]
        with self.log.open("ab") as log:
            ended = subprocess.run(argv, stdout=log, stderr=log, timeout=_FORMAT_SECONDS, check=False).returncode
        if ended != 0:
            lines = self.log.read_text(errors="replace").splitlines()[-20:]
            raise ServerNotReadyError(self.NAME, f"formatting its data folder ended with code {ended}", self.log, lines)

    def _ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=2.0) as connection:
            return knows_itself(connection)


def knows_itself(connection: socket.socket) -> bool:
    """Ask a broker for its metadata (Metadata request, version 1): whether it names a broker, itself.

    A broker answers before the controller has admitted it, and then names none. May raise OSError.
    """
    client = b"newsquall"
    request = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)  # of no topics
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _receive(connection, 4))
    answer = _receive(connection, size)
    (brokers,) = struct.unpack_from(">i", answer, 4)
    return bool(brokers > 0)


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError("the broker closed the connection")
        received += part
    return received
