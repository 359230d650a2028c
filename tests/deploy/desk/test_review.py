"""The review: labels land in the book at once, under the annotator's name, and can be taken back."""

import html
import re
import time

import pytest

from deploy.desk.app import build_desk
from deploy.desk.labelqueue import LabelQueue
from training.labelbook import LabelBook

from .conftest import Visitor, scored, with_desk

EVENTS = """auditor resigns|plant burns|profit doubles|bond sold|strike ends|court rules|rates held|oil falls
shares slip|chief quits|recall begins|merger fails|dividend cut|outlook raised|breach found|tax rises|listing planned
loan repaid
factory opens|harvest poor|coin crashes|fine paid|patent granted|jobs cut|orders grow|margins shrink""".replace(
    "\n", "|"
)


COMPANIES = """Kestrovan Montefalda Pellwick Szelmark Tazrouq Tarnhollow Umkhelo Cindermoor Tessaroy Acme Bolt Carto
Delwin Eskara Fontaine Garrick Holmia Istrum Jarvik Keldon Lumen Marden Nordal Orsted Pryce Quillon""".split()


@pytest.fixture
def news(archive):
    """Headlines of different stories."""
    archive.keep([scored(f"h{at}", f"{event} at {COMPANIES[at]}", at) for at, event in enumerate(EVENTS.split("|"))])


def sitting(settings, archive, clock, password_file, name, share) -> Visitor:
    visitor = Visitor(build_desk(with_desk(settings, passwords=password_file, second_opinions=share), archive, clock))
    visitor.log_in(name)
    return visitor


@pytest.fixture
def anna(settings, archive, clock, password_file, news):
    visitor = Visitor(build_desk(with_desk(settings, passwords=password_file), archive, clock))
    with visitor.http:
        visitor.log_in("anna")
        yield visitor


def shown(visitor: Visitor) -> tuple[str, str]:
    """The id and title of the headline that is to be labelled, once it is chosen."""
    deadline = time.monotonic() + 60
    while "data-reload" in (text := visitor.get("/review").text):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return read(text)


def test_headlines_that_are_chosen_while_the_page_is_written_are_not_nothing_to_label(anna, monkeypatch):
    ask = LabelQueue.next

    def ask_and_wait(queue, annotator):
        answer = ask(queue, annotator)
        queue.wait(60)
        return answer

    monkeypatch.setattr(LabelQueue, "next", ask_and_wait)
    assert "data-reload" in anna.get("/review").text
    assert read(anna.get("/review").text) != ("", "")


def read(text: str) -> tuple[str, str]:
    id_ = re.search(r'name="id" value="([^"]*)"', text)
    title = re.search(r'<h1 class="headline">(.*?)</h1>', text)
    return (html.unescape(id_[1]), html.unescape(title[1])) if id_ and title else ("", "")


def test_a_label_is_in_the_book_at_once_and_the_next_headline_comes(anna, archive):
    book, seen = LabelBook(archive.engine), []
    for number in range(5):
        id_, title = shown(anna)
        seen.append(id_)
        assert anna.post("/review", id=id_, topic="earnings", sentiment="negative").status_code == 200
        (newest,) = [label for label in book.current() if label.headline_id == id_]
        assert (newest.title, newest.annotator, newest.source) == (title, "anna", "review")
        assert (newest.topic, newest.sentiment) == ("earnings", "negative")
        assert f"<b>{number + 1}</b><span>today</span>" in anna.get("/review").text
    assert len(set(seen)) == 5


def test_a_step_is_taken_back_and_its_headline_comes_again(anna, archive):
    book = LabelBook(archive.engine)
    first, _ = shown(anna)
    anna.post("/review", id=first, topic="earnings")
    second, _ = shown(anna)
    anna.post("/review", id=second, action="skip")
    third, _ = shown(anna)
    assert len({first, second, third}) == 3
    assert read(anna.post("/review", action="undo").text)[0] == second
    assert read(anna.post("/review", action="undo").text)[0] == first
    assert book.current() == []
    assert anna.post("/review", action="undo").status_code == 200
    anna.post("/review", id=first, topic="other", sentiment="neutral")
    assert [label.topic for label in book.current()] == ["other"]


def test_another_label_of_the_same_headline_replaces_the_first_until_it_is_taken_back(anna, archive):
    book = LabelBook(archive.engine)
    id_, _ = shown(anna)
    anna.post("/review", id=id_, topic="earnings", sentiment="negative")
    assert "labelled before: earnings, negative" in anna.get(f"/review?id={id_}").text
    anna.post("/review", id=id_, topic="other", sentiment="neutral")
    assert [(label.topic, label.sentiment) for label in book.current()] == [("other", "neutral")]
    anna.post("/review", action="undo")
    assert [(label.topic, label.sentiment) for label in book.current()] == [("earnings", "negative")]
    anna.post("/review", action="undo")
    assert book.current() == []


@pytest.mark.parametrize(
    "fields",
    [{"topic": "nonsense"}, {"sentiment": "sad"}, {}, {"topic": "x" * 100}, {"action": "drop", "topic": "other"}],
)
def test_what_is_no_label_is_refused_and_nothing_written(anna, archive, fields):
    id_, _ = shown(anna)
    assert anna.post("/review", id=id_, **fields).status_code == 400
    assert LabelBook(archive.engine).current() == []
    assert anna.post("/review", id="none", topic="other").status_code == 404


def labelled(visitor: Visitor, number: int) -> list[str]:
    ids = []
    for _ in range(number):
        id_, _ = shown(visitor)
        visitor.post("/review", id=id_, topic="earnings", sentiment="negative")
        ids.append(id_)
    return ids


@pytest.mark.parametrize(("share", "common"), [(1.0, 4), (0.0, 0)])
def test_a_share_of_the_headlines_is_shown_to_two(settings, archive, clock, password_file, news, share, common):
    app = build_desk(with_desk(settings, passwords=password_file, second_opinions=share), archive, clock)
    anna, olaf = Visitor(app), Visitor(app)
    with anna.http:
        anna.log_in("anna")
        olaf.log_in("olaf")
        first, second = labelled(anna, 4), labelled(olaf, 4)
        assert len(set(first) & set(second)) == common
        clock.turn(minutes=2)
        text = olaf.get("/review").text
    assert ("anna, olaf" in text) == bool(common)
    if common:
        assert "4/4" in text


def test_the_guide_is_at_hand(anna):
    assert "<h2>Topic: what is reported</h2>" in anna.get("/guide").text


def test_the_models_opinion_is_there_and_not_in_the_way(anna):
    shown(anna)
    text = anna.get("/review").text
    assert "checked" not in text
    assert text.index("<details") < text.index("What the model says")
