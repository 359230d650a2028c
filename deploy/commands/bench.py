"""`newsquall bench`: how fast it is on this machine, how well labels can be learnt and stories told apart, and whether
pages arrive."""

import sys
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import click
import msgspec

from deploy.commands import options
from deploy.commands.console import say
from deploy.commands.train import import_training, starting_point
from model.bundle import Bundle
from model.providers import ProviderChoice
from stream.settings import Settings
from stream.watchlist import load_watchlist

SCRAPE = timedelta(seconds=15)  # as in the configuration that Prometheus ships with


@click.group()
def bench() -> None:
    """Measure speed on this machine, how well labels are learnt and stories told apart.

    The last line of standard output is JSON.
    """


@bench.command()
@click.argument("file", required=False)
@click.option("--rows", type=click.IntRange(min=1), help="Texts to measure with; 1,500 of our own if no FILE.")
@click.option("--batch", type=click.IntRange(min=1), default=32, show_default=True, help="The pipeline's batch.")
@options.model
@options.provider
@click.pass_obj
def scorer(
    settings: Settings,
    *,
    file: str | None,
    rows: int | None,
    batch: int,
    model: str | None,
    provider: ProviderChoice | None,
) -> None:
    """The scorer beside the plain transformers pipeline, on the titles of FILE or on our own.

    The pipeline runs the same encoder in full precision with one head; the scorer has two and does both.
    """
    from deploy.bench.scorer import measure, pipeline_of, texts_of  # noqa: PLC0415

    texts = texts_of(file, rows)
    with options.open_scorer(settings, model, provider) as ours:
        on_gpu = ours.provider != "cpu"
        pipeline = pipeline_of(ours.threads, batch, on_gpu)
        say(
            f"{len(texts):,} texts, {ours.threads} threads, provider {ours.provider}; "
            f"the pipeline has one head and batches of {batch}, the scorer two heads"
        )
        result = measure(texts, ours, pipeline, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option("--swaps", type=click.IntRange(min=1), default=50, show_default=True, help="How many models to promote.")
@options.model
@click.pass_obj
def swaps(settings: Settings, *, swaps: int, model: str | None) -> None:
    """Promote one model after the other while headlines flow through a worker, on a real broker.

    Says whether a headline was lost or scored twice, how long a swap takes, and what becomes of the worker's memory.
    """
    from deploy.bench.swaps import measure, site  # noqa: PLC0415
    from model.registry import resolve  # noqa: PLC0415

    bundle = resolve(model or settings.scorer.model, settings.registry.place())
    with site(bundle) as at:
        result = measure(at, swaps, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option("--pages", type=click.IntRange(min=1), default=200, show_default=True, help="How many pages.")
@click.option(
    "--kills", type=click.IntRange(min=1), default=50, show_default=True, help="How often the relay is killed."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which faults are drawn.")
def pages(*, pages: int, kills: int, seed: int) -> None:
    """A storm of pages through a relay that is killed again and again, to a receiver that fails, too.

    Says how many pages were lost, came twice, or came in the wrong order.
    """
    from deploy.bench.pages import measure  # noqa: PLC0415

    result = measure(pages, kills, seed, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@options.labels
@options.more_labels
@click.option("--folds", type=click.IntRange(min=2, max=20), default=5, show_default=True, help="How many parts.")
@click.option("--base", metavar="NAME_OR_DIR", help="As of train: an encoder, or a model to go on from.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the rows.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True, max=1), help="As of train.")
@click.pass_obj
def folds(
    settings: Settings,
    *,
    labels: tuple[str, ...],
    more: tuple[str, ...],
    folds: int,
    base: str | None,
    epochs: int | None,
    learning_rate: float | None,
) -> None:
    """Cross-validate labels: each row is scored by a network that trained on the other parts."""
    training = import_training()
    from deploy.bench.folds import measure  # noqa: PLC0415

    start = starting_point(settings, base)
    recipe = training.CONTINUED if isinstance(start, Bundle) else training.Recipe()
    recipe = replace(recipe, epochs=epochs or recipe.epochs, learning_rate=learning_rate or recipe.learning_rate)
    result = measure([*labels, *more], folds, start, recipe, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@options.labels
@options.more_labels
@click.option("--way", "names", multiple=True, help="Which way of training to compare with the plain one; all if none.")
@click.option("--rows", type=click.IntRange(min=100), default=2_000, show_default=True, help="Most rows of each file.")
@click.option("--base", metavar="NAME_OR_DIR", help="The encoder to start from; the bundled one's if not given.")
@click.option("--teacher", metavar="NAME_OR_DIR", help="A larger encoder, for the way that is taught by it.")
@click.option("--epochs", type=click.IntRange(min=1), default=3, show_default=True, help="Passes over the rows.")
def ablation(
    *,
    labels: tuple[str, ...],
    more: tuple[str, ...],
    names: tuple[str, ...],
    rows: int,
    base: str | None,
    teacher: str | None,
    epochs: int,
) -> None:
    """What each technique of the training is worth, on labels that nothing is reported on, with what it costs."""
    training = import_training()
    from deploy.bench.ablation import measure  # noqa: PLC0415

    result = measure([*labels, *more], names, rows, base, teacher, training.Recipe(epochs=epochs, batch=32), say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.argument("file", required=False)
@click.option(
    "--half",
    type=click.Choice(["development", "test"]),
    default="development",
    show_default=True,
    help="Which half of the pairs, which a hash deals. What is chosen is chosen on the development half.",
)
@click.option(
    "--headlines",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="A subject's headlines in one day, each another event, for what the telling apart costs.",
)
@options.model
@options.provider
@click.pass_obj
def stories(
    settings: Settings,
    *,
    file: str | None,
    half: Literal["development", "test"],
    headlines: int,
    model: str | None,
    provider: ProviderChoice | None,
) -> None:
    """How well stories are told apart, by kind of pair, and what that costs beside scoring.

    FILE has pairs of headlines: first, second, same (yes or no), kind, language; our own pairs if it is not given.
    """
    from deploy.bench.stories import PAIRS, measure, read_pairs  # noqa: PLC0415

    pairs = read_pairs(file or PAIRS)
    with options.open_scorer(settings, model, provider) as scorer:
        result = measure(pairs, half, scorer, say, headlines=headlines)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.argument("file", required=False)
@click.option(
    "--headlines", type=click.IntRange(min=1_000), default=20_000, show_default=True, help="How many to send."
)
@click.option("--constant-scorer", is_flag=True, help="A scorer that costs nothing: what binds where a GPU scores.")
@click.option("--profile", is_flag=True, help="Say by py-spy where the worker's time goes; it is slower then.")
@options.model
@click.pass_obj
def stream(
    settings: Settings, *, file: str | None, headlines: int, constant_scorer: bool, profile: bool, model: str | None
) -> None:
    """One worker on a real broker: headlines a second, and which share that is of scoring alone.

    Titles are those of FILE or our own, said again where there are too few. The settings' watchlist is used.
    """
    from deploy.bench.profiling import Profiler  # noqa: PLC0415
    from deploy.bench.scorer import texts_of  # noqa: PLC0415
    from deploy.bench.stream import measure, worker_environment  # noqa: PLC0415

    watched = load_watchlist(settings.trends.watchlist, settings.trends.most_entities)
    profiler = Profiler() if profile else None
    with options.open_scorer(settings, model) as scorer:
        environment = worker_environment(settings, scorer.bundle, scorer.threads)
        result = measure(
            texts_of(file, headlines),
            headlines,
            scorer,
            watched,
            environment,
            say,
            constant=constant_scorer,
            profiler=profiler,
        )
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.argument("file", required=False)
@click.option("--ordinary", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Headlines a second.")
@click.option(
    "--times", type=click.FloatRange(min=1), default=100.0, show_default=True, help="How much more in the burst."
)
@click.option("--seconds", type=click.FloatRange(min=1), default=60.0, show_default=True, help="How long the burst is.")
@click.option("--constant-scorer", is_flag=True, help="A scorer that costs nothing.")
@options.model
@click.pass_obj
def burst(
    settings: Settings,
    *,
    file: str | None,
    ordinary: float,
    times: float,
    seconds: float,
    constant_scorer: bool,
    model: str | None,
) -> None:
    """A burst of news through one worker on a real broker: what is lost, how far it falls behind, who waits longest."""
    from deploy.bench.burst import measure  # noqa: PLC0415
    from deploy.bench.scorer import texts_of  # noqa: PLC0415
    from deploy.bench.stream import worker_environment  # noqa: PLC0415
    from model.registry import resolve  # noqa: PLC0415

    bundle = resolve(model or settings.scorer.model, settings.registry.place())
    environment = worker_environment(settings, bundle, settings.scorer.threads)
    scorer = "constant" if constant_scorer else bundle.version
    titles = texts_of(file, int(ordinary * times * seconds) + 1)
    result = measure(titles, ordinary, times, seconds, scorer, environment, say, constant=constant_scorer)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command("detect")
@click.option("--step", type=click.IntRange(1, 60), default=5, show_default=True, help="Minutes of a count.")
@click.option(
    "--repeats", type=click.IntRange(min=1), default=6, show_default=True, help="Series of each kind of subject."
)
@click.option("--budget", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="Pages a month.")
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="What is chosen is chosen on 1 to 99; 100 on are for the log.",
)
def squalls(*, step: int, repeats: int, budget: float, seed: int) -> None:
    """False pages and delay on simulated counts, beside the best there can be and beside plain detectors.

    Seasonal subjects of 20 a day to 20 a minute; squalls of 2 to 16 times, of 10 minutes to 2 days; level shifts,
    holidays, gaps, past squalls, one story's copies. The best is the CUSUM that is told rates, noise and size.
    """
    from deploy.bench.squalls import measure  # noqa: PLC0415

    result = measure(step, repeats, seed, budget, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True, help="Days of state.")
@click.option("--per-day", type=click.IntRange(min=1), default=10_000, show_default=True, help="Headlines a day.")
@click.option("--entities", type=click.IntRange(min=0), default=500, show_default=True, help="Watched companies.")
@click.option(
    "--settle", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds for the broker to compact."
)
@options.model
@click.pass_obj
def state(settings: Settings, *, days: int, per_day: int, entities: int, settle: float, model: str | None) -> None:
    """What the counts of topics and watched companies take on the broker and in memory, and how long a start takes."""
    from deploy.bench.scorer import texts_of  # noqa: PLC0415
    from deploy.bench.state import measure  # noqa: PLC0415
    from deploy.bench.stream import worker_environment  # noqa: PLC0415
    from model.registry import resolve  # noqa: PLC0415

    bundle = resolve(model or settings.scorer.model, settings.registry.place())
    environment = worker_environment(settings, bundle, settings.scorer.threads)
    result = measure(texts_of(None, per_day), days, per_day, entities, environment, settle, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Days behind the dashboards.")
@click.option("--per-day", type=click.IntRange(min=1), default=10_000, show_default=True, help="Headlines a day.")
@click.option("--entities", type=click.IntRange(min=4), default=100, show_default=True, help="Watched companies.")
@click.option(
    "--scrape", type=click.FloatRange(min=1), default=15.0, show_default=True, help="Seconds between two scrapes."
)
def dashboards(*, days: int, per_day: int, entities: int, scrape: float) -> None:
    """How long each query of the Grafana dashboards takes over a month, on a real Prometheus and PostgreSQL."""
    from deploy.commands.dashboards import grafana_packages  # noqa: PLC0415

    with grafana_packages():
        from deploy.bench.dashboards import measure  # noqa: PLC0415

    result = measure(days, per_day, entities, scrape, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option(
    "--runs", type=click.IntRange(1, 100), default=50, show_default=True, help="Squalls, each of another company."
)
@click.option(
    "--as-shipped",
    is_flag=True,
    help="Windows and intervals of the settings and a scrape each 15 s, not a demo's seconds.",
)
@click.pass_obj
def latency(settings: Settings, *, runs: int, as_shipped: bool) -> None:
    """From a squall's fifth story to the page at its receiver, on the real parts, with the share of each stage.

    Kafka, a worker, Prometheus, Alertmanager and the relay are started here, on free ports, and stopped at the end.
    """
    from deploy.bench.latency import measure  # noqa: PLC0415
    from deploy.demo.system import DEMO_PACE, Pace  # noqa: PLC0415

    pace = Pace.of(settings, SCRAPE) if as_shipped else DEMO_PACE
    result = measure(runs, pace, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option(
    "--database",
    type=click.Choice(["postgresql", "sqlite"]),
    default="postgresql",
    show_default=True,
    help="A server or file of its own, gone at the end.",
)
@click.option("--rows", type=click.IntRange(min=10_000), default=5_000_000, show_default=True, help="Headlines in it.")
@click.option("--days", type=click.IntRange(min=10), default=180, show_default=True, help="Over which they are spread.")
@click.option("--runs", type=click.IntRange(min=1), default=50, show_default=True, help="Pages of each kind.")
def evidence(*, database: Literal["postgresql", "sqlite"], rows: int, days: int, runs: int) -> None:
    """How fast a page is decided and its evidence found in a large archive, with the plans of what is asked."""
    from deploy.bench.evidence import measure  # noqa: PLC0415

    result = measure(database, rows, days, runs, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")


@bench.command()
@click.option(
    "--database",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="A file or server of its own, gone at the end.",
)
@click.option(
    "--rows", type=click.IntRange(min=10_000), help="Headlines in it; 500,000 in SQLite, 5,000,000 in PostgreSQL."
)
@click.option(
    "--days", type=click.IntRange(min=10), help="Over which they are spread; 50 in SQLite, 180 in PostgreSQL."
)
@click.option("--runs", type=click.IntRange(min=1), default=40, show_default=True, help="Visits of each page.")
def desk(*, database: Literal["postgresql", "sqlite"], rows: int | None, days: int | None, runs: int) -> None:
    """How long each page of the desk takes with a large archive behind it, and which takes more than 300 ms.

    A desk, a Prometheus and a broker are started here, on free ports, and stopped at the end.
    """
    from deploy.bench.desk import measure  # noqa: PLC0415

    usual_rows, usual_days = {"sqlite": (500_000, 50), "postgresql": (5_000_000, 180)}[database]
    result = measure(database, rows or usual_rows, days or usual_days, runs, say)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
