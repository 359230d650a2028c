"""Models at the desk: jobs one at a time, a training's call, the champion forth and back by the real command line."""

import csv
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from deploy.desk.app import build_desk
from deploy.desk.jobs import LOST, BusyError, Job, JobError, Jobs, trouble
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


@pytest.mark.parametrize(("kind", "later"), [("train", 10), ("promote", 0)])
def test_a_training_comes_after_whoever_else_wants_the_cores_and_a_promotion_which_measures_does_not(
    tmp_path, kind, later
):
    started = tmp_path / "started"
    jobs = call(
        tmp_path,
        f"import os, time\nwhile not os.path.exists({str(started)!r}): time.sleep(0.01)\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0))",
    )
    job = jobs.start(jobs.prepare(kind, NOW), [], "olaf", NOW)
    started.touch()
    ended(jobs, job.name)
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert (jobs.place(job.name) / "result.json").read_text() == f"{min(19, mine + later)}\n"


def test_one_job_at_a_time_and_it_can_be_ended(tmp_path):
    jobs = call(tmp_path, "import time; print('begun', flush=True); time.sleep(600)")
    first, second = jobs.prepare("train", NOW), jobs.prepare("promote", NOW)
    jobs.start(first, [], "olaf", NOW)
    with pytest.raises(BusyError, match="A training of olaf is under way: one at a time"):
        jobs.start(second, [], "olaf", NOW)
    with pytest.raises(BusyError):
        jobs.prepare("train", NOW)
    jobs.stop()
    assert ended(jobs, first).status < 0
    assert trouble(ended(jobs, first), "") == "It was stopped."
    assert jobs.running is None
    jobs.start(second, [], "olaf", NOW)
    jobs.stop()


ORPHAN = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from deploy.desk.jobs import Jobs
jobs = Jobs(Path(sys.argv[1]), None, (sys.executable, "-c", sys.argv[2]))
now = datetime(2026, 7, 3, tzinfo=UTC)
name = jobs.prepare("train", now)
jobs.start(name, [], "olaf", now)
print(name, flush=True)
os._exit(9)  # as a kill would: nobody is told
"""


def left_behind(folder: Path, script: str) -> str:
    """The name of a job whose desk was killed."""
    done = subprocess.run([sys.executable, "-c", ORPHAN, str(folder), script], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 9
    return done.stdout.decode().strip()


def test_a_job_whose_desk_was_killed_is_seen_by_the_next_one_which_starts_none_beside_it_and_can_end_it(tmp_path):
    name = left_behind(tmp_path, "import time; time.sleep(600)")
    jobs = call(tmp_path, "")
    assert jobs.running.name == name
    assert jobs.find(name).runs
    with pytest.raises(BusyError, match="A training of olaf is under way"):
        jobs.prepare("promote", NOW)
    jobs.close()  # a desk that goes ends what it has started itself
    assert jobs.running is not None
    jobs.stop()
    assert jobs.running is None
    assert jobs.find(name).status == LOST
    second = jobs.prepare("promote", NOW)
    jobs.start(second, [], "olaf", NOW)
    assert ended(jobs, second).status == 0


def test_two_desks_of_one_folder_start_one_job(tmp_path):
    one, other = (call(tmp_path, "import time; time.sleep(600)") for _ in range(2))
    names = [each.prepare("train", NOW) for each in (one, other)]
    one.start(names[0], [], "olaf", NOW)
    with pytest.raises(BusyError, match="under way"):
        other.start(names[1], [], "olaf", NOW)
    assert other.running == one.running
    one.close()
    assert other.running is None


def test_a_full_disk_is_told_and_stands_in_nobodys_way(tmp_path):
    jobs = call(tmp_path, "import os, sys; os.symlink('/dev/full', sys.argv[1])")
    name = jobs.prepare("train", NOW)
    unfinished = jobs.place(name) / ".job.json.part"
    unfinished.symlink_to("/dev/full")
    with pytest.raises(JobError, match="No space left on device"):
        jobs.start(name, [], "olaf", NOW)
    assert jobs.running is None
    jobs.start(name, [str(unfinished)], "olaf", NOW)  # and full when it ends
    assert ended(jobs, name).status == 0
    assert jobs.running is None


@pytest.mark.parametrize(
    ("status", "log", "told"),
    [
        (0, "done", ""),
        (1, "epoch 1\nnewsquall: No space left on device: bundle\n", "No space left on device: bundle"),
        (1, "newsquall: 3 labelled rows are too few to train on\n", "3 labelled rows are too few to train on"),
        (1, "", "It failed (exit status 1) and said nothing."),
        (-9, "epoch 1", "The system ended it (Killed), as it does where memory is short."),
        (130, "epoch 1", "It was stopped."),
        (LOST, "epoch 1", "The desk was gone before it ended: how far it came stands in its log."),
    ],
)
def test_a_line_says_why_a_job_did_not_come_to_its_end(status, log, told):
    assert trouble(Job("", "train", "olaf", NOW, status=status), log) == told


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
    assert arguments[arguments.index("--topic") + 1] == "weather"
    with open(arguments[arguments.index("--labels") + 1], encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["title"], row["topic"], row["source"]) for row in rows] == [("Bolt falls", "weather", "Post")]
    assert told["about"] == "1 labelled texts, from bundled"
    with open(arguments[arguments.index("--rehearse") + 1], encoding="utf-8") as file:
        assert sorted(row["title"] for row in csv.DictReader(file)) == ["Acme rises", "Bolt falls"]


def training_that(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the desk starts from here on is this script."""
    monkeypatch.setattr("deploy.desk.app.Jobs", partial(Jobs, command=(sys.executable, "-c", script)))


