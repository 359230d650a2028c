"""The models: which one is live and how it came to be so, what each scores, a new one out of the labels, and the way of
the champion forth and back."""

from datetime import datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from typing import Any, NamedTuple

from starlette.responses import HTMLResponse, Response

from deploy.commands.labels import COLUMNS
from deploy.commands.models import told
from deploy.desk.desk import Desk
from deploy.desk.jobs import BUNDLE, LABELS, NEWS, Job, progress, trouble
from deploy.desk.visit import RefusedError, Visit
from model.bundle import MANIFEST, Bundle
from model.errors import BundleError, InputError, RegistryError, UsageError
from model.registry import CHAMPION, Registry, RegistryPlace, resolve
from model.taxonomy import Taxonomy
from stream.archive import archive_errors
from stream.records import ScoredHeadline
from training.evaluation import HEADS
from training.exchange import as_csv, label_row
from training.heldout import report_of
from training.labelbook import agreed
from training.labels import text_key
from training.promotion import LONGEST_REASON, history
from training.rehearsal import rehearsal_sheet, to_rehearse

JOBS = 12
# Of the latest headlines a training rehearses a sample; of so many, since somebody waits for the answer.
REHEARSED_PERIOD = timedelta(days=30)
REHEARSED_FROM = 20_000
MEASURES = ("n", "accuracy", "macro_f1", "ece")
# A report is a page of its own, with its style in it: it may do nothing else.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"


class Known(NamedTuple):
    """A model that may be looked at. `reference`: bundled, a version's number, or a training's name."""

    reference: str
    name: str
    bundle: Bundle
    scores: dict[str, dict[str, Any]]

    @property
    def has_report(self) -> bool:
        """Whether it brings its report as a page."""
        return "report.html" in self.bundle.manifest.files


def show(desk: Desk, visit: Visit) -> Response:
    """What is live, what there is, and what may be done."""
    registry, trouble = Registry(desk.settings.registry.place()), ""
    rows: list[dict[str, Any]] = []
    champion = None
    try:
        aliases, moves = registry.aliases(), history(registry)
        champion = aliases.get(CHAMPION)
        rows = [told(version, aliases, moves) for version in reversed(registry.versions())]
    except RegistryError as error:
        trouble = str(error)
    labels = desk.labels.current()
    taken, disputed = agreed(labels)
    jobs = desk.jobs.all()[:JOBS]
    live = desk.readings.query("newsquall_model_info == 1")
    return desk.page(
        visit,
        "models.html",
        rows=rows,
        champion=champion,
        trouble=trouble,
        follows=desk.settings.scorer.model,
        live=sorted({labels_.get("version", "?") for labels_, _ in live}) if not isinstance(live, str) else [],
        jobs=jobs,
        running=desk.jobs.running,
        trained=[job for job in jobs if job.kind == "train" and _is_bundle(desk, job.name)],
        texts=len(taken),
        disputed=len(disputed),
        can_train=find_spec("torch") is not None,
        longest=LONGEST_REASON,
        known=[each for each in (_try(desk, reference) for reference in _references(desk, rows, jobs)) if each],
    )


def _references(desk: Desk, rows: list[dict[str, Any]], jobs: list[Any]) -> list[str]:
    trained = [job.name for job in jobs if _is_bundle(desk, job.name)]
    return [*trained[:3], *(str(row["version"]) for row in rows[:4]), "bundled"]


def _is_bundle(desk: Desk, job: str) -> bool:
    return (desk.jobs.place(job) / BUNDLE / MANIFEST).is_file()


def _try(desk: Desk, reference: str) -> Known | None:
    try:
        return _known(desk, reference)
    except (BundleError, RegistryError, InputError):
        return None


@lru_cache(maxsize=32)
def _opened(reference: str, place: RegistryPlace | None = None) -> Bundle:
    """A bundle, which is checked when it is opened: once is enough, since none of these ever changes."""
    return resolve(reference, place)


def _known(desk: Desk, reference: str) -> Known:
    """A model by its reference. Raises InputError for what is none: a folder is not named from outside."""
    job = desk.jobs.find(reference)
    if job is not None and _is_bundle(desk, reference):
        bundle, name = _opened(str(desk.jobs.place(reference) / BUNDLE)), f"trained {job.started_at:%d %b %H:%M}"
    elif reference == "bundled" or (reference.isascii() and reference.isdigit()):
        try:
            bundle = _opened(reference, desk.settings.registry.place())
        except UsageError as error:
            raise InputError(str(error)) from error
        name = "bundled" if reference == "bundled" else f"version {reference}"
    else:
        raise InputError("there is no such model")
    return Known(reference, name, bundle, report_of(bundle).get("test", {}).get("all", {}))


def compare(desk: Desk, visit: Visit) -> Response:
    """Two reports side by side."""
    pair = [_known(desk, visit.text(side, 64) or "bundled") for side in ("first", "second")]
    rows = []
    for head in HEADS:
        scores = [each.scores.get(head, {}) for each in pair]
        rows += [
            (head, measure, [each.get(measure) for each in scores]) for measure in ("n", "accuracy", "macro_f1", "ece")
        ]
        classes = dict.fromkeys(name for each in scores for name in each.get("per_class", {}))
        rows += [(head, name, [_f1(each, name) for each in scores]) for name in classes]
    return desk.page(visit, "compare.html", pair=pair, rows=rows)


def _f1(scores: dict[str, Any], name: str) -> float | None:
    said = scores.get("per_class", {}).get(name)
    return said.get("f1") if isinstance(said, dict) else said


