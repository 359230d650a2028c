"""What is wrong here and what to do: each part looked at on its own, none for longer than a few seconds."""

import http.client
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

import msgspec
import onnxruntime as ort
import sqlalchemy as sa
from kafka.errors import KafkaError

from alerts.dashboardlinks import WEATHER
from deploy.probe import ask
from deploy.stack.kafka import JARS
from model.errors import NewsquallError, SettingsError, UnscorableText
from model.providers import NVIDIA_DEVICE, gpu_expected
from model.registry import resolve
from model.scorer import Scorer
from stream import topics
from stream.archive import Archive
from stream.settings import SETTINGS_FILE, Settings, load_settings

Level = Literal["ok", "warn", "fail"]

CHECK_SECONDS = 10.0
BROKER_SECONDS = 5.0
SAMPLE = "Acme shares fall after profit warning"
INSTALL = "run `make setup`"


class Finding(msgspec.Struct, frozen=True):
    """What a look at one part found. `remedy`: what to do, empty where all is well."""

    part: str
    level: Level
    found: str
    remedy: str = ""


Check = Callable[[], list[Finding]]


def examine(file: Path | None, seconds: float = CHECK_SECONDS) -> list[Finding]:
    """Look at the settings and then, all at once, at what they name. A look that takes longer than `seconds`
    is a failure too."""
    try:
        settings = load_settings(file)
    except SettingsError as error:
        broken = Finding("settings", "fail", str(error), "mend it: the other parts are found by the settings")
        return [broken, *programs()]
    path = file or Path(SETTINGS_FILE)
    said = f"{path} holds" if path.exists() else f"no {path} here: defaults, and the environment over them"
    checks: Mapping[str, Check] = {
        "broker": lambda: broker(settings),
        "archive": lambda: archive(settings),
        "model": lambda: model(settings),
        "provider": lambda: provider(settings),
        "prometheus": lambda: prometheus(settings),
        "alertmanager": lambda: alertmanager(settings),
        "relay": lambda: relay(settings),
        "grafana": lambda: grafana(settings),
        "programs": programs,
    }
    return [Finding("settings", "ok", said), *bounded(checks, seconds)]


def bounded(checks: Mapping[str, Check], seconds: float) -> list[Finding]:
    """The findings of checks that run at once, in the checks' order; one that is late is a failure."""
    deadline = time.monotonic() + seconds
    answers = {part: _started(part, check) for part, check in checks.items()}
    findings: list[Finding] = []
    for part, answer in answers.items():
        try:
            findings += answer.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            late = f"no answer within {seconds:g} s"
            findings.append(Finding(part, "fail", late, "see whether the server that the settings name hangs"))
    return findings


def _started(part: str, check: Check) -> "SimpleQueue[list[Finding]]":
    answer: SimpleQueue[list[Finding]] = SimpleQueue()

    def run() -> None:
        try:
            answer.put(check())
        except Exception as error:  # a doctor who faints helps nobody: whatever it was is a finding
            answer.put([Finding(part, "fail", f"{type(error).__name__}: {error}", "report this as a bug")])

    # A daemon: one that hangs must not keep the command from ending.
    threading.Thread(target=run, name=f"doctor-{part}", daemon=True).start()
    return answer


def broker(settings: Settings) -> list[Finding]:
    """Kafka: whether it answers, its version, and the topics with their partitions."""
    bootstrap = settings.kafka.bootstrap
    try:
        if reason := topics.unreachable(bootstrap):
            return [Finding("broker", "fail", f"not reachable: {reason}", "start Kafka, or set kafka.bootstrap")]
        with topics.admin_client(bootstrap, BROKER_SECONDS) as client:
            brokers = client.describe_cluster()["brokers"]
            version = client.get_broker_version_data(brokers[0]["broker_id"]).broker_version
            counts = topics.partition_counts(client)
    except (NewsquallError, KafkaError) as error:
        return [Finding("broker", "fail", f"{bootstrap}: {error}", "see the broker's log, or kafka.bootstrap")]
    shown = ".".join(map(str, version))
    found = [Finding("broker", "ok", f"Kafka {shown} at {bootstrap}, brokers: {len(brokers)}")]
    if settings.kafka.replication > len(brokers):
        said = f"kafka.replication is {settings.kafka.replication}, with {len(brokers)} brokers up"
        found.append(Finding("broker", "fail", said, "start the other brokers, or set it lower"))
    return [*found, *layout(counts, settings.kafka.partitions)]


