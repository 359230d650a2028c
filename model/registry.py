"""From a reference to a bundle: `bundled`, a folder, or what was promoted into the registry (MLflow).

A registered model has numbered versions, which never change, and aliases that point at one: `champion` is what workers
score with, `previous` what they scored with before. MLflow is slow to load, so it is loaded where a registry reference
is used and nowhere else.
"""

import logging
import os
import re
import socket
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from model.bundle import BUNDLED, MANIFEST, Bundle, sha256_of
from model.cache import BundleCache
from model.errors import BundleError, RegistryError, UsageError

if TYPE_CHECKING:  # seconds to load
    from mlflow import MlflowClient

CHAMPION, PREVIOUS = "champion", "previous"

# Tags of a version, by which it is found again and known to be whole.
BUNDLE_TAG, SHA256_TAG = "bundle", "bundle_sha256"

# How long one waits for a SQLite that somebody writes to, and for a server's word.
SQLITE_SECONDS, CONNECT_SECONDS, ANSWER_SECONDS = 20, 5, 30

# MLflow reads these from the environment only. Left alone it sends home who uses it, and prints a server's URL with the
# password in it.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# Where the environment does not say otherwise; by MLflow's own defaults a server that is down is asked for minutes.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(ANSWER_SECONDS),
}
_CHATTY = ("mlflow", "alembic", "urllib3.connectionpool")
# Whose errors say that the registry failed, and not that we did.
_THEIRS = ("mlflow", "sqlalchemy", "sqlite3", "psycopg", "alembic", "requests", "urllib3")
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}

_REFERENCE = re.compile(r"(?P<alias>champion|previous)|(?P<version>\d+)|models:/(?P<name>[^/@]+)(?P<rest>[/@].+)")
# The store answers, and has not got what its database tells of.
_LOST = re.compile(r"No such (artifact|file or directory)|does not exist")
_HELPFUL = re.compile(r"(?:\[Errno -?\d+\] )([\w ,]+(?:: '[^']+')?)|(No such artifact: '[^']+')")


@dataclass(frozen=True)
class RegistryPlace:
    """Where a registry is.

    `uri`: of MLflow's store, `sqlite:///FILE`, another SQLAlchemy URL, or a server's. `artifacts`: folder or URI for
    the models' files, which a server keeps itself. `name`: of the registered model. `cache`: this machine's folder
    for copies.
    """

    uri: str
    artifacts: str
    name: str
    cache: Path

    def __str__(self) -> str:
        """The URI as it may be shown: without a password."""
        return _shown(self.uri)

    @property
    def file(self) -> Path | None:
        """The SQLite file; None if the store is anything else."""
        if not self.uri.startswith("sqlite:///"):
            return None
        return Path(self.uri.removeprefix("sqlite:///").partition("?")[0]).absolute()

    @property
    def address(self) -> str:
        """The URI as MLflow is given it: with a file's whole path, since MLflow remembers stores by their URI."""
        if self.file is None:
            return self.uri
        return f"sqlite:///{self.file}?timeout={SQLITE_SECONDS}"

    @property
    def is_server(self) -> bool:
        """Whether an MLflow server keeps the store and the models' files."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def artifacts_uri(self) -> str:
        """Where the models' files go, as a URI."""
        is_uri = "://" in self.artifacts or self.artifacts.startswith("file:")
        return self.artifacts if is_uri else Path(self.artifacts).absolute().as_uri()


class Target(NamedTuple):
    """What a registry reference points at: an alias or a version; the model's name where it says one."""

    alias: str | None
    version: int | None
    name: str | None


def target_of(reference: str) -> Target | None:
    """What a registry reference points at; None if it is none.

    >>> target_of("models:/newsquall@champion")
    Target(alias='champion', version=None, name='newsquall')
    >>> target_of("7"), target_of("bundled")
    (Target(alias=None, version=7, name=None), None)
    """
    found = _REFERENCE.fullmatch(reference)
    if not found:
        return None
    if found["name"] is None:
        return Target(found["alias"], int(found["version"]) if found["version"] else None, None)
    if found["rest"].startswith("@"):
        return Target(found["rest"][1:], None, found["name"])
    number = found["rest"][1:]
    return Target(None, int(number), found["name"]) if number.isdecimal() else None


def resolve(reference: str, place: RegistryPlace | None = None) -> Bundle:
    """Open the bundle that a reference means: `bundled`, `champion`, `previous`, a version's number,
    `models:/NAME@ALIAS`, `models:/NAME/VERSION`, or a folder; one of the name of another reference is `./NAME`.

    Raises UsageError if it means none, RegistryError if the registry cannot be had, BundleError if the bundle is
    damaged.
    """
    if reference == "bundled":
        return Bundle.open(BUNDLED)
    if target_of(reference):
        if place is None:
            raise UsageError(f"'{reference}' is in the model registry, which is not to be had here: give a folder")
        registry = Registry(place)
        return registry.bundle(registry.version_of(reference))
    folder = Path(reference)
    if folder.is_dir() and not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} is no bundle: it has no {MANIFEST}")
    if not folder.is_dir():
        raise UsageError(
            f"there is no model '{reference}': give 'bundled', a bundle's folder, 'champion' or a version's number"
        )
    return Bundle.open(folder)


