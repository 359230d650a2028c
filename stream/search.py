"""Search in the archive: by words, topic, sentiment, entity, source and date, the newest first, a portion at a time.

Each way to search has an index by which the newest hits are found without reading the others. Words: in SQLite a
full-text index (FTS5) whose row numbers are the times of publication, so that it gives its hits in that order; in
PostgreSQL an index of the titles' lexemes (GIN), together with that of time, for some hours and then for more.
Chinese and Japanese, which have no spaces, are looked for as pieces of the title, by going through the headlines.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from model.errors import InputError
from stream.archive import archive_errors, from_microseconds, from_row, headlines, mentions, microseconds
from stream.records import ScoredHeadline
from stream.spans import Span, spans

MOST_TERMS = 12
# A search that finds little may go through millions of headlines: after this it gives up and asks for less.
PATIENCE_SECONDS = 10
# PostgreSQL takes a title's parsing for twenty times cheaper than it is, and would rather parse than ask its index.
_OPERATOR_COST = 0.05
_STEPS = 20_000  # of SQLite's machine between two looks at the clock
_FIRST_PORTION = 50  # hits
_PORTION = 5_000  # headlines a transaction while the index is made: a worker that archives meanwhile waits no longer

_TERM = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"\w")
# English stems, as both databases know them: 'falls' finds 'fall'.
_LANGUAGE = "english"


class Term(NamedTuple):
    """A word or phrase that is searched for. `excluded`: no title has it; `beginning`: words may go on."""

    text: str
    excluded: bool = False
    beginning: bool = False

    @property
    def unspaced(self) -> bool:
        """Whether it is in a script without spaces."""
        return bool(_UNSPACED.search(self.text))


def terms_of(words: str) -> list[Term]:
    """What a person means: words, "phrases", -excluded, begin*. Raises InputError for too many, or only excluded ones.

    >>> terms_of('bank "profit warning" -oil insol*')
    [Term(text='bank', excluded=False, beginning=False), Term(text='profit warning', excluded=False, beginning=False), \
Term(text='oil', excluded=True, beginning=False), Term(text='insol', excluded=False, beginning=True)]
    """
    terms = []
    for minus, phrase, word in _TERM.findall(words):
        text = phrase or word
        if _WORD.search(text):
            terms.append(Term(text.rstrip("*"), bool(minus), text.endswith("*")))
    if len(terms) > MOST_TERMS:
        raise InputError(f"that are {len(terms)} words, {MOST_TERMS} may be looked for at once")
    if terms and all(term.excluded for term in terms):
        raise InputError("name a word that is to be there, too: words to leave out alone would be nearly everything")
    return terms


@dataclass(frozen=True)
class Query:
    """What is searched for; what is empty is not asked for. `sentiment`: towards the entity, where there is one.
    [since, until): by publication."""

    words: str = ""
    topic: str = ""
    sentiment: str = ""
    entity: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Place(NamedTuple):
    """Where a portion ended: the place of its last headline in the order. `id` is empty in a search by words."""

    at: int
    id: str = ""

    def __str__(self) -> str:
        return f"{self.at}-{self.id}"


def place_of(text: str) -> Place:
    """A place as str() writes it. Raises InputError."""
    at, _, id_ = text.partition("-")
    if not (at.isascii() and at.isdigit() and int(at) < 2**63):
        raise InputError("there is no such place in a search")
    return Place(int(at), id_)


class Found(NamedTuple):
    """A portion of the hits, the newest first; an entity's as they are for it. `next`: where the next one begins; None
    at the end."""

    headlines: list[ScoredHeadline]
    next: Place | None


# A row number is its headline's time of publication, or, where others have the same, a later one within that second.
# When the second is full, with a million headlines, the next of it is not found by its words.
_POSITION = """
    CASE WHEN NOT EXISTS (SELECT 1 FROM headline_positions WHERE position = {at}) THEN {at}
    ELSE (SELECT max(position) + 1 FROM headline_positions
          WHERE position BETWEEN {at} AND ({at} / 1000000 + 1) * 1000000 - 2) END
