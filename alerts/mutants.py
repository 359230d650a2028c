"""The rules with one thing changed in each: what a test that is worth its name has to notice (mutation testing:
DeMillo, Lipton and Sayward, Hints on test data selection, IEEE Computer, 1978).

Of each expression: every comparison turned round and moved by its boundary, every number more and less, every range
and offset longer and shorter, every matcher and every clause of `and`, `or` and `unless` left out. Of each alert: `for`
and `keep_firing_for` longer, shorter and none.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stream.duration import format_duration, parse_duration

# PromQL, as far as the rules use it (https://prometheus.io/docs/prometheus/latest/querying/basics/).
_TOKEN = re.compile(
    r"""(?P<matchers>\{[^}]*\})
      | (?P<range>\[[^]]*\])
      | (?P<compare>==|!=|>=|<=|>|<)
      | (?P<number>(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]))
      | (?P<offset>offset\s+\w+)
      | (?P<logic>\b(?:and|or|unless)\b(?:\s+(?:on|ignoring)\s*\([^)]*\))?)
      | (?P<open>\() | (?P<close>\))
      | (?P<other>[\w:.]+|"[^"]*"|.)""",
    re.VERBOSE | re.DOTALL,
)
_MATCHER = re.compile(r'\w+\s*(?:=~|!~|!=|=)\s*"[^"]*"')
# The other side of the boundary, and the other way round.
_COMPARE = {
    ">": (">=", "<"),
    ">=": (">", "<"),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    "==": ("!=",),
    "!=": ("==",),
}
_LONG, _SHORT = 2, 0.5
# Instead of no waiting.
_WAITING = "5m"


@dataclass(frozen=True)
class Mutant:
    """A rule file that differs from the true one in a single thing. `alert`: whose tests must notice, and where it has
    several rules of a kind each, of which `kind`; `change`: what was done, in words, the same for the same rules;
    `rules`: the file's content."""

    alert: str
    kind: str
    change: str
    rules: dict[str, Any]


@dataclass(frozen=True)
class _Token:
    kind: str
    start: int
    end: int
    text: str


def mutants(rules: dict[str, Any], owner: str) -> Iterator[Mutant]:
    """All mutants of a rule file's content. `owner`: the alert whose tests answer for recorded rules."""
    for group_at, group in enumerate(rules["groups"]):
        for rule_at, rule in enumerate(group["rules"]):
            name = rule.get("alert") or rule["record"]
            kind = _kind(rule)
            # A subject's alerts share a name, and differ in the kind and in the severity.
            told_of = f"{name} {kind} {rule['labels']['severity']}: " if kind and "alert" in rule else f"{name}: "
            for change, changed in _changed(rule):
                mutated = copy.deepcopy(rules)
                mutated["groups"][group_at]["rules"][rule_at] = changed
                told = f"{told_of}{change}" if "record" in rule or kind else change
                yield Mutant(rule.get("alert", owner), kind, told, mutated)


def _kind(rule: dict[str, Any]) -> str:
    """Which of several rules of one name it is; empty where there is but one."""
    labels = rule.get("labels", {})
    named = (labels.get("subject", "").partition("/")[0], labels.get("of"), rule.get("record", ""))
    return next((kind for kind in ("topic", "entity") if kind in named[:2] or f"{kind}_" in named[2]), "")


