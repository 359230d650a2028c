"""The search, story and subject pages: what is shown, and that nothing in a headline becomes part of the page."""

import csv
import io
import re
from datetime import timedelta

import pytest

from stream.fingerprint import fingerprint

from .conftest import NOW, scored

HOSTILE = [
    "<script>alert(1)</script> profit",
    '"><img src=x onerror=alert(1)> profit',
    "{{ 7 * 7 }} {% raw %} profit",
    "</title><svg/onload=alert(1)> profit",
    "&lt;u&gt; profit &amp; loss",
]


@pytest.fixture
def told(archive, desk):
    """Some news. The desk's index of words keeps up with what comes."""
    archive.keep(
        [
            scored("a", "Bolt issues profit warning", 5, entities={"Bolt": "negative"}),
            scored("b", "Acme's profit doubles", 10, sentiment="positive", topic="guidance_analyst"),
            scored("c", "Central bank holds rates", 60 * 30, sentiment="neutral", topic="central_banks", source="Post"),
        ]
    )
    return desk


def titles(text: str) -> list[str]:
    return re.findall(r'<p class="title"><a [^>]*>(.*?)</a>', text)


def test_hits_are_shown_with_what_the_model_says_of_them(told):
    text = told.get("/search?words=profit").text
    assert titles(text) == ["Bolt issues profit warning", "Acme&#39;s profit doubles"]
    assert "negative 80%" in text
    assert '/subjects/entity/Bolt"' in text
    assert titles(told.get("/search?topic=central_banks").text) == ["Central bank holds rates"]
    assert titles(told.get("/search?source=Post&sentiment=neutral").text) == ["Central bank holds rates"]
    yesterday = f"{NOW - timedelta(days=1):%Y-%m-%d}"
    assert titles(told.get(f"/search?until={yesterday}").text) == ["Central bank holds rates"]
    assert len(titles(told.get(f"/search?since={yesterday}").text)) == 2
    assert "Nothing of this is in the archive" in told.get("/search?words=nothing").text


@pytest.mark.parametrize(
    "query",
    [
        "sentiment=bad",
        "since=yesterday",
        "since=2026-02-31",
        "words=%00",
        "after=x",
        "words=-bolt",
        "words=" + "a+" * 30,
    ],
)
def test_a_search_that_cannot_be_meant_is_refused_in_words(told, query):
    assert told.get(f"/search?{query}").status_code == 400
    assert told.get(f"/search.csv?{query}").status_code in (400, 200 if query.startswith("after") else 400)


@pytest.mark.parametrize("title", HOSTILE)
def test_markup_in_a_headline_stays_text_on_every_page(archive, desk, title):
    names = {title[:200]: "negative"}
    archive.keep([scored(title, title, 1, source=title, url="javascript:alert(1)", entities=names, topic=title[:64])])
    id_ = re.search(r"/story\?(id=[^\"]+)", desk.get("/search?words=profit").text)[1]
    pages = ["/search?words=profit", f"/story?{id_}", "/subjects/topic/all", f"/search?words={title}&source={title}"]
    for path in pages:
        text = desk.get(path).text
        for risk in ("<script>alert", "<img src=x", "onload=alert(1)>", "javascript:", "<u>", ">49<"):
            assert risk not in text.replace("&lt;", "‹")
        assert "<title>" in text


def test_portions_follow_each_other_to_the_end(archive, desk):
    archive.keep([scored(f"h{number:03}", f"Bolt falls {number}", number) for number in range(120)])
    for query in ("words=bolt", "topic=earnings"):
        seen, path = [], f"/search?{query}"
        while path:
            text = desk.get(path).text
            seen += titles(text)
            following = re.search(r'href="(/search\?[^"]+)" rel="next"', text)
            path = following[1].replace("&amp;", "&") if following else None
        assert seen == [f"Bolt falls {number}" for number in range(120)]


def test_the_export_has_every_hit_and_no_formula(archive, desk):
    archive.keep([scored(f"h{number:04}", f"=HYPERLINK({number}) profit", number) for number in range(1_100)])
    answer = desk.get("/search.csv?words=profit")
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 1_100
    assert all(not row["title"].startswith("=") for row in rows)
    assert rows[0]["p_negative"] == "0.8"
    assert "exported" in desk.get("/audit").text


def test_a_story_has_its_tellings_in_order_and_no_other_news(archive, desk):
    told = [
        ("a", "Kestrovan recalls 40,000 kettles over fire risk", 50, "Wire"),
        ("b", "UPDATE 1-Kestrovan recalls 40,000 kettles over fire risk", 40, "Post"),
        ("c", "Kestrovan recalls 40,000 kettles over fire risk", 30, "Herald"),
        ("d", "Montefalda Bank sells bond at record yield", 35, "Wire"),
    ]
    archive.keep(
        [
            scored(id_, title, minutes, source=source, fingerprint=fingerprint(title))
            for id_, title, minutes, source in told
        ]
    )
    text = desk.get("/story?id=c").text
    assert titles(text) == [told[0][1], told[1][1], told[2][1]]
    assert "<b>3</b><span>tellings</span>" in text
    assert desk.get("/story?id=none").status_code == 404


def test_the_words_of_a_headline_say_which_speak_for_it(archive, desk):
    archive.keep([scored("a", "Kestrovan files for bankruptcy after fraud", 5)])
    text = desk.get("/words?id=a").text
    words = re.findall(r'<li class="(\w*)[^"]*"><b>(.*?)</b>', text)
    assert [word for _, word in words] == "Kestrovan files for bankruptcy after fraud".split()
    assert ("for", "bankruptcy") in words
    part = desk.get("/words?id=a", headers={"x-desk-part": "1"}).text
    assert "<html" not in part
    assert "bankruptcy" in part


def test_a_subject_has_its_counts_and_its_stories(told):
    text = told.get("/subjects/entity/Bolt?range=1h").text
    assert "negative (1)" in text
    assert "1 negative of 1" in text
    assert titles(text) == ["Bolt issues profit warning"]
    assert titles(told.get("/subjects/topic/all?range=7d&which=all").text)[-1] == "Central bank holds rates"
    assert titles(told.get("/subjects/topic/guidance_analyst").text) == []
    assert told.get("/subjects/nothing/x").status_code == 404
    assert told.get("/subjects/topic/all?range=9y").status_code == 400
    assert told.get("/subjects/entity/A%2FS%20%3Cb%3E").status_code == 200
