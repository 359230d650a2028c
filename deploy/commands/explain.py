"""`newsquall explain`: which words made a headline's score."""

import sys
from typing import Any

import click
import msgspec

from deploy.commands import options
from model import explanation
from model.errors import UsageError
from model.masking import Masker
from model.scorer import Scorer
from model.text import MAX_TITLE_CHARACTERS
from stream.records import DIGITS
from stream.settings import Settings

BAR_CELLS = 24
PLAIN_WIDTH = 110  # where there is no terminal whose width counts


@click.command()
@click.argument("text", nargs=-1, required=True)
@options.model
@options.as_json
@click.pass_obj
def explain(settings: Settings, text: tuple[str, ...], model: str | None, as_json: bool) -> None:
    """Show the topic and sentiment of TEXT, and what each word adds to them.

    A word's effect is the fall of the label's probability when the word is left out.
    """
    title = " ".join(text)
    if len(title) > MAX_TITLE_CHARACTERS:
        raise UsageError(f"the text has {len(title):,} characters, a headline {MAX_TITLE_CHARACTERS:,} at most")
    title = Masker(settings.masking.handles).mask(title).text  # as the stream would score it
    with options.open_scorer(settings, model) as scorer:
        told = telling(title, explanation.explain(scorer, title), scorer)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    else:
        print_table(told)


def telling(title: str, found: explanation.Explanation, scorer: Scorer) -> dict[str, Any]:
    """An explanation as one JSON object: probabilities in [0, 1], effects in [-1, 1]."""
    score, taxonomy = found.score, scorer.taxonomy
    return {
        "title": title,
        "topic": score.topic,
        "topic_probability": round(score.topic_probability, DIGITS),
        "topics": _rounded(taxonomy.topics, score.topic_probabilities),
        "sentiment": score.sentiment,
        "probabilities": _rounded(taxonomy.sentiments, score.probabilities),
        "polarity": round(score.polarity, DIGITS),
        "words": [
            {
                "word": each.word,
                "sentiment": round(each.sentiment, DIGITS),
                "topic": round(each.topic, DIGITS),
            }
            for each in found.words
        ],
        "model": scorer.version,
    }


def _rounded(names: tuple[str, ...], probabilities: tuple[float, ...]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in zip(names, probabilities, strict=True)}


def print_table(told: dict[str, Any]) -> None:
    """The explanation for a person: coloured bars in a terminal, plain ones elsewhere."""
    from rich.console import Console  # noqa: PLC0415  (--json needs none of it)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    likely = sorted(told["topics"].items(), key=lambda each: -each[1])
    others = ", ".join(f"{name} {value:.0%}" for name, value in likely[1:3])
    shares = ", ".join(f"{name} {value:.0%}" for name, value in told["probabilities"].items())
    console.print(Text(told["title"], style="bold"))
    console.print(f"topic      {told['topic']} {told['topic_probability']:.0%}  (then {others})")
    console.print(f"sentiment  {told['sentiment']}  ({shares})")
    console.print(f"model      {told['model']}\n")
    table = Table(box=None, pad_edge=False)
    for heading in ("word", f"for {told['sentiment']}", "", f"for {told['topic']}", ""):
        table.add_column(heading, no_wrap=True)
    largest = max(abs(each[head]) for each in told["words"] for head in ("sentiment", "topic"))
    for each in told["words"]:
        cells = [Text(each["word"])]
        for head in ("sentiment", "topic"):
            colour = "green" if each[head] > 0 else "red"
            cells += [Text(f"{each[head]:+.3f}", colour), Text(bar(each[head], largest), colour)]
        table.add_row(*cells)
    console.print(table)


def bar(effect: float, largest: float) -> str:
    """A bar as long as an effect is beside the largest, which has 24 cells; what speaks against is hollow.

    >>> bar(0.5, 1.0), bar(-0.25, 1.0), bar(0.0, 0.0)
    ('████████████', '░░░░░░', '')
    """
    cells = round(BAR_CELLS * abs(effect) / largest) if largest else 0
    return ("█" if effect > 0 else "░") * cells
