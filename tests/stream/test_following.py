"""A worker follows the champion, and goes on with what it has whatever the registry does."""

import json
import logging
import shutil
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from model.bundle import MANIFEST, Bundle, sha256_of
from model.errors import BundleError, ProviderError, RegistryError, ScoringError, UsageError
from model.reference import REFERENCE
from model.registry import RegistryPlace
from model.taxonomy import DEFAULT_TOPICS
from stream.following import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Champion,
    Memory,
    ModelFollower,
    first,
    followed,
    misfit,
)
from stream.metrics import Metrics

TOPICS = list(DEFAULT_TOPICS)
SENTIMENTS = ["negative", "neutral", "positive"]


def make(folder: Path, name: str, topics: list[str] = TOPICS, sentiments: list[str] = SENTIMENTS) -> Bundle:
    """A whole bundle whose graphs are no graphs: whoever opens its scorer here is a fake."""
    folder.mkdir(parents=True)
    for file in ("graph.onnx", "weights.bin", "tokenizer.json"):
        (folder / file).write_bytes(name.encode())
    manifest = {
        "format": 1,
        "name": "toy",
        "version": name,
        "created": "2026-01-01",
        "base": "none",
        "languages": ["en"],
        "topics": topics,
        "sentiments": sentiments,
        "max_tokens": 96,
        "hidden_size": 32,
        "fusions": {},
        "graphs": {"fp32": "graph.onnx"},
        "weights_file": "weights.bin",
        "tensors": [],
        "files": {file.name: sha256_of(file) for file in folder.iterdir()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return Bundle.open(folder)


class Shelf:
    """In place of a registry: versions by number, an alias, and days on which it cannot be reached."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.champion: int | None = None
        self.down: str | None = None
        self.broken: dict[int, Exception] = {}
        self.bundles: dict[int, Bundle] = {}
        self.fetched: list[int] = []

    def promote(self, topics: list[str] = TOPICS, sentiments: list[str] = SENTIMENTS) -> int:
        number = len(self.bundles) + 1
        self.bundles[number] = make(self.folder / str(number), f"toy-{number}", topics, sentiments)
        self.champion = number
        return number

    def alias(self, alias: str) -> int | None:
        assert alias == "champion"
        if self.down:
            raise RegistryError(self.down)
        return self.champion

    def bundle(self, version: int) -> Bundle:
        if self.down:
            raise RegistryError(self.down)
        self.fetched.append(version)
        if version in self.broken:
            raise self.broken[version]
        return self.bundles[version]


class ToyScorer:
    """In place of a Scorer: it knows whether it has been warmed and closed."""

    provider = "cpu"

    def __init__(self, bundle: Bundle, fails: Exception | None = None) -> None:
        self.bundle, self.version, self.fails = bundle, bundle.version, fails
        self.warmed = self.closed = False

    def warm(self) -> None:
        if self.fails:
            raise self.fails
        self.warmed = True

    def close(self) -> None:
        self.closed = True


class Desk:
    """A follower with its shelf, its clock, and what it handed over."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder / "shelf")
        self.place = RegistryPlace("sqlite:///toy.db", "arts", "newsquall", folder / "cache")
        self.metrics = Metrics(CollectorRegistry())
        self.now = 0.0
        self.swapped: list[ToyScorer] = []
        self.opened: list[ToyScorer] = []
        self.unopenable: dict[str, Exception] = {}
        self.unwarmable: dict[str, Exception] = {}

    @property
    def memory(self) -> Memory:
        return Memory(self.place, "champion")

    def follow(self, poll: float = 10.0) -> ModelFollower:
        self.follower = ModelFollower(
            self.shelf,
            "champion",
            first(self.shelf, "champion", self.memory),
            self.memory,
            self.open,
            self.metrics,
            poll,
            clock=lambda: self.now,
        )
        self.follower._swap = self.swapped.append
        return self.follower

    def open(self, bundle: Bundle) -> ToyScorer:
        if bundle.version in self.unopenable:
            raise self.unopenable[bundle.version]
        self.opened.append(ToyScorer(bundle, self.unwarmable.get(bundle.version)))
        return self.opened[-1]

    def look(self, seconds: float = 10.0) -> str:
        self.now += seconds
        return self.follower.look()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"newsquall_{name}", labels)

    def failures(self) -> dict[str, float]:
        reasons = ("registry", "bundle", "labels")
        return {each: self.metric("model_swap_failures_total", reason=each) for each in reasons}


@pytest.fixture
def desk(tmp_path) -> Desk:
    made = Desk(tmp_path)
    made.shelf.promote()
    return made


@pytest.fixture
def lines(caplog) -> list[str]:
    """Each call: what has been logged since the last."""
    caplog.set_level(logging.INFO, "stream.following")

    class Lines(list):
        def __call__(self) -> list[str]:
            told = [record.getMessage() for record in caplog.records]
            caplog.clear()
            assert not any("\n" in line for line in told)
            return told

    return Lines()


def test_a_new_champion_is_warmed_and_handed_over_once(desk, lines):
    follower = desk.follow()
    assert desk.look() == "unchanged"
    desk.shelf.promote()
    assert desk.look() == "swapped"
    assert [each.version for each in desk.swapped] == ["toy-2"]
    assert desk.swapped[0].warmed
    assert follower.current.version == 2
    assert [desk.look() for _ in range(3)] == ["unchanged"] * 3
    assert desk.metric("model_swaps_total") == 1
    assert desk.failures() == {"registry": 0, "bundle": 0, "labels": 0}
    assert desk.metric("registry_up", alias="champion") == 1
    (line,) = lines()
    assert "toy-2 (registry version 2) on cpu" in line


def test_taking_back_is_following_too(desk):
    desk.follow()
    desk.shelf.promote()
    desk.look()
    desk.shelf.champion = 1
    assert desk.look() == "swapped"
    assert [each.version for each in desk.swapped] == ["toy-2", "toy-1"]


def test_a_registry_that_is_down_is_told_once_and_once_when_it_is_back(desk, lines):
    desk.follow()
    desk.shelf.down = "the registry sqlite:///toy.db failed: no such file"
    assert [desk.look() for _ in range(30)] == ["unreachable"] * 30
    assert desk.metric("registry_up", alias="champion") == 0
    assert desk.failures()["registry"] == 30
    (line,) = lines()
    assert line == "the registry sqlite:///toy.db failed: no such file; going on with toy-1 (registry version 1)"
    desk.shelf.down = None
    desk.shelf.promote()
    assert desk.look() == "swapped"
    assert desk.metric("registry_up", alias="champion") == 1
    assert [line.split(" ")[0:3] for line in lines()] == [["the", "registry", "answers"], ["scoring", "with", "toy-2"]]


def test_an_alias_that_was_taken_away_is_told_like_a_registry_that_is_down(desk, lines):
    desk.follow()
    desk.shelf.champion = None
    assert desk.look() == desk.look() == "unreachable"
    (line,) = lines()
    assert "has no champion" in line
    assert "newsquall promote" in line


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RegistryError("the registry's store does not answer"), "registry"),
        (BundleError("weights.bin is damaged"), "bundle"),
        (OSError(28, "No space left on device"), "bundle"),
    ],
)
def test_what_cannot_be_fetched_is_tried_ever_more_seldom_and_told_once(desk, lines, error, reason):
    desk.follow()
    desk.shelf.promote()
    desk.shelf.broken[2] = error
    looks = 360
    assert {desk.look() for _ in range(looks)} == {"refused"}
    tries = desk.shelf.fetched.count(2)
    assert tries == desk.failures()[reason]
    # In an hour: 0, 30, 90, 210, 450, 930, 1530, 2130, 2730, 3330 seconds, where a look each ten would be 360.
    assert tries == 10
    (line,) = lines()
    assert f"registry version 2 is not taken into use ({reason}): {error}" in line
    assert "going on with toy-1 (registry version 1)" in line
    assert desk.metric("model_current", alias="champion") == 0
    del desk.shelf.broken[2]
    assert desk.look(LONGEST_PAUSE_SECONDS) == "swapped"
    assert desk.metric("model_current", alias="champion") == 1


