"""'Data or model?': what else changed when a squall began. Of what comes in, compared with the same hours of the days
before: each source's headlines, all of them together, their letters, and how sure the model is of them. Then which
model scores, and whether more is refused.

The bounds are the least and the most of those days, widened by a factor: seven numbers bear no distribution to be
tested against, and a person can check 'at most 14 before' in a glance.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from msgspec import Struct

from stream.inflow import Inflow

# A squall's own span is looked at, in these bounds: a shorter one has too few headlines, and of a longer one the last
# hours say what is wrong now.
SHORTEST, LONGEST = timedelta(hours=1), timedelta(hours=6)
# ... and of so many headlines the newest are enough: a large archive answers as fast as a small one.
ENOUGH = 2_000
DAYS = 7
FEWEST_DAYS = 3  # with headlines; from fewer nothing is said of what is usual
# A source is told of if it has so many headlines and more than FACTOR times the most of the days before, or if it
# always had so many and has fewer than the least of them by that factor.
FEWEST = 10
FACTOR = 2.0
FEWEST_TOGETHER = 20  # for what is told of all headlines together
LETTERS = 0.2  # of a share beyond all days' shares
CONFIDENCE = 0.05  # of mean probability below all days' means
# One source tells most of a squall ...
MOST = 0.5
# ... of which it usually tells less.
ORDINARY = 0.25
TOLD = 3  # changes in the sentence; the others are counted
NAME = 60  # characters of a name in it

Kind = Literal["model", "source", "volume", "letters", "confidence", "rejections"]


class Change(Struct, frozen=True):
    """One thing that is not as it was. `name`: of the source or model, if it is about one. `now`: headlines, or a share
    or mean probability in [0, 1]; `least`, `most`: the same over the days before."""

    kind: Kind
    sentence: str
    now: float
    least: float
    most: float
    name: str = ""


class Circumstances(Struct, frozen=True):
    """What else changed. `changes`: nothing if it is the news alone. `days`: how many days before it was compared with;
    0 where there are too few, and only the model was looked at. `model_since`: when the newest model of those at work
    scored its first headline."""

    sentence: str
    changes: list[Change]
    days: int
    model_since: datetime | None


class Refusals(NamedTuple):
    """Headlines that were refused: in the last hour, and in an hour of the day before that on average."""

    now: float
    usual: float


def span_of(since: datetime | None, now: datetime) -> timedelta:
    """How much of what came in is looked at, for a squall since then."""
    return max(SHORTEST, min(LONGEST, now - since)) if since else SHORTEST


def circumstances(
    now: Inflow,
    before: Sequence[Inflow],
    own: Mapping[str, int],
    since: Mapping[str, datetime],
    refusals: Refusals | None = None,
) -> Circumstances:
    """What else changed at the time of a squall.

    `now`: all that came in over its span; `before`: over the same hours of each day before that the archive knows, the
    newest first. `own`: the squall's own headlines of that span by source: they are what it is about, and no change of
    what comes in. `since`: when each model of `now` scored its first headline.
    """
    days: Sequence[Inflow] = before if len(before) >= FEWEST_DAYS else []
    changes = [*_model(now, before, since), *_refusals(refusals)]
    if days:
        sources = [*_loud(now, days, own), *_quiet(now, days)]
        # A few feeds that have changed are no change of all; many are, and that is told first.
        told = {each.name for each in sources} if len(sources) <= TOLD else set()
        changes += [*_volume(now, days, own, told), *sources, *_one_source(days, own)]
        changes += [*_letters(now, days), *_confidence(now, days)]
    newest = max((since[name] for name in now.models if name in since), default=None)
    return Circumstances(_sentence(changes, now, newest, len(days)), changes, len(days), newest)


def _sentence(changes: Sequence[Change], now: Inflow, since: datetime | None, days: int) -> str:
    if changes:
        more = f"; and {len(changes) - TOLD} more" if len(changes) > TOLD else ""
        beside = f" (compared with the same hours of {days} days)" if days else ""
        return f"Also changed: {'; '.join(each.sentence for each in changes[:TOLD])}{more}{beside}"
    same = f"the same model {_name(max(now.models, key=lambda name: now.models[name]))}" if now.models else ""
    if same and since:
        same += f" since {_day(since)}"
    if days:
        return f"Nothing else changed: {', '.join(filter(None, (same, 'the usual sources and volume')))}"
    young = "The archive is too young to say which sources are usual"
    return f"{young}; {same}" if same else young


def _model(now: Inflow, before: Sequence[Inflow], since: Mapping[str, datetime]) -> Iterator[Change]:
    earlier = [day.models for day in before if day.models]
    known = {name for models in earlier for name in models}
    if not known:
        return
    for name, headlines in now.models.items():
        if name in known:
            continue
        others = ", ".join(_name(each) for each in sorted(earlier[0]))
        at = f" since {_day(since[name])}" if name in since else ""
        said = f"the model is {_name(name)}{at}, before it was {others}"
        yield Change("model", said, headlines / now.headlines, 0.0, 0.0, name)


def _refusals(refusals: Refusals | None) -> Iterator[Change]:
    if refusals and refusals.now >= FEWEST and refusals.now > FACTOR * refusals.usual:
        said = f"{refusals.now:,.0f} headlines were refused in the last hour, usually {refusals.usual:,.0f}"
        yield Change("rejections", said, refusals.now, refusals.usual, refusals.usual)


def _loud(now: Inflow, days: Sequence[Inflow], own: Mapping[str, int]) -> Iterator[Change]:
    """Sources that tell more than ever, beside the squall itself; the loudest first."""
    loud = []
    for name, headlines in now.sources.items():
        others = headlines - own.get(name, 0)
        least, most = _range(day.sources.get(name, 0) for day in days)
        if others >= FEWEST and others > FACTOR * most:
            said = (
                f"{_name(name)} sends {others:,} other headlines, {f'at most {most:,.0f}' if most else 'none'} before"
            )
            loud.append(Change("source", said, others, least, most, name))
    yield from sorted(loud, key=lambda change: (change.most - change.now, change.name))


def _quiet(now: Inflow, days: Sequence[Inflow]) -> Iterator[Change]:
    """Sources that tell less than ever."""
    names = {name for day in days for name in day.sources}
    for name in sorted(names):
        headlines = now.sources.get(name, 0)
        least, most = _range(day.sources.get(name, 0) for day in days)
        if least >= FEWEST and headlines < least / FACTOR:
            said = f"{_name(name)} sends {headlines:,} headlines, at least {least:,.0f} before"
            yield Change("source", said, headlines, least, most, name)


def _one_source(days: Sequence[Inflow], own: Mapping[str, int]) -> Iterator[Change]:
    """A source that tells most of the squall and little of the rest."""
    together = sum(own.values())
    if together < FEWEST:
        return
    name = max(own, key=lambda each: (own[each], each))
    least, most = _range(day.sources.get(name, 0) / max(1, day.headlines) for day in days)
    if own[name] > MOST * together and most < ORDINARY:
        said = f"{_name(name)} alone tells {own[name]:,} of its {together:,}, at most {most:.0%} of all before"
        yield Change("source", said, own[name] / together, least, most, name)


def _volume(now: Inflow, days: Sequence[Inflow], own: Mapping[str, int], told: set[str]) -> Iterator[Change]:
    """All sources together, but for the squall itself and those that are told of already."""
    headlines = sum(count - own.get(name, 0) for name, count in now.sources.items() if name not in told)
    least, most = _range(sum(count for name, count in day.sources.items() if name not in told) for day in days)
    if headlines >= FEWEST_TOGETHER and headlines > FACTOR * most:
        said = f"{headlines:,} other headlines came in, at most {most:,.0f} before"
    elif least >= FEWEST_TOGETHER and headlines < least / FACTOR:
        said = f"{headlines:,} other headlines came in, at least {least:,.0f} before"
    else:
        return
    yield Change("volume", said, headlines, least, most)


def _letters(now: Inflow, days: Sequence[Inflow]) -> Iterator[Change]:
    least, most = _range(day.other_letters for day in days if day.headlines)
    share = now.other_letters
    told = now.headlines >= FEWEST_TOGETHER and any(day.headlines for day in days)
    if told and not least - LETTERS <= share <= most + LETTERS:
        said = f"{share:.0%} of the titles are not in Latin letters, {least:.0%} to {most:.0%} before"
        yield Change("letters", said, share, least, most)


def _confidence(now: Inflow, days: Sequence[Inflow]) -> Iterator[Change]:
    least, most = _range(day.confidence for day in days if day.headlines)
    if now.headlines >= FEWEST_TOGETHER and now.confidence < least - CONFIDENCE:
        said = f"the model is less sure of all headlines, {now.confidence:.0%} on average, at least {least:.0%} before"
        yield Change("confidence", said, now.confidence, least, most)


def _range(values: Iterator[float]) -> tuple[float, float]:
    found = list(values)
    return min(found, default=0.0), max(found, default=0.0)


def _name(name: str) -> str:
    return (name if len(name) <= NAME else f"{name[: NAME - 1]}…") or "an unnamed source"


def _day(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y %H:%M} UTC"
