"""The watched companies, and which of them a title names."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import ahocorasick

from model.errors import SettingsError
from model.text import clean

# A bare ticker of fewer letters is a word or a letter more often than a share.
FEWEST_LETTERS_BARE = 3
# Scripts that put no space between words, or none between a name and what is said of it: no boundary can be told.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_WORD = re.compile(r"\w")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
# What stands before a ticker and says that it is one: a $, or its exchange.
_TOLD_TICKER = re.compile(r"(?:\$|\b(?:NYSE|NASDAQ|AMEX|LSE|TSX|ASX|NSE|BSE|SEHK|HKEX|XETRA|EPA|OTC)\w*\s?:\s?)$", re.I)


@dataclass(frozen=True)
class WatchedEntity:
    """One company: its name, which metrics and pages carry, and how else it is written.

    context: words of which a title must hold one before a name of a single word counts, where that word means other
    things too. lei: its legal entity identifier (ISO 17442), for whoever joins with other data.
    """

    name: str
    aliases: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    lei: str = ""


class _Mention(NamedTuple):
    begin: int
    end: int
    entity: WatchedEntity
    written: str


class Watchlist:
    """Finds watched entities in titles, all names in one pass (Aho and Corasick, Efficient string matching, 1975).

    Names and aliases are found whatever their case, between word boundaries where their script has them. Of two that
    overlap the one that begins first counts, of those the longer. Tickers count as `$TICKER` or behind an exchange's
    name; bare ones from three letters on, in capitals, and not in a title that is all capitals.

    >>> list = Watchlist([WatchedEntity("Acme Corp", ("Acme",), ("ACM",))])
    >>> list.named_in("ACME's plant burns"), list.named_in("Acmeists gather"), list.named_in("Buy $ACM")
    ({'Acme Corp': 'acme'}, {}, {'Acme Corp': 'ACM'})
    """

    def __init__(self, entities: Iterable[WatchedEntity]) -> None:
        self.entities = tuple(entities)
        names: dict[str, WatchedEntity] = {}
        tickers: dict[str, WatchedEntity] = {}
        for entity in self.entities:
            for written in (entity.name, *entity.aliases):
                if key := clean(written).casefold():
                    names.setdefault(key, entity)
            for ticker in entity.tickers:
                tickers.setdefault(ticker, entity)
        self._names, self._tickers = _automaton(names), _automaton(tickers)
        self._context = {
            entity.name: _automaton({clean(word).casefold(): entity for word in entity.context})
            for entity in self.entities
            if entity.context
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The watched entities' names."""
        return tuple(entity.name for entity in self.entities)

    def named_in(self, title: str) -> dict[str, str]:
        """The entities that a title names, in the order of their first mention: name -> as the
        title writes it, case folded."""
        text = clean(title)
        # Folded text, not re.IGNORECASE: that takes a dotted capital I for an i, and does not take ß for ss.
        folded = text.casefold()
        mentions = [
            mention for mention in _leftmost_longest(_bounded(self._names, folded)) if self._is_meant(mention, folded)
        ]
        shouted = not any(character.islower() for character in text)
        mentions += _leftmost_longest(
            mention for mention in _bounded(self._tickers, text) if _is_ticker(mention, text, shouted)
        )
        found: dict[str, str] = {}
        for mention in sorted(mentions, key=lambda each: each.begin):
            found.setdefault(mention.entity.name, mention.written)
        return found

    def _is_meant(self, mention: _Mention, folded: str) -> bool:
        """Whether a name is the company's: guarded is a single word, in a title without a word of its context."""
        context = self._context.get(mention.entity.name)
        if context is None or " " in folded[mention.begin : mention.end]:
            return True
        return any(each.end <= mention.begin or each.begin >= mention.end for each in _bounded(context, folded))


def _automaton(words: Mapping[str, WatchedEntity]) -> ahocorasick.Automaton | None:
    automaton = ahocorasick.Automaton()
    for word, entity in words.items():
        if word:
            automaton.add_word(word, (len(word), entity))
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _bounded(automaton: ahocorasick.Automaton | None, text: str) -> Iterator[_Mention]:
    """Where its words stand in a text, with no further letter of a script with spaces before or behind."""
    for last, (length, entity) in automaton.iter(text) if automaton is not None else ():
        begin, end = last - length + 1, last + 1
        if not (_goes_on(text, begin - 1, begin) or _goes_on(text, end, end - 1)):
            yield _Mention(begin, end, entity, text[begin:end])


