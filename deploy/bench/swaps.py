"""Hot swaps under load: a real broker, a real registry, one worker process, and headlines that never stop coming.

Each swap promotes a bundle of its own: the same labels, other probabilities, another version. Afterwards every headline
is looked for, in the archive and on news.scored.
"""

import shutil
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from itertools import cycle, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np

from deploy.bench.load import Load
from deploy.bench.scorer import texts_of
from deploy.bench.site import Site
from deploy.stack.records import records_of
from model.bundle import MANIFEST, Bundle, sha256_of
from model.registry import CHAMPION, Registry, RegistryPlace
from stream.publisher import Publisher
from stream.records import Headline, ScoredHeadline
from stream.topics import SCORED

POLL = "0.5s"
# Always so many wait for the worker, so that it never rests.
BACKLOG = 1_000
WARM_UP_HEADLINES = 2_000
SWAP_SECONDS = 120.0
DRAIN_SECONDS = 300.0
EARLY_SWAPS = 10


class SwapSeconds(msgspec.Struct, frozen=True):
    """From the alias's move to the worker's word that it scores with the new model; it looks each half second."""

    p50: float
    max: float


class Resident(msgspec.Struct, frozen=True):
    """The worker's resident memory in MB, `start` after the first headlines. Its ledger grows with every headline, swap
    or none: so after the last swap as many headlines are scored as came between the tenth (of ten or fewer: the start)
    and the last, without one, which is `without_swaps`. What grew by then as well is not the swaps'. At the end the
    worker is stopped and a new one started on the same ledger: `restarted` is that one's."""

    start: float
    after_10: float
    end: float
    without_swaps: float
    restarted: float


class SwapBench(msgspec.Struct, frozen=True):
    """What was measured. `doubled`: headlines with two different records on news.scored, or counted twice.
    `out_of_order`: partitions in which a version came back after the next one had begun."""

    swaps: int
    failures: int
    headlines: int
    archived: int
    lost: int
    doubled: int
    versions: int
    out_of_order: int
    per_second: float
    swap_seconds: SwapSeconds
    rss_mb: Resident


