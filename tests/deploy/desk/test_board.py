"""The board: what comes first, where its numbers are from, and that it goes on by itself."""

import asyncio
import html
import http.server
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from deploy.desk.app import build_desk
from deploy.desk.board import Live
from deploy.desk.readings import Readings, Window

from .conftest import NOW, Visitor, scored


class PrometheusDouble:
    """Answers instant queries as Prometheus does (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    def __init__(self) -> None:
        self.samples: list[tuple[dict[str, str], float]] = []
        self.body: bytes | None = None
        self.asked = 0
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                double.asked += 1
                result = [{"metric": labels, "value": [0, str(value)]} for labels, value in double.samples]
                answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
                body = double.body if double.body is not None else json.dumps(answer).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tell(self, subject: str, window: str, **measures: float) -> None:
        kind, _, name = subject.partition("/")
        prefix = "newsquall_negative_" if kind == "topic" else "newsquall_entity_negative_"
        for measure, value in measures.items():
            self.samples.append(({"__name__": prefix + measure, kind: name, "window": window}, value))


@pytest.fixture
def prometheus() -> Iterator[PrometheusDouble]:
    double = PrometheusDouble()
    yield double
    double.server.shutdown()
    double.server.server_close()


def rows(text: str) -> list[list[str]]:
    """The board's rows as their cells' words."""
    found = re.findall(r"<tr.*?</tr>", text, re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in found]
    return [[html.unescape(re.sub(r"<[^>]+>|\s+", " ", cell)).strip() for cell in row] for row in cells if len(row) > 1]


def test_counts_are_the_archives_and_what_is_usual_the_workers(settings, archive, clock, prometheus):
    archive.keep([scored(f"h{number}", f"Bolt falls {number}", number, topic="credit_debt") for number in range(4)])
    prometheus.tell("topic/credit_debt", "15m", headlines=4, baseline=0.25, stories=3, sources=2, surprise=2.0)
    prometheus.tell("topic/credit_debt", "1h", headlines=4, baseline=1, stories=3, sources=2, surprise=6.5)
    prometheus.tell("topic/earnings", "15m", headlines=0, baseline=0.5, stories=0, sources=0, surprise=0.0)
    told = settings.model_copy(update={"relay": settings.relay.model_copy(update={"prometheus": prometheus.url})})
    table = rows(Visitor(build_desk(told, archive, clock)).get("/").text)
    assert table[0][:2] == ["All topics", "4"]
    assert table[1][:7] == ["Credit & debt", "4", "0.25", "3", "2", "6.5", "1h"]
    assert table[2][0] != "Credit & debt"
    assert ["Earnings", "0", "0.50"] in [row[:3] for row in table]


def test_without_prometheus_the_board_has_its_counts_and_says_what_is_missing(archive, desk):
    archive.keep([scored("h", "Bolt falls", 1, topic="credit_debt")])
    text = desk.get("/").text
    assert "What is usual is not known just now" in text
    assert "127.0.0.1:9" in text
    assert ["Credit & debt", "1", "–"] in [row[:3] for row in rows(text)]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"<html>", b'{"data": {}}', b'{"data": {"result": [{"metric": {}, "value": [0, "x"]}]}}', b"\xff"],
)
def test_what_is_no_answer_of_prometheus_is_told_and_breaks_nothing(prometheus, body):
    prometheus.body = body
    assert Readings(prometheus.url).now(NOW).trouble


def test_prometheus_is_asked_once_for_all_who_look(prometheus):
    prometheus.tell("topic/all", "5m", headlines=7)
    readings = Readings(prometheus.url + "/")
    for _ in range(20):
        assert readings.now(NOW).of("topic/all", "5m") == Window(headlines=7)
    assert prometheus.asked == 1


def test_a_prometheus_that_does_not_answer_is_left_alone_for_a_while(prometheus):
    prometheus.body = b"busy"
    readings = Readings(prometheus.url)
    for seconds in (0, 3, 6, 9, 12):
        assert readings.now(NOW + timedelta(seconds=seconds)).trouble
    assert prometheus.asked == 1
    prometheus.body = None
    prometheus.tell("topic/all", "5m", headlines=7)
    assert not readings.now(NOW + timedelta(seconds=20)).trouble


class Pieces:
    """A desk that draws what it is told."""

    def __init__(self) -> None:
        self.text = "one"
        self.drawn = 0


async def test_who_looks_is_sent_what_changes_and_no_more_once_logged_out():
    pieces, allowed = Pieces(), [True]
    live = Live(None, every=0.01)  # type: ignore[arg-type]

    def draw() -> str:
        pieces.drawn += 1
        return pieces.text

    live._draw = draw  # type: ignore[method-assign]
    first, second = live.pieces(lambda: allowed[0]), live.pieces(lambda: True)
    assert await anext(first) == "event: piece\ndata: one\n\n"
    assert await anext(second) == "event: piece\ndata: one\n\n"
    pieces.text = "two\nlines"
    assert await anext(first) == "event: piece\ndata: two\ndata: lines\n\n"
    allowed[0] = False
    with pytest.raises(StopAsyncIteration):
        await anext(first)
    await second.aclose()
    await asyncio.sleep(0.05)
    before = pieces.drawn
    await asyncio.sleep(0.05)
    assert pieces.drawn == before  # nobody looks: nothing is drawn
    await live.close()


def test_the_live_board_is_for_who_is_logged_in(guarded):
    assert Visitor(guarded).http.get("/board/live").status_code == 401
