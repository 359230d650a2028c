"""The watched companies, and which of them a title names."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model.errors import SettingsError



@dataclass(frozen=True)
class WatchedEntity:
    """One company: its name, which metrics and pages carry, and how else it is written."""

    name: str
    aliases: tuple[str, ...] = ()
    ticker: str = ""


class Watchlist:
    """Finds watched entities in titles.

    Names and aliases are found whatever their case, between word boundaries; tickers only as `$TICKER` or in
    capitals, since many are words.

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
                self._by_name.setdefault(written.casefold(), entity.name)
            if entity.ticker:
                self._by_ticker.setdefault(entity.ticker, entity.name)
        # The longest first: a company whose name begins with another's is itself.
        self._names = _alternation(sorted(self._by_name, key=len, reverse=True), re.IGNORECASE)
        self._tickers = _alternation(sorted(self._by_ticker, key=len, reverse=True), re.NOFLAG)

    @property
    def names(self) -> tuple[str, ...]:
        """The watched entities' names."""
        return tuple(entity.name for entity in self.entities)

    def named_in(self, title: str) -> list[str]:
        """Names of the entities that a title names, in the order of their first mention, each once."""
        found: dict[str, int] = {}
        for pattern, names, fold in ((self._names, self._by_name, True), (self._tickers, self._by_ticker, False)):
            for match in pattern.finditer(title) if pattern else ():
                written = match[1].casefold() if fold else match[1]
                found.setdefault(names[written], match.start())
        return sorted(found, key=lambda name: found[name])


def _alternation(words: list[str], flags: re.RegexFlag) -> re.Pattern[str] | None:
    if not words:
        return None
    return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, words))})(?!\w)", flags)


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