def _goes_on(text: str, outside: int, inside: int) -> bool:
    """Whether the character outside belongs to the same word as the one inside."""
    if not 0 <= outside < len(text) or _UNSPACED.match(text[inside]):
        return False
    return bool(_WORD.match(text[outside])) and not _UNSPACED.match(text[outside])


def _leftmost_longest(mentions: Iterable[_Mention]) -> list[_Mention]:
    """Those that do not overlap one that begins before them, or is longer."""
    kept: list[_Mention] = []
    for mention in sorted(mentions, key=lambda each: (each.begin, -each.end)):
        if not kept or mention.begin >= kept[-1].end:
            kept.append(mention)
    return kept


def _is_ticker(mention: _Mention, text: str, shouted: bool) -> bool:
    if _TOLD_TICKER.search(text[: mention.begin]):
        return True
    around = text[max(0, mention.begin - 1) : mention.begin] + text[mention.end : mention.end + 1]
    # 'A股' is a market and 'A' somebody's ticker: bare it stands by itself.
    stands_alone = not any(_WORD.match(character) for character in around)
    return stands_alone and not shouted and mention.end - mention.begin >= FEWEST_LETTERS_BARE


def load_watchlist(path: Path | None, most: int = 1_000) -> Watchlist:
    """Read a CSV with the columns name, aliases, ticker, context (each separated by ;) and lei, all but the name
    optional; further columns are passed over. Without a path the list is empty.

    `most`: entities that it may hold; each is a subject with metrics of its own. Raises SettingsError with the file and
    line.
    """
    if path is None:
        return Watchlist(())
    entities: dict[str, WatchedEntity] = {}
    owner: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if "name" not in (reader.fieldnames or ()):
                raise SettingsError(f"watchlist {path} needs a header with a column 'name'")
            for row in reader:
                where = f"watchlist {path}:{reader.line_num}"
                entity = _entity(row, where)
                for written in (entity.name, *entity.aliases, *(f"${each}" for each in entity.tickers)):
                    other = owner.setdefault(clean(written).casefold(), entity.name)
                    if other != entity.name or entity.name in entities:
                        raise SettingsError(f"{where}: '{written}' is {other}'s already: one text names one company")
                entities[entity.name] = entity
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"watchlist {path} cannot be read: {error}") from error
    if len(entities) > most:
        raise SettingsError(
            f"watchlist {path} has {len(entities):,} entities, {most:,} are allowed: shorten it, or raise "
            "trends.most_entities (each costs about 35 series in Prometheus)"
        )
    return Watchlist(entities.values())


def _entity(row: Mapping[str, str | None], where: str) -> WatchedEntity:
    name = (row["name"] or "").strip()
    if not name or "#" in name:
        raise SettingsError(f"{where}: a name must not be empty or hold a '#'")
    several = {
        column: tuple(part.strip() for part in (row.get(column) or "").split(";") if part.strip())
        for column in ("aliases", "ticker", "context")
    }
    lei = (row.get("lei") or "").strip()
    if lei and not _LEI.fullmatch(lei):
        raise SettingsError(f"{where}: '{lei}' is no LEI: 18 letters and digits and two check digits (ISO 17442)")
    return WatchedEntity(name, several["aliases"], several["ticker"], several["context"], lei)


@dataclass
class WatchlistFile:
    """A watchlist's file, looked at again and again. `most`: as of load_watchlist. `current`: what it said when it
    could last be read. Raises SettingsError if it cannot be read at first."""

    path: Path | None
    most: int = 1_000
    current: Watchlist = field(init=False)
    _seen: tuple[int, int] | None = field(init=False)

    def __post_init__(self) -> None:
        self._read()

    def changed(self) -> Watchlist | None:
        """What it says now, if it was written since it was last read; None if it was not. Raises SettingsError, once
        for each time that it is written."""
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return None
        self._read()
        return self.current

    def _read(self) -> None:
        self._seen = self._stamp()
        self.current = load_watchlist(self.path, self.most)

    def _stamp(self) -> tuple[int, int] | None:
        """When it was last written and how long it is; None while there is none: somebody may be replacing it."""
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