def test_a_version_that_is_moved_back_from_is_no_longer_missed(desk):
    desk.follow()
    assert desk.metric("model_current", alias="champion") == 1
    desk.shelf.promote()
    desk.shelf.broken[2] = BundleError("weights.bin is damaged")
    assert desk.look() == "refused"
    desk.shelf.champion = 1
    assert desk.look() == "unchanged"
    assert desk.metric("model_current", alias="champion") == 1


@pytest.mark.parametrize("where", ["unopenable", "unwarmable"])
@pytest.mark.parametrize("error", [BundleError("no graph"), ProviderError("no memory on the GPU"), ScoringError("NaN")])
def test_a_model_that_does_not_work_is_refused_and_closed(desk, where, error):
    desk.follow()
    desk.shelf.promote()
    getattr(desk, where)["toy-2"] = error
    assert desk.look() == "refused"
    assert desk.failures() == {"registry": 0, "bundle": 1, "labels": 0}
    assert desk.swapped == []
    assert all(each.closed for each in desk.opened)


def test_a_reference_that_cannot_be_read_refuses_the_bundle(desk):
    desk.follow()
    desk.shelf.promote()
    folder = desk.shelf.bundles[2].folder
    (folder / REFERENCE).write_text("{}")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][REFERENCE] = sha256_of(folder / REFERENCE)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    desk.shelf.bundles[2] = Bundle.open(folder)
    assert desk.look() == "refused"
    assert desk.opened == []


