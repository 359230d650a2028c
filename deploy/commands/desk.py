"""`newsquall desk`: the web server that people look at, and who may log in there."""

import sys
from importlib.util import find_spec

import click

from deploy.commands.console import say
from model.errors import UsageError
from stream.settings import Settings

NEEDED = {
    "starlette": "starlette",
    "uvicorn": "uvicorn",
    "jinja2": "jinja2",
    "argon2": "argon2-cffi",
    "markdown_it": "markdown-it-py",
}
ROLES = ("viewer", "analyst", "operator")


@click.command()
@click.option("--add", metavar="NAME", help="Ask for a password and write it to desk.passwords; no server is started.")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What NAME may do.")
@click.option("--remove", metavar="NAME", help="Take somebody out of desk.passwords; no server is started.")
@click.pass_obj
def desk(settings: Settings, *, add: str | None, role: str, remove: str | None) -> None:
    """Serve the desk until stopped: the board, search, pages, review of labels, models.

    Prints its address once it listens. Settings: [desk]. Without login it answers this machine alone.
    """
    if missing := missing_packages():
        raise UsageError(f"the desk needs {', '.join(missing)}: install the desk extra (uv sync --extra desk)")
    if add or remove:
        _write(settings, add, role, remove)
        return
    from deploy.desk.app import run_desk  # noqa: PLC0415  (loaded only where a desk runs)

    run_desk(settings, click.echo, click.get_current_context().find_root().params.get("settings"))


def missing_packages() -> list[str]:
    """What the desk needs and is not installed here."""
    return [package for module, package in NEEDED.items() if find_spec(module) is None]


def _write(settings: Settings, add: str | None, role: str, remove: str | None) -> None:
    from deploy.desk.passwords import remove_password, write_password  # noqa: PLC0415

    path = settings.desk.passwords
    if path is None:
        raise UsageError("the settings name no password file: set desk.passwords")
    if remove:
        remove_password(path, remove)
        say(f"{remove} is out of {path}, and logged out of a running desk")
    if add:
        if sys.stdin.isatty():
            password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        else:
            password = sys.stdin.readline().rstrip("\n")
        write_password(path, add, role, password)
        say(f"{add} may log in as {role} by {path}")