@dataclass(frozen=True)
class Version:
    """A version of the registered model."""

    number: int
    created: datetime
    source: str
    run_id: str | None
    tags: Mapping[str, str]

    @property
    def bundle(self) -> str:
        """Its bundle's version; empty where it was not registered by us."""
        return self.tags.get(BUNDLE_TAG, "")


class Registry:
    """The versions and aliases of one registered model. To look makes nothing: a registry that was never made is
    empty. Every method raises RegistryError if the registry cannot be reached or refuses; they may be called from
    several threads."""

    def __init__(self, place: RegistryPlace) -> None:
        self.place = place
        self._connected: MlflowClient | None = None

    def alias(self, alias: str) -> int | None:
        """The version that an alias points at; None if there is no such alias."""
        return self.aliases().get(alias)

    def aliases(self) -> dict[str, int]:
        """The version of each alias."""
        model = self._model()
        return {name: int(version) for name, version in model.aliases.items()} if model else {}

    def notes(self) -> Mapping[str, str]:
        """The tags of the registered model itself."""
        model = self._model()
        return dict(model.tags) if model else {}

    def versions(self) -> list[Version]:
        """All versions, the oldest first."""
        found: list[Version] = []
        with self.talking() as client:
            token: str | None = None
            while client is not None:
                page = client.search_model_versions(f"name='{self.place.name}'", max_results=200, page_token=token)
                found += map(_version, page)
                token = page.token
                if not token:
                    break
        return sorted(found, key=lambda version: version.number)

    def version_of(self, reference: str) -> int:
        """The version that a reference means: an alias, a version's number, `models:/NAME@ALIAS`.

        Raises UsageError if there is none.
        """
        target = target_of(reference)
        if target is None:
            raise UsageError(f"'{reference}' is no registry reference: give 'champion' or a version's number")
        if target.name not in (None, self.place.name):
            raise UsageError(f"'{reference}' is not of the model '{self.place.name}': set registry.name")
        if target.alias is not None:
            version = self.alias(target.alias)
            if version is None:
                what = (
                    "promote a bundle first (newsquall promote DIR)"
                    if target.alias == CHAMPION
                    else "see `newsquall models`"
                )
                raise UsageError(f"the registry {self.place} has no {target.alias}: {what}")
            return version
        known = [version.number for version in self.versions()]
        if target.version not in known:
            raise UsageError(f"the registry {self.place} has no version {target.version}: see `newsquall models`")
        return known[known.index(target.version)]

    def bundle(self, version: int) -> Bundle:
        """A version's bundle, from this machine's cache or else from the registry.

        Raises BundleError if it is damaged there, too.
        """
        with self.talking() as client:
            if client is None:
                raise RegistryError(f"the registry {self.place} has no version {version}: promote a bundle first")
            found = _version(client.get_model_version(self.place.name, str(version)))

        def fetch(folder: Path) -> None:
            from mlflow.artifacts import download_artifacts  # noqa: PLC0415  (seconds to load)

            try:
                with self.talking():
                    into = download_artifacts(
                        artifact_uri=found.source, dst_path=str(folder), tracking_uri=self.place.address
                    )
            except RegistryError as error:
                if _LOST.search(str(error.__cause__)):
                    raise BundleError("its files are gone") from error
                raise
            for file in list(Path(into).iterdir()):
                file.rename(folder / file.name)
            Path(into).rmdir()

        of_this = sha256(_shown(self.place.address).encode()).hexdigest()[:8]
        cache = BundleCache(self.place.cache / f"{_file_name(self.place.name)}-{of_this}")
        key = "-".join(filter(None, (str(version), _file_name(found.bundle))))
        try:
            return cache.bundle(key, found.tags.get(SHA256_TAG), fetch)
        except BundleError as error:
            raise BundleError(
                f"version {version} of the registry {self.place} is not whole at {found.source} ({error}): "
                "promote it anew"
            ) from error
        except OSError as error:
            where = f"{cache.folder} cannot take version {version} of the registry"
            raise RegistryError(f"{where}: {error.strerror or error}; see registry.cache") from error

    def register(self, bundle: Bundle, tags: Mapping[str, str], run_id: str | None = None) -> int:
        """Lay a bundle into the registry as a new version, with the run that made it where that is known. No alias
        points at it yet. The registry is made if there is none."""
        names = (*bundle.manifest.files, MANIFEST)  # the manifest last: without it nothing looks like a bundle
        own = {BUNDLE_TAG: bundle.version, SHA256_TAG: sha256_of(bundle.folder / MANIFEST)}
        with self.talking(make=True) as client:
            assert client is not None
            _unless_there(client.create_registered_model, self.place.name)
            run = self._run(client, run_id) or client.create_run(self.experiment(client), run_name=bundle.version)
            # A folder of its own: the files of a version never change, even if another one comes from the same run.
            folder = f"bundles/{_file_name(bundle.version)}"
            for name in names:
                client.log_artifact(run.info.run_id, str(bundle.folder / name), folder)
            if run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id)
            source = f"{run.info.artifact_uri}/{folder}"
            made = client.create_model_version(
                self.place.name, source=source, run_id=run.info.run_id, tags={**tags, **own}
            )
            return int(made.version)

    def point(self, alias: str, version: int) -> None:
        """Move an alias to a version."""
        with self.talking(make=True) as client:
            assert client is not None
            client.set_registered_model_alias(self.place.name, alias, str(version))

    def note(self, key: str, value: str, version: int | None = None) -> None:
        """Set a tag of the registered model, or of one of its versions."""
        with self.talking(make=True) as client:
            assert client is not None
            if version is None:
                client.set_registered_model_tag(self.place.name, key, value)
            else:
                client.set_model_version_tag(self.place.name, str(version), key, value)

    def experiment(self, client: "MlflowClient") -> str:
        """The experiment to which runs belong, made if there is none."""
        found = client.get_experiment_by_name(self.place.name)
        if found is None:
            location = None if self.place.is_server else self.place.artifacts_uri
            _unless_there(client.create_experiment, self.place.name, location)
            found = client.get_experiment_by_name(self.place.name)
        return str(found.experiment_id)

    @contextmanager
    def talking(self, make: bool = False) -> "Iterator[MlflowClient | None]":
        """MLflow's client; None if there is no registry yet and `make` does not ask for one. What fails inside the
        block for the registry's reasons is raised as RegistryError."""
        try:
            yield self._client(make)
        except Exception as error:  # their errors have no common root
            theirs = isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _THEIRS
            if not theirs:
                raise
            said = _plain(str(error), self.place)
            raise RegistryError(
                f"the registry {self.place} failed: {said}; see registry.uri, registry.artifacts"
            ) from error

    def _client(self, make: bool) -> "MlflowClient | None":
        if self.place.file is not None and not make and not _is_made(self.place.file):
            # Looked at each time: SQLite would make an empty file where one was taken away.
            if self._connected is not None:
                raise RegistryError(f"the registry {self.place} is not there any more: put its file back")
            return None
        if self._connected is None:
            if self.place.file is None and not self.place.is_server:
                _require_listening(self.place.uri)
            self._connected = _connect(self.place.address)
        return self._connected

    def _model(self) -> Any:
        """MLflow's registered model; None if there is none."""
        with self.talking() as client:
            if client is None:
                return None
            try:
                return client.get_registered_model(self.place.name)
            except Exception as error:  # talking() tells the others
                if getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise

    @staticmethod
    def _run(client: "MlflowClient", run_id: str | None) -> Any:
        """A run by its id; None if this registry does not have it, as when the bundle was trained elsewhere."""
        if run_id is None:
            return None
        try:
            run = client.get_run(run_id)
        except Exception as error:
            if getattr(error, "error_code", None) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        return run if run.info.lifecycle_stage == "active" else None


