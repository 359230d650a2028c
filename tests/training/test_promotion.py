"""The champion moves whole or not at all, on record, one move at a time, and back."""

import multiprocessing
import queue
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("onnx")

from model.bundle import Bundle
from model.errors import BundleError, RegistryError, UsageError
from model.registry import CHAMPION, PREVIOUS, Registry, RegistryPlace
from tests.toymodel import TOPICS, toy
from training.promotion import Because, Move, alone, history, promote, rollback

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def because(reason: str = "", **more) -> Because:
    return Because("ada", NOW, reason, **more)


@pytest.fixture
def bundles(tmp_path) -> list[Bundle]:
    """Three models, each with another probability for the same label."""
    return [toy(tmp_path / f"toy-{at}", logit=5.0 + at) for at in range(3)]


def state(registry: Registry) -> tuple[int | None, int | None]:
    return registry.alias(CHAMPION), registry.alias(PREVIOUS)


def test_the_first_champion_has_none_before_it(registry, bundles):
    move = promote(registry, bundles[0], because(), None)
    assert move == Move(1, "promotion", 1, bundles[0].version, None, NOW, "ada")
    assert state(registry) == (1, None)
    with pytest.raises(UsageError, match="version 1 is the first champion"):
        rollback(registry, because())
    assert registry.bundle(1).version == bundles[0].version


def test_a_promotion_keeps_what_was_before_and_a_rollback_swaps_the_two(registry, bundles):
    promote(registry, bundles[0], because(), None)
    promote(registry, bundles[1], because("better on filings"), 1)
    assert state(registry) == (2, 1)
    move = rollback(registry, because("calls everything neutral"))
    assert (move.version, move.before, move.bundle) == (1, 2, bundles[0].version)
    assert state(registry) == (1, 2)
    rollback(registry, because())
    assert state(registry) == (2, 1)
    assert [(each.number, each.kind, each.version, each.reason) for each in history(registry)] == [
        (1, "promotion", 1, ""),
        (2, "promotion", 2, "better on filings"),
        (3, "rollback", 1, "calls everything neutral"),
        (4, "rollback", 2, ""),
    ]


def test_who_when_and_why_are_tags_of_the_version(registry, bundles):
    promote(registry, bundles[0], because(), None)
    promote(registry, bundles[1], because("the desk asked", forced=True, refusals=("topic macro-F1: worse",)), 1)
    rollback(registry, because("no"))
    tags = registry.versions()[1].tags
    assert tags["promotion.by"] == "ada"
    assert tags["promotion.at"] == "2026-03-04T09:30:00+00:00"
    assert (tags["promotion.how"], tags["promotion.reason"]) == ("forced", "the desk asked")
    assert tags["promotion.refusals"] == "topic macro-F1: worse"
    assert tags["rollback.reason"] == "no"
    assert registry.versions()[0].tags["promotion.how"] == "gate"


def test_scores_of_its_own_report_are_tags_of_the_version(registry, tmp_path):
    scores = {"topic": {"macro_f1": 0.9}, "sentiment": {"macro_f1": 0.8}, "unscorable": 3}
    promote(registry, toy(tmp_path / "scored", report={"test": {"all": scores}}), because(), None)
    tags = registry.versions()[0].tags
    assert (tags["macro_f1_topic"], tags["macro_f1_sentiment"]) == ("0.9", "0.8")


def test_the_same_bundle_is_no_new_version(registry, bundles):
    promote(registry, bundles[0], because(), None)
    assert promote(registry, bundles[0], because(), 1) is None
    promote(registry, bundles[1], because(), 1)
    again = promote(registry, bundles[0], because("after all"), 2)
    assert (again.version, again.before) == (1, 2)
    assert [version.number for version in registry.versions()] == [1, 2]
    assert state(registry) == (1, 2)


def test_a_version_that_is_damaged_in_the_registry_is_laid_there_anew(registry, bundles):
    promote(registry, bundles[0], because(), None)
    stored = Path(unquote(urlsplit(registry.versions()[0].source).path))
    (stored / "graph.onnx").write_bytes(b"damaged")
    move = promote(registry, bundles[0], because("it is not whole"), 1)
    assert (move.version, move.before) == (2, 1)
    assert registry.bundle(2).version == bundles[0].version


