"""Models at the desk: jobs one at a time, a training's call, the champion forth and back by the real command line."""

import csv
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from deploy.desk.app import build_desk
from deploy.desk.jobs import Jobs
from model.errors import InputError
from model.registry import CHAMPION, Registry
from stream.records import Label
from tests.toymodel import toy
from training.labelbook import LabelBook
from training.promotion import Because, history, promote

from .conftest import NOW, Visitor, scored

REPORT = {
    "rows": {"train": {"toys": 900}, "test": {"toys": 340}},
    "test": {
        "all": {
            "topic": {
                "n": 340,
                "accuracy": 0.93,
                "macro_f1": 0.91,
                "ece": 0.02,
                "per_class": {"earnings": {"f1": 0.8}},
            },
            "sentiment": {"n": 340, "accuracy": 0.88, "macro_f1": 0.87, "ece": 0.03, "per_class": {}},
        }
    },
}


def call(folder: Path, script: str) -> Jobs:
    """Jobs whose command is a script: it is given the arguments of the command line."""
    return Jobs(folder, None, (sys.executable, "-c", script))


def ended(jobs: Jobs, name: str):
    deadline = time.monotonic() + 120
    while (job := jobs.find(name)).runs:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


def test_a_job_has_a_log_a_result_and_an_end_and_is_found_by_the_next_desk(tmp_path):
    jobs = call(tmp_path, "import sys; print('{\"given\": ' + str(len(sys.argv)) + '}'); sys.exit('it failed')")
    name = jobs.prepare("train", NOW)
    jobs.start(name, ["a", "b"], "olaf", NOW, "two")
    job = ended(jobs, name)
    assert (job.status, job.who, job.about, job.kind) == (1, "olaf", "two", "train")
    later = Jobs(tmp_path, None)
    assert later.all() == [job]
    assert later.log(name) == "it failed\n"
    assert later.result(name) == {"given": 3}


def test_one_job_at_a_time_and_it_can_be_ended(tmp_path):
    jobs = call(tmp_path, "import time; print('begun', flush=True); time.sleep(600)")
    first, second = jobs.prepare("train", NOW), jobs.prepare("promote", NOW)
    jobs.start(first, [], "olaf", NOW)
    with pytest.raises(InputError, match="a train is under way, of olaf"):
        jobs.start(second, [], "olaf", NOW)
    with pytest.raises(InputError):
        jobs.prepare("train", NOW)
    assert Jobs(tmp_path, None).find(first).status == -1  # to another desk it is one that nobody waits for
    jobs.stop()
    assert ended(jobs, first).status < 0
    assert jobs.running is None
    jobs.start(second, [], "olaf", NOW)
    jobs.stop()


@pytest.mark.parametrize(
    "name", ["..", "../../etc", "x", "", "20260703-024000-train-zzzz", "20260703-024000-steal-0000"]
)
def test_a_jobs_name_leads_nowhere_else(tmp_path, name):
    assert Jobs(tmp_path, None).find(name) is None


@pytest.fixture
def settings_file(settings, tmp_path) -> Path:
    """What the jobs are given. The desk's own folder of jobs is in it."""
    path = tmp_path / "newsquall.toml"
    place = settings.registry
    path.write_text(
        f'[archive]\nurl = "{settings.archive.url}"\n[registry]\nuri = "{place.uri}"\n'
        f'artifacts = "{place.artifacts}"\ncache = "{place.cache}"\n[scorer]\nthreads = 1\n'
    )
    return path


@pytest.fixture
def operator(settings, archive, clock, settings_file, tmp_path):
    told = settings.model_copy(update={"desk": settings.desk.model_copy(update={"runs": tmp_path / "runs"})})
    visitor = Visitor(build_desk(told, archive, clock, settings_file))
    with visitor.http:
        visitor.get("/models")
        yield visitor


def job_of(visitor: Visitor, answer) -> str:
    """The text of a job's page at its end."""
    assert answer.url.path.startswith("/jobs/")
    deadline = time.monotonic() + 180
    while "data-reload" in (text := visitor.get(str(answer.url)).text):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return text


def test_a_champion_is_taken_back_and_another_promoted_by_force_with_its_reason(operator, settings, tmp_path):
    registry = Registry(settings.registry.place())
    promote(registry, toy(tmp_path / "one", report=REPORT), Because("ada", NOW), None)
    promote(registry, toy(tmp_path / "two", logit=10.0, report=REPORT), Because("ada", NOW), 1)
    text = operator.get("/models").text
    assert "version 2" in text
    assert "0.910" in text
    compared = operator.get("/models/compare?first=1&second=2").text
    assert "F1 of earnings" in compared
    assert "0.800" in compared

    assert "done" in job_of(operator, operator.post("/models/rollback", reason="it reads too black"))
    assert registry.alias(CHAMPION) == 1
    assert history(registry)[-1].reason == "it reads too black"

    refused = operator.post("/models/promote", ref="2", force="yes")
    assert refused.status_code == 400
    text = job_of(operator, operator.post("/models/promote", ref="2", force="yes", reason="we know better"))
    assert "The gate" in text
    assert registry.alias(CHAMPION) == 2
    move = history(registry)[-1]
    assert (move.version, move.reason) == (2, "we know better")
    assert move.by not in ("", "ada")
    audit = operator.get("/audit").text
    assert "rolled back" in audit
    assert "promoted by force" in audit


def test_a_training_is_called_with_the_labels_on_which_annotators_agree(operator, archive, tmp_path, monkeypatch):
    archive.keep([scored("h1", "Bolt falls", source="Post"), scored("h2", "Acme rises")])
    book = LabelBook(archive.engine)

    def label(id_: str, title: str, annotator: str, topic: str) -> Label:
        return Label(id_, title, annotator, NOW, "review", topic=topic, sentiment="negative")

    assert operator.post("/models/train").status_code == 400  # there is nothing to learn from
    book.add([label("h1", "Bolt falls", "anna", "weather"), label("h2", "Acme rises", "anna", "earnings")])
    book.add([label("h2", "Acme rises", "olaf", "other")])
    told = {}

    def start(self, name, arguments, who, now, about=""):
        told.update(name=name, arguments=list(arguments), about=about)

    monkeypatch.setattr(Jobs, "start", start)
    operator.post("/models/train")
    arguments = told["arguments"]
    assert arguments[0] == "train"
    assert arguments[arguments.index("--base") + 1] == "bundled"
    assert arguments[-2:] == ["--topic", "weather"]
    with open(arguments[arguments.index("--labels") + 1], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["title"], row["topic"], row["source"]) for row in rows] == [("Bolt falls", "weather", "Post")]
    assert told["about"] == "1 labelled texts, from bundled"


@pytest.mark.parametrize("reference", ["/etc", "..", "999", "champion", "-1", "https://x/", "%00", "٣"])
def test_no_folder_is_named_from_outside(operator, reference):
    assert operator.post("/models/promote", ref=reference).status_code == 400
    assert operator.get(f"/models/report?ref={reference}").status_code == 400


def test_a_report_may_do_nothing_but_be_read(operator):
    answer = operator.get("/models/report?ref=bundled")
    assert answer.status_code == 200
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
