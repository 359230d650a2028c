"""Numbers and names as a person says them."""

from collections.abc import Sequence

from training.confidence import Interval

SLICE_WORDS = {
    "length/short": "short texts",
    "length/medium": "texts of medium length",
    "length/long": "long texts",
    "entities/none": "texts without a labelled name",
    "entities/one": "texts with one labelled name",
    "entities/several": "texts with several labelled names",
    "fates/opposite": "names with opposite fates",
    "numbers/without": "texts without numbers",
    "numbers/with": "texts with numbers",
    "numbers/many": "texts made of numbers",
    "ticker/with": "texts with a ticker",
    "ticker/without": "texts without a ticker",
    "form/post": "posts",
    "form/headline": "plain headlines",
    "form/wire flash": "wire flashes",
    "shouting/all capitals": "texts in capitals",
    "shouting/no": "texts not in capitals",
    "question/yes": "questions",
    "question/no": "statements",
    "negation/with": "negations",
    "negation/without": "texts without a negation",
    "contrast/with": "contrasts ('but', 'despite')",
    "contrast/without": "texts without a contrast",
    "hedge/with": "rumours and hedges",
    "hedge/without": "texts without a hedge",
}


def slice_words(name: str) -> str:
    """What a slice is called in a sentence.

    >>> slice_words("question/yes"), slice_words("origin/desk")
    ('questions', 'texts of desk')
    """
    kind, _, value = name.partition("/")
    words = {"origin": f"texts of {value}", "source": f"texts from {value}", "language": f"language {value}"}
    return SLICE_WORDS.get(name) or words.get(kind, value)


def is_the_rest(name: str) -> bool:
    """Whether a slice is only what another leaves over ('without a ticker'): to tell of one is to tell of both."""
    return name.partition("/")[2] in ("without", "no") or name == "entities/none"


def of_100(value: float) -> str:
    """A share as a person says it. Only what is none or all is called so.

    >>> of_100(0.838), of_100(0.004), of_100(0.0), of_100(0.999)
    ('84 of 100', '4 of 1,000', '0 of 100', '999 of 1,000')
    """
    hundredths = round(100 * value)
    if value in (0.0, 1.0) or 0 < hundredths < 100:
        return f"{hundredths} of 100"
    return f"{round(1000 * value)} of 1,000"


def so_many(value: float, n: int) -> str:
    """A share of n texts as a person says it: below a hundred as it was counted.

    >>> so_many(0.8667, 15), so_many(0.8667, 1500)
    ('13 of 15', '87 of 100')
    """
    return f"{round(value * n)} of {n}" if n < 100 else of_100(value)


def between(interval: Interval) -> str:
    """An interval of shares, in hundredths."""
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f}"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
