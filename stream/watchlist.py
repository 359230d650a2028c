"""The watched companies, and which of them a title names."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model.errors import SettingsError
from model.text import clean


@dataclass(frozen=True)
class WatchedEntity:
    """One company: its name, which metrics and pages carry, and how else it is written."""

    name: str
    aliases: tuple[str, ...] = ()
    ticker: str = ""


class Watchlist:
    """Finds watched entities in titles.

    Names and aliases are found whatever their case, between word boundaries where their script has them; tickers only
    as `$TICKER` or in capitals, since many are words.

    >>> list = Watchlist([WatchedEntity("Acme Corp", ("Acme",), "ACM")])
    >>> list.named_in("ACME's plant burns"), list.named_in("Acmeists gather"), list.named_in("Buy $ACM")
    (['Acme Corp'], [], ['Acme Corp'])
    """

    def __init__(self, entities: Iterable[WatchedEntity]) -> None:
        self.entities = tuple(entities)
        self._by_name: dict[str, str] = {}
        self._by_ticker: dict[str, str] = {}
        for entity in self.entities:
            for written in (entity.name, *entity.aliases):
                if key := clean(written).casefold():
                    self._by_name.setdefault(key, entity.name)
            if entity.ticker:
                self._by_ticker.setdefault(entity.ticker, entity.name)
        # The longest first: a company whose name begins with another's is itself.
        self._names = _any_of(_bounded(name) for name in sorted(self._by_name, key=len, reverse=True))
        self._tickers = _any_of(_ticker(each) for each in sorted(self._by_ticker, key=len, reverse=True))

    @property
    def names(self) -> tuple[str, ...]:
        """The watched entities' names."""
        return tuple(entity.name for entity in self.entities)

    def named_in(self, title: str) -> list[str]:
        """Names of the entities that a title names, in the order of their first mention, each once."""
        text = clean(title)
        found: dict[str, int] = {}
        # Folded text, not re.IGNORECASE: that takes a dotted capital I for an i, and does not take ß for ss.
        for pattern, names, read in (
            (self._names, self._by_name, text.casefold()),
            (self._tickers, self._by_ticker, text),
        ):
            for match in pattern.finditer(read) if pattern else ():
                name = names[match.group()]
                found[name] = min(found.get(name, match.start()), match.start())
        return sorted(found, key=lambda name: found[name])


# Scripts that put no space between words, or none between a name and what is said of it: no boundary can be told.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
_IN_UNSPACED = re.compile(f"[{_UNSPACED}]")
_NO_LETTER_BEFORE, _NO_LETTER_BEHIND = rf"(?<![^\W{_UNSPACED}])", rf"(?![^\W{_UNSPACED}])"


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(patterns)
    return re.compile(joined) if joined else None


def _bounded(name: str) -> str:
    """A pattern of a name that no further letter of a script with spaces goes before or after."""
    begin = "" if _IN_UNSPACED.match(name[0]) else _NO_LETTER_BEFORE
    end = "" if _IN_UNSPACED.match(name[-1]) else _NO_LETTER_BEHIND
    return begin + re.escape(name) + end


def _ticker(ticker: str) -> str:
    """A pattern of a ticker. Without its $ it stands by itself: 'A股' is a market and 'A' somebody's ticker."""
    escaped = re.escape(ticker)
    return rf"(?<=\$){escaped}{_NO_LETTER_BEHIND}|(?<!\w){escaped}(?!\w)"


def load_watchlist(path: Path | None) -> Watchlist:
    """Read a CSV with the columns name, aliases (separated by ;) and ticker, the last two optional; further columns
    are passed over. Without a path the list is empty. Raises SettingsError with the file and line.
    """
    if path is None:
        return Watchlist(())
    entities = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if "name" not in (reader.fieldnames or ()):
                raise SettingsError(f"watchlist {path} needs a header with a column 'name'")
            for row in reader:
                name = (row["name"] or "").strip()
                if not name or "#" in name:
                    raise SettingsError(f"watchlist {path}:{reader.line_num}: a name must not be empty or hold a '#'")
                aliases = tuple(alias.strip() for alias in (row.get("aliases") or "").split(";") if alias.strip())
                entities.append(WatchedEntity(name, aliases, (row.get("ticker") or "").strip()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"watchlist {path} cannot be read: {error}") from error
    return Watchlist(entities)