def _version(found: Any) -> Version:
    created = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    return Version(int(found.version), created, found.source, found.run_id, dict(found.tags))


def _connect(address: str) -> "MlflowClient":
    """MLflow's client, its telemetry, chatter and warnings off."""
    os.environ.update(_QUIET)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    # It calls what SQLAlchemy, Starlette and others deprecate: nothing that who runs Newsquall could mend.
    warnings.filterwarnings("ignore", module=r"(mlflow|alembic|sqlalchemy|databricks|google|opentelemetry)(\.|$)")
    from mlflow import MlflowClient  # noqa: PLC0415  (seconds to load)

    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is raised, too
    return MlflowClient(address, address)


def _unless_there(make: Any, *arguments: Any) -> None:
    """Make something in the registry; another process may have been faster."""
    try:
        make(*arguments)
    except Exception as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise


def _is_made(file: Path) -> bool:
    """Whether a SQLite file is a registry. Raises RegistryError if it is something else, which MLflow would fill with
    its tables."""
    if not file.exists():
        return False
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=SQLITE_SECONDS)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables - {"alembic_version"} and not tables & {"registered_models", "experiments"}:
        raise RegistryError(f"{file} is a database of something else: set registry.uri to a file of its own")
    return "registered_models" in tables


def _require_writable(file: Path) -> None:
    """Raises OSError or sqlite3.Error where no SQLite can be made; MLflow would try it for minutes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=SQLITE_SECONDS)) as database:
        database.execute("BEGIN IMMEDIATE")


def _require_listening(uri: str) -> None:
    """Raises OSError where nobody listens at a database's host; MLflow would ask it again for minutes."""
    parts = urlsplit(uri)
    port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
    if parts.hostname and port:
        socket.create_connection((parts.hostname, port), CONNECT_SECONDS).close()


def _plain(said: str, place: RegistryPlace) -> str:
    """The one sentence of an error that helps, without a password."""
    found = _HELPFUL.search(said)
    line = found[1] or found[2] if found else next(iter(said.strip().splitlines()), "no reason given")[:300]
    password = urlsplit(place.uri).password
    for secret in filter(None, (password, password and unquote(password))):
        line = line.replace(secret, "***")
    return line.rstrip(".")


def _shown(uri: str) -> str:
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", uri)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text).lstrip(".")
