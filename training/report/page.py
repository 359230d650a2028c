"""The report as one HTML page: nothing is fetched from anywhere, no script runs, and it prints.

Numbers that were measured stand in <data> elements with the exact value that report.json has.
"""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import msgspec

from training.report import checks, method, scores
from training.report.contents import Report
from training.report.elements import number
from training.wholefile import write_whole

_STYLE = Path(__file__).with_name("page.css")
ORIGINS_NAMED = 3

# No request leaves the page, whatever a text in it says.
_PAGE = Template("""<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
$style</style>
</head>
<body>
<div class="page">
<header>
<p class="kicker">$title</p>
<h1>$line</h1>
<ul class="facts">$facts</ul>
<nav aria-label="Contents"><ol>$contents</ol></nav>
</header>
<main>
$sections
</main>
</div>
</body>
</html>
""")


class _Section(NamedTuple):
    """A part of the page: its anchor, its heading, and what stands below it."""

    anchor: str
    heading: str
    body: str


def render_html(report: dict[str, Any]) -> str:
    """The page of a report, as build_report gave it or as it was read back from report.json.

    Raises msgspec.ValidationError if it is no report.
    """
    found = msgspec.convert(report, Report)
    parts = [
        _Section("verdict", "The verdict", scores.verdict(found)),
        _Section("scores", "Scores on each set", scores.scores(found)),
        _Section("beside", "Beside the other model", scores.beside(found)),
        _Section("classes", "Each sentiment and topic", scores.classes(found)),
        _Section("mixups", "What is taken for what", scores.mixups(found)),
        _Section("probabilities", "Can its probabilities be believed?", scores.probabilities(found)),
        _Section("slices", "Kinds of text", checks.slices(found)),
        _Section("robustness", "Changes that should not matter", checks.robustness(found)),
        _Section("bias", "Company, country, gender", checks.bias(found)),
        _Section("mistakes", "The worst mistakes", checks.mistakes(found)),
        _Section("learning", "How the training went", method.learning(found)),
        _Section("method", "How this was measured", method.method(found, report)),
    ]
    shown = [part for part in parts if part.body]
    return _PAGE.substitute(
        title=escape(f"Evaluation of the model {found.model.version}"),
        style=_STYLE.read_text(encoding="utf-8"),
        line=escape(found.verdict.line),
        facts="".join(f"<li>{label} <b>{value}</b></li>" for label, value in _facts(found)),
        contents="".join(f'<li><a href="#{part.anchor}">{escape(part.heading)}</a></li>' for part in shown),
        sections="\n".join(map(_section, shown)),
    )


def write_report(report: dict[str, Any], page: Path, data: Path) -> None:
    """Write a report's page and its JSON, each whole, and the folders that they lie in. Raises OSError if that cannot
    be."""
    for path, text in ((page, render_html(report)), (data, json.dumps(report, indent=1) + "\n")):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())


def _section(part: _Section) -> str:
    return (
        f'<section id="{part.anchor}" aria-labelledby="{part.anchor}-heading">'
        f'<h2 id="{part.anchor}-heading">{escape(part.heading)}</h2>\n{part.body}</section>'
    )


def _facts(found: Report) -> Iterator[tuple[str, str]]:
    model, evaluated = found.model, found.evaluated
    origins = list(evaluated.origins)
    yield ("held-back texts" if evaluated.held_back else "labelled texts"), number(evaluated.rows)
    yield "from", escape(", ".join(origins)) if len(origins) <= ORIGINS_NAMED else f"{len(origins)} sets"
    yield "model made", escape(model.created)
    yield "encoder", escape(model.base)
    yield "language", escape(", ".join(model.languages))
    if found.against is not None:
        yield "beside", escape(found.against.name)
