"""Labels of whatever set, mapped to the topics."""

import pytest

from model.taxonomy import DEFAULT_TOPICS, SENTIMENTS, TOPIC_ALIASES, Taxonomy

# As the public set (Twitter Financial News Topic) writes its twenty labels.
PUBLIC_LABELS = (
    (
        "Analyst Update|Fed | Central Banks|Company | Product News|Treasuries | Corporate Debt|Dividend|Earnings|"
        "Energy | Oil|Financials|Currencies|General News | Opinion|Gold | Metals | Materials|IPO|Legal | Regulation|"
        "M&A | Investments|Macro|Markets|Politics|Personnel Change|Stock Commentary|Stock Movement"
    )
    .replace(" | ", "\0")
    .split("|")
)


def test_the_taxonomy_has_seventeen_topics_in_a_fixed_order():
    assert len(Taxonomy().topics) == 17
    assert Taxonomy().topics[0] == "earnings"
    assert Taxonomy().topics[-1] == "other"
    assert Taxonomy().sentiments == SENTIMENTS == ("negative", "neutral", "positive")


@pytest.mark.parametrize("alias", TOPIC_ALIASES)
def test_every_alias_maps_into_the_topics(alias):
    assert alias == alias.strip().lower(), "aliases are compared in lower case"
    assert TOPIC_ALIASES[alias] in DEFAULT_TOPICS
    assert Taxonomy().resolve_topic(f" {alias.upper()} ") == TOPIC_ALIASES[alias]


@pytest.mark.parametrize(
    "label", [label.replace("\0", separator) for label in PUBLIC_LABELS for separator in (" | ", " / ")]
)
def test_every_label_of_the_public_set_has_a_topic(label):
    assert Taxonomy().resolve_topic(label) in DEFAULT_TOPICS


def test_the_public_set_has_twenty_labels():
    assert len(set(PUBLIC_LABELS)) == 20


@pytest.mark.parametrize("topic", DEFAULT_TOPICS)
def test_a_topic_names_itself_in_any_case(topic):
    assert Taxonomy().resolve_topic(f" {topic.upper()}\n") == topic


def test_an_unknown_label_names_nothing():
    assert Taxonomy().resolve_topic("sports") is None
    assert Taxonomy().resolve_topic("") is None
    assert Taxonomy().resolve_sentiment("bad") is None
    assert Taxonomy().resolve_sentiment("Negative ") == "negative"


def test_an_alias_of_a_topic_that_a_bundle_does_not_have_names_nothing():
    assert Taxonomy(("earnings", "other")).resolve_topic("Macro") is None
