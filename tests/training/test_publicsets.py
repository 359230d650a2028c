"""Public sets: their rows become ours, their licences stand beside them, and a set that changed is not guessed at."""

import io
import json
import urllib.error
import zipfile

import pytest

from model.errors import InputError, UsageError
from model.taxonomy import DEFAULT_TOPICS, Taxonomy
from training import publicsets
from training.labels import read_labels
from training.publicsets import SETS, fetch, from_the_web, require_licence


def packed(content: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("FinancialPhraseBank-v1.0/Sentences_50Agree.txt", content.encode("latin-1"))
    return file.getvalue()


# As each set's files are, a few rows long.
FILES = {
    "sent_train.csv": b"text,label\n$ACME slips,0\nAcme rallies,1\nAcme to report,2\n",
    "sent_valid.csv": b"text,label\nBolt slips,0\n",
    "topic_train.csv": "text,label\n" + "".join(f"Number {at},{at}\n" for at in range(20)),
    "topic_valid.csv": b"text,label\nFed holds,1\n",
    "SEntFiN.csv": (
        "S No.,Title,Decisions,Words\n"
        "1,Acme gains as Bolt slumps,\"{'Acme': 'positive', 'Bolt': 'negative'}\",5\n"
        "2,Acme's rival gains,\"{'Acme's rival': 'positive'}\",3\n"
    ),
    "data/FinancialPhraseBank-v1.0.zip": packed("Net sales rose to EUR 5 mn @positive\nMail me @ work .@neutral\n"),
}


def download(_wanted, file) -> bytes:
    content = FILES[file]
    return content if isinstance(content, bytes) else content.encode()


def read(paths):
    found = read_labels([str(path) for path in paths], Taxonomy())
    assert found.problems == []
    return [(row.text, row.topic, row.sentiment) for row in found.rows]


def test_tweets_have_the_sentiments_that_their_numbers_stand_for(tmp_path):
    train, validation = fetch(SETS["twitter-financial-news-sentiment"], tmp_path, download)
    assert read([train.path]) == [
        ("$ACME slips", None, "negative"),
        ("Acme rallies", None, "positive"),
        ("Acme to report", None, "neutral"),
    ]
    assert (validation.rows, validation.expected) == (1, 2_388)


def test_every_number_of_a_topic_has_one_of_ours(tmp_path):
    train, validation = fetch(SETS["twitter-financial-news-topic"], tmp_path, download)
    topics = [topic for _, topic, _ in read([train.path])]
    assert len(topics) == 20
    assert set(topics) <= set(DEFAULT_TOPICS)
    assert topics[:3] == ["guidance_analyst", "central_banks", "product_company"]
    assert read([validation.path]) == [("Fed holds", "central_banks", None)]


def test_a_headline_has_the_sentiment_that_all_its_entities_share_and_none_where_they_differ(tmp_path):
    (only,) = fetch(SETS["sentfin"], tmp_path, download)
    lines = only.path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "title,sentiment,entities"
    rows = read_labels([str(only.path)], Taxonomy())
    assert [(row.text, row.sentiment, row.entities) for row in rows.rows] == [
        ("Acme gains as Bolt slumps", None, {"Acme": "positive", "Bolt": "negative"}),
        ("Acme's rival gains", "positive", {"Acme's rival": "positive"}),
    ]
    assert rows.problems == []
    assert json.loads(next(iter(publicsets.entity_sentiments(download(None, "SEntFiN.csv"))))["entities"]) == {
        "Acme": "positive",
        "Bolt": "negative",
    }


def test_phrases_end_at_the_last_at(tmp_path):
    (only,) = fetch(SETS["financial_phrasebank"], tmp_path, download)
    assert read([only.path]) == [
        ("Net sales rose to EUR 5 mn ", None, "positive"),
        ("Mail me @ work .", None, "neutral"),
    ]


@pytest.mark.parametrize("name", SETS)
def test_licence_and_citation_lie_beside_the_rows(name, tmp_path):
    wanted = SETS[name]
    fetch(wanted, tmp_path, download)
    told = (tmp_path / f"{name}.licence.txt").read_text(encoding="utf-8")
    assert all(each in told for each in (wanted.licence, wanted.citation, wanted.place))
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".txt"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("twitter-financial-news-sentiment", b"text,label\nAcme,7\n", "not as it used to be"),
        ("twitter-financial-news-sentiment", b"sentence,label\nAcme,1\n", "not as it used to be"),
        ("twitter-financial-news-sentiment", b"text,label\n", "has no row"),
        ("twitter-financial-news-sentiment", b"\xff\xfe", "not as it used to be"),
        ("sentfin", b"Title,Decisions\nAcme,{}\n", "not as it used to be"),
        ("sentfin", b"Title,Decisions\nAcme,\"{'Acme': 'good'}\"\n", "not as it used to be"),
        ("financial_phrasebank", b"<html>", "not as it used to be"),
        ("financial_phrasebank", packed(""), "has no row"),
    ],
)
def test_a_set_that_changed_is_told_in_a_line_and_nothing_is_written(name, content, told, tmp_path):
    with pytest.raises(InputError, match=told) as refused:
        fetch(SETS[name], tmp_path / "out", lambda _wanted, _file: content)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_set_for_research_needs_its_licence_accepted():
    require_licence(SETS.values(), accepted=True)
    require_licence([SETS["sentfin"]], accepted=False)
    with pytest.raises(UsageError, match=r"for research.*--accept-licence"):
        require_licence(SETS.values(), accepted=False)


@pytest.mark.parametrize("error", [urllib.error.URLError("Name or service not known"), TimeoutError("timed out")])
def test_without_a_network_one_line_says_so(error, monkeypatch):
    def refuse(*_arguments, **_options):
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(InputError, match=r"sentfin cannot be fetched \(.*\): is there a network") as refused:
        from_the_web(SETS["sentfin"], "SEntFiN.csv")
    assert "\n" not in str(refused.value)