"""
_NEW_POSITION = _POSITION.format(at="new.published_at")
_SQLITE = (
    "CREATE TABLE IF NOT EXISTS headline_positions (position INTEGER PRIMARY KEY, headline_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS headline_words USING fts5(title, content='', "
    "tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER IF NOT EXISTS headline_position AFTER INSERT ON headlines BEGIN "
    "INSERT OR IGNORE INTO headline_positions SELECT $POSITION, new.id; END".replace("$POSITION", _NEW_POSITION),
    "CREATE TRIGGER IF NOT EXISTS headline_word AFTER INSERT ON headline_positions BEGIN "
    "INSERT INTO headline_words (rowid, title) SELECT new.position, title FROM headlines WHERE id = new.headline_id; "
    "END",
    "CREATE INDEX IF NOT EXISTS headlines_by_topic_and_time ON headlines (topic, published_at)",
    "CREATE INDEX IF NOT EXISTS headlines_by_source ON headlines (source, published_at)",
    "CREATE INDEX IF NOT EXISTS mentions_by_time ON mentions (entity, published_at)",
)
_POSTGRESQL = {
    "headlines_by_words": f"headlines USING gin (to_tsvector('{_LANGUAGE}', title))",
    "headlines_by_topic_and_time": "headlines (topic, published_at)",
    "headlines_by_source": "headlines (source, published_at)",
    "mentions_by_time": "mentions (entity, published_at)",
}
# Of two desks that start at once one makes the indexes.
_MAKING = 5_077_001


class SearchIndex:
    """The archive's headlines, searched. Raises ArchiveError when the database fails, InputError for a search that
    cannot be meant or takes too long."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._ready = not self._is_sqlite  # PostgreSQL finds words without an index too, only slower

    def prepare(self) -> int:
        """Make the indexes that are not there; how many headlines were taken into them. Of millions this takes minutes,
        beside which the archive is written as ever. From then on the database itself keeps them."""
        with archive_errors("the archive's search indexes cannot be made"):
            taken = self._prepare_sqlite() if self._is_sqlite else self._prepare_postgresql()
        self._ready = True
        return taken

    def _prepare_sqlite(self) -> int:
        with self._engine.begin() as connection:
            for statement in _SQLITE:
                connection.exec_driver_sql(statement)
        done = 0
        # In the order of their row numbers, which is that of their arrival and holds while rows are only added.
        last = 0
        while True:
            with self._engine.begin() as connection:
                rows = connection.exec_driver_sql(
                    "SELECT h.rowid, h.id, h.published_at, p.position FROM headlines h LEFT JOIN headline_positions p "
                    "ON p.headline_id = h.id WHERE h.rowid > ? ORDER BY h.rowid LIMIT ?",
                    (last, _PORTION),
                ).all()
                if not rows:
                    return done
                missing = [(published_at, id_) for _, id_, published_at, position in rows if position is None]
                if missing:
                    connection.exec_driver_sql(
                        f"INSERT OR IGNORE INTO headline_positions VALUES ({_POSITION.format(at='?1')}, ?2)",  # noqa: S608
                        missing,
                    )
                done += len(missing)
                last = rows[-1][0]

    def _prepare_postgresql(self) -> int:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("SET lock_timeout = 0"))
            connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _MAKING})
            try:
                for name, definition in _POSTGRESQL.items():
                    self._make_postgresql(connection, name, definition)
            finally:
                connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _MAKING})
                connection.invalidate()  # with its settings
        return 0

    def _make_postgresql(self, connection: sa.Connection, name: str, definition: str) -> None:
        state = connection.execute(
            sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name}
        ).scalar()
        if state is False:  # one that was interrupted
            connection.execute(sa.text(f"DROP INDEX CONCURRENTLY {name}"))
        if state is not True:
            connection.execute(sa.text(f"CREATE INDEX CONCURRENTLY {name} ON {definition}"))
            # By how common each word is the planner chooses between the index and the order of time.
            connection.execute(sa.text(f"ANALYZE {definition.split(maxsplit=1)[0]}"))

    def find(self, query: Query, limit: int, after: Place | None = None) -> Found:
        """The newest `limit` hits, or those after the place where an earlier portion ended."""
        with archive_errors("the archive cannot be searched"), self._engine.connect() as connection:
            end = time.monotonic() + PATIENCE_SECONDS
            rows: list[Any] = []
            try:
                for since, until in self._spans(connection, query, after):
                    narrowed = replace(query, since=since, until=until)
                    self._bound(connection, end)
                    rows += connection.execute(self._statement(narrowed, limit + 1 - len(rows), after)).mappings()
                    if len(rows) > limit:
                        break
            except sa.exc.OperationalError as error:
                if "statement timeout" in str(error.orig) or "interrupted" in str(error.orig):
                    raise InputError(
                        f"the search took more than {PATIENCE_SECONDS} s: narrow it by dates or another word"
                    ) from error
                raise
            finally:
                self._unbound(connection)
        found = [from_row(row) for row in rows[:limit]]
        if query.entity:
            found = [each.towards(query.entity) if query.entity in each.entities else each for each in found]
        if len(rows) <= limit:
            return Found(found, None)
        last = rows[limit - 1]
        return Found(found, Place(last["position"], "" if self._by_position(query) else last["id"]))

    def all(self, query: Query, portion: int = 1_000) -> Iterator[ScoredHeadline]:
        """All hits, read in portions, of which the first is small: so the first hits are there at once."""
        after = None
        while True:
            found = self.find(query, portion if after else min(portion, _FIRST_PORTION), after)
            yield from found.headlines
            if found.next is None:
                return
            after = found.next

    def _spans(self, connection: sa.Connection, query: Query, after: Place | None) -> Iterator[Span]:
        """In which spans of time to look, the newest first. PostgreSQL's index of words gives no order: of common words
        all hits would be read and sorted, where together with the index of time only a few hours' are."""
        if self._is_sqlite or not _with_spaces(query):
            return iter([Span(query.since, query.until)])
        connection.execute(sa.text(f"SET LOCAL cpu_operator_cost = {_OPERATOR_COST}"))
        newest = connection.execute(sa.select(sa.func.max(headlines.c.published_at))).scalar() or 0
        if after is not None:
            newest = min(newest, after.at)
        return spans(query.since, query.until, from_microseconds(newest))

    def _bound(self, connection: sa.Connection, end: float) -> None:
        if self._is_sqlite:
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        else:
            left = max(1, round(1000 * (end - time.monotonic())))  # 0 would be for ever
            connection.execute(sa.text(f"SET LOCAL statement_timeout = {left}"))

    def _unbound(self, connection: sa.Connection) -> None:
        if self._is_sqlite:
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(None, 0)

    def _by_position(self, query: Query) -> bool:
        """Whether the full-text index of SQLite gives the hits and their order."""
        return self._is_sqlite and any(not term.excluded and not term.unspaced for term in terms_of(query.words))

    def _statement(self, query: Query, limit: int, after: Place | None) -> sa.Executable:
        terms = terms_of(query.words)
        if self._by_position(query):
            if not self._ready:
                raise InputError("the index of words is being made: search by words in a minute or so")
            return _by_words(query, terms, limit, after)
        at, id_ = headlines.c.published_at, headlines.c.id
        source: sa.FromClause = headlines
        if query.entity:
            at, id_ = mentions.c.published_at, mentions.c.headline_id
            source = mentions.join(headlines, headlines.c.id == mentions.c.headline_id)
        statement = sa.select(headlines, at.label("position")).select_from(source).where(*_narrowed(query, terms))
        if query.entity:
            statement = statement.where(mentions.c.entity == query.entity)
            if query.sentiment:
                statement = statement.where(mentions.c.sentiment == query.sentiment)
        by_lexemes = not self._is_sqlite and _with_spaces(query)
        if by_lexemes:
            statement = statement.where(_has_lexemes(terms))
        if query.since is not None:
            statement = statement.where(at >= microseconds(query.since))
        if query.until is not None:
            statement = statement.where(at < microseconds(query.until))
        if after is not None:
            statement = statement.where(at <= after.at, sa.or_(at < after.at, id_ < after.id))
        if by_lexemes:
            # Apart, so that the planner does not go through the span in the order of time, in the hope of enough hits
            # soon: of words that no statistics tell of it expects hundreds of times too many.
            hits = statement.cte("hits").prefix_with("MATERIALIZED")
            return sa.select(hits).order_by(hits.c.position.desc(), hits.c.id.desc()).limit(limit)
        return statement.order_by(at.desc(), id_.desc()).limit(limit)


