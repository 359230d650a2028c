"""What goes wrong in a run, when, and to whom: drawn from a seed, so that a run can be had again."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal[
    "kill",
    "stop",
    "pause",
    "another worker",
    "one worker less",
    "broker killed",
    "archive locked",
    "sent again",
    "garbage",
    "archive killed",
]
# How often each is drawn beside the others. A kill costs nothing to repeat, and where it strikes is what matters.
WEIGHTS: dict[Kind, int] = {
    "kill": 10,
    "stop": 2,
    "pause": 2,
    "another worker": 2,
    "one worker less": 1,
    "broker killed": 1,
    "archive locked": 2,
    "sent again": 2,
    "garbage": 1,
}
# Of plans whose archive is a server; the others' plans stay what they were.
KILLED_ARCHIVES = (1, 3)
MOST_WORKERS = 4
# Beyond the broker's session time-out (10 s) a paused worker's partitions have moved when it wakes up; below it not.
PAUSES = (0.5, 4.0, 13.0)
LOCKS = (0.5, 3.0, 8.0)
# A killed process is back after so many seconds: at once, as a supervisor has it, or after its partitions have moved.
ABSENCES = (0.0, 0.5, 3.0, 12.0)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong. `at`: seconds after the load began. `who`: a worker's number, where it is of one.
    `lasts`: seconds, of an absence, a pause or a lock."""

    at: float
    kind: Kind
    who: int = 0
    lasts: float = 0.0

    def __str__(self) -> str:
        of = f" of worker {self.who}" if self.kind in ("kill", "stop", "pause", "one worker less") else ""
        lasts = f" for {self.lasts:g} s" if self.lasts else ""
        return f"{self.at:5.1f} s  {self.kind}{of}{lasts}"


@dataclass(frozen=True)
class Plan:
    """What a seed stands for: how many workers begin, how many headlines come within how many seconds, and what goes
    wrong meanwhile."""

    seed: int
    workers: int
    headlines: int
    seconds: float
    faults: tuple[Fault, ...]


def plan(
    seed: int, headlines: int = 3_000, seconds: float = 30.0, archive_server: bool = False, broker: bool = False
) -> Plan:
    """The plan of a seed: the same for ever. `archive_server`: the archive is one, and is killed too. `broker`: the
    broker is killed in every plan, in its middle."""
    chance = Random(seed)
    workers = chance.randint(1, MOST_WORKERS)
    faults = list(_faults(chance, workers, seconds))
    # Drawn behind all that was there before them, so that they change nothing of it.
    if archive_server:
        for _ in range(chance.randint(*KILLED_ARCHIVES)):
            at = round(chance.uniform(0.5, seconds), 2)
            faults.append(Fault(at, "archive killed", lasts=chance.choice(ABSENCES)))
    if broker:
        faults = [each for each in faults if each.kind != "broker killed"]
        faults.append(Fault(round(seconds / 2, 2), "broker killed", lasts=chance.choice(ABSENCES)))
    return Plan(seed, workers, headlines, seconds, tuple(sorted(faults, key=lambda each: each.at)))


def _faults(chance: Random, workers: int, seconds: float) -> Iterator[Fault]:
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    brokers_left = 1  # each costs a dozen seconds in which nothing else can go wrong
    for _ in range(chance.randint(5, 12)):
        kind = chance.choices(kinds, weights)[0]
        if kind == "broker killed":
            if not brokers_left:
                kind = "kill"
            brokers_left = 0
        at = round(chance.uniform(0.5, seconds), 2)
        who = chance.randrange(workers)
        if kind in ("kill", "stop", "broker killed"):
            yield Fault(at, kind, who, chance.choice(ABSENCES))
        elif kind == "pause":
            yield Fault(at, kind, who, chance.choice(PAUSES))
        elif kind == "archive locked":
            yield Fault(at, kind, lasts=chance.choice(LOCKS))
        else:
            yield Fault(at, kind, who)
