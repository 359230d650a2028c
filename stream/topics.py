"""The Kafka topics: their names, and their creation with the partitions that the settings say."""

import logging
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import BrokerResponseError, KafkaError, for_code

from model.errors import BrokerError
from stream.outage import REMIND_SECONDS, Outage
from stream.settings import KafkaSettings, Settings

HEADLINES = "news.headlines"
SCORED = "news.scored"
TALLIES = "news.tallies"
REJECTED = "news.rejected"
TRENDS = "news.trends"
TOPICS = (HEADLINES, SCORED, TALLIES, REJECTED, TRENDS)

CONNECT_SECONDS = 2.0
BOOTSTRAP_SECONDS = 10.0
RETRY_SECONDS = 1.0
# A cluster that is starting has fewer brokers than copies for a while; beyond this the setting is wrong.
REPLICATION_GRACE_SECONDS = 30.0

_DEFAULT_PORT = 9092
_UNKNOWN_TOPIC = 3  # Kafka's error codes, as its protocol numbers them
_ALREADY_EXISTS = 36
_TOO_FEW_BROKERS = 38

log = logging.getLogger(__name__)


class _NotYet(Exception):  # noqa: N818  (a state to wait out; a BrokerError when it does not pass)
    """The broker cannot do it now and may soon."""


def addresses(bootstrap: str) -> list[tuple[str, int]]:
    """Hosts and ports of `host:port,host:port`. Raises BrokerError if one is none.

    >>> addresses("one:9092, [::1]:9093")
    [('one', 9092), ('::1', 9093)]
    """
    found = []
    for part in filter(None, (each.strip() for each in bootstrap.split(","))):
        host, colon, port = part.rpartition(":")
        if not colon or part.endswith("]"):
            host, port = part, str(_DEFAULT_PORT)
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise BrokerError(f"'{part}' in kafka.bootstrap is no address: write host:port")
        found.append((host.strip("[]"), int(port)))
    if not found:
        raise BrokerError("kafka.bootstrap is empty: write host:port of a broker")
    return found


def unreachable(bootstrap: str, seconds: float = CONNECT_SECONDS) -> str | None:
    """Why none of the brokers accepts a connection, each given so many seconds; None if one does."""
    reasons = []
    for host, port in addresses(bootstrap):
        try:
            socket.create_connection((host, port), timeout=seconds).close()
        except OSError as error:
            reasons.append(f"{host}:{port} {error.strerror or error}".strip())
        else:
            return None
    return "; ".join(reasons)


@contextmanager
def admin_client(bootstrap: str, seconds: float = BOOTSTRAP_SECONDS) -> Iterator[KafkaAdminClient]:
    """Kafka's administrative client, closed at the end. Raises KafkaError if none answers in `seconds`."""
    client = KafkaAdminClient(
        bootstrap_servers=bootstrap.replace(" ", "").split(","),
        bootstrap_timeout_ms=int(seconds * 1000),
        request_timeout_ms=int(seconds * 1000),
    )
    try:
        yield client
    finally:
        client.close()


def partition_counts(client: KafkaAdminClient, names: Sequence[str] = TOPICS) -> dict[str, int]:
    """Partitions of those topics that exist. Raises KafkaError, of which some say that it is too early."""
    counts = {}
    for topic in client.describe_topics(list(names)):
        code = topic["error_code"]
        if code == 0:
            counts[topic["name"]] = len(topic["partitions"])
        elif code != _UNKNOWN_TOPIC:
            raise for_code(code)(f"topic {topic['name']}")
    return counts


def ensure_topics(
    settings: Settings,
    wait: timedelta | None = None,
    say: Callable[[str], None] = log.warning,
    any_layout: bool = False,
) -> list[str]:
    """Create the topics that are missing, wait until each partition has a leader; returns the names created.

    While the broker is down, tries again, and says so through `say`: `wait` long, for ever if None.
    `any_layout`: a topic with another number of partitions will do, as it does for one who only produces.
    Raises BrokerError if the broker refuses, if a topic has another number of partitions, or after `wait`.
    """
    started = time.monotonic()
    bootstrap = settings.kafka.bootstrap
    outage = Outage(f"Kafka at {bootstrap}", say, REMIND_SECONDS)
    while True:
        try:
            created = _attempt(settings.kafka, any_layout, time.monotonic() - started)
        except (_NotYet, KafkaError, OSError) as error:
            if isinstance(error, BrokerResponseError) and not error.retriable:
                raise BrokerError(f"Kafka at {bootstrap} refused to make the topics: {_plain(error)}") from error
            reason = _plain(error)
        else:
            outage.over()
            return created
        if wait is not None and time.monotonic() - started + RETRY_SECONDS > wait.total_seconds():
            raise BrokerError(
                f"Kafka at {bootstrap} is not ready after {wait.total_seconds():g} s ({reason}): "
                "start the broker, or set kafka.bootstrap"
            )
        outage.now(reason, time.monotonic())
        time.sleep(RETRY_SECONDS)


def _attempt(kafka: KafkaSettings, any_layout: bool, elapsed: float) -> list[str]:
    # A client that cannot connect leaves a thread behind (kafka-python 3.0.12): knock first, then open one.
    if reason := unreachable(kafka.bootstrap):
        raise _NotYet(reason)
    with admin_client(kafka.bootstrap) as client:
        counts = partition_counts(client)
        if not any_layout:
            _require_layout(counts, kafka.partitions)
        missing = [name for name in TOPICS if name not in counts]
        if missing:
            layout = {"num_partitions": kafka.partitions, "replication_factor": kafka.replication}
            answer = client.create_topics(dict.fromkeys(missing, layout), raise_errors=False)
            created = _created(answer["topics"], kafka, elapsed)
            # Another process may have been quicker, with other settings.
            if len(created) < len(missing) and not any_layout:
                _require_layout(partition_counts(client), kafka.partitions)
            missing = created
        client.wait_for_topics(list(TOPICS))
        return missing


def _created(answers: Sequence[dict[str, Any]], kafka: KafkaSettings, elapsed: float) -> list[str]:
    created = []
    for topic in answers:
        code = topic["error_code"]
        if code == 0:
            created.append(str(topic["name"]))
        elif code == _TOO_FEW_BROKERS:
            detail = f"kafka.replication is {kafka.replication}, more than there are brokers"
            if elapsed > REPLICATION_GRACE_SECONDS:
                raise BrokerError(f"{detail}: start the others, or set it lower")
            raise _NotYet(detail)
        elif code != _ALREADY_EXISTS:
            raise for_code(code)(f"topic {topic['name']}: {topic.get('error_message') or 'no reason given'}")
    return created


def _require_layout(counts: dict[str, int], partitions: int) -> None:
    for name, count in counts.items():
        if count != partitions:
            raise BrokerError(
                f"topic {name} has {count} partitions, the settings say {partitions}: set kafka.partitions "
                f"to {count}, or stop the workers and delete all topics (counts are kept by partition)"
            )


def _plain(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