def test_a_champion_that_changed_while_it_was_judged_beside_is_not_passed_over(registry, bundles):
    promote(registry, bundles[0], because(), None)
    promote(registry, bundles[1], because(), 1)
    with pytest.raises(RegistryError, match="it was version 1 and is version 2"):
        promote(registry, bundles[2], because(), 1)
    assert state(registry) == (2, 1)


def test_what_no_worker_would_take_is_not_promoted(registry, bundles, tmp_path):
    promote(registry, bundles[0], because(), None)
    narrower = toy(tmp_path / "narrower", topics=TOPICS[1:])
    with pytest.raises(BundleError, match="it does not know the topics earnings, and no worker"):
        promote(registry, narrower, because("force", forced=True), 1)
    upside_down = toy(tmp_path / "upside", sentiments=("positive", "neutral", "negative"))
    with pytest.raises(BundleError, match="its sentiments are positive, neutral, negative"):
        promote(registry, upside_down, because(), 1)
    assert state(registry) == (1, None)
    assert len(registry.versions()) == 1


def test_a_topic_that_came_with_a_promotion_goes_with_its_rollback_and_comes_back(registry, bundles, tmp_path):
    promote(registry, bundles[0], because(), None)
    promote(registry, toy(tmp_path / "wider", topics=(*TOPICS, "climate")), because(), 1)
    assert rollback(registry, because()).version == 1
    assert rollback(registry, because()).version == 2


def test_there_is_nothing_to_take_back_where_nothing_was_promoted(tmp_path):
    place = RegistryPlace(f"sqlite:///{tmp_path}/none.db", str(tmp_path / "a"), "newsquall", tmp_path / "c")
    with pytest.raises(UsageError, match="nothing was promoted yet"):
        rollback(Registry(place), because())
    assert list(tmp_path.iterdir()) == []


def test_a_version_of_which_there_is_no_copy_left_is_not_gone_back_to(registry, place, bundles):
    promote(registry, bundles[0], because(), None)
    promote(registry, bundles[1], because(), 1)
    shutil.rmtree(unquote(urlsplit(registry.versions()[0].source).path))
    shutil.rmtree(place.cache, ignore_errors=True)
    with pytest.raises(BundleError, match=r"version 1 .* is not whole .*its files are gone.*: promote it anew"):
        rollback(registry, because())
    assert state(registry) == (2, 1)


# ------------------------------------------------------------------ cut short


class Killed(BaseException):
    pass


class Mortal(Registry):
    """A registry whose user dies before the n-th write."""

    def __init__(self, place: RegistryPlace, writes: int) -> None:
        super().__init__(place)
        self.writes = writes

    def _write(self) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise Killed

    def register(self, *arguments, **more):
        self._write()
        return super().register(*arguments, **more)

    def point(self, *arguments, **more):
        self._write()
        super().point(*arguments, **more)

    def note(self, *arguments, **more):
        self._write()
        super().note(*arguments, **more)


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 4, 9, 10])
def test_a_promotion_that_is_cut_short_was_none_or_is_finished_by_whoever_comes_next(place, bundles, writes):
    registry = Registry(place)
    promote(registry, bundles[0], because(), None)
    promote(registry, bundles[1], because(), 1)
    whole = False
    try:
        promote(Mortal(place, writes), bundles[2], because("the third"), 2)
        whole = True
    except Killed:
        pass
    assert whole == (writes == 10)
    champion = registry.alias(CHAMPION)
    assert champion == (3 if writes >= 3 else 2)
    # What is told of it is the same as if nothing had happened, or as if all had.
    assert [move.version for move in history(registry)] == [1, 2, 3][:champion]
    back = rollback(registry, because())
    assert back.version == champion - 1
    assert state(registry) == (champion - 1, champion)
    if champion == 3:
        assert registry.versions()[2].tags["promotion.reason"] == "the third"
    assert [move.number for move in history(registry)] == list(range(1, champion + 2))