def test_labels_that_do_not_fit_are_refused_once_and_for_all(desk, lines):
    desk.follow()
    desk.shelf.promote(topics=TOPICS[:-3])
    assert {desk.look(3600) for _ in range(50)} == {"refused"}
    assert desk.failures() == {"registry": 0, "bundle": 0, "labels": 1}
    assert desk.opened == []
    (line,) = lines()
    assert f"(labels): it does not know the topics {', '.join(TOPICS[-3:])}" in line
    # The next one is looked at afresh.
    desk.shelf.promote()
    assert desk.look() == "swapped"


def test_another_version_is_not_made_to_wait_for_the_one_that_failed(desk):
    desk.follow()
    desk.shelf.promote()
    desk.shelf.broken[2] = BundleError("damaged")
    desk.look()
    desk.shelf.promote()
    assert desk.look(1) == "swapped"


def test_a_version_that_is_put_back_after_it_failed_is_told_again(desk, lines):
    desk.follow()
    desk.shelf.promote(topics=TOPICS[1:])
    desk.look()
    desk.shelf.champion = 1
    assert desk.look() == "unchanged"
    desk.shelf.champion = 2
    desk.look()
    assert len(lines()) == 2


def champion(version: int, topics: list[str], tmp_path: Path, sentiments: list[str] = SENTIMENTS) -> Champion:
    return Champion(version, make(tmp_path / str(version), f"toy-{version}", topics, sentiments))


@pytest.mark.parametrize(
    ("before", "after", "fits"),
    [
        (TOPICS, TOPICS, True),
        (TOPICS, TOPICS[::-1], True),
        (TOPICS, [*TOPICS, "climate"], True),
        ([*TOPICS, "climate"], TOPICS, False),
        (TOPICS, TOPICS[1:], False),
        (["meat", "grain"], ["grain", "meat", "milk"], True),
        (["meat", "grain"], ["grain"], False),
    ],
)
def test_no_topic_goes_missing_and_new_ones_are_welcome(tmp_path, before, after, fits):
    problem = misfit(champion(2, after, tmp_path), champion(1, before, tmp_path))
    assert (problem is None) == fits


def test_taking_a_version_back_takes_back_its_topics_but_none_of_the_default_ones(tmp_path):
    newer = champion(3, [*TOPICS, "climate"], tmp_path)
    assert misfit(champion(2, TOPICS, tmp_path), newer) is None
    assert "earnings" in str(misfit(champion(1, [*TOPICS[1:], "climate"], tmp_path), newer))


@pytest.mark.parametrize("sentiments", [["positive", "neutral", "negative"], ["negative", "positive"], []])
def test_sentiments_are_the_three_in_their_order(tmp_path, sentiments):
    assert "sentiments" in str(misfit(champion(1, TOPICS, tmp_path, sentiments), None))


# ------------------------------------------------------------------ the start


def test_a_start_takes_the_champion(desk):
    desk.shelf.promote()
    assert first(desk.shelf, "champion", desk.memory).version == 2


