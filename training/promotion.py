"""Which version is the champion and how it came to be so: promotions, what took them back, who did it and why.

MLflow moves one alias at a time, and anything may die between two moves. So a move is written down before it is made:
the alias `champion`, which is all that workers look at, changes in one step, and whoever comes next finishes what an
interrupted move left undone, or passes over one that never changed it. The moves are tags of the registered model.
"""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import msgspec

from model.bundle import MANIFEST, Bundle, sha256_of
from model.errors import BundleError, RegistryError, UsageError
from model.registry import CHAMPION, PREVIOUS, SHA256_TAG, Registry, RegistryPlace
from stream.following import Champion, misfit
from training.evaluation import HEADS
from training.heldout import report_of

# Tags of the registered model: the move under way, and those that were made, by number.
PLAN, MADE = "move.plan", "move."
# Tags of a version, before the head's name.
SCORE = "macro_f1_"
# The store keeps 5,000 characters a tag; a reason must fit in with the rest.
LONGEST_REASON, MOST_REFUSALS, LONGEST_REFUSAL = 500, 8, 200
LOCK_SECONDS = 60.0


class Because(NamedTuple):
    """Who moves the champion, when and why. `forced`: although the gate refuses, for the `refusals`."""

    by: str
    at: datetime
    reason: str = ""
    forced: bool = False
    refusals: tuple[str, ...] = ()


class Move(msgspec.Struct, frozen=True):
    """One move of the champion: to `version`, from `before` (None: there was none)."""

    number: int
    kind: Literal["promotion", "rollback"]
    version: int
    bundle: str
    before: int | None
    at: datetime
    by: str
    reason: str = ""
    forced: bool = False
    refusals: tuple[str, ...] = ()


def history(registry: Registry) -> list[Move]:
    """The moves that were made, the oldest first. Raises RegistryError."""
    return _history(registry.notes(), registry.alias(CHAMPION))


def _history(notes: Mapping[str, str], champion: int | None) -> list[Move]:
    made = sorted((_read(text) for key, text in notes.items() if key.startswith(MADE) and key != PLAN), key=_number)
    plan = _unfinished(notes, made)
    return [*made, plan] if plan and plan.version == champion else made


def _number(move: Move) -> int:
    return move.number


def _unfinished(notes: Mapping[str, str], made: list[Move]) -> Move | None:
    """The move that was begun and is not on record."""
    plan = _read(notes[PLAN]) if PLAN in notes else None
    return plan if plan and plan.number > (made[-1].number if made else 0) else None


def _read(text: str) -> Move:
    try:
        return msgspec.json.decode(text, type=Move)
    except msgspec.MsgspecError as error:
        raise RegistryError(f"the registry's record of a promotion cannot be read ({error}): see its tags") from error


def before(moves: list[Move], champion: int) -> int | None:
    """The version that was the champion before; None if there was none."""
    return next((move.before for move in reversed(moves) if move.version == champion), None)


def require_fit(registry: Registry, bundle: Bundle, version: int | None) -> None:
    """Raises BundleError for a bundle that no worker would take into use, whatever the gate says of it. `version`: its
    version of the registry; None if it is new there."""
    versions, number = registry.versions(), registry.alias(CHAMPION)
    current = None
    if number is not None:
        try:
            current = Champion(number, registry.bundle(number))
        except BundleError:  # workers go on with their copies; what fits those cannot be known here
            current = None
    candidate = Champion(version or 1 + max((each.number for each in versions), default=0), bundle)
    if problem := misfit(candidate, current):
        raise BundleError(f"{bundle.folder} cannot be promoted: {problem}, and no worker would take it into use")


def known_version(registry: Registry, bundle: Bundle) -> int | None:
    """The newest version that is this very bundle and whole in the registry; None if there is none."""
    own = sha256_of(bundle.folder / MANIFEST)
    same = [version.number for version in registry.versions() if version.tags.get(SHA256_TAG) == own]
    return next((number for number in reversed(same) if _is_whole(registry.place, number)), None)


def _is_whole(place: RegistryPlace, number: int) -> bool:
    # This machine's copies would hide that the registry's own is damaged.
    with TemporaryDirectory(prefix="newsquall-registry-") as folder:
        try:
            Registry(replace(place, cache=Path(folder))).bundle(number)
        except BundleError:
            return False
    return True


