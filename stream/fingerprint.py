"""What stories are compared by: a headline's gist and the encoder's sketch of it, short enough for every count."""

import base64
import hashlib
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stream import figures
from stream.figures import Figure
from stream.gist import INITIALS, STEM, gist_of

_LETTERS = 3  # of base64 a word: 262,144 values, so two words of a headline seldom collide
# Signs of an embedding's products with as many random directions: 16 letters of base64.
SKETCH_BITS = 96
_MODEL_LETTERS = 2


class Name(NamedTuple):
    """A name's first letters, its kind, and its stem, hashed as it is where it stands among the words."""

    letters: str
    kind: str
    stem: str


class Fingerprint(NamedTuple):
    """A fingerprint, read. `words` and `negated`: hashed. `stems`: of the names. `initials`: of names of several words.
    `sketch`: the bits of the embedding, `model` whose they are; 0 and empty if there is none."""

    words: frozenset[str]
    negated: frozenset[str]
    names: tuple[Name, ...]
    stems: tuple[str, ...]
    initials: frozenset[str]
    figures: tuple[Figure, ...]
    periods: frozenset[str]
    poles: frozenset[str]
    model: str
    sketch: int


@lru_cache(maxsize=65_536)
def _hashed(word: str) -> str:
    return base64.urlsafe_b64encode(hashlib.blake2b(word.encode(), digest_size=3).digest())[:_LETTERS].decode()


def fingerprint(title: str, sketch: str = "") -> str:
    """A title's fingerprint: hashed words, hashed negated words, names, figures, dates, poles and `sketch`, with dots
    between them.

    >>> fingerprint("UPDATE 2-Acme cuts 300 jobs, again - Baltic Wire") == fingerprint("Acme cuts 300 jobs, again")
    True
    """
    gist = gist_of(title)
    return ".".join(
        (
            "".join(sorted(map(_hashed, gist.words))),
            "".join(sorted(map(_hashed, gist.negated))),
            ",".join(kind + name for name, kind in gist.names.items()),
            figures.spell(sorted(set(gist.figures))),
            ",".join(sorted(gist.periods)),
            "".join(sorted(gist.poles)),
            sketch,
        )
    )


def sketch_of(embedding: npt.NDArray[np.float32], model: str) -> str:
    """An embedding's sketch: two letters for the version of the model, 16 for the signs of its products with fixed
    random directions.

    `embedding`: (width,). The share of signs in which two sketches agree is 1 - angle / pi of their embeddings
    (Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002); directions of +1 and -1 do as well
    as others (Achlioptas, Database-friendly random projections, JCSS 66, 2003). On another processor a sign close to 0
    may differ.
    """
    signs = embedding @ _directions(len(embedding)) > 0
    return _hashed(model)[:_MODEL_LETTERS] + base64.urlsafe_b64encode(np.packbits(signs).tobytes()).decode()


@lru_cache(maxsize=4)
def _directions(width: int) -> npt.NDArray[np.float32]:
    # Drawn by a hash function: a library's random numbers may change with its version.
    drawn = hashlib.shake_256(b"newsquall").digest(width * SKETCH_BITS // 8)
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8)).reshape(width, SKETCH_BITS)
    directions: npt.NDArray[Any] = bits.astype(np.float32) * 2 - 1
    return directions


def text_part(print_: str) -> str:
    """A fingerprint without its sketch: the same for the same title, whatever model has read it."""
    return print_.rpartition(".")[0]


@lru_cache(maxsize=8_192)
def read(print_: str) -> Fingerprint:
    """What a fingerprint holds. One of a form that is not this one's is a single word: it is like its equals alone."""
    try:
        words, negated, listed, numbers, periods, poles, sketch = print_.split(".")
        marked = [(name[1:], name[0]) for name in listed.split(",") if name]
        names = tuple(Name(name, kind, _hashed(name[:STEM])) for name, kind in marked if kind != INITIALS)
        return Fingerprint(
            _cut(words),
            _cut(negated),
            names,
            tuple(name.stem for name in names),
            frozenset(name for name, kind in marked if kind == INITIALS),
            tuple(figures.read(numbers)),
            frozenset(periods.split(",")) if periods else frozenset(),
            frozenset(poles),
            sketch[:_MODEL_LETTERS],
            int.from_bytes(base64.urlsafe_b64decode(sketch[_MODEL_LETTERS:]), "big"),
        )
    except ValueError:
        nothing: frozenset[str] = frozenset()
        return Fingerprint(frozenset({print_}), nothing, (), (), nothing, (), nothing, nothing, "", 0)


@lru_cache(maxsize=8_192)
def keys_of(print_: str) -> tuple[str, ...]:
    """What another headline of the same event is looked up by: words, names and figures."""
    found = read(print_)
    return (
        *found.words,
        *(stem for stem in found.stems if stem not in found.words),
        *(f"{each.digits}e{each.power}" for each in found.figures),
    )


def _cut(text: str) -> frozenset[str]:
    return frozenset(intern(text[at : at + _LETTERS]) for at in range(0, len(text), _LETTERS))
