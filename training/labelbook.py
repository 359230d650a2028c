"""The book of labels, in the archive's database: what people said of headlines, none of it ever overwritten.

A text has one current label of each annotator, so that two may differ. A label that contradicts the annotator's own
earlier one is a conflict: it is told and not taken, unless it shall replace the other.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import msgspec
import sqlalchemy as sa

from model.errors import ArchiveError
from stream.archive import archive_errors, create_tables, from_microseconds, microseconds
from stream.records import Label, LabelSource, Sentiment
from training.labels import HEADS, text_key

_tables = sa.MetaData()

# A row is never changed: a later label of the same annotator is the next revision. Two processes that write the same
# revision find out by the key, and the slower one looks again.
_labels = sa.Table(
    "labels",
    _tables,
    sa.Column("text_key", sa.String(32), primary_key=True),
    sa.Column("annotator", sa.String(128), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("headline_id", sa.String(256), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("topic", sa.String(64)),
    sa.Column("sentiment", sa.String(16)),
    sa.Column("entities", sa.Text, nullable=False),
    sa.Column("language", sa.String(35), nullable=False),
    # Microseconds since 1970 in UTC, as in the archive.
    sa.Column("labelled_at", sa.BigInteger, nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Index("labels_by_headline", "headline_id"),
)

ENOUGH = 100  # texts, of which a tenth is held back and a twentieth says when to stop
_REST = "start from a model that knows the rest (newsquall train --base bundled)"
BETWEEN_NAMES = ";"  # in the annotator of a label that several gave

# Texts a transaction: a worker that archives beside an import waits for no more than that.
_PORTION = 500
_ATTEMPTS = 5

Outcome = Literal["added", "completed", "replaced", "known", "duplicate", "conflict"]
# The outcomes after which the book says something new.
WRITTEN: tuple[Outcome, ...] = ("added", "completed", "replaced")

_Key = tuple[str, str]  # of the text, and the annotator
_entities = msgspec.json.Decoder(dict[str, Sentiment])


class Entered(NamedTuple):
    """What became of a label.

    added: the annotator's first of this text. completed: a head or an entity that the annotator's label lacked.
    replaced: another one before it. known: the book says so already. duplicate: given twice in the same call.
    conflict: contradicts `against`, and was not taken there. `at`: where that stands among the labels of the call;
    None for one of the book.
    """

    label: Label
    outcome: Outcome
    against: Label | None = None
    at: int | None = None


class Agreement(NamedTuple):
    """One label a text, and the texts (each with its labels) of which none could be made."""

    labels: list[Label]
    disputed: list[list[Label]]


def _said(label: Label) -> dict[tuple[str, str], str]:
    """What a label says: of the headline as a whole, and towards each entity."""
    said = {("headline", head): getattr(label, head) for head in HEADS if getattr(label, head)}
    return said | {("entity", name): sentiment for name, sentiment in label.entities.items()}


def contradicts(first: Label, second: Label) -> bool:
    """Whether two labels give a head, or an entity, different values."""
    other = _said(second)
    return any(other.get(of, value) != value for of, value in _said(first).items())


def merged(first: Label, second: Label) -> Label:
    """The first label with what the second one says over it."""
    return msgspec.structs.replace(
        second,
        title=first.title,
        topic=second.topic or first.topic,
        sentiment=second.sentiment or first.sentiment,
        entities={**first.entities, **second.entities},
        language=second.language or first.language,
    )


def enter(
    labels: Sequence[Label], current: Mapping[_Key, Label], replace: bool = False
) -> tuple[list[Entered], dict[_Key, Label]]:
    """What becomes of labels, in their order, beside the current ones; and what is to be written.

    Where two of them contradict each other neither is taken, whatever their order: which of them is right cannot be
    told. With `replace` the later one is, over the current one too; of an earlier one all that no later one says.
    """
    groups: dict[_Key, list[int]] = defaultdict(list)
    for at, label in enumerate(labels):
        groups[text_key(label.title), label.annotator].append(at)
    results: dict[int, Entered] = {}
    written = {}
    for key, positions in groups.items():
        clashes = _overruled(labels, positions) if replace else _clashes(labels, positions)
        before = state = current.get(key)
        for at in positions:
            taken: Label | None = labels[at]
            if at in clashes:
                results[at] = Entered(labels[at], "conflict", labels[clashes[at]], clashes[at])
                later = [labels[other] for other in positions if other > at]
                taken = _not_overruled(labels[at], later) if replace else None
            if taken is None:
                continue
            if state is None:
                outcome: Outcome = "added"
                state = taken
            elif contradicts(state, taken):
                if not replace:
                    results[at] = Entered(taken, "conflict", state)
                    continue
                outcome, state = "replaced", merged(state, taken)
            elif _said(merged(state, taken)) != _said(state):
                outcome, state = "completed", merged(state, taken)
            else:
                outcome = "known" if state is before else "duplicate"
            results.setdefault(at, Entered(taken, outcome))
        if state is not None and state is not before:
            written[key] = state
    return [results[at] for at in range(len(labels))], written


def _clashes(labels: Sequence[Label], positions: Sequence[int]) -> dict[int, int]:
    """For each of a text's labels one that stands against it, if any two of them contradict each other."""
    values: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for at in positions:
        for of, value in _said(labels[at]).items():
            values[of].setdefault(value, at)
    values = {of: told for of, told in values.items() if len(told) > 1}
    if not values:
        return {}
    first = next(iter(next(iter(values.values())).values()))
    against = dict.fromkeys(positions, first)  # a row that is no party to it: which label it belongs to is open too
    for at in positions:
        for of, value in _said(labels[at]).items():
            if of in values:
                against[at] = next(other for told, other in values[of].items() if told != value)
                break
    return against