def promote(
    registry: Registry, bundle: Bundle, because: Because, beside: int | None, run_id: str | None = None
) -> Move | None:
    """Make a bundle the champion: a new version, or the one that it has already; None if it is the champion.

    `beside`: the champion's version beside which it was judged. `run_id`: the training's run. Raises RegistryError if
    the champion has changed since, BundleError if no worker would take the bundle.
    """
    with alone(registry.place):
        champion = registry.alias(CHAMPION)
        _settle(registry, champion)
        version = known_version(registry, bundle)
        if version is not None and version == champion:
            return None
        _require_still(registry, beside)
        require_fit(registry, bundle, version)
        if version is None:
            version = registry.register(bundle, _scores(bundle), run_id)
        return _move(registry, "promotion", version, bundle.version, champion, because)


def rollback(registry: Registry, because: Because) -> Move:
    """Make the version the champion again that was it before; once more takes that back.

    Raises UsageError if there is none to go back to, BundleError if it is not whole any more, or does not fit.
    """
    champion = registry.alias(CHAMPION)
    if champion is None:
        raise UsageError(f"the registry {registry.place} has no champion: nothing was promoted yet")
    with alone(registry.place):
        _require_still(registry, champion)
        _settle(registry, champion)
        version = before(history(registry), champion) or registry.alias(PREVIOUS)
        if version is None or version == champion:
            raise UsageError(f"version {champion} is the first champion: there is none before it to go back to")
        bundle = registry.bundle(version)
        require_fit(registry, bundle, version)
        return _move(registry, "rollback", version, bundle.version, champion, because)


def _require_still(registry: Registry, champion: int | None) -> None:
    now = registry.alias(CHAMPION)
    if now != champion:
        was, found = (f"version {each}" if each else "none" for each in (champion, now))
        raise RegistryError(f"the champion has changed meanwhile: it was {was} and is {found}; try again")


def _settle(registry: Registry, champion: int | None) -> None:
    """Do what an interrupted move left undone."""
    notes = registry.notes()
    plan = _unfinished(notes, _history(notes, None))
    if plan is not None and plan.version == champion:
        _record(registry, plan)


def _move(
    registry: Registry,
    kind: Literal["promotion", "rollback"],
    version: int,
    bundle: str,
    champion: int | None,
    because: Because,
) -> Move:
    made = history(registry)
    move = Move(
        number=1 + (made[-1].number if made else 0),
        kind=kind,
        version=version,
        bundle=bundle,
        before=champion,
        at=because.at,
        by=because.by,
        reason=because.reason[:LONGEST_REASON],
        forced=because.forced,
        refusals=tuple(each[:LONGEST_REFUSAL] for each in because.refusals[:MOST_REFUSALS]),
    )
    registry.note(PLAN, msgspec.json.encode(move).decode())
    _require_still(registry, champion)
    registry.point(CHAMPION, version)
    _record(registry, move)
    return move


def _record(registry: Registry, move: Move) -> None:
    """All that follows on the champion's own alias. May be done again."""
    if move.before is not None:
        registry.point(PREVIOUS, move.before)
    told = {"at": move.at.isoformat(timespec="seconds"), "by": move.by, "reason": move.reason or "-"}
    if move.kind == "promotion":
        told |= {"how": "forced" if move.forced else "gate", "refusals": "; ".join(move.refusals) or "-"}
    of = move.version if move.kind == "promotion" else move.before
    for name, value in told.items():
        registry.note(f"{move.kind}.{name}", value, of)
    registry.note(f"{MADE}{move.number:06d}", msgspec.json.encode(move).decode())


def _scores(bundle: Bundle) -> dict[str, str]:
    """A bundle's macro-F1 on its held-back part by its own report, as tags."""
    scores = report_of(bundle).get("test", {}).get("all", {})
    return {f"{SCORE}{head}": str(scores[head]["macro_f1"]) for head in HEADS if head in scores}


@contextmanager
def alone(place: RegistryPlace, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold off every other move of the champion on this machine: two at once would each be judged beside a champion
    that the other replaces. Raises RegistryError if another one does not end within so many seconds.

    Beside a SQLite file the lock is that file's, whoever uses it. Of a server's champion two machines may move at once:
    the later one finds it changed, but for a moment's gap.
    """
    file = place.file.with_name(f"{place.file.name}.lock") if place.file else place.cache / "promoting.lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = file.open("a")
    except OSError as error:
        raise RegistryError(f"{file} cannot be written: {error.strerror}; see registry.uri, registry.cache") from error
    with held:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RegistryError(f"another promotion has been under way for {seconds:g} s: try again") from None
                time.sleep(0.05)
        yield
