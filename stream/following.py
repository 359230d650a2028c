"""A worker follows the registry's champion: a new one is fetched, checked, warmed, and handed over.

All of it happens in a thread of its own. Whatever goes wrong there, the worker goes on with the model that it has, says
so in one line, and counts it.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from model.bundle import Bundle
from model.errors import BundleError, NewsquallError, RegistryError, UsageError
from model.registry import RegistryPlace, target_of
from model.scorer import Scorer
from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS
from stream.metrics import Metrics

log = logging.getLogger(__name__)

Outcome = Literal["unchanged", "swapped", "refused", "unreachable"]
Reason = Literal["registry", "bundle", "labels"]

# What failed may mend itself (a download, a full disk): it is tried again, ever more seldom.
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
# A poll of 0 would not leave the registry a moment's rest.
SHORTEST_POLL_SECONDS = 0.1
GOODBYE_SECONDS = 5.0


class Source(Protocol):
    """What is needed of a registry."""

    def alias(self, alias: str) -> int | None:
        """The version that an alias means; None if there is no such alias. Raises RegistryError."""

    def bundle(self, version: int) -> Bundle:
        """A version's bundle. Raises RegistryError, or BundleError if it is damaged."""


@dataclass(frozen=True)
class Champion:
    """A version of the registry and its bundle."""

    version: int
    bundle: Bundle

    def __str__(self) -> str:
        return f"{self.bundle.version} (registry version {self.version})"


class _NotTaken(Exception):  # noqa: N818  (an answer about a version)
    """Why a version is not taken into use."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Refusal:
    """A version that was not taken into use, and when it is tried again: seconds, `retry_at` on the follower's
    clock."""

    version: int
    reason: Reason
    pause: float
    retry_at: float


def misfit(candidate: Champion, current: Champion | None) -> str | None:
    """Why a bundle's labels do not fit those of the one in use; None if they do.

    Its sentiments are the three, in their order, and no topic goes missing: its gauges would fall to 0, and nobody
    would ever be paged for it. Taking a version back may take away a topic that came with it, but none of the default
    taxonomy.
    """
    sentiments = candidate.bundle.taxonomy.sentiments
    if sentiments != SENTIMENTS:
        return f"its sentiments are {', '.join(sentiments) or 'none'} instead of {', '.join(SENTIMENTS)}"
    if current is None:
        return None
    needed = current.bundle.taxonomy.topics
    if candidate.version < current.version:
        needed = tuple(topic for topic in needed if topic in DEFAULT_TOPICS)
    missing = [topic for topic in needed if topic not in candidate.bundle.taxonomy.topics]
    return f"it does not know the topics {', '.join(missing)}" if missing else None


class _Kept(msgspec.Struct, frozen=True):
    """What the memory's file says."""

    version: int
    folder: str


