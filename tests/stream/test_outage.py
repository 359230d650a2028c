"""A server that is away is told of once a reason, now and then again, and when it is over."""

from stream.outage import Outage


def test_it_is_said_once_a_reason_and_again_after_a_while_and_when_it_is_over():
    said: list[str] = []
    outage = Outage("the archive", said.append, remind=60)
    outage.over()
    assert said == [], "what was never away is not said to be back"
    for at in range(0, 59):
        outage.now("refused", at)
    assert said == ["the archive is not ready (refused): still trying"]
    outage.now("refused", 60)
    outage.now("starting up", 61)
    assert said[1:] == [said[0], "the archive is not ready (starting up): still trying"]
    outage.over()
    outage.over()
    assert said[3:] == ["the archive is ready"]
    outage.now("starting up", 62)
    assert len(said) == 5, "a second outage is said at once"
