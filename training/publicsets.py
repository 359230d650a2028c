"""Public sets of labelled financial headlines, by name: where they are, under which licence, and how their rows become
ours. None of them is part of the project."""

import ast
import csv
import http.client
import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from model.errors import InputError, UsageError
from model.taxonomy import SENTIMENTS, Taxonomy
from training.wholefile import write_whole

Row = Mapping[str, str]
Read = Callable[[bytes], Iterator[Row]]

COLUMNS = ("title", "topic", "sentiment", "entities")
# What other than the expected number of rows is worth a word.
TOLERANCE = 0.05
_SECONDS = 60
_HUB = "https://huggingface.co/datasets"

# The numbers of the sets' own labels, in their order.
_TWEET_SENTIMENTS = ("negative", "positive", "neutral")  # bearish, bullish, neutral
_TWEET_TOPICS = (
    "Analyst Update",
    "Fed | Central Banks",
    "Company | Product News",
    "Treasuries | Corporate Debt",
    "Dividend",
    "Earnings",
    "Energy | Oil",
    "Financials",
    "Currencies",
    "General News | Opinion",
    "Gold | Metals | Materials",
    "IPO",
    "Legal | Regulation",
    "M&A | Investments",
    "Macro",
    "Markets",
    "Politics",
    "Personnel Change",
    "Stock Commentary",
    "Stock Movement",
)
_PAIR = re.compile(r"""['"](.+?)['"]\s*:\s*['"](negative|neutral|positive)['"]\s*(?=[,}])""")


class Part(NamedTuple):
    """One file of a set: what it is called there, how its bytes become rows, and how many there should be."""

    name: str
    file: str
    read: Read
    rows: int


@dataclass(frozen=True)
class PublicSet:
    """A set. `place`: the address that its files stand below. `columns`: which of ours its rows fill. `research_only`:
    not for a model that is sold or shipped."""

    name: str
    about: str
    licence: str
    citation: str
    place: str
    columns: tuple[str, ...]
    parts: tuple[Part, ...]
    research_only: bool = False

    @property
    def rows(self) -> int:
        """How many rows all its parts should have."""
        return sum(part.rows for part in self.parts)


def _table(content: bytes) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))


def tweet_sentiments(content: bytes) -> Iterator[Row]:
    """CSV with text and label, a number: 0 bearish, 1 bullish, 2 neutral."""
    for row in _table(content):
        yield {"title": row["text"], "sentiment": _TWEET_SENTIMENTS[int(row["label"])]}


def tweet_topics(content: bytes) -> Iterator[Row]:
    """CSV with text and label, the number of one of twenty topics, which the taxonomy has names of its own for."""
    for row in _table(content):
        yield {"title": row["text"], "topic": Taxonomy().resolve_topic(_TWEET_TOPICS[int(row["label"])]) or ""}


def entity_sentiments(content: bytes) -> Iterator[Row]:
    """CSV with Title and Decisions, a Python dictionary of entity and sentiment in which some apostrophes stand bare.
    The headline has the sentiment that all its entities have; none where they differ."""
    for row in _table(content):
        towards = _decisions(row["Decisions"])
        shared = set(towards.values())
        yield {
            "title": row["Title"],
            "sentiment": shared.pop() if len(shared) == 1 else "",
            "entities": json.dumps(towards, ensure_ascii=False),
        }


def _decisions(text: str) -> dict[str, str]:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = dict(_PAIR.findall(text))
    if not isinstance(value, dict) or not value or not set(value.values()) <= set(SENTIMENTS):
        raise ValueError(f"no entities with sentiments in {text!r}")
    return value