def variant(bundle: Bundle, folder: Path, factor: float) -> Bundle:
    """A copy of a bundle whose heads' weights are `factor` times as large: the same labels by and large, other
    probabilities, and so another version."""
    shutil.copytree(bundle.folder, folder)
    weights = folder / bundle.manifest.weights_file
    content = bytearray(weights.read_bytes())
    for tensor in bundle.manifest.tensors:
        if tensor.name in ("topic.weight", "sentiment.weight"):
            scale = np.frombuffer(content, np.float32, tensor.shape[tensor.axis], tensor.scale_offset)
            content[tensor.scale_offset : tensor.scale_offset + scale.nbytes] = (scale * np.float32(factor)).tobytes()
    weights.write_bytes(content)
    version = f"{bundle.manifest.name}-{sha256(content).hexdigest()[:8]}"
    files = {**bundle.manifest.files, weights.name: sha256_of(weights)}
    manifest = msgspec.structs.replace(bundle.manifest, version=version, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return Bundle.open(folder)


class Backlog(Load):
    """Sends headlines as fast as they are scored, each once."""

    def __init__(self, bootstrap: str, archived: Callable[[], int]) -> None:
        super().__init__(bootstrap)
        self._archived = archived

    def send(self, publisher: Publisher) -> None:
        """Send as many as were scored since the last look."""
        titles = cycle(texts_of(None, None))
        while not self._ended.wait(0.2):
            for _ in range(max(0, BACKLOG - (self.sent - self._archived()))):
                publisher.send(Headline(f"swap-{self.sent}", next(titles), datetime.now(UTC), source="bench"))
                self.sent += 1


class SwapSite(Site):
    """A site with a registry, whose champion the worker follows."""

    def __init__(self, folder: Path, bundle: Bundle, exits: ExitStack) -> None:
        super().__init__(folder, exits)
        self._bundle = bundle
        self._made = 0
        place = RegistryPlace(f"sqlite:///{folder}/models.db", f"{folder}/models", "newsquall", folder / "cache")
        self.registry = Registry(place)
        self.version = self.promote()
        self._follow()

    def _follow(self) -> None:
        place = self.registry.place
        self.start(
            {
                "NEWSQUALL_SCORER__MODEL": CHAMPION,
                "NEWSQUALL_REGISTRY__URI": place.uri,
                "NEWSQUALL_REGISTRY__ARTIFACTS": place.artifacts,
                "NEWSQUALL_REGISTRY__CACHE": str(place.cache),
                "NEWSQUALL_REGISTRY__POLL": POLL,
            }
        )

    def restart(self) -> None:
        """Stop the worker and start another with the same settings."""
        self.worker.stop()
        self._follow()

    def promote(self) -> str:
        """Make another bundle the champion; gives back its version."""
        self._made += 1
        made = variant(self._bundle, self.folder / f"bundle-{self._made}", 1.0 + self._made / 1_000)
        number = self.registry.register(made, {})
        shutil.rmtree(made.folder)
        self.registry.point(CHAMPION, number)
        self._forget_before(number)
        return made.version

    def _forget_before(self, number: int) -> None:
        """A worker has its own copies: what an earlier version left behind would fill the disk."""
        for version in self.registry.versions():
            if version.number < number - 1:
                shutil.rmtree(unquote(urlsplit(version.source).path), ignore_errors=True)

    def swap(self) -> float:
        """Promote another bundle; seconds from the alias's move until the worker scores with it."""
        self.version = self.promote()
        started = time.monotonic()
        info = ("newsquall_model_info", (("version", self.version),))
        self.wait(lambda: self.samples().get(info) == 1, SWAP_SECONDS, f"{self.version} taken into use")
        return time.monotonic() - started


@contextmanager
def site(bundle: Bundle) -> Iterator[SwapSite]:
    """A site in a temporary folder, gone at the end."""
    with TemporaryDirectory(prefix="newsquall-swaps-") as folder, ExitStack() as exits:
        yield SwapSite(Path(folder), bundle, exits)


def measure(at: SwapSite, swaps: int, report: Callable[[str], None]) -> SwapBench:
    """Swap so many times under load, score as many headlines without a swap, then start the worker anew. Raises
    ServerError if the worker ends, or does not take a model into use."""
    load = Backlog(at.kafka.bootstrap, at.archived)
    began = time.monotonic()
    load.start()
    at.wait(lambda: at.archived() >= WARM_UP_HEADLINES, DRAIN_SECONDS, "the first headlines")
    resident = [at.resident()]
    scored, seconds = [at.archived()], []
    for number in range(1, swaps + 1):
        seconds.append(at.swap())
        resident.append(at.resident())
        scored.append(at.archived())
        report(f"swap {number} of {swaps}: {seconds[-1]:.2f} s, {resident[-1]:.0f} MB, {scored[-1]:,} headlines")
    rate = at.archived() / (time.monotonic() - began)
    failures = sum(value for (name, _), value in at.samples().items() if name.endswith("swap_failures_total"))
    early = EARLY_SWAPS if swaps > EARLY_SWAPS else 0
    as_many = scored[-1] - scored[early]
    patience = max(DRAIN_SECONDS, 3 * (time.monotonic() - began))
    at.wait(lambda: at.archived() >= scored[-1] + as_many, patience, "as many headlines without a swap")
    without_swaps = at.resident()
    report(f"without swaps: {without_swaps:.0f} MB after {as_many:,} headlines more")
    scored.append(at.archived())
    at.restart()
    at.wait(lambda: at.archived() >= scored[-1] + WARM_UP_HEADLINES, DRAIN_SECONDS, "headlines after the restart")
    restarted = at.resident()
    report(f"restarted: {restarted:.0f} MB, {at.archived():,} headlines")
    sent = load.stop()
    counted = at.drained(sent)
    kept = at.archive.find(f"swap-{number}" for number in range(sent))
    return SwapBench(
        swaps=swaps,
        failures=int(failures),
        headlines=sent,
        archived=len(kept),
        lost=sent - len(kept),
        doubled=doubled(every_scored(at.kafka.bootstrap)) + counted - len(kept),
        versions=len({headline.model for headline in kept.values()}),
        out_of_order=out_of_order(kept.values()),
        per_second=round(rate, 1),
        swap_seconds=SwapSeconds(round(statistics.median(seconds), 2), round(max(seconds), 2)),
        rss_mb=Resident(
            start=resident[0],
            after_10=resident[early],
            end=resident[-1],
            without_swaps=without_swaps,
            restarted=restarted,
        ),
    )


def doubled(records: Iterable[ScoredHeadline]) -> int:
    """Headlines that have two different records: a record that was only sent again is the same."""
    seen = Counter(identifier for identifier, _ in {(each.id, msgspec.json.encode(each)) for each in records})
    return sum(count > 1 for count in seen.values())


def every_scored(bootstrap: str) -> Iterator[ScoredHeadline]:
    """Every record on news.scored of the broker at `bootstrap`, in each partition's order."""
    return (msgspec.json.decode(record.value, type=ScoredHeadline) for record in records_of(bootstrap, SCORED))


def models_in_order(headlines: Iterable[ScoredHeadline]) -> list[list[str]]:
    """For each partition of news.headlines the models that scored it, one after the other."""
    by_partition: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for headline in headlines:
        if headline.origin is not None:
            by_partition[headline.origin.partition].append((headline.origin.offset, headline.model))
    return [[model for model, _ in groupby(model for _, model in sorted(each))] for each in by_partition.values()]


def out_of_order(headlines: Iterable[ScoredHeadline]) -> int:
    """Partitions of news.headlines in which a model's headlines are not all beside each other."""
    return sum(len(each) != len(set(each)) for each in models_in_order(headlines))
