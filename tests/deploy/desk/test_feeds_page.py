"""Feeds and refused headlines: their health, and what is shown where there is none."""

from datetime import timedelta

from deploy.desk.feeds import sources_of

from .conftest import NOW, PEOPLE


def sample(source: str, **values: float) -> list[tuple[dict[str, str], float]]:
    return [({"__name__": f"newsquall_feed_{name}", "source": source}, value) for name, value in values.items()]


def test_a_source_is_silent_or_failing_by_its_metrics():
    now = NOW.timestamp()
    day = 86_400.0
    found = sources_of(
        [
            *sample("Well", last_headline_timestamp_seconds=now - 60, silent_after_seconds=day, headlines_total=7),
            *sample("Silent", last_headline_timestamp_seconds=now - 2 * day, silent_after_seconds=day),
            *sample("Failing", failing=2, last_success_timestamp_seconds=0),
            ({"__name__": "newsquall_feed_failing"}, 1.0),
        ]
    )
    assert [source.name for source in sorted(found, key=lambda source: source.rank(NOW))] == [
        "Failing",
        "Silent",
        "Well",
    ]
    well, silent, failing = found
    assert (well.silent(NOW), silent.silent(NOW), failing.silent(NOW)) == (False, True, False)
    assert well.headlines == 7
    assert well.newest == NOW - timedelta(minutes=1)
    assert failing.looked is None


def test_without_prometheus_or_kafka_the_pages_say_so(desk):
    assert "Nothing is known of the feeds" in desk.get("/feeds").text
    assert "cannot be reached" in desk.get("/rejected").text


def test_what_is_to_be_sent_again_is_named(log_in):
    olaf = log_in("operator")
    assert PEOPLE["operator"] in olaf.get("/rejected").text
    for fields in ({}, {"origin": "1-2", "reason": "title"}, {"origin": "--all"}, {"origin": "1"}, {"reason": "x"}):
        assert olaf.post("/rejected", **fields).status_code == 400
