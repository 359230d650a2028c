"""Records that a producer who means harm, or no harm, may write to news.headlines: of a count and a seed the same."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import hypothesis
from hypothesis import strategies as st

from deploy.bench.scorer import texts_of
from tests.hostile.corpus import DATES, FIELDS, HEADERS, KEYS, PAYLOADS, TEXTS, VALUES

# How often each is drawn.
KINDS = {
    "ordinary": 12,
    "one wrong field": 30,
    "hostile title": 10,
    "mutilated": 15,
    "by hand": 4,
    "same id": 5,
    "JSON of any kind": 12,
    "bytes of any kind": 12,
}
# Of so many records one is made by hypothesis, of each sort; what is drawn is drawn from these, and changed.
RECORDS_A_MADE = 40
ALIKE = ("same", "SAME", "same ", "\u017fame", "sa\u0301me", "s\u00e1me", "same\u200b")
LARGE_BYTES = 20_000
# Large ones fill the disk, long texts take the model's time, and a fourth finds nothing that three did not: then only
# a part of it is sent.
MOST_LARGE = 3
LONG_CHARACTERS = 200


@dataclass(frozen=True)
class Input:
    """A record. `id`, `title`: of an ordinary headline, which must be archived like this; None if anything may be."""

    kind: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    id: str | None = None
    title: str | None = None


def inputs(count: int, seed: int, now: datetime) -> Iterator[Input]:
    """So many records; their dates, where they have true ones, are of the hours before `now`."""
    chance = Random(seed)
    titles = [title for title in texts_of(None, None) if title.strip()]
    things, texts, blobs = (
        made(strategy, seed, max(100, count // RECORDS_A_MADE))
        for strategy in (_ANYTHING, ANY_TEXT, st.binary(max_size=400))
    )
    large, long = Counter[bytes](), Counter[str]()

    def some(pool: Sequence[Any]) -> Any:
        value = chance.choice(pool)
        if isinstance(value, str) and len(value) > LONG_CHARACTERS:
            long[value] += 1
            if long[value] > MOST_LARGE:
                at = chance.randrange(len(value) - 1)
                return value[at : at + chance.randrange(60)]
        return value

    kinds, weights = list(KINDS), list(KINDS.values())
    for number in range(count):
        kind = chance.choices(kinds, weights)[0]
        title = f"{chance.choice(titles)} ({number})"
        fields: dict[str, Any] = {
            "id": f"ordinary-{number}",
            "title": title,
            "published_at": (now - timedelta(seconds=chance.uniform(0, 6 * 3600))).isoformat(),
            "source": f"wire {number % 7}",
        }
        if kind == "ordinary":
            yield Input(kind, _json(fields), fields["id"].encode(), id=fields["id"], title=title)
            continue
        fields["id"] = f"hostile-{number}"
        if kind == "one wrong field":
            name = chance.choice(FIELDS)
            pool = DATES if name == "published_at" else chance.choice((VALUES, TEXTS, things, texts))
            fields[name] = some(pool)
            value = _json(fields)
        elif kind == "hostile title":
            fields["title"] = some(chance.choice((TEXTS, texts)))
            fields[chance.choice(("source", "url", "id"))] = some(TEXTS)
            value = _json(fields)
        elif kind == "mutilated":
            value = _mutilated(_json(fields), chance)
        elif kind == "same id":
            fields["id"] = chance.choice(
                ("same", "SAME", "same ", "\u017fame", "sa\u0301me", "s\u00e1me", "sáme\u200b")
            )
            value = _json(fields)
        elif kind == "by hand":
            value = chance.choice(PAYLOADS)
        elif kind == "JSON of any kind":
            value = _json(chance.choice(things))
        else:
            value = chance.choice(blobs)
        if value is not None and len(value) > LARGE_BYTES:
            large[value] += 1
            if large[value] > MOST_LARGE:
                value = value[: chance.randrange(1_000)]
        key = chance.choice(KEYS)
        yield Input(kind, value, key or (b"gone" if value is None else key), chance.choice(HEADERS))


def _json(value: Any) -> bytes:
    # A lone surrogate is an escape of JSON, and no UTF-8.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _mutilated(value: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(value))
    return chance.choice(
        (
            value[:at],
            value[at:],
            value[:at] + chance.randbytes(1) + value[at + 1 :],
            value[:at] + chance.randbytes(3) + value[at:],
            value[:at] + b"\\u0000" + value[at:],
            value[:at] + b"\x00" + value[at:],
            value + value[:at],
            value.replace(b'"', b"'"),
            value.replace(b":", b"::", 1),
            value.replace(b"id", b"ID", 1),
        )
    )


# Hypothesis leaves surrogates out of texts unless they are asked for.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300) | st.text(max_size=40).map(
    lambda text: text * 60
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.datetimes().map(datetime.isoformat)
_FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, _SCALARS))
_ANYTHING = _FIELDS | st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ANY_TEXT, inner, max_size=5), max_leaves=20
)


def made(strategy: st.SearchStrategy[Any], seed: int, count: int) -> list[Any]:
    """What hypothesis makes of a strategy."""
    values: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        derandomize=False,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def make(value: Any) -> None:
        values.append(value)

    make()
    return values
