"""Our scorer beside the plain transformers pipeline: the same texts, the same machine, turn and turn about.

The pipeline's network is the same encoder in full precision with one head of three labels; ours has two heads
and an embedding, so it does a little more. The time goes into the encoder: that the pipeline's head is untrained
changes nothing.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec

from model.errors import InputError, UsageError
from model.scorer import Scorer
from stream.rows import Row, read_rows

CORPUS = Path(__file__).resolve().parents[2] / "training" / "corpus"
DEFAULT_TEXTS = 1_500
ROUNDS = 3
SINGLE_TEXTS = 200
MAX_TOKENS = 96
NEEDED = "bench scorer needs torch and transformers beside it: install the train extra (uv sync --extra train)"

Run = Callable[[Sequence[str]], Any]


class SingleText(msgspec.Struct, frozen=True):
    """Milliseconds from one text's hand-over to its score."""

    p50: float
    p99: float


class ScorerBench(msgspec.Struct, frozen=True):
    """What was measured. Rates are texts a second, the median of the rounds; ratio is scorer / pipeline."""

    texts: int
    pipeline_per_second: float
    scorer_per_second: float
    ratio: float
    single_text_ms: SingleText
    provider: str
    threads: int


def texts_of(file: str | None, rows: int | None) -> list[str]:
    """The first `rows` titles of a file, or of the project's own corpus repeated to that many.

    Raises InputError if there is none.
    """
    files = [file] if file else sorted(str(path) for path in CORPUS.glob("*.csv"))
    titles = list(islice(_titles(files), rows if file else None))
    if not titles:
        raise InputError(f"no title to measure with in {file or CORPUS}")
    return titles if file else list(islice(cycle(titles), rows or DEFAULT_TEXTS))


def _titles(files: Sequence[str]) -> Iterator[str]:
    for file in files:
        for row in read_rows(file):
            if isinstance(row, Row) and str(row.fields.get("title", "")).strip():
                yield str(row.fields["title"])


def pipeline_of(threads: int, batch: int, on_gpu: bool) -> Run:
    """The plain transformers pipeline with its own defaults, on as many threads as the scorer has.

    Raises UsageError where transformers is not installed.
    """
    try:
        import torch  # noqa: PLC0415  (the train extra; the scorer needs none of it)
        from transformers import (  # noqa: PLC0415
            AutoModelForSequenceClassification,
            AutoTokenizer,
            pipeline,
        )
        from transformers.utils import logging  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(NEEDED) from error
    from training.network import default_base  # noqa: PLC0415

    # It warns that the head is untrained, which is meant, and draws a bar.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(threads)
    base = default_base()
    network = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    tokenizer = AutoTokenizer.from_pretrained(base)
    classify = pipeline("text-classification", model=network, tokenizer=tokenizer, device=0 if on_gpu else -1)

    def run(texts: Sequence[str]) -> Any:
        return classify(list(texts), batch_size=batch, truncation=True, max_length=MAX_TOKENS)

    return run


def measure(
    texts: Sequence[str],
    scorer: Scorer,
    pipeline: Run,
    report: Callable[[str], None],
    *,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> ScorerBench:
    """Both on all texts, in turns, so that what else the machine does falls on both alike; then single texts.

    `report`: told each round's rate. `clock`: seconds, monotonic.
    """
    runs: dict[str, Run] = {"pipeline": pipeline, "scorer": scorer.score}
    for run in runs.values():
        run(texts[:64])  # the first call pays for what later ones have
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1, rounds + 1):
        for name, run in runs.items():
            rates[name].append(len(texts) / _seconds(run, texts, clock))
            report(f"round {number} of {rounds}: {name} {rates[name][-1]:,.1f} texts a second")
    median = {name: statistics.median(each) for name, each in rates.items()}
    singles = [1000 * _seconds(scorer.score, [text], clock) for text in texts[:SINGLE_TEXTS]]
    return ScorerBench(
        texts=len(texts),
        pipeline_per_second=round(median["pipeline"], 1),
        scorer_per_second=round(median["scorer"], 1),
        ratio=round(median["scorer"] / median["pipeline"], 2),
        single_text_ms=SingleText(round(percentile(singles, 50), 2), round(percentile(singles, 99), 2)),
        provider=scorer.provider,
        threads=scorer.threads,
    )


def _seconds(run: Run, texts: Sequence[str], clock: Callable[[], float]) -> float:
    started = clock()
    run(texts)
    return clock() - started


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent are not above.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 50)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