def _with_spaces(query: Query) -> bool:
    """Whether words are looked for that a full-text index knows."""
    return any(not term.unspaced for term in terms_of(query.words))


def _has_lexemes(terms: Sequence[Term]) -> sa.ColumnElement[bool]:
    """PostgreSQL's condition for all terms of scripts with spaces, as its index of words knows it."""
    wanted = [_tsquery(term) for term in terms if not term.unspaced]
    both = wanted[0]
    for each in wanted[1:]:
        both = both.op("&&")(each)
    vector = sa.func.to_tsvector(sa.literal_column(f"'{_LANGUAGE}'"), headlines.c.title)
    return vector.op("@@")(both)


def _by_words(query: Query, terms: Sequence[Term], limit: int, after: Place | None) -> sa.TextClause:
    """SQLite's search by its full-text index. In its own words: a CROSS JOIN keeps the order of the joins, in which the
    index comes first and gives the newest first, so that a portion's end is where the work ends."""
    given: dict[str, Any] = {"match": _match(terms), "limit": limit}
    where = ["headline_words MATCH :match"]

    def narrow(condition: str, **values: Any) -> None:
        where.append(condition)
        given.update(values)

    if query.since is not None:
        narrow("headline_words.rowid >= :since", since=microseconds(query.since))
    if query.until is not None:
        narrow("headline_words.rowid < :until", until=microseconds(query.until))
    if after is not None:
        narrow("headline_words.rowid < :after", after=after.at)
    if query.topic:
        narrow("h.topic = :topic", topic=query.topic)
    if query.source:
        narrow("h.source = :source", source=query.source)
    if query.entity:
        towards = " AND m.sentiment = :sentiment" if query.sentiment else ""
        narrow(
            f"EXISTS (SELECT 1 FROM mentions m WHERE m.entity = :entity AND m.headline_id = h.id{towards})",  # noqa: S608
            entity=query.entity,
        )
    if query.sentiment:
        given["sentiment"] = query.sentiment
        if not query.entity:
            narrow("h.sentiment = :sentiment")
    for number, term in enumerate(each for each in terms if each.unspaced):
        condition = f"instr(h.title, :term{number}) {'= 0' if term.excluded else '> 0'}"
        narrow(condition, **{f"term{number}": term.text})
    sql = (
        "SELECT h.*, headline_words.rowid AS position FROM headline_words "  # noqa: S608  (values are parameters)
        "CROSS JOIN headline_positions p ON p.position = headline_words.rowid "
        f"CROSS JOIN headlines h ON h.id = p.headline_id WHERE {' AND '.join(where)} "
        "ORDER BY headline_words.rowid DESC LIMIT :limit"
    )
    return sa.text(sql).bindparams(**given)


