"""The model card: what a bundle learnt from, what it scores, and what it must not be used for."""

from typing import Any

from model.taxonomy import Taxonomy

# Where the rows of known label files come from, and under which licence.
ORIGINS = {
    "tweets_sentiment_train": "Twitter Financial News Sentiment, training part (MIT)",
    "tweets_topic_train": "Twitter Financial News Topic, training part, labels mapped to the taxonomy (MIT)",
    "headlines_entity_sentiment_train": "SEntFiN 1.0, rows whose entities agree (MIT)",
    "corpus": "headlines written for this project, training/corpus/ (Apache-2.0)",
}


def model_card(taxonomy: Taxonomy, summary: dict[str, Any]) -> str:
    """The card as Markdown, from a training run's summary with its test scores."""
    rows = summary["rows"]["train"]
    data = [f"- {ORIGINS.get(origin, origin)}: {count} rows" for origin, count in sorted(rows.items())]
    table = ["| held-back part of | head | rows | accuracy | macro-F1 | ECE |", "|---|---|---|---|---|---|"]
    for origin, scores in summary["test"].items():
        for head in ("sentiment", "topic"):
            if head in scores:
                each = scores[head]
                table.append(
                    f"| {origin} | {head} | {each['n']} | {each['accuracy']:.3f} | {each['macro_f1']:.3f} "
                    f"| {each['ece']:.3f} |"
                )
    newline = "\n"
    return f"""# Model card

**What it does.** Reads one English financial headline or short post; gives its topic (one of
{len(taxonomy.topics)}: {", ".join(taxonomy.topics)}) and its sentiment (negative, neutral, positive): the effect on
the holder of the named company, asset or market, as an investor would read it.

**How it was made.** One BERT encoder (all-MiniLM-L6-v2, Apache-2.0, unless another base was given), mean-pooled, with
a linear head each for topic and sentiment; fine-tuned whole with AdamW, warm-up and linear decay; weights kept as
8-bit integers with a scale for each channel. `report.json` beside this card has the recipe and all scores.

**What it learnt from.**
{newline.join(data)}

**Scores** of the model as it lies here, on rows that neither trained it nor decided when to stop (10 % of each set, by
a hash of the text without its numbers):

{newline.join(table)}

Per topic, `other` files and confusion: `report.json`, or `newsquall evaluate` on your own labels.

**Limits.** English only. It reads the headline, not the article, and not whether it is true. Irony, several companies
with opposite fates in one line, and bare numbers are often misread. The tweets it learnt from call many mixed items
neutral. fraud_governance and cyber_operations were learnt from this project's own headlines alone.

**Must not be used** to trade without a person, to judge persons, or as the only evidence for any decision.
"""