@pytest.mark.parametrize("writes", range(4))
def test_after_one_that_was_cut_short_the_same_call_does_it(place, bundles, writes):
    registry = Registry(place)
    promote(registry, bundles[0], because(), None)
    with pytest.raises(Killed):
        promote(Mortal(place, writes), bundles[1], because(), 1)
    champion = registry.alias(CHAMPION)
    promote(registry, bundles[1], because(), champion)
    assert state(registry) == (2, 1)
    assert [version.number for version in registry.versions()] == [1, 2]
    assert [move.version for move in history(registry)] == [1, 2]


@pytest.mark.parametrize("writes", range(3))
def test_a_rollback_that_was_cut_short_leaves_one_champion_too(place, bundles, writes):
    registry = Registry(place)
    promote(registry, bundles[0], because(), None)
    promote(registry, bundles[1], because(), 1)
    with pytest.raises(Killed):
        rollback(Mortal(place, writes), because())
    champion = registry.alias(CHAMPION)
    assert champion == (1 if writes >= 2 else 2)
    assert rollback(registry, because()).version == 3 - champion


# ------------------------------------------------------------------ two at once


def _promote(place: RegistryPlace, folder: Path, start, answers) -> None:
    start.wait()
    try:
        move = promote(Registry(place), Bundle.open(folder), Because("ada", NOW), 1)
        answers.put(move.version if move else None)
    except RegistryError as error:
        answers.put(str(error))


def at_once(place: RegistryPlace, folders: list[Path], runner, event, answers) -> list[int | str | None]:
    """What becomes of promotions that begin at the same moment."""
    runners = [runner(target=_promote, args=(place, folder, event, answers)) for folder in folders]
    for each in runners:
        each.start()
    event.set()
    told = [answers.get(timeout=60) for _ in runners]
    for each in runners:
        each.join(30)
    return sorted(told, key=str)


def test_of_two_promotions_at_once_one_takes_place_and_the_other_is_told(registry, place, bundles):
    promote(registry, bundles[0], because(), None)
    context = multiprocessing.get_context("spawn")
    folders = [bundle.folder for bundle in bundles[1:]]
    moved, told = at_once(place, folders, context.Process, context.Event(), context.Queue())
    assert moved == 2
    assert "the champion has changed meanwhile: it was version 1 and is version 2" in told
    assert state(registry) == (2, 1)
    assert [move.version for move in history(registry)] == [1, 2]


def test_of_the_same_promotion_three_times_at_once_there_is_one_version(registry, place, bundles):
    promote(registry, bundles[0], because(), None)
    told = at_once(place, [bundles[1].folder] * 3, threading.Thread, threading.Event(), queue.Queue())
    assert told == [2, None, None]
    assert state(registry) == (2, 1)
    assert len(registry.versions()) == 2


def test_whoever_waits_too_long_for_another_promotion_is_told(place):
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(place):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        with pytest.raises(RegistryError, match=r"another promotion has been under way for 0\.2 s"), alone(place, 0.2):
            pass
    finally:
        release.set()
        holder.join()
    with alone(place, 0.2):
        pass


def test_a_server_is_held_by_a_file_of_this_machines_cache(tmp_path):
    place = RegistryPlace("http://127.0.0.1:9", "", "newsquall", tmp_path / "cache")
    with alone(place):
        assert [file.name for file in (tmp_path / "cache").iterdir()] == ["promoting.lock"]


def test_an_alias_that_somebody_moved_by_hand_is_gone_by(registry, bundles):
    for at in range(3):
        promote(registry, bundles[at], because(), at or None)
    registry.point(CHAMPION, 1)
    assert promote(registry, bundles[2], because(), 1).before == 1
    assert state(registry) == (3, 1)


def test_a_long_reason_and_many_refusals_fit_into_a_tag(registry, bundles):
    promote(registry, bundles[0], because('"' * 2_000, forced=True, refusals=('"' * 900,) * 60), None)
    assert all(len(value) < 5_000 for value in registry.notes().values())
    assert history(registry)[0].at - NOW == timedelta(0)