def _overruled(labels: Sequence[Label], positions: Sequence[int]) -> dict[int, int]:
    """Those of a text's labels that a later one contradicts, each with the last one that does."""
    last = {of: at for at in positions for of in _said(labels[at])}
    return {
        at: last[of]
        for at in positions
        for of, value in _said(labels[at]).items()
        if _said(labels[last[of]])[of] != value
    }


def _not_overruled(label: Label, later: Sequence[Label]) -> Label | None:
    """What a label says and no later one does; None if that is nothing."""
    said = {of for each in later for of in _said(each)}
    rest = {of: value for of, value in _said(label).items() if of not in said}
    if not rest:
        return None
    return msgspec.structs.replace(
        label,
        topic=rest.get(("headline", "topic")),
        sentiment=cast(Sentiment | None, rest.get(("headline", "sentiment"))),
        entities={name: cast(Sentiment, value) for (kind, name), value in rest.items() if kind == "entity"},
    )


def _by_text(labels: Iterable[Label]) -> list[list[Label]]:
    texts: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        texts[text_key(label.title)].append(label)
    return list(texts.values())


def _differ(labels: Iterable[Label], head: str) -> bool:
    return len({getattr(label, head) for label in labels} - {None}) > 1


def disagreements(labels: Iterable[Label]) -> list[list[Label]]:
    """The texts on whose topic or sentiment annotators differ, each with their labels."""
    return [each for each in _by_text(labels) if any(_differ(each, head) for head in HEADS)]


def agreed(labels: Iterable[Label], majority: bool = False) -> Agreement:
    """One label a text, of all its annotators, whose names are joined by semicolons.

    A text on whose topic or sentiment they differ is disputed as a whole; with `majority` each head has the value that
    more than half of those gave who labelled it, and the text is disputed only where neither head has one. An entity
    towards which there is no such sentiment is left out.
    """
    result = Agreement([], [])
    for each in _by_text(labels):
        topic, sentiment = (_most(getattr(label, head) for label in each) for head in HEADS)
        if not (topic or sentiment) or (not majority and any(_differ(each, head) for head in HEADS)):
            result.disputed.append(each)
            continue
        names = dict.fromkeys(name for label in each for name in label.entities)
        towards = {name: _most(label.entities.get(name) for label in each) for name in names}
        one = msgspec.structs.replace(
            each[-1],
            topic=topic,
            sentiment=cast(Sentiment | None, sentiment),
            entities={name: cast(Sentiment, value) for name, value in towards.items() if value},
            language=next((label.language for label in each if label.language), ""),
        )
        behind = [label for label in each if not contradicts(one, label)] or each
        signed = BETWEEN_NAMES.join(dict.fromkeys(label.annotator for label in behind))
        result.labels.append(msgspec.structs.replace(one, annotator=signed))
    return result


def training_notes(labels: Collection[Label]) -> list[str]:
    """What keeps a model from being trained on labels alone, in words; empty if nothing does."""
    notes = []
    texts = len(_by_text(labels))
    if texts < ENOUGH:
        notes.append(f"{texts} labelled texts are too few to train on alone: label {ENOUGH} or more, or {_REST}")
    for head in HEADS:
        values = {getattr(label, head) for label in labels} - {None}
        if len(values) == 1:
            notes.append(f"all labels have the same {head}, {values.pop()}: label others too, or {_REST}")
    return notes


def _most(values: Iterable[str | None]) -> str | None:
    """What more than half of those say who say anything."""
    counts = Counter(value for value in values if value)
    value, count = counts.most_common(1)[0] if counts else (None, 0)
    return value if 2 * count > counts.total() else None