def layout(counts: Mapping[str, int], partitions: int) -> list[Finding]:
    """What the partitions of the topics that exist say beside the settings."""
    wrong = {name: count for name, count in counts.items() if count != partitions}
    if wrong:
        said = ", ".join(f"{name} has {count} partitions" for name, count in wrong.items())
        remedy = "set kafka.partitions to that, or stop the workers and delete all topics"
        return [Finding("topics", "fail", f"{said}; the settings say {partitions}", remedy)]
    missing = [name for name in topics.TOPICS if name not in counts]
    if missing:
        said = f"not there yet: {', '.join(missing)}"
        return [Finding("topics", "warn", said, "start `newsquall worker`, which makes them")]
    return [Finding("topics", "ok", f"all {len(counts)}, with {partitions} partitions each")]


def archive(settings: Settings) -> list[Finding]:
    """The archive: whether it opens, and how many headlines it has."""
    try:
        url = sa.engine.make_url(settings.archive.url)
    except sa.exc.ArgumentError:
        return [Finding("archive", "fail", "archive.url is no SQLAlchemy URL", "write sqlite:///FILE, for one")]
    shown = url.render_as_string(hide_password=True)
    in_memory = url.database in (None, "", ":memory:")
    # To look must not make one.
    if url.get_backend_name() == "sqlite" and not in_memory and not Path(str(url.database)).exists():
        return [Finding("archive", "warn", f"{shown} is not there yet", "start `newsquall worker`, which makes it")]
    try:
        opened = Archive(settings.archive.url)
        try:
            rows = sum(sum(each.values()) for each in opened.totals().values())
        finally:
            opened.close()
    except (NewsquallError, sa.exc.SQLAlchemyError) as error:
        return [Finding("archive", "fail", f"{shown}: {error}", "see that it runs, or set archive.url")]
    return [Finding("archive", "ok", f"{shown}, headlines: {rows:,}")]


def model(settings: Settings) -> list[Finding]:
    """The bundle: whether every file has its checksum, its version and languages."""
    try:
        bundle = resolve(settings.scorer.model)
    except NewsquallError as error:
        return [Finding("model", "fail", str(error), "set scorer.model, or take the bundle anew")]
    manifest = bundle.manifest
    said = f"{bundle.version} of {manifest.created}, files whole, languages: {', '.join(manifest.languages)}"
    return [Finding("model", "ok", said)]


def provider(settings: Settings) -> list[Finding]:
    """Where the arithmetic runs: what was asked for, what this ONNX Runtime has, and what is in use."""
    found = []
    if "onnxruntime" in (doubled := runtimes()) and len(doubled) > 1:
        said = f"{' and '.join(doubled)} are both installed and overwrite each other's files"
        found.append(Finding("provider", "warn", said, "uninstall both, then install one (make gpu)"))
    asked = settings.scorer.provider
    available = ", ".join(each.removesuffix("ExecutionProvider") for each in ort.get_available_providers())
    try:
        with Scorer(resolve(settings.scorer.model), asked, settings.scorer.threads) as scorer:
            (score,) = scorer.score([SAMPLE])
            in_use = scorer.provider
    except NewsquallError as error:
        return [*found, Finding("provider", "fail", str(error), "see scorer.provider and scorer.model")]
    if isinstance(score, UnscorableText):
        said = f"the model cannot read '{SAMPLE}': {score}"
        return [*found, Finding("provider", "fail", said, "take the bundle anew, or set scorer.model")]
    said = f"asked for {asked}, available {available}, in use {in_use}"
    if in_use == "cpu" and gpu_expected(asked, NVIDIA_DEVICE):
        remedy = "run `make gpu`, or set scorer.provider to cpu if that is meant"
        return [*found, Finding("provider", "warn", f"{said}: there is a GPU that is not used", remedy)]
    return [*found, Finding("provider", "ok", said)]


def runtimes() -> list[str]:
    """The installed packages of ONNX Runtime, of which there may be one only."""
    names = {each.metadata["Name"] for each in metadata.distributions()}
    return sorted(name for name in names if name in ("onnxruntime", "onnxruntime-gpu"))