def phrases(content: bytes) -> Iterator[Row]:
    """A ZIP with Sentences_50Agree.txt: a sentence, @ and its sentiment a line, in Latin-1."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.endswith("/Sentences_50Agree.txt")]
        text = archive.read(names[0]).decode("latin-1")
    for line in text.splitlines():
        sentence, _, sentiment = line.rpartition("@")
        if sentence:
            yield {"title": sentence, "sentiment": sentiment.strip()}


SETS: Mapping[str, PublicSet] = {
    each.name: each
    for each in (
        PublicSet(
            name="twitter-financial-news-sentiment",
            about="tweets about finance with their sentiment",
            licence="MIT",
            citation="Twitter Financial News Sentiment, version 1.0.0, zeroshot, Hugging Face, 2022",
            place=f"{_HUB}/zeroshot/twitter-financial-news-sentiment/resolve/main",
            columns=("title", "sentiment"),
            parts=(
                Part("train", "sent_train.csv", tweet_sentiments, 9_543),
                Part("validation", "sent_valid.csv", tweet_sentiments, 2_388),
            ),
        ),
        PublicSet(
            name="twitter-financial-news-topic",
            about="tweets about finance with their topic, of 20 mapped to the taxonomy's",
            licence="MIT",
            citation="Twitter Financial News Topic, version 1.0.0, zeroshot, Hugging Face, 2022",
            place=f"{_HUB}/zeroshot/twitter-financial-news-topic/resolve/main",
            columns=("title", "topic"),
            parts=(
                Part("train", "topic_train.csv", tweet_topics, 16_990),
                Part("validation", "topic_valid.csv", tweet_topics, 4_117),
            ),
        ),
        PublicSet(
            name="sentfin",
            about="headlines with the sentiment towards each entity, and the headline's where these agree",
            licence="MIT",
            citation="Sinha, Kedas, Kumar and Malo, SEntFiN 1.0: Entity-aware sentiment analysis for financial news, "
            "Journal of the Association for Information Science and Technology 73, 2022",
            # The authors' own place, at a fixed revision: there is no copy of theirs on the hub.
            place="https://raw.githubusercontent.com/pyRis/SEntFiN/eba43610fe3cb57a3e5773cd6c037da1f8992ad5",
            columns=("title", "sentiment", "entities"),
            parts=(Part("", "SEntFiN.csv", entity_sentiments, 10_753),),
        ),
        PublicSet(
            name="financial_phrasebank",
            about="sentences of financial news with the sentiment that half or more of 5 to 8 annotators gave",
            licence="CC BY-NC-SA 3.0",
            citation="Malo, Sinha, Korhonen, Wallenius and Takala, Good debt or bad debt: Detecting semantic "
            "orientations in economic texts, Journal of the Association for Information Science and Technology 65, "
            "2014",
            place=f"{_HUB}/takala/financial_phrasebank/resolve/main",
            columns=("title", "sentiment"),
            parts=(Part("", "data/FinancialPhraseBank-v1.0.zip", phrases, 4_846),),
            research_only=True,
        ),
    )
}

# From a set and the name of one of its files to that file's bytes; raises InputError.
Download = Callable[[PublicSet, str], bytes]


class Fetched(NamedTuple):
    """A file that was written: `rows` of them, where `expected` should be."""

    path: Path
    rows: int
    expected: int


def require_licence(wanted: Iterable[PublicSet], accepted: bool) -> None:
    """Raise UsageError for a set whose licence must be accepted, and is not."""
    for each in wanted:
        if each.research_only and not accepted:
            raise UsageError(
                f"{each.name} is under {each.licence}: for research, not for a model that is sold or shipped; "
                "if that suits you, add --accept-licence"
            )


def fetch(wanted: PublicSet, folder: Path, download: Download) -> list[Fetched]:
    """Write a set's parts as CSV into a folder, with licence and citation beside them. Nothing is written unless all
    of it could be read. Raises InputError."""
    written = []
    for part in wanted.parts:
        content = download(wanted, part.file)
        try:
            rows = list(part.read(content))
        except (ValueError, LookupError, TypeError, csv.Error, zipfile.BadZipFile) as error:
            raise InputError(f"{part.file} of {wanted.name} is not as it used to be: {error!r}") from error
        if not rows:
            raise InputError(f"{part.file} of {wanted.name} has no row")
        written.append((part, rows))
    folder.mkdir(parents=True, exist_ok=True)
    terms = f"{wanted.name}: {wanted.about}\nLicence: {wanted.licence}\nCite: {wanted.citation}\nFrom: {wanted.place}\n"
    write_whole(folder / f"{wanted.name}.licence.txt", terms.encode())
    result = []
    for part, rows in written:
        path = folder / (f"{wanted.name}_{part.name}.csv" if part.name else f"{wanted.name}.csv")
        table = io.StringIO()
        writer = csv.DictWriter(table, [name for name in COLUMNS if name in wanted.columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(path, table.getvalue().encode())
        result.append(Fetched(path, len(rows), part.rows))
    return result


def from_the_web(wanted: PublicSet, file: str) -> bytes:
    """A file's bytes. Raises InputError where they cannot be had.

    By plain HTTPS and not by the hub's own client, which the plain install lacks.
    """
    try:
        with urllib.request.urlopen(f"{wanted.place}/{file}", timeout=_SECONDS) as answer:  # noqa: S310  (https)
            content: bytes = answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or str(error) or repr(error)
        raise InputError(
            f"{wanted.name} cannot be fetched ({reason}): is there a network, and a proxy where one is needed?"
        ) from error
    return content
