"""`newsquall doctor`: what is wrong here and what to do."""

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import one_line

if TYPE_CHECKING:
    from deploy.doctor import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@options.as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Look at settings, broker, archive, model, provider, Prometheus, Alertmanager, relay, Grafana (where one
    is set) and demo programs.

    Each line: ok, warn or fail, what was found, and what to do. Exit status 1 if anything fails.
    """
    from deploy.doctor import examine  # noqa: PLC0415  (kafka and the rest, only where they are looked at)

    findings = examine(ctx.find_root().params["settings"])
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(findings) + b"\n")
    else:
        for each in findings:
            click.echo(line(each))
    return int(any(each.level == "fail" for each in findings))


def line(finding: "Finding") -> str:
    """A finding as a line for a person."""
    level = click.style(f"{finding.level:<5}", COLOURS[finding.level])
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{level}{finding.part:<13} {one_line(finding.found)}{remedy}"
