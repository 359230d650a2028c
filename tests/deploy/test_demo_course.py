"""What the demo makes of what its receiver got."""

from typing import Any

import pytest

from deploy.demo.course import Course, DemoFailed
from deploy.demo.receiver import Received

SUBJECT = "entity/Kestrovan"
ONCE = "Pellwick"


def arrived(at: float, page: str = "a", **fields: Any) -> Received:
    body = {"id": page, "status": "firing", "subject": SUBJECT, "stories": [{"title": "Kestrovan falls"}]}
    return Received(at, {**body, **fields})


def course(*received: Received) -> Course:
    whole = Course(started=0.0, ready=5.0, squall=10.0, fifth=19.0)
    for each in received:
        whole.take(each)
    return whole


GROWN = arrived(30.0, revision=1)
RESOLVED = arrived(80.0, status="resolved")


def test_a_page_that_grew_is_told_of_twice_and_is_one():
    whole = Course(started=0.0)
    assert [whole.take(each) for each in (arrived(21.0), GROWN, RESOLVED)] == ["page", "update", "resolve"]
    whole.judge(SUBJECT, ONCE)


def test_it_is_over_when_every_page_is_resolved_however_often_it_was_told():
    assert not course(arrived(21.0), GROWN).over
    assert course(arrived(21.0), GROWN, RESOLVED).over
    assert not course(arrived(21.0), arrived(22.0, "b"), RESOLVED).over


def test_the_closing_line_counts_from_the_first_telling():
    assert course(arrived(21.0), GROWN, RESOLVED).result(1200) == {
        "headlines": 1200,
        "pages": 1,
        "updates": 1,
        "resolves": 1,
        "seconds_to_page": 11.0,
        "seconds_from_fifth_story": 2.0,
        "seconds_of_setup": 5.0,
    }


@pytest.mark.parametrize(
    ("received", "complaint"),
    [
        ([], "one page about entity/Kestrovan was due, these came: none"),
        ([arrived(21.0, subject="topic/all")], "these came: topic/all"),
        ([arrived(21.0), arrived(22.0, "b", subject="topic/all")], "these came: entity/Kestrovan, topic/all"),
        ([arrived(21.0, stories=[{"title": "Pellwick recalls"}])], "the syndicated story is among"),
        ([arrived(21.0), arrived(30.0, revision=1, stories=[{"title": "Pellwick recalls"}])], "the syndicated story"),
        ([arrived(21.0)], "one resolve was due, 0 came"),
        ([arrived(21.0), RESOLVED, RESOLVED], "one resolve was due, 2 came"),
    ],
)
def test_anything_else_than_one_page_resolved_once_is_a_failure(received: list[Received], complaint: str):
    with pytest.raises(DemoFailed, match=complaint):
        course(*received).judge(SUBJECT, ONCE)
