"""Whether the rules' tests notice every mutant of the rules (alerts/mutants.py), and which they need not."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from alerts import promtool
from alerts.mutants import Mutant, mutants
from alerts.operations import WATCHDOG
from alerts.rules import SQUALL, rule_file, rules_of
from alerts.ruletests import tests_of
from model.errors import RulesError
from stream.settings import Settings

# Mutants in one run of promtool, and how long that may take on a machine that has much else to do.
_TOGETHER, _SECONDS = 12, 900.0

# Mutants that no test can tell from the rule, or need not: of which alert, which changes, and why.
EXCUSED: tuple[tuple[str, str, str], ...] = (
    (
        SQUALL,
        r'newsquall:topic_squall: 4\. matcher topic="all" left out',
        "a topic with as many stories as all together need has more than its own threshold anyway",
    ),
    (
        SQUALL,
        r'(NegativeNewsSquall \w+ \w+|newsquall:\w+_squall_paged): \d+\. matcher alertstate="firing" left out',
        "without waiting (for: 0s) no alert is ever pending",
    ),
    (
        SQUALL,
        r'(?:NegativeNewsSquall |newsquall:)(topic|entity)\w*(?: \w+)?: \d+\. matcher \1!="" left out',
        "no subject is without a name, so none is matched with an alert of the other kind, which lacks the label",
    ),
    (
        SQUALL,
        r'(NegativeNewsSquall \w+ page|newsquall:\w+_squall_paged): \d+\. matcher severity="page" left out',
        "what is critical is a page too",
    ),
    (
        SQUALL,
        r'NegativeNewsSquall \w+ page: 9\. matcher window="1d" left out',
        "when the longest window lies after the last squall, each shorter one does too, and may begin one by itself",
    ),
    (WATCHDOG, r"1\. number 1 as \d", "it fires whatever its value, and nobody reads that"),
    (WATCHDOG, r"keep_firing_for 5m instead of 0s", "it never ends, so nothing is kept"),
)


@dataclass
class Tally:
    """What became of an alert's mutants. `excused`: survivors with the reason why they may; `survived`: the others;
    `unneeded`: those that have an excuse and were killed."""

    alert: str
    mutants: int = 0
    killed: int = 0
    excused: list[tuple[str, str]] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    unneeded: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the tests notice all that they should."""
        return not self.survived and not self.unneeded


def all_mutants(settings: Settings) -> list[Mutant]:
    """Of the rules that these settings make, those of an alert together."""
    found = list(mutants(rule_file(settings), SQUALL))
    order = {alert: at for at, alert in enumerate(dict.fromkeys(mutant.alert for mutant in found))}
    return sorted(found, key=lambda mutant: order[mutant.alert])


def tallies(settings: Settings, tried: Iterable[Mutant]) -> Iterator[Tally]:
    """Try mutants on the tests; gives back an alert's tally when all its mutants in a row have been tried. Raises
    RulesError."""
    for alert, group in groupby(tried, key=lambda mutant: mutant.alert):
        tally = Tally(alert)
        for mutant, survived in _tried(settings, alert, list(group)):
            tally.mutants += 1
            tally.killed += not survived
            reason = excuse(mutant)
            if survived and reason:
                tally.excused.append((mutant.change, reason))
            elif survived:
                tally.survived.append(mutant.change)
            elif reason:
                tally.unneeded.append(mutant.change)
        yield tally


def excuse(mutant: Mutant) -> str | None:
    """Why a mutant may survive; None if it must not."""
    for alert, change, reason in EXCUSED:
        if re.fullmatch(alert, mutant.alert) and re.fullmatch(change, mutant.change):
            return reason
    return None


def _tried(settings: Settings, alert: str, group: Sequence[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether the tests hold for it. Only those of its alert are asked: no other looks at what was
    changed."""
    whole = tests_of(settings, "", alert)
    for kind, of_kind in groupby(group, key=lambda mutant: mutant.kind):
        # The tests of a kind have its name before theirs.
        tests = {**whole, "tests": [each for each in whole["tests"] if not kind or each["name"].startswith(f"{kind}:")]}
        tried = list(of_kind)
        for start in range(0, len(tried), _TOGETHER):
            part = tried[start : start + _TOGETHER]
            rules = [rules_of(each, alert) for each in (rule_file(settings), *(each.rules for each in part))]
            true, *held = promtool.passes(rules, tests, _SECONDS)
            if not true:
                raise RulesError(
                    f"the tests of {alert} do not hold for the rules as they are: see `newsquall rules test`"
                )
            yield from zip(part, held, strict=True)
