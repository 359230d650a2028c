"""`newsquall replay`: a file's headlines into Kafka, in the file's own rhythm."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import counted, progress, say
from model.errors import InputError
from stream.clock import utc_now
from stream.headlines import Reading, read_headlines
from stream.records import Headline
from stream.replay import ending_at, from_now_on, rhythm, unsendable
from stream.rows import BadRow
from stream.settings import Settings


class Speed(click.ParamType):
    """A factor above 0, or `max` (None): as fast as it goes."""

    name = "N|max"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Read the option."""
        if value == "max":
            return None
        try:
            factor = float(value)
        except ValueError:
            factor = 0.0
        if not 0 < factor < float("inf"):
            self.fail(f"'{value}' is no speed: write a number above 0, such as 10, or max", param, ctx)
        return factor


@click.command()
@click.argument("file")
@click.option("--speed", type=Speed(), default="1", help="Times as fast as the file; max: as fast as it goes.")
@click.option("--shift-to-now", is_flag=True, help="Date the first row now (with --speed max: the latest row).")
@options.strict
@click.pass_obj
def replay(settings: Settings, file: str, speed: float | None, shift_to_now: bool, strict: bool) -> None:
    """Send the headlines of FILE to news.headlines: .jsonl or .csv, or - for JSONL on standard input.

    Waits for the broker if it is down. The last line of standard output is JSON: sent, bad, seconds.
    """
    from stream.publisher import Publisher  # noqa: PLC0415  (kafka, after the options are known to be right)
    from stream.topics import ensure_topics  # noqa: PLC0415

    _require_readable(file)  # before a broker is waited for
    with _twice_readable(file, needed=shift_to_now and speed is None) as path:
        source = Source(path, settings, strict, shown=file)
        latest = source.latest() if shift_to_now and speed is None else None
        ensure_topics(settings, say=say, any_layout=True)
        headlines = source.headlines()
        if latest is not None:
            headlines = ending_at(headlines, latest, utc_now())
        elif shift_to_now and speed is not None:
            headlines, speed = from_now_on(headlines, speed, utc_now), 1.0
        publisher = Publisher(settings.kafka.bootstrap, say)
        started = time.monotonic()
        try:
            with publisher, progress("headlines sent") as advance:
                for wait, headline in rhythm(headlines, speed, time.monotonic):
                    if wait:
                        time.sleep(wait)
                    publisher.send(headline)
                    advance(1)
                publisher.flush()
        finally:
            seconds = time.monotonic() - started
            rate = publisher.sent / seconds if seconds else 0.0
            say(
                f"{counted(publisher.sent, 'headline')} sent, {counted(source.bad, 'bad row')}, "
                f"{seconds:.1f} s, {rate:,.0f} a second"
            )
    result = {"sent": publisher.sent, "bad": source.bad, "seconds": round(seconds, 3)}
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


class Source:
    """The file's headlines, bad rows told and counted. `shown`: what the file is called in messages."""

    def __init__(self, path: str, settings: Settings, strict: bool, shown: str) -> None:
        self.bad = 0
        self._path = path
        self._tolerance = settings.trends.future_tolerance
        self._strict = strict
        self._shown = shown

    def headlines(self) -> Iterator[Headline]:
        """The good ones, in order. Raises InputError at the first bad row where that was asked for."""
        for row in self._rows():
            if isinstance(row, Reading):
                yield row.headline
            elif self._strict:
                raise InputError(f"{self._shown}:{row.line}: {row.reason}")
            else:
                self.bad += 1
                say(f"{self._shown}:{row.line}: {row.reason}")

    def latest(self) -> datetime | None:
        """The latest time in the file; None if it has no headline. Reads it to the end."""
        dated = (row.headline.published_at for row in self._rows() if isinstance(row, Reading))
        return max(dated, default=None)

    def _rows(self) -> Iterator[Reading | BadRow]:
        for row in read_headlines(self._path, utc_now, self._tolerance, carry_dates=True):
            if isinstance(row, Reading):
                yield unsendable(row.line, row.headline) or row
            else:
                yield row


def _require_readable(file: str) -> None:
    if file != "-":
        try:
            Path(file).open("rb").close()
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror}") from error


@contextmanager
def _twice_readable(file: str, needed: bool) -> Iterator[str]:
    # The latest time is known only at the end: standard input, which is read once, is kept in a file.
    if file != "-" or not needed:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="newsquall-replay-") as folder:
        kept = Path(folder) / "stdin.jsonl"
        with kept.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield str(kept)
