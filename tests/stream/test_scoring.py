"""The scoring agent changes its model between two batches, and never within one."""

import asyncio
import logging
import threading
from base64 import b64decode
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from model.errors import UnscorableText
from model.reference import describe
from model.scorer import Score
from model.taxonomy import Taxonomy
from stream.archive import Archive
from stream.drift import FEWEST
from stream.metrics import Metrics
from stream.records import Headline, encode
from stream.scoring import ScoringAgent
from stream.settings import Settings
from stream.watchlist import Watchlist

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def score(topic="earnings") -> Score:
    return Score(topic, (0.9,), "neutral", (0.1, 0.8, 0.1), np.zeros(1, np.float32), 5, 0.0)


class Model:
    """In place of a Scorer; with a `gate` it does not answer before that is open."""

    provider = "cpu"
    taxonomy = Taxonomy()

    def __init__(self, version: str, topic="earnings", gate: threading.Event | None = None, reference=None) -> None:
        self.version, self._topic, self._gate = version, topic, gate
        manifest = SimpleNamespace(languages=["en"], towards_names=False)
        self.bundle = SimpleNamespace(reference=lambda: reference, manifest=manifest)
        self.asked = threading.Event()

    def score(self, texts):
        self.asked.set()
        if self._gate is not None:
            assert self._gate.wait(10)
        return [
            score(self._topic) if any(map(str.isalnum, text)) else UnscorableText("no_words", "no words")
            for text in texts
        ]


@pytest.fixture
def agent_of(tmp_path):
    archive = Archive(f"sqlite:///{tmp_path / 'archive.db'}")
    made: list[ScoringAgent] = []

    def make(model: Model) -> ScoringAgent:
        metrics = Metrics(CollectorRegistry())
        made.append(ScoringAgent(None, Settings(), model, archive, Watchlist(()), metrics, lambda: NOW, pytest.fail))
        return made[-1]

    yield make
    for agent in made:
        agent._scoring.shutdown()
        agent._archiving.shutdown()
    archive.close()


def events(count: int, first: int = 0) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(message=SimpleNamespace(value=encode(Headline(f"h{at}", f"Acme falls {at}", NOW)), partition=0,
                                                offset=at))
        for at in range(first, first + count)
    ]  # fmt: skip


def test_a_batch_under_way_is_finished_by_the_model_that_began_it(agent_of):
    gate = threading.Event()
    old, new = Model("old", gate=gate), Model("new")
    agent = agent_of(old)
    under_way = agent._scoring.submit(agent._assess, events(8))
    assert old.asked.wait(10)
    given_back: list[Model] = []
    swap = threading.Thread(target=lambda: given_back.append(agent.swap(new)))
    swap.start()
    after = agent._scoring.submit(agent._assess, events(8, first=8))
    swap.join(0.2)
    assert swap.is_alive(), "the old model is still scoring: nobody may close it yet"
    gate.set()
    swap.join(10)
    assert given_back == [old]
    assert [each.model for each in under_way.result(10).fresh] == ["old"] * 8
    versions = [each.model for each in after.result(10).fresh]
    assert len(versions) == 8
    assert len(set(versions)) == 1
    assert [each.model for each in agent._scoring.submit(agent._assess, events(2, first=16)).result(10).fresh] == [
        "new"
    ] * 2


def test_what_is_archived_keeps_the_score_of_the_model_that_gave_it(agent_of):
    agent = agent_of(Model("old"))
    batch = agent._assess(events(3))
    agent._archive.keep(batch.fresh)
    agent.swap(Model("new"))
    again = agent._assess(events(4))
    assert {id_: each.model for id_, each in again.known.items()} == dict.fromkeys(("h0", "h1", "h2"), "old")
    assert [(each.id, each.model) for each in again.fresh] == [("h3", "new")]


def test_a_headline_after_a_refused_one_of_its_id_is_no_copy_of_it(agent_of):
    # As when a producer mends a title at once; in one batch all but the first were once dropped unseen.
    agent = agent_of(Model("m"))
    titles = ["...", "\u200b", "Acme falls", "...", "Acme falls again"]
    of_one_id = [
        SimpleNamespace(
            message=SimpleNamespace(value=encode(Headline("same", title, NOW)), partition=0, offset=at),
        )
        for at, title in enumerate(titles)
    ]
    batch = agent._assess([*of_one_id, *events(1, first=9)])
    assert {each.id: each.title for each in batch.fresh} == {"same": "Acme falls", "h9": "Acme falls 9"}
    assert [each.origin.offset for each in batch.fresh if each.id == "same"] == [2]
    assert [(each.origin.offset, each.reason) for each in batch.rejected] == [(0, "no_words"), (1, "no_words")]