def label_one(archive) -> None:
    LabelBook(archive.engine).add([Label("h1", "Bolt falls", "anna", NOW, "review", topic="other")])


def test_a_second_training_is_refused_in_a_line_and_one_that_was_killed_goes_on(
    settings, archive, clock, tmp_path, monkeypatch
):
    count = tmp_path / "count"
    training_that(
        f"import sys, time; open({str(count)!r}, 'a').write('x'); print('epoch 2/3  batch 50/200', file=sys.stderr, "
        "flush=True); time.sleep(600)",
        monkeypatch,
    )
    label_one(archive)
    told = settings.model_copy(update={"desk": settings.desk.model_copy(update={"runs": tmp_path / "runs"})})
    with (visitor := Visitor(build_desk(told, archive, clock))).http:
        visitor.get("/models")
        job = visitor.post("/models/train").url.path
        while "Epoch 2 of at most 3" not in visitor.get(job).text:
            time.sleep(0.05)
        refused = visitor.post("/models/train")
        assert refused.status_code == 409
        assert "A training of" in refused.text
        assert visitor.post(f"{job}/again").status_code in (400, 409)
        visitor.post(f"{job}/stop")
        text = visitor.get(job).text
        assert "It was stopped." in text
        assert "Go on with it" in text
        assert visitor.post(f"{job}/again").url.path == job
        while count.read_text() != "xx":
            time.sleep(0.05)
        assert "data-reload" in visitor.get(job).text
    # The desk ends, and the training with it; the next one says so and can go on with it.
    with (visitor := Visitor(build_desk(told, archive, clock))).http:
        text = visitor.get(job).text
        assert "data-reload" not in text
        assert "It was stopped." in text
        assert "Go on with it" in text


def test_a_desk_without_room_says_so_in_a_line(settings, archive, clock, tmp_path):
    label_one(archive)
    (tmp_path / "runs").write_text("a file where a folder should be")
    told = settings.model_copy(update={"desk": settings.desk.model_copy(update={"runs": tmp_path / "runs"})})
    with (visitor := Visitor(build_desk(told, archive, clock))).http:
        visitor.get("/models")
        answer = visitor.post("/models/train")
    assert answer.status_code == 503
    assert "It cannot be started in desk.runs" in answer.text


@pytest.mark.parametrize("reference", ["/etc", "..", "999", "champion", "-1", "https://x/", "%00", "٣"])
def test_no_folder_is_named_from_outside(operator, reference):
    assert operator.post("/models/promote", ref=reference).status_code == 400
    assert operator.get(f"/models/report?ref={reference}").status_code == 400


def test_a_report_may_do_nothing_but_be_read(operator):
    answer = operator.get("/models/report?ref=bundled")
    assert answer.status_code == 200
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
