"""One worker follows the champion through a promotion and back while headlines pour in: none is lost, none is scored
twice, and each says which model scored it."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("onnx")

from deploy import cli
from deploy.bench.load import Load
from deploy.bench.swaps import every_scored, models_in_order
from deploy.stack.kafka import Kafka
from model.registry import Registry, RegistryPlace
from stream.archive import Archive
from stream.publisher import Publisher
from stream.records import Headline
from stream.settings import KafkaSettings, Settings
from stream.topics import ensure_topics
from tests.integration.conftest import WorkerProcess, eventually, scored
from tests.toymodel import held_back, toy, write_rows
from training.promotion import Because, promote

START_SECONDS, SWAP_SECONDS, DRAIN_SECONDS = 60, 30, 60
APART = {"rows": {"train": {}, "test": {}}}
A_BATCH, PAUSE = 25, 0.05  # headlines, seconds


class SteadyLoad(Load):
    """Sends headlines without end, each once, about five hundred a second."""

    def send(self, publisher: Publisher) -> None:
        """Send until stopped."""
        texts = [row.text for row in held_back(2)]
        while not self._ended.wait(PAUSE):
            for _ in range(A_BATCH):
                title = f"{texts[self.sent % len(texts)]} {self.sent}"
                publisher.send(Headline(f"swap-{self.sent}", title, datetime.now(UTC), source="desk"))
                self.sent += 1


def test_a_promotion_and_a_rollback_under_load_lose_nothing_and_score_nothing_twice(
    kafka: Kafka, place: RegistryPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(Settings(kafka=KafkaSettings(bootstrap=kafka.bootstrap)))
    first, second = (toy(tmp_path / f"toy-{at}", logit=8.0 + at, report=APART) for at in (1, 2))
    promote(Registry(place), first, Because("ada", datetime.now(UTC)), None)
    registry = {
        "NEWSQUALL_REGISTRY__URI": place.uri,
        "NEWSQUALL_REGISTRY__ARTIFACTS": place.artifacts,
        "NEWSQUALL_REGISTRY__CACHE": str(place.cache),
        "NEWSQUALL_REGISTRY__POLL": "0.3s",
        "NEWSQUALL_SCORER__MODEL": "champion",
    }
    for name, value in registry.items():
        monkeypatch.setenv(name, value)
    url = f"sqlite:///{tmp_path}/archive.db"
    worker = WorkerProcess(tmp_path / "worker", kafka.bootstrap, url, **registry)
    archive = Archive(url)
    load = SteadyLoad(kafka.bootstrap)

    def in_use(version: str) -> bool:
        return worker.samples().get(("newsquall_model_info", (("version", version),))) == 1

    def counted() -> int:
        return sum(scored(worker).values())

    def goes_on() -> None:
        """Headlines come through the model in use now."""
        before = counted()
        eventually(lambda: counted() > before + 200, DRAIN_SECONDS, "headlines scored with it")

    try:
        worker.start()
        eventually(lambda: in_use(first.version), START_SECONDS, "the first champion in use")
        load.start()
        goes_on()
        labels = write_rows(tmp_path / "toys.jsonl", held_back(20))
        assert cli.run(["promote", str(second.folder), "--labels", labels]) == 0
        eventually(lambda: in_use(second.version), SWAP_SECONDS, "the second champion in use")
        goes_on()
        assert cli.run(["rollback", "--reason", "to see it go back"]) == 0
        eventually(lambda: in_use(first.version), SWAP_SECONDS, "the first champion in use again")
        goes_on()
        sent = [f"swap-{at}" for at in range(load.stop())]
        eventually(lambda: counted() >= len(sent), DRAIN_SECONDS, "every headline counted")
        samples = worker.samples()
    finally:
        if load.is_alive():
            load.stop()
        worker.process.stop()
    kept = archive.find(sent)
    archive.close()
    assert len(kept) == len(sent)
    assert samples["newsquall_model_swaps_total", ()] == 2
    assert {value for (name, _), value in samples.items() if name == "newsquall_model_swap_failures_total"} == {0}
    assert sum(value for (name, _), value in samples.items() if name == "newsquall_headlines_scored_total") == len(sent)
    # A record may be sent again, but not with another score.
    records = {(each.id, msgspec.json.encode(each)) for each in every_scored(kafka.bootstrap)}
    assert Counter(identifier for identifier, _ in records) == dict.fromkeys(sent, 1)
    assert {each.model for each in kept.values()} == {first.version, second.version}
    assert all(each.origin is not None for each in kept.values())
    for models in models_in_order(kept.values()):
        assert models == [first.version, second.version, first.version]
    assert "Traceback" not in worker.log()