def test_a_new_model_is_compared_with_its_own_training_texts_from_nothing(agent_of):
    of_earnings = describe([score()] * 1_000)
    agent = agent_of(Model("old", topic="other", reference=of_earnings))
    agent._assess(events(FEWEST))

    def metric(name, **labels):
        return agent._metrics.registry.get_sample_value(f"newsquall_{name}", labels)

    assert metric("drift_headlines") == FEWEST
    assert metric("prediction_drift", head="topic") > 1
    agent.swap(Model("new", reference=of_earnings))
    assert metric("drift_headlines") == 0
    assert metric("prediction_drift", head="topic") == 0


def test_the_original_of_personal_data_is_in_nothing_that_the_agent_makes(agent_of, caplog):
    caplog.set_level(logging.DEBUG)
    agent = agent_of(Model("m"))
    private = "Acme falls, mail jane@wire.example or call 212-555-0143"
    records = [
        encode(Headline("h1", private, NOW, source="jane@wire.example", url="https://x.example/?m=jane@wire.example")),
        encode(Headline("h2", private, NOW, language="xx-jane@wire.example")),
        b'{"id": "h3", "title": "' + private.encode() + b'", "published_at": "jane@wire.example"}',
        b"no JSON: " + private.encode(),
        ("\ufeff" + private).encode("utf-16-le"),
    ]
    events_ = [
        SimpleNamespace(message=SimpleNamespace(value=value, partition=0, offset=at))
        for at, value in enumerate(records)
    ]
    batch = agent._assess(events_)
    assert [each.title for each in batch.fresh] == ["Acme falls, mail [email] or call [phone]"]
    assert sorted(each.reason for each in batch.rejected) == ["language", "not_json", "not_json", "published_at"]
    for made in (*batch.fresh, *batch.rejected):
        written = encode(made)
        assert b"jane" not in written
        assert b"0143" not in written
    for rejected in batch.rejected:
        read = b64decode(rejected.payload).replace(b"\0", b"")
        assert b"[email]" in read
        assert b"jane" not in read
        assert b"0143" not in read
    assert "jane" not in caplog.text

    def masked(kind):
        return agent._metrics.registry.get_sample_value("newsquall_personal_data_masked_total", {"kind": kind})

    assert (masked("email"), masked("phone"), masked("handle")) == (3 + 1, 1 + 1, 0)


async def test_what_is_not_acknowledged_yet_grows_old(agent_of):
    gate = threading.Event()
    model = Model("m", gate=gate)
    agent = agent_of(model)
    came, acknowledged = events(3), []
    for event, seconds in zip(came, (30, 20, None), strict=True):
        event.message.timestamp = None if seconds is None else NOW.timestamp() - seconds
        event.ack = lambda: acknowledged.append(1)

    async def sent(*_args):
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def flush():
        pass

    async def stream(_stream):
        for event in came:
            yield event
        await asyncio.Event().wait()

    def age():
        return agent._metrics.registry.get_sample_value("newsquall_oldest_unscored_seconds")

    agent._app = SimpleNamespace(producer=SimpleNamespace(send=sent, flush=flush))
    agent.reader = SimpleNamespace(events=stream)
    assert age() == 0
    running = asyncio.create_task(agent(None))
    await asyncio.to_thread(model.asked.wait, 10)
    assert (age(), acknowledged) == (30, [])
    gate.set()
    while len(acknowledged) < len(came):
        await asyncio.sleep(0)
    assert age() == 0
    running.cancel()
    await asyncio.wait([running])


def test_an_archive_that_is_away_is_told_while_it_is(agent_of, monkeypatch):
    agent = agent_of(Model("m"))

    def up():
        return agent._metrics.registry.get_sample_value("newsquall_archive_up")

    answers = iter([sa.exc.OperationalError("SELECT", {}, Exception("locked")), "found"])
    seen = []

    def work():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(agent._stopping, "wait", lambda pause: seen.append(up()))
    assert agent._patiently(work) == "found"
    assert (seen, up()) == ([0], 1)