def test_a_start_without_the_registry_takes_what_was_last_in_use(desk, lines):
    desk.follow()
    desk.shelf.promote()
    desk.look()
    lines()
    desk.shelf.down = "the registry does not answer"
    found = first(desk.shelf, "champion", desk.memory)
    assert (found.version, found.bundle.version) == (2, "toy-2")
    (line,) = lines()
    assert "does not answer: starting with toy-2 (registry version 2), which was last in use here" in line


@pytest.mark.parametrize("lost", ["nothing was kept", "the copy is damaged", "the memory is damaged"])
def test_a_start_without_the_registry_and_without_a_copy_is_refused(desk, lost):
    if lost != "nothing was kept":
        desk.follow()
        if lost == "the copy is damaged":
            shutil.rmtree(desk.shelf.bundles[1].folder)
        else:
            next(desk.place.cache.iterdir()).write_text("?")
    desk.shelf.down = "the registry does not answer"
    with pytest.raises(RegistryError, match="does not answer"):
        first(desk.shelf, "champion", desk.memory)


def test_an_empty_registry_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="newsquall promote"):
        first(Shelf(tmp_path), "champion", Desk(tmp_path).memory)


def test_a_restart_does_not_take_what_the_running_workers_refuse(desk, lines):
    desk.follow()
    desk.shelf.promote(topics=TOPICS[1:])
    assert first(desk.shelf, "champion", desk.memory).version == 1
    (line,) = lines()
    assert "earnings" in line
    desk.shelf.promote()
    desk.shelf.broken[3] = BundleError("weights.bin is damaged")
    assert first(desk.shelf, "champion", desk.memory).version == 1


def test_a_first_start_refuses_what_nobody_could_score_with(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.promote(sentiments=["bad", "good"])
    with pytest.raises(BundleError, match="sentiments"):
        first(shelf, "champion", Desk(tmp_path / "desk").memory)


def test_a_memory_that_cannot_be_written_is_said_and_costs_nothing_else(desk, lines):
    desk.place.cache.write_text("a file where the folder should be")
    desk.follow()
    assert desk.look() == "unchanged"
    (line,) = lines()
    assert "cannot be written" in line


@pytest.mark.parametrize(
    ("reference", "alias"),
    [
        ("bundled", None),
        ("7", None),
        ("/some/folder", None),
        ("models:/newsquall/7", None),
        ("champion", "champion"),
        ("previous", "previous"),
        ("models:/newsquall@trial", "trial"),
    ],
)
def test_an_alias_is_followed_and_nothing_else(reference, alias):
    assert followed(reference, "newsquall") == alias


def test_an_alias_of_another_model_is_a_wrong_call():
    with pytest.raises(UsageError, match=r"registry\.name"):
        followed("models:/other@champion", "newsquall")


# ------------------------------------------------------------------ the thread


def test_it_looks_in_a_thread_until_it_is_stopped_and_survives_a_fault(desk, lines):
    follower = desk.follow(poll=0.0)
    looked = threading.Event()
    faults = [ValueError("a fault of ours")] * 2

    def alias(_alias: str) -> int | None:
        if faults:
            raise faults.pop()
        looked.set()
        return desk.shelf.champion

    desk.shelf.alias = alias
    handed = threading.Event()

    def swap(scorer: ToyScorer) -> None:
        desk.swapped.append(scorer)
        handed.set()

    desk.shelf.promote()
    follower.start(swap)
    assert looked.wait(10)
    assert handed.wait(10)
    follower.stop()
    assert desk.swapped[0].closed
    assert not follower._thread.is_alive()
    assert desk.failures()["registry"] == 2
    told = [line for line in lines() if "looking for a new champion failed" in line]
    assert len(told) == 1


def test_a_scorer_that_nobody_takes_is_closed(desk):
    follower = desk.follow()
    desk.shelf.promote()

    def refuse(_scorer: ToyScorer) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    follower._swap = refuse
    with pytest.raises(RuntimeError):
        desk.look()
    assert desk.opened[0].closed
    assert follower.current.version == 1


def test_the_first_pause_is_no_shorter_than_the_poll(desk):
    desk.follow(poll=5 * FIRST_PAUSE_SECONDS)
    desk.shelf.promote()
    desk.shelf.broken[2] = BundleError("damaged")
    desk.look()
    assert desk.look(4 * FIRST_PAUSE_SECONDS) == "refused"
    assert desk.shelf.fetched.count(2) == 1