def prometheus(settings: Settings) -> list[Finding]:
    """Prometheus: whether it is ready, scrapes a worker, and knows where alerts go."""
    url = settings.relay.prometheus.rstrip("/")
    if trouble := _not_ready("prometheus", url, "start Prometheus, or set relay.prometheus"):
        return [trouble]
    found = [Finding("prometheus", "ok", f"ready at {url}")]
    workers = ask(f"{url}/api/v1/query?query=newsquall_model_info")
    if not (workers.json().get("data") or {}).get("result"):
        remedy = "add the workers' /metrics to its scrape_configs"
        found.append(Finding("prometheus", "warn", "it has no metrics of a worker", remedy))
    managers = ask(f"{url}/api/v1/alertmanagers").json().get("data") or {}
    if not managers.get("activeAlertmanagers"):
        remedy = "name one under alerting.alertmanagers of its configuration"
        found.append(Finding("prometheus", "warn", "it has no Alertmanager to send alerts to", remedy))
    return found


def alertmanager(settings: Settings) -> list[Finding]:
    """Alertmanager: whether it is ready."""
    url = settings.relay.alertmanager
    trouble = _not_ready("alertmanager", url, "start Alertmanager, or set relay.alertmanager")
    return [trouble or Finding("alertmanager", "ok", f"ready at {url}")]


def relay(settings: Settings) -> list[Finding]:
    """The relay: whether it is ready, and whether pages go anywhere."""
    if settings.relay.port == 0:
        return [Finding("relay", "warn", "relay.port is 0, a free one", "set a port, that it can be found")]
    url = f"http://{settings.relay.host}:{settings.relay.port}"
    if trouble := _not_ready("relay", url, "start `newsquall relay`, or set relay.host and relay.port"):
        return [trouble]
    if not settings.relay.webhooks:
        said = f"ready at {url}, but pages go to its terminal only"
        return [Finding("relay", "warn", said, "set relay.webhooks to who is to be paged")]
    return [Finding("relay", "ok", f"ready at {url}, webhooks: {len(settings.relay.webhooks)}")]


def grafana(settings: Settings) -> list[Finding]:
    """Grafana, where one is set: whether it answers, knows the token, and has the dashboards."""
    url = (settings.grafana.url or "").rstrip("/")
    if not url:
        return []
    health = ask(f"{url}/api/health")
    if not health.ok or "database" not in health.json():
        trouble = health.trouble or "what answers there is no Grafana"
        return [Finding("grafana", "fail", f"{url}: {trouble}", "start Grafana, or set grafana.url")]
    found = f"Grafana {health.json().get('version', 'of unknown version')} at {url}"
    if settings.grafana.token is None:
        return [Finding("grafana", "warn", f"{found}, no token", "set NEWSQUALL_GRAFANA__TOKEN, to push dashboards")]
    bearer = {"Authorization": f"Bearer {settings.grafana.token.get_secret_value()}"}
    weather = ask(f"{url}/api/dashboards/uid/{WEATHER}", headers=bearer)
    if weather.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        remedy = "set NEWSQUALL_GRAFANA__TOKEN to a service account's with the role Editor"
        return [Finding("grafana", "fail", f"{found} refuses the token: {weather.status}", remedy)]
    if not weather.ok:
        return [Finding("grafana", "warn", f"{found}, without the dashboards", "run `newsquall dashboards push`")]
    return [Finding("grafana", "ok", f"{found}, with the dashboards: {url}/d/{WEATHER}")]


def _not_ready(part: str, url: str, remedy: str) -> Finding | None:
    answer = ask(f"{url.rstrip('/')}/-/ready")
    return None if answer.ok else Finding(part, "fail", f"{url}: {answer.trouble}", remedy)


def programs() -> list[Finding]:
    """What `newsquall demo` starts here; a machine that only runs a worker needs none of it."""
    wanted = {
        "java": ("java",),
        "Prometheus": ("prometheus",),
        "promtool": ("promtool",),
        "Alertmanager": ("prometheus-alertmanager", "alertmanager"),
    }
    missing = [name for name, binaries in wanted.items() if not any(map(shutil.which, binaries))]
    if not any(JARS.glob("kafka_*.jar")):
        missing.append("Kafka's jars")
    if missing:
        return [Finding("demo", "warn", f"not installed: {', '.join(missing)}", INSTALL)]
    return [Finding("demo", "ok", "java, Kafka, Prometheus and Alertmanager are installed")]
