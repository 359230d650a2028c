"""Visits to the desk: somebody who logs in, and the pages that are asked for."""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from deploy.bench.evidence import SOURCES, Told
from deploy.bench.vocabulary import vocabulary
from model.errors import ServerError
from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS
from stream.archive import Archive, microseconds
from stream.search import Place
from stream.subjects import ALL, entity_subject

SEED = 8
FIRST_BYTES = 1_000  # of a download
PATIENCE = 60.0  # seconds for a page
_TOKEN = re.compile(r'name="token" value="(\w+)"')


class Asked(NamedTuple):
    """A kind of page: its name and, by the number of the run, its address. `download`: only its beginning counts."""

    page: str
    address: Callable[[int], str]
    download: bool = False


class Visitor:
    """Somebody who has logged in at the desk. Raises ServerError if that fails or a page is not answered well."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self._host = urlsplit(address).netloc
        self._cookie = ""
        answer, form = self._ask("GET", "/login")
        token = _TOKEN.search(form.decode())
        self._cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        given = {"token": token[1] if token else "", "name": name, "password": password}
        answer, _ = self._ask("POST", "/login", urlencode(given))
        if answer.status != 303:
            raise ServerError(f"the desk lets nobody in: it answers {answer.status} to a login")
        self._cookie = answer.headers.get("set-cookie", "").partition(";")[0]

    def look(self, path: str, most: int | None = None) -> float:
        """Ask for a page. Milliseconds until it was there, or the first `most` bytes of it."""
        began = time.perf_counter()
        answer, body = self._ask("GET", path, most=most)
        took = 1000 * (time.perf_counter() - began)
        if answer.status != 200 or not body:
            raise ServerError(f"the desk answers {answer.status} to {path}")
        return took

    def _ask(self, method: str, path: str, body: str = "", most: int | None = None) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(self._host, timeout=PATIENCE)
        try:
            headers = {"Cookie": self._cookie} if self._cookie else {}
            if body:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer, answer.read(most)
        except OSError as error:
            raise ServerError(f"the desk does not answer {path} within {PATIENCE:g} s: {error}") from error
        finally:
            connection.close()


def ask_all(visitor: Visitor, asked: Sequence[Asked], runs: int) -> Iterator[tuple[Asked, list[float]]]:
    """Each page so many times, one after the other; the milliseconds of each."""
    for each in asked:
        most = FIRST_BYTES if each.download else None
        yield each, [visitor.look(each.address(run), most) for run in range(runs)]


def questions(archive: Archive, squalls: Sequence[Told], pages: Sequence[str], now: datetime, rows: int) -> list[Asked]:
    """All pages, and of those with many faces the ones that differ in what is asked of the archive."""
    chance = random.Random(SEED)  # noqa: S311
    topics, words = list(DEFAULT_TOPICS), vocabulary()
    ordinary = [f"{chance.randrange(rows):012x}-generated" for _ in range(100)]
    told = [
        archive.negatives(entity_subject(each.entity), each.at - timedelta(minutes=10), each.at) for each in squalls
    ]
    squally = [each[0].id for each in told if each]
    days = [now - timedelta(days=number) for number in range(1, 8)]

    def turn(values: Sequence[str]) -> Callable[[int], str]:
        return lambda run: values[run % len(values)]

    def fixed(path: str) -> Callable[[int], str]:
        return lambda _: path

    def subject(path: Callable[[int], str], span: str) -> Callable[[int], str]:
        return lambda run: f"/subjects/{path(run)}?{urlencode({'range': span, 'which': ('negative', 'all')[run % 2]})}"

    def search(path: str = "/search", **values: Callable[[int], str]) -> Callable[[int], str]:
        return lambda run: f"{path}?{urlencode({name: value(run) for name, value in values.items()})}"

    companies = [f"entity/Company%20{number:04}" for number in (0, 1, 2, 5, 10, 50, 250)]  # the first have most
    subjects = {"all topics": turn([ALL]), "a topic": turn([f"topic/{each}" for each in topics])}
    subjects["a company"] = turn(companies)
    company = turn([f"Company {number:04}" for number in (0, 1, 2, 5, 10, 50, 250)])
    # Of the project's own titles, 'year' is in one of nine and 'profit' in one of 24; of the added words, the first is
    # in one of six.
    common, rare = turn(["year", words[0], "profit", "bank"]), turn(words[-50:])
    two = turn(["profit year", f"{words[0]} {words[1]}", f"{words[1]} year", "bank rate", f"{words[2]} profit"])
    places = [str(Place(microseconds(now - timedelta(days=number)))) for number in range(3, 9)]
    return [
        Asked("board", fixed("/")),
        *(
            Asked(f"subject: {name}, {span}", subject(path, span))
            for name, path in subjects.items()
            for span in ("1h", "1d", "7d", "28d")
        ),
        Asked("story", turn([f"/story?id={each}" for each in ordinary])),
        Asked("story of a squall", turn([f"/story?id={each}" for each in squally])),
        Asked("words of a headline", turn([f"/words?id={each}" for each in ordinary])),
        Asked("pages", fixed("/pages")),
        Asked("page", turn([f"/pages/{each}" for each in pages])),
        Asked("search: nothing given", search()),
        Asked("search: a rare word", search(words=rare)),
        Asked("search: a common word", search(words=common)),
        Asked("search: two common words", search(words=two)),
        Asked("search: a common and a rare word", search(words=lambda run: f"{common(run)} {rare(run)}")),
        Asked("search: a phrase", search(words=turn(['"operating profit"', '"central bank"', '"third quarter"']))),
        Asked("search: a word's beginning", search(words=turn(["prof*", "ban*", f"{words[0][:3]}*"]))),
        Asked("search: a word without another", search(words=turn([f"profit -{words[0]}", "bank -rate"]))),
        Asked("search: a word that no title has", search(words=turn(["qqqq", "wwww"]))),
        Asked("search: a common word, a topic", search(words=common, topic=turn(topics))),
        Asked("search: a common word, a company", search(words=common, entity=company)),
        Asked("search: a common word, a source", search(words=common, source=turn(["wire 3", "wire 30"]))),
        Asked("search: a common word, a source that is none", search(words=common, source=turn(["wier 3"]))),
        Asked("search: a common word, a day", search(words=common, since=day(days), until=day(days))),
        Asked("search: a topic", search(topic=turn(topics))),
        Asked("search: a topic, a sentiment", search(topic=turn(topics), sentiment=turn(SENTIMENTS))),
        Asked("search: a company", search(entity=company)),
        Asked("search: a company, a sentiment", search(entity=company, sentiment=turn(SENTIMENTS))),
        Asked("search: a source", search(source=turn([f"wire {number}" for number in range(SOURCES)]))),
        Asked("search: a source, a topic", search(source=turn(["wire 3", "wire 30"]), topic=turn(topics))),
        Asked("search: a day", search(since=day(days), until=day(days))),
        Asked("search: far down", search(after=turn(places))),
        Asked("search: a common word, far down", search(words=common, after=turn(places))),
        Asked("search: two common words, far down", search(words=two, after=turn(places))),
        Asked("CSV: nothing given", search("/search.csv"), download=True),
        Asked("CSV: a common word", search("/search.csv", words=common), download=True),
        Asked("CSV: two common words", search("/search.csv", words=two), download=True),
        Asked("models", fixed("/models")),
        Asked("feeds", fixed("/feeds")),
        Asked("rejected", fixed("/rejected")),
        Asked("audit", fixed("/audit")),
        Asked("guide", fixed("/guide")),
        # Last: its first visitor has headlines chosen in the background.
        Asked("review", fixed("/review")),
    ]


def day(days: Sequence[datetime]) -> Callable[[int], str]:
    """A date, as its field sends it."""
    return lambda run: f"{days[run % len(days)]:%Y-%m-%d}"