class Memory:
    """What was last in use here, and where its copy lies: what a worker starts with while the registry is down."""

    def __init__(self, place: RegistryPlace, alias: str) -> None:
        of_this = sha256(f"{place.uri} {place.name}".encode()).hexdigest()[:8]
        self._file = place.cache / f"{alias}-{of_this}.json"

    def champion(self) -> Champion | None:
        """The champion that was last in use here; None if there was none, or its copy is not whole any more."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
            return Champion(kept.version, Bundle.open(Path(kept.folder)))
        except (OSError, msgspec.MsgspecError, BundleError):
            return None

    def keep(self, champion: Champion) -> None:
        """Remember a champion. A disk that does not take it costs no more than this memory."""
        kept = _Kept(champion.version, str(champion.bundle.folder.absolute()))
        unfinished = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(msgspec.json.encode(kept))
            unfinished.replace(self._file)
        except OSError as error:
            log.warning("%s cannot be written (%s): a restart needs the registry", self._file, error.strerror)


def followed(reference: str, name: str) -> str | None:
    """The alias that a reference means; None if it means a model that stays as it is.

    `name`: of the registered model. Raises UsageError if the reference is of another one.
    """
    target = target_of(reference)
    if target is None or target.alias is None:
        return None
    if target.name not in (None, name):
        raise UsageError(f"'{reference}' is not of the model '{name}': set registry.name")
    return target.alias


def first(source: Source, alias: str, memory: Memory) -> Champion:
    """The champion to start with: the registry's, or, where that cannot be had or does not fit, the one that was last
    in use here.

    Raises RegistryError, UsageError or BundleError where neither can be had.
    """
    last = memory.champion()
    try:
        version = _version(source, alias)
        champion = Champion(version, source.bundle(version))
        if problem := misfit(champion, last):
            raise BundleError(f"the registry's {alias}, {champion}, does not fit: {problem}")
    except (RegistryError, UsageError, BundleError) as error:
        if last is None:
            raise
        log.warning("%s: starting with %s, which was last in use here", error, last)
        return last
    return champion


def _version(source: Source, alias: str) -> int:
    version = source.alias(alias)
    if version is None:
        raise UsageError(f"the registry has no {alias}: promote a bundle first (newsquall promote DIR)")
    return version


class ModelFollower:
    """Looks for a new champion in a thread, for ever, and hands its scorer over.

    `current`: what the worker scores with now. `open_scorer`: loads a bundle as the settings say. `poll`: seconds
    between two looks. `clock`: seconds, monotonic.
    """

    def __init__(
        self,
        source: Source,
        alias: str,
        current: Champion,
        memory: Memory,
        open_scorer: Callable[[Bundle], Scorer],
        metrics: Metrics,
        poll: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.current = current
        self._source = source
        self._alias = alias
        self._memory = memory
        self._open_scorer = open_scorer
        self._metrics = metrics
        self._poll = max(poll, SHORTEST_POLL_SECONDS)
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_for_ever, name="newsquall-following", daemon=True)
        self._swap: Callable[[Scorer], None] | None = None
        self._scorer: Scorer | None = None
        self._refusal: Refusal | None = None
        self._trouble: str | None = None
        memory.keep(current)
        metrics.registry_up.labels(alias).set(1)
        metrics.model_current.labels(alias).set(1)

    def start(self, swap: Callable[[Scorer], None]) -> None:
        """Begin to look. `swap`: takes a scorer into use at a batch's end, and returns when that is done; it is called
        in the follower's thread."""
        self._swap = swap
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and close the scorer that was handed over last. A download under way is left to itself."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(GOODBYE_SECONDS)
        if self._scorer is not None:
            self._scorer.close()

    def _look_for_ever(self) -> None:
        told = None
        while not self._stopping.wait(self._poll):
            try:
                self.look()
            except Exception as error:  # a fault of ours: it must not end the following, nor the scoring
                self._metrics.model_swap_failures.labels("registry").inc()
                if repr(error) != told:
                    log.exception("looking for a new %s failed: going on with %s", self._alias, self.current)
                told = repr(error)

    def look(self) -> Outcome:
        """Look once, and take a new champion into use."""
        try:
            version = _version(self._source, self._alias)
        except (RegistryError, UsageError) as error:
            self._unreachable(str(error))
            return "unreachable"
        self._reachable()
        if version == self.current.version:
            self._refusal = None
            self._metrics.model_current.labels(self._alias).set(1)
            return "unchanged"
        before = self._refusal if self._refusal and self._refusal.version == version else None
        if before and self._clock() < before.retry_at:
            return "refused"
        started = self._clock()
        try:
            champion, scorer = self._fetched(version)
        except _NotTaken as error:
            self._refuse(version, error, before)
            return "refused"
        self._take(champion, scorer)
        seconds = self._clock() - started
        log.warning("scoring with %s on %s from now on, after %.1f s", champion, scorer.provider, seconds)
        return "swapped"

    def _fetched(self, version: int) -> tuple[Champion, Scorer]:
        """A version with a scorer that is ready. Raises _NotTaken."""
        try:
            champion = Champion(version, self._source.bundle(version))
            if problem := misfit(champion, self.current):
                raise _NotTaken("labels", problem)
            return champion, self._opened(champion.bundle)
        except RegistryError as error:
            raise _NotTaken("registry", str(error)) from error
        except (NewsquallError, OSError) as error:
            raise _NotTaken("bundle", str(error)) from error

    def _opened(self, bundle: Bundle) -> Scorer:
        """A scorer that has shown that it works, of a bundle whose parts can all be read."""
        bundle.reference()
        scorer = self._open_scorer(bundle)
        try:
            scorer.warm()
        except NewsquallError:
            scorer.close()
            raise
        return scorer

    def _take(self, champion: Champion, scorer: Scorer) -> None:
        if self._swap is None:
            raise RuntimeError("the follower has not been started")
        try:
            self._swap(scorer)
        except BaseException:
            scorer.close()
            raise
        dropped = [each for each in self.current.bundle.taxonomy.topics if each not in champion.bundle.taxonomy.topics]
        if dropped:
            log.warning("no headline is of the topics %s any more", ", ".join(dropped))
        self.current, self._scorer, self._refusal = champion, scorer, None
        self._memory.keep(champion)
        self._metrics.model_swaps.inc()
        self._metrics.model_current.labels(self._alias).set(1)

    def _refuse(self, version: int, error: _NotTaken, before: Refusal | None) -> None:
        self._metrics.model_swap_failures.labels(error.reason).inc()
        self._metrics.model_current.labels(self._alias).set(0)
        # A version's labels never change; what else failed is tried again.
        pause = min(before.pause * 2, LONGEST_PAUSE_SECONDS) if before else max(self._poll, FIRST_PAUSE_SECONDS)
        retry_at = self._clock() + pause if error.reason != "labels" else float("inf")
        self._refusal = Refusal(version, error.reason, pause, retry_at)
        if before is None or before.reason != error.reason:
            log.warning(
                "registry version %d is not taken into use (%s): %s; going on with %s",
                version,
                error.reason,
                error,
                self.current,
            )

    def _unreachable(self, detail: str) -> None:
        self._metrics.registry_up.labels(self._alias).set(0)
        self._metrics.model_swap_failures.labels("registry").inc()
        if self._trouble is None:
            log.warning("%s; going on with %s", detail, self.current)
        self._trouble = detail

    def _reachable(self) -> None:
        self._metrics.registry_up.labels(self._alias).set(1)
        if self._trouble is not None:
            log.warning("the registry answers again")
        self._trouble = None