def _changed(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for change, expression in expressions(rule["expr"]):
        yield change, {**rule, "expr": expression}
    if "alert" not in rule:
        return
    for field in ("for", "keep_firing_for"):
        given = rule.get(field, "0s")
        waits = parse_duration(given)
        instead = ["0s", *(format_duration(waits * factor) for factor in (_LONG, _SHORT))] if waits else [_WAITING]
        for value in instead:
            yield f"{field} {value} instead of {given}", {**rule, field: value}


def expressions(expression: str) -> Iterator[tuple[str, str]]:
    """An expression with one thing changed, each with what was.

    >>> for change, expression in expressions('max(lag{job="a"}) > 5'): print(change, "|", expression)
    1. > as >= | max(lag{job="a"}) >= 5
    1. > as < | max(lag{job="a"}) < 5
    1. number 5 as 6 | max(lag{job="a"}) > 6
    1. number 5 as 4 | max(lag{job="a"}) > 4
    1. matcher job="a" left out | max(lag{}) > 5
    """
    tokens = [_Token(str(m.lastgroup), m.start(), m.end(), m[0]) for m in _TOKEN.finditer(expression)]

    def put(token: _Token, text: str) -> str:
        return expression[: token.start] + text + expression[token.end :]

    def of(kind: str) -> Iterator[tuple[int, _Token]]:
        return enumerate((token for token in tokens if token.kind == kind), start=1)

    for at, token in of("compare"):
        for other in _COMPARE[token.text]:
            yield f"{at}. {token.text} as {other}", put(token, other)
    for at, token in of("number"):
        for other in _near(token.text):
            yield f"{at}. number {token.text} as {other}", put(token, other)
    for kind in ("range", "offset"):
        for at, token in of(kind):
            given = token.text.strip("[]").split()[-1]
            for factor in (_LONG, _SHORT):
                other = format_duration(parse_duration(given) * factor)
                yield f"{at}. {kind} {given} as {other}", put(token, token.text.replace(given, other))
    for at, token in of("matchers"):
        found = list(_MATCHER.finditer(token.text))
        for match in found:
            left = ", ".join(other[0] for other in found if other is not match)
            yield f"{at}. matcher {match[0]} left out", put(token, f"{{{left}}}")
    for at, (start, end) in enumerate(_clauses(tokens), start=1):
        without = f"{expression[:start]} {expression[end:]}"
        yield f"{at}. clause {_short(expression[start:end])} left out", without


def _near(number: str) -> tuple[str, str]:
    """A number that is a little more, and one that is a little less: a tenth, and of small whole ones 1."""
    value = float(number)
    step = 1.0 if number.isdigit() and value < 10 else value / 10
    more, less = (f"{each:.12g}" for each in (value + step, value - step))
    return more, less if value >= step else f"({less})"


def _clauses(tokens: Sequence[_Token]) -> Iterator[tuple[int, int]]:
    """From where to where to cut, so that one operand of `and`, `or` or `unless` is gone with its operator."""
    for at, token in enumerate(tokens):
        if token.kind == "open":
            yield from _cuts(tokens, at + 1, _closing(tokens, at))
    yield from _cuts(tokens, 0, len(tokens))


def _closing(tokens: Sequence[_Token], at: int) -> int:
    depth = 0
    for index in range(at, len(tokens)):
        depth += {"open": 1, "close": -1}.get(tokens[index].kind, 0)
        if depth == 0:
            return index
    raise ValueError("a parenthesis of a rule's expression is not closed")


def _cuts(tokens: Sequence[_Token], first: int, last: int) -> Iterator[tuple[int, int]]:
    """The cuts of one pair of parentheses, or of the whole, not of those inside it."""
    depth, operators = 0, []
    for index in range(first, last):
        token = tokens[index]
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if token.kind == "logic" and depth == 0:
            operators.append(index)
    if not operators:
        return
    begin, end = tokens[first].start, tokens[last - 1].end
    # `or` binds less than `and` and `unless`: its operands are whole runs of those.
    ors = [index for index in operators if tokens[index].text.startswith("or")]
    yield from _of_chain(tokens, ors, begin, end)
    bounds = [first - 1, *ors, last]
    for left, right in pairwise(bounds):
        chain = [index for index in operators if left < index < right and index not in ors]
        run_begin = tokens[left].end if left >= first else begin
        run_end = tokens[right].start if right < last else end
        yield from _of_chain(tokens, chain, run_begin, run_end)


def _of_chain(tokens: Sequence[_Token], operators: Sequence[int], begin: int, end: int) -> Iterator[tuple[int, int]]:
    if not operators:
        return
    # Without its first operand `unless` has nothing to take away from.
    if not tokens[operators[0]].text.startswith("unless"):
        yield begin, tokens[operators[0]].end
    for operator, following in zip(operators, [*operators[1:], None], strict=True):
        yield tokens[operator].start, tokens[following].start if following is not None else end


def _short(clause: str) -> str:
    words = " ".join(clause.split())
    return words if len(words) <= 100 else f"{words[:60]} ... {words[-36:]}"
