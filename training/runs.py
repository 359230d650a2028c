"""A training's run in the registry's MLflow: what it was given, how it went, what came of it.

A registry that cannot be had costs the record and never the training: one line says so, and at the end it is tried once
more.
"""

import hashlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from model.bundle import Bundle, sha256_of
from model.errors import InputError, RegistryError
from model.registry import BUNDLE_TAG, Registry
from stream.rows import BadRow, read_rows
from training.evaluation import HeadScores
from training.heldout import report_of

if TYPE_CHECKING:  # seconds to load
    from mlflow import MlflowClient

# Which training a run is of: one that was killed and is called again alike goes on in its run.
TRAINING_TAG = "training"
ARTIFACTS = ("report.html", "report.json", "CARD.md")
DURATION = "duration_seconds"
TESTED = ("accuracy", "macro_f1", "ece")

Status = Literal["FINISHED", "FAILED", "KILLED"]


def described(path: str) -> str:
    """A label file as a run's parameter: its name, how many rows it has, and the beginning of its checksum."""
    name = Path(path).name
    if path == "-":  # it can be read once, and that is the training's to do
        return "standard input"
    try:
        rows = sum(not isinstance(row, BadRow) for row in read_rows(path))
        return f"{name}: {rows} rows, sha256 {sha256_of(Path(path))[:12]}"
    except (OSError, InputError):  # which the training will tell
        return f"{name}: cannot be read"


class TrainingRun:
    """One training's run. Every method may be called whether or not the registry answers."""

    def __init__(
        self, registry: Registry, parameters: Mapping[str, str], out: Path, say: Callable[[str], None]
    ) -> None:
        self._registry = registry
        self._parameters = dict(parameters)
        self._out = out
        self._say = say
        self._id: str | None = None
        self._told = False
        self._bundle: Bundle | None = None

    def begin(self) -> None:
        """Open the run, or that of the same training which did not come to its end."""
        self._write(lambda _client, _run: None)

    def epoch(self, number: int, loss: float, scores: Mapping[str, HeadScores]) -> None:
        """An epoch is over: its mean loss, and the scores on the validation part by head."""
        if not self._told:  # asked again at every epoch, a server that is gone would cost a minute each
            metrics = {"loss": loss, **{_validation(head): each.macro_f1 for head, each in scores.items()}}
            self._write(lambda client, run: _log(client, run, metrics, number))

    def trained(self, bundle: Bundle) -> None:
        """The training has come to a bundle."""
        self._bundle = bundle

    def end(self, status: Status, seconds: float) -> None:
        """Close the run."""
        if self._told and status == "KILLED":  # whoever ended it does not wait for a registry that is gone
            return

        def close(client: "MlflowClient", run: str) -> None:
            before = client.get_run(run).data.metrics.get(DURATION, 0.0)  # of one that went on where it was killed
            _log(client, run, {DURATION: before + seconds})
            if self._bundle is not None:
                _results(client, run, self._bundle)
            client.set_terminated(run, status)

        self._write(close)

    def _write(self, what: "Callable[[MlflowClient, str], None]") -> None:
        try:
            with self._registry.talking(make=True) as client:
                assert client is not None
                if self._id is None:
                    self._id = self._opened(client)
                what(client, self._id)
        except RegistryError as error:
            if not self._told:
                self._say(f"{error}; this training goes on, and is not on record there")
            self._told = True

    def _opened(self, client: "MlflowClient") -> str:
        experiment = self._registry.experiment(client)
        same = hashlib.sha256(repr((sorted(self._parameters.items()), str(self._out.absolute()))).encode())
        training = same.hexdigest()[:16]
        unfinished = client.search_runs(
            [experiment],
            f"tags.{TRAINING_TAG} = '{training}' and attributes.status != 'FINISHED'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        if unfinished:
            run = str(unfinished[0].info.run_id)
            client.update_run(run, status="RUNNING")
            return run
        made = client.create_run(experiment, tags={TRAINING_TAG: training}, run_name=self._out.name)
        run = str(made.info.run_id)
        _parameters(client, run, self._parameters)
        return run


@contextmanager
def recorded(
    registry: Registry,
    parameters: Mapping[str, str],
    out: Path,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[TrainingRun]:
    """A training's run for as long as the block runs: FINISHED, FAILED, or KILLED by a signal. One that is ended by
    SIGKILL stays RUNNING there until the same training goes on. `clock`: seconds, monotonic."""
    run = TrainingRun(registry, parameters, out, say)
    began = clock()

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    status: Status = "FINISHED"
    try:
        run.begin()
        yield run
    except Exception:
        status = "FAILED"
        raise
    except BaseException:
        status = "KILLED"
        raise
    finally:
        run.end(status, round(clock() - began, 1))
        signal.signal(signal.SIGTERM, before)


def run_of(registry: Registry, bundle: Bundle) -> str | None:
    """The newest run that ended with a bundle; None if it was trained elsewhere. Raises RegistryError."""
    with registry.talking() as client:
        experiment = client and client.get_experiment_by_name(registry.place.name)
        if client is None or experiment is None:
            return None
        found = client.search_runs(
            [experiment.experiment_id],
            f"tags.{BUNDLE_TAG} = '{bundle.version}'",
            max_results=1,
            order_by=["attributes.start_time DESC"],
        )
        return str(found[0].info.run_id) if found else None


def _parameters(client: "MlflowClient", run: str, parameters: Mapping[str, str]) -> None:
    from mlflow.entities import Param  # noqa: PLC0415  (seconds to load)

    client.log_batch(run, params=[Param(name, value) for name, value in parameters.items()])


def _log(client: "MlflowClient", run: str, metrics: Mapping[str, float], step: int = 0) -> None:
    from mlflow.entities import Metric  # noqa: PLC0415
    from mlflow.utils.time import get_current_time_millis  # noqa: PLC0415

    now = get_current_time_millis()
    client.log_batch(run, metrics=[Metric(name, value, now, step) for name, value in metrics.items()])


def _results(client: "MlflowClient", run: str, bundle: Bundle) -> None:
    """What a bundle's report says, with the epochs that could not be told while they went by."""
    report = report_of(bundle)
    known = {each.step for each in client.get_metric_history(run, "loss")}
    for number, (loss, scores) in enumerate(_epochs(report), start=1):
        if number not in known:
            _log(
                client,
                run,
                {"loss": loss, **{_validation(head): each["macro_f1"] for head, each in scores.items()}},
                number,
            )
    tested = report.get("test", {}).get("all", {})
    _log(
        client,
        run,
        {
            f"test_{head}_{name}": scores[name]
            for head, scores in tested.items()
            if head != "unscorable"
            for name in TESTED
        },
    )
    rows = report.get("rows", {})
    _parameters(client, run, {f"rows/{part}": _counted(origins) for part, origins in rows.items()})
    for name in ARTIFACTS:
        if name in bundle.manifest.files:
            client.log_artifact(run, str(bundle.folder / name))
    client.set_tag(run, BUNDLE_TAG, bundle.version)


def _validation(head: str) -> str:
    return f"validation_{head}_macro_f1"


def _epochs(report: Mapping[str, Any]) -> Sequence[tuple[float, Mapping[str, Any]]]:
    return list(zip(report.get("losses", []), report.get("validation", []), strict=False))


def _counted(origins: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in origins.items())