class LabelBook:
    """The labels of a database, made when it is first opened. Raises ArchiveError when the database fails."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with archive_errors("the book of labels cannot be opened"):
            create_tables(engine, _tables)

    def add(self, labels: Sequence[Label], replace: bool = False, dry_run: bool = False) -> list[Entered]:
        """Write labels; what became of each, in their order. With `dry_run` what would become of it.

        The same call again changes nothing. A call that is cut short has written some texts wholly and others not at
        all, and may be repeated.
        """
        positions: dict[str, list[int]] = defaultdict(list)
        for at, label in enumerate(labels):
            positions[text_key(label.title)].append(at)
        results: dict[int, Entered] = {}
        texts = list(positions)
        for start in range(0, len(texts), _PORTION):
            keys = texts[start : start + _PORTION]
            chosen = sorted(at for key in keys for at in positions[key])
            entered = self._add(keys, [labels[at] for at in chosen], replace, dry_run)
            for at, each in zip(chosen, entered, strict=True):
                results[at] = each if each.at is None else each._replace(at=chosen[each.at])
        return [results[at] for at in range(len(labels))]

    def _add(self, keys: Sequence[str], labels: Sequence[Label], replace: bool, dry_run: bool) -> list[Entered]:
        for _ in range(_ATTEMPTS):
            with archive_errors("the book of labels cannot be written"):
                try:
                    return self._enter(keys, labels, replace, dry_run)
                except sa.exc.IntegrityError:
                    continue  # another process wrote the same text at the same moment: see what it wrote
        raise ArchiveError("the book of labels is being written by too many at once: try again")

    def _enter(self, keys: Sequence[str], labels: Sequence[Label], replace: bool, dry_run: bool) -> list[Entered]:
        with self._engine.begin() as connection:
            current = self._current(connection, keys)
            results, written = enter(
                labels, {key: label for key, (_, label) in current.items() if _said(label)}, replace
            )
            if written and not dry_run:
                earlier = {key: revision for key, (revision, _) in current.items()}
                rows = [_to_row(key, earlier.get(key, 0) + 1, label) for key, label in written.items()]
                connection.execute(_labels.insert(), rows)
        return results

    def _current(self, connection: sa.Connection, keys: Sequence[str] | None = None) -> dict[_Key, tuple[int, Label]]:
        identity = (_labels.c.text_key, _labels.c.annotator)
        newest = sa.select(*identity, sa.func.max(_labels.c.revision).label("revision")).group_by(*identity)
        if keys is not None:
            newest = newest.where(_labels.c.text_key.in_(keys))
        last = newest.subquery()
        query = (
            sa.select(_labels)
            .join(last, sa.and_(*(_labels.c[each.name] == each for each in last.c)))
            .order_by(_labels.c.labelled_at, *identity)
        )
        return {
            (row["text_key"], row["annotator"]): (row["revision"], _from_row(row))
            for row in connection.execute(query).mappings()
        }

    def current(self) -> list[Label]:
        """Each annotator's label of each text, the oldest first; none that was taken back."""
        with archive_errors("the book of labels cannot be read"), self._engine.connect() as connection:
            return [label for _, label in self._current(connection).values() if _said(label)]

    def find(self, title: str, annotator: str) -> Label | None:
        """An annotator's label of a text, if there is one."""
        key = text_key(title)
        with archive_errors("the book of labels cannot be read"), self._engine.connect() as connection:
            _, label = self._current(connection, [key]).get((key, annotator), (0, None))
        return label if label is not None and _said(label) else None

    def restore(self, label: Label, before: Label | None) -> None:
        """Take an annotator's label back: the book says again what it said before it. That it was given stays written.

        `before`: the annotator's label of the text before it; None if there was none.
        """
        key = text_key(label.title)
        nothing = msgspec.structs.replace(label, topic=None, sentiment=None, entities={})
        for _ in range(_ATTEMPTS):
            with archive_errors("the book of labels cannot be written"):
                try:
                    with self._engine.begin() as connection:
                        revision, _ = self._current(connection, [key]).get((key, label.annotator), (0, None))
                        row = _to_row((key, label.annotator), revision + 1, before or nothing)
                        connection.execute(_labels.insert(), [row])
                        return
                except sa.exc.IntegrityError:
                    continue  # the annotator labelled it elsewhere at the same moment: that is taken back, too
        raise ArchiveError("the book of labels is being written by too many at once: try again")


def _to_row(key: _Key, revision: int, label: Label) -> dict[str, Any]:
    return {
        "text_key": key[0],
        "annotator": key[1],
        "revision": revision,
        "headline_id": label.headline_id,
        "title": label.title,
        "topic": label.topic,
        "sentiment": label.sentiment,
        "entities": msgspec.json.encode(label.entities).decode(),
        "language": label.language,
        "labelled_at": microseconds(label.labelled_at),
        "source": label.source,
    }


def _from_row(row: Any) -> Label:
    return Label(
        headline_id=row["headline_id"],
        title=row["title"],
        annotator=row["annotator"],
        labelled_at=from_microseconds(row["labelled_at"]),
        source=cast(LabelSource, row["source"]),
        topic=row["topic"],
        sentiment=row["sentiment"],
        entities=_entities.decode(row["entities"]),
        language=row["language"],
    )
