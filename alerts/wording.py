"""Numbers, times and subjects in words, as a page says them."""

import math
from datetime import UTC, datetime, timedelta


def about(subject: str) -> str:
    """What a squall is about.

    >>> about("entity/Kestrovan Engineering"), about("topic/credit_debt"), about("topic/all")
    ('about Kestrovan Engineering', 'on credit and debt', 'over all topics')
    """
    kind, _, name = subject.partition("/")
    if kind == "entity":
        return f"about {name}"
    return "over all topics" if name == "all" else f"on {name.replace('_', ' and ')}"


def number(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> number(1, "story", "stories"), number(32770, "headline")
    ('1 story', '32,770 headlines')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def window_words(window: str) -> str:
    """A window's name in words.

    >>> window_words("1h"), window_words("90s")
    ('1 hour', '90 seconds')
    """
    units = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day"}
    unit = window.lstrip("0123456789. ")
    amount = window.removesuffix(unit).strip()
    return f"{amount} {units[unit]}{'' if amount == '1' else 's'}"


def usual_words(baseline: float) -> str:
    """What is usual, no finer than is of use.

    >>> usual_words(0.0), usual_words(0.004), usual_words(0.012), usual_words(3.14), usual_words(48.6)
    ('usually none', 'usually less than 0.01', 'usually 0.01', 'usually 3.1', 'usually 49')
    """
    if baseline <= 0:
        return "usually none"
    if baseline < 0.01:
        return "usually less than 0.01"
    digits = 2 if baseline < 0.1 else max(0, 1 - math.floor(math.log10(baseline)))
    text = f"{baseline:,.{digits}f}"
    return f"usually {text.rstrip('0').rstrip('.') if '.' in text else text}"


def clock_words(moment: datetime) -> str:
    """A time of day.

    >>> clock_words(datetime(2026, 7, 3, 2, 40, tzinfo=UTC))
    '02:40:00 UTC'
    """
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"


def lasted_words(duration: timedelta) -> str:
    """How long something lasted, in its two largest units.

    >>> lasted_words(timedelta(seconds=40)), lasted_words(timedelta(minutes=83))
    ('40 s', '1 h 23 min')
    """
    seconds = max(0, int(duration.total_seconds()))
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    first = next((at for at, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount) or "0 s"


def chance_words(surprise: float) -> str:
    """What a surprise means.

    >>> chance_words(4.0), chance_words(5.3), chance_words(31.0)
    ('1 in 10,000', '1 in 200,000', 'less than 1 in a million')
    """
    if surprise > 6:
        return "less than 1 in a million"
    odds = 10**surprise
    rounded = round(odds, -math.floor(math.log10(odds)))
    return f"1 in {rounded:,.0f}"
