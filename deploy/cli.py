"""`newsquall`: the commands by name, each loaded when it is called, and how their errors are told."""

import copy
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from deploy.commands.console import one_line
from model.errors import NewsquallError, UsageError

OK, FAILED, WRONG_CALL, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


class Entry(NamedTuple):
    """Where a command is (module:attribute) and its line in --help, so that --help need not load it.

    `settings`: whether it is given the loaded Settings as ctx.obj; doctor looks at them itself.
    """

    where: str
    line: str
    settings: bool = True


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("deploy.commands.demo:demo", "Start the whole system here and watch a squall arrive."),
    "worker": Entry("deploy.commands.worker:worker", "Run one stream worker."),
    "ingest": Entry("deploy.commands.ingest:ingest", "Send news feeds' headlines to Kafka, for ever."),
    "replay": Entry("deploy.commands.replay:replay", "Send a file's headlines to Kafka in their own rhythm."),
    "rejected": Entry("deploy.commands.rejected:rejected", "Show refused headlines and send them again."),
    "score": Entry("deploy.commands.score:score", "Score a file's headlines, without Kafka."),
    "explain": Entry("deploy.commands.explain:explain", "Show which words made a headline's score."),
    "labels": Entry("deploy.commands.labels:labels", "Import and export labels; say what to label next."),
    "train": Entry("deploy.commands.train:train", "Fine-tune a model on labelled headlines."),
    "evaluate": Entry("deploy.commands.evaluate:evaluate", "Compare a model with labelled headlines."),
    "promote": Entry("deploy.commands.promote:promote", "Make a model the champion if it is no worse."),
    "rollback": Entry("deploy.commands.rollback:rollback", "Go back to the champion before this one."),
    "models": Entry("deploy.commands.models:models", "Show what was promoted, when and why."),
    "rules": Entry("deploy.commands.rules:rules", "Render, check and test the Prometheus rules."),
    "verdicts": Entry("deploy.commands.verdicts:verdicts", "Say how often pages were right, by what people said."),
    "relay": Entry("deploy.commands.relay:relay", "Turn alerts into pages with their evidence."),
    "desk": Entry("deploy.commands.desk:desk", "Serve the desk: board, search, pages, review, models."),
    "bench": Entry("deploy.commands.bench:bench", "Measure speed on this machine."),
    "doctor": Entry("deploy.commands.doctor:doctor", "Say what is wrong, and what to do.", settings=False),
}


HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class LazyGroup(click.Group):
    """A group that imports a command's module when that command is called, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """The commands in the table's order, which is the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None if there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.where.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return with_settings(command) if entry.settings else command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for one that there is not."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"there is no command '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Whoever reads our output may have enough: click would call that a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _drop_output()
            ctx.exit(PIPE_CLOSED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.line) for name, entry in COMMANDS.items()])


def with_settings(command: click.Command) -> click.Command:
    """The command with the settings loaded into ctx.obj before it runs.

    After its options have been read: so --help, of a sub-command too, works while newsquall.toml is broken.
    """
    bound = copy.copy(command)
    if isinstance(bound, click.Group):
        bound.commands = {name: with_settings(each) for name, each in bound.commands.items()}
    elif bound.callback is not None:
        bound.callback = _after_settings(bound.callback)
    return bound


def _after_settings(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def with_settings_loaded(*args: Any, **kwargs: Any) -> Any:
        from stream.settings import load_settings  # noqa: PLC0415  (pydantic would slow --help)

        ctx = click.get_current_context()
        ctx.obj = load_settings(ctx.find_root().params["settings"])
        return callback(*args, **kwargs)

    return with_settings_loaded


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415  (slow to import, and only wanted here)

        click.echo(f"newsquall {version('newsquall')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings=HELP)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Settings file; newsquall.toml of the working folder if not given.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def newsquall(settings: Path | None) -> None:
    """Watch the sentiment of financial news: scored, counted, and paged when bad news squalls.

    Results go to standard output, everything else to standard error. Exit status: 0 done, 1 the job failed,
    2 the call was wrong.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status. Errors that are ours are one line on standard error."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    message = None
    try:
        result = newsquall.main(arguments, prog_name="newsquall", standalone_mode=False)
        sys.stdout.flush()
        status = result if isinstance(result, int) else OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        status = WRONG_CALL
    except click.ClickException as error:
        message, status = _call_error(error), WRONG_CALL
    except NewsquallError as error:
        message, status = str(error), WRONG_CALL if isinstance(error, UsageError) else FAILED
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        status = PIPE_CLOSED
    except OSError as error:
        # A full disk, a file that vanished: the machine's fault and not ours, so no traceback.
        where = f": {error.filename}" if error.filename else ""
        message, status = f"{error.strerror or error}{where}", FAILED
    if message is not None:
        click.echo(f"newsquall: {one_line(message)}", err=True)
    return status


def _call_error(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "newsquall"
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower() + message[1:]} (see {where} --help)"


def _drop_output() -> None:
    # What is still buffered must not raise again at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