def _narrowed(query: Query, terms: Sequence[Term]) -> list[sa.ColumnElement[bool]]:
    """What holds of the headline itself, whatever gives the order."""
    narrowed: list[sa.ColumnElement[bool]] = []
    if query.topic:
        narrowed.append(headlines.c.topic == query.topic)
    if query.sentiment and not query.entity:
        narrowed.append(headlines.c.sentiment == query.sentiment)
    if query.source:
        narrowed.append(headlines.c.source == query.source)
    for term in terms:
        if term.unspaced:
            has = headlines.c.title.contains(term.text, autoescape=True)
            narrowed.append(sa.not_(has) if term.excluded else has)
    return narrowed


def _match(terms: Sequence[Term]) -> str:
    """Terms in FTS5's language: each a string of its own, in which nothing means anything."""

    def quoted(term: Term) -> str:
        return f'"{term.text.replace(chr(34), " ")}"' + ("*" if term.beginning else "")

    spaced = [term for term in terms if not term.unspaced]
    match = " AND ".join(quoted(term) for term in spaced if not term.excluded)
    excluded = [quoted(term) for term in spaced if term.excluded]
    return f"({match}) NOT ({' OR '.join(excluded)})" if excluded else match


def _tsquery(term: Term) -> sa.ColumnElement[Any]:
    """A term in PostgreSQL's."""
    language: sa.ColumnElement[Any] = sa.literal_column(f"'{_LANGUAGE}'")
    if term.beginning:
        lexeme = "'" + term.text.replace("\\", " ").replace("'", " ") + "':*"
        wanted: sa.ColumnElement[Any] = sa.func.to_tsquery(language, lexeme)
    else:
        wanted = sa.func.phraseto_tsquery(language, term.text)
    return sa.func.tsquery_not(wanted) if term.excluded else wanted