def report(desk: Desk, visit: Visit) -> Response:
    """A model's own report, as it came."""
    known = _known(desk, visit.text("ref", 64))
    if not known.has_report:
        raise RefusedError(404, "This model brings no report.")
    text = (known.bundle.folder / "report.html").read_text(encoding="utf-8")
    return HTMLResponse(text, headers={"Content-Security-Policy": REPORT_POLICY})


def train(desk: Desk, visit: Visit) -> Response:
    """Start a training on the labels so far."""
    if find_spec("torch") is None:
        raise InputError("training needs the train extra, which is not installed here (uv sync --extra train)")
    taken, _ = agreed(desk.labels.current())
    if not taken:
        raise InputError("there are no labels yet on which annotators do not differ")
    name = desk.jobs.prepare("train", visit.now)
    known = desk.archive_find([label.headline_id for label in taken])
    sources = {id_: headline.source for id_, headline in known.items()}
    sheet = as_csv(COLUMNS, [label_row(label, sources.get(label.headline_id, "")) for label in taken])
    file = desk.jobs.give(name, LABELS, sheet)
    base = "champion" if _champion(desk) else "bundled"
    new = sorted({label.topic for label in taken if label.topic} - set(Taxonomy().topics))
    topics = [argument for topic in new for argument in ("--topic", topic)]
    out = desk.jobs.place(name) / BUNDLE
    texts = len({text_key(label.title) for label in taken})
    arguments = ["train", "--labels", str(file), "--base", base, "--out", str(out), *topics]
    if read := to_rehearse(_latest(desk, visit.now)):
        arguments += ["--rehearse", str(desk.jobs.give(name, NEWS, rehearsal_sheet(read)))]
    desk.note(visit, "trained", f"{name}: {texts} texts, from {base}")
    desk.jobs.start(name, arguments, visit.who.name, visit.now, f"{texts} labelled texts, from {base}")
    return desk.go(f"/jobs/{name}")


def _latest(desk: Desk, now: datetime) -> list[ScoredHeadline]:
    with archive_errors("the archive cannot be read"):
        return list(islice(desk.archive.published(now - REHEARSED_PERIOD, now), REHEARSED_FROM))


def _champion(desk: Desk) -> int | None:
    """The champion's version; None if there is none, or no registry that answers."""
    try:
        return Registry(desk.settings.registry.place()).alias(CHAMPION)
    except RegistryError:
        return None


def again(desk: Desk, visit: Visit) -> Response:
    """Let a training that was ended go on where it was: the same labels, in the same folder."""
    found = _job(desk, visit)
    if not _may_go_on(desk, found):
        raise InputError("only a training that was ended before its model was there can go on")
    desk.note(visit, "trained", f"{found.name}: again")
    desk.jobs.again(found, visit.who.name, visit.now)
    return desk.go(f"/jobs/{found.name}")


def _may_go_on(desk: Desk, job: Job) -> bool:
    is_left = job.kind == "train" and not job.runs and job.status != 0 and not _is_bundle(desk, job.name)
    return is_left and bool(job.arguments)


def promote(desk: Desk, visit: Visit) -> Response:
    """Put a trained model, or a version of the registry, beside the champion; it takes its place if it is no worse."""
    reference, reason = visit.text("ref", 64), _reason(visit)
    force = visit.choice("force", "", "yes") == "yes"
    if force and not reason:
        raise InputError("to promote a model that the gate refuses you have to say why")
    known = _known(desk, reference)
    name = desk.jobs.prepare("promote", visit.now)
    desk.note(
        visit, "promoted" if not force else "promoted by force", f"{name}: {known.bundle.version}; {reason or '-'}"
    )
    arguments = ["promote", str(known.bundle.folder), "--by", visit.who.name, "--reason", reason, "--json"]
    arguments += ["--force"] if force else []
    desk.jobs.start(name, arguments, visit.who.name, visit.now, f"{known.name}, {known.bundle.version}")
    return desk.go(f"/jobs/{name}?ref={reference}")


def rollback(desk: Desk, visit: Visit) -> Response:
    """Make the champion before this one the champion again."""
    reason = _reason(visit)
    name = desk.jobs.prepare("rollback", visit.now)
    desk.note(visit, "rolled back", f"{name}; {reason or '-'}")
    arguments = ["rollback", "--by", visit.who.name, "--reason", reason, "--json"]
    desk.jobs.start(name, arguments, visit.who.name, visit.now, reason)
    return desk.go(f"/jobs/{name}")


def _reason(visit: Visit) -> str:
    return " ".join(visit.text("reason", LONGEST_REASON).split())


def job(desk: Desk, visit: Visit) -> Response:
    """A job: how far it is, and what it said."""
    found = _job(desk, visit)
    said = desk.jobs.log(found.name)
    return desk.page(
        visit,
        "job.html",
        job=found,
        log=said,
        trouble=trouble(found, said),
        progress=progress(said) if found.runs else None,
        result=desk.jobs.result(found.name),
        has_bundle=found.kind == "train" and _is_bundle(desk, found.name),
        champion=_champion(desk),
        may_go_on=_may_go_on(desk, found),
        ref=visit.text("ref", 64),
        longest=LONGEST_REASON,
    )


def stop(desk: Desk, visit: Visit) -> Response:
    """End the job that is under way."""
    found = _job(desk, visit)
    if found.runs:
        desk.note(visit, "stopped", found.name)
        desk.jobs.stop()
    return desk.go(f"/jobs/{found.name}")


def _job(desk: Desk, visit: Visit) -> Job:
    found = desk.jobs.find(visit.path("job"))
    if found is None:
        raise RefusedError(404, "There is no such job.")
    return found
