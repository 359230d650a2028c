"""`newsquall dashboards`: Grafana's dashboards, as files or pushed to a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.commands.console import counted, put, say
from model.errors import GrafanaError, UsageError
from stream.settings import Settings


@click.group()
def dashboards() -> None:
    """Grafana dashboards, made from the settings."""


@dashboards.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write the files below this folder.")
@click.option(
    "--path",
    metavar="DIR",
    help="Where Grafana's server finds the JSON files; the folder that they are written to if not given.",
)
@click.pass_obj
def render(settings: Settings, out: Path | None, path: str | None) -> None:
    """Write the dashboards' JSON, and provisioning files for them and their data sources.

    Without --out they are one JSON object on standard output, by the files' names. No secret is in them: Grafana takes
    the archive's password from its environment, ARCHIVE_PASSWORD.
    """
    with grafana_packages():
        from deploy.dashboards.catalogue import DASHBOARDS, files  # noqa: PLC0415

    found = files(settings, path or str(((out or Path()) / DASHBOARDS).absolute()))
    if out is None:
        put(found)
        return
    for name, text in found.items():
        try:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise GrafanaError(f"{out / name} cannot be written: {error.strerror}") from error
    say(f"{counted(len(found), 'file')} written below {out}")
    _tell_of_archive(settings)


@dashboards.command()
@click.pass_obj
def push(settings: Settings) -> None:
    """Bring data sources, folder and dashboards to a Grafana (grafana.url), and note pages and model changes there.

    Run again it changes only what is not as it should be. What was done is one JSON object on standard output.
    """
    with grafana_packages():
        from deploy.dashboards.push import push as pushed  # noqa: PLC0415

    done = pushed(settings)
    say(f"Grafana {done.grafana}: look at {done.url}/d/{next(iter(done.dashboards))}")
    _tell_of_archive(settings)
    put(done)


@contextmanager
def grafana_packages() -> Iterator[None]:
    """Raises UsageError where the packages that an import in the block needs are not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("grafana_", "requests")):
            raise
        raise UsageError("dashboards need the packages of the extra 'grafana': `make setup`, or .[grafana]") from error


def _tell_of_archive(settings: Settings) -> None:
    from deploy.dashboards.sources import refs_of  # noqa: PLC0415

    if refs_of(settings).archive is None:
        say("the archive is no PostgreSQL, which Grafana could read: panels of headlines and pages are left out")
