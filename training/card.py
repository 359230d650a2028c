"""The model card: what a bundle learnt from, what it scores, and what it must not be used for."""

from collections.abc import Collection
from typing import Any

from model.taxonomy import Taxonomy
from training.evaluation import HEADS
from training.publicsets import SETS

# Where the rows of known label files come from, and under which licence.
ORIGINS = {
    "tweets_sentiment_train": "Twitter Financial News Sentiment, training part (MIT)",
    "tweets_topic_train": "Twitter Financial News Topic, training part, labels mapped to the taxonomy (MIT)",
    "headlines_entity_sentiment_train": "SEntFiN 1.0, of its rows whose entities differ the entities alone (MIT)",
    "fpb50_train": "Financial PhraseBank, half or more annotators agreeing, training part (CC BY-NC-SA 3.0)",
    "corpus": "headlines written for this project, training/corpus/ (Apache-2.0)",
    "corpus-zh": "Chinese headlines written for this project, training/corpus/zh/ (Apache-2.0)",
}
# As `newsquall labels fetch` calls its files.
ORIGINS |= {
    f"{each.name}_{part.name}".rstrip("_"): f"{each.about} ({each.licence}; {each.citation})"
    for each in SETS.values()
    for part in each.parts
}
RESEARCH_ONLY = {"fpb50_train"} | {
    f"{each.name}_{part.name}".rstrip("_") for each in SETS.values() for part in each.parts if each.research_only
}
ENCODERS = {
    "all-MiniLM-L6-v2": "all-MiniLM-L6-v2, Apache-2.0",
    "bge-small-en-v1.5": "bge-small-en-v1.5, MIT",
    "bge-small-zh-v1.5": "bge-small-zh-v1.5, MIT",
    "e5-small-v2": "e5-small-v2, MIT",
}
LANGUAGES = {"en": "English", "zh": "Chinese", "de": "German", "fr": "French", "es": "Spanish", "ja": "Japanese"}


def model_card(taxonomy: Taxonomy, summary: dict[str, Any]) -> str:
    """The card as Markdown, from a training run's summary with its report."""
    rows = summary["rows"]["train"]
    languages = " or ".join(LANGUAGES.get(each, each) for each in summary["model"]["languages"])
    learnt = set(summary.get("learnt_from", rows))
    unlabelled = summary.get("rehearsed", {})
    data = [
        f"- {ORIGINS.get(origin, origin)}: {count} rows"
        + (f", {unlabelled[origin]} of them without labels" if origin in unlabelled else "")
        for origin, count in sorted(rows.items())
    ]
    data += [f"- through the models that taught it: {ORIGINS.get(each, each)}" for each in sorted(learnt - set(rows))]
    newline = "\n"
    return f"""# Model card

**What it does.** Reads one financial headline or short post in {languages}; gives its topic (one of
{len(taxonomy.topics)}: {", ".join(taxonomy.topics)}) and its sentiment (negative, neutral, positive): the effect on
the holder of the named company, asset or market, as an investor would read it.

**How it was made.** {_start(summary)} Mean-pooled, with a linear head each for topic and sentiment;
{_training(summary)} with AdamW, warm-up and linear decay; weights kept as
8-bit integers with a scale for each channel. `report.json` beside this card has the recipe and all scores.

**What it learnt from.**
{newline.join(data)}

**Scores** of the model as it lies here, on rows that neither trained it nor decided when to stop (10 % of each set, by
a hash of the text without its numbers):

{newline.join(_table(summary))}
{_names(summary)}
Per topic, `other` files and confusion: `report.json`, or `newsquall evaluate` on your own labels.

**Limits.** {languages} only. It reads the headline, not the article, and not whether it is true. Irony, several
companies with opposite fates in one line, and bare numbers are often misread.{_limits(learnt)}

**Must not be used** {_must_not(learnt)}
"""


def _table(summary: dict[str, Any]) -> list[str]:
    """The scores by set, beside those of full precision where integers are scored with."""
    exact = summary.get("fp32")
    names = [
        "held-back part of",
        "head",
        "rows",
        "accuracy",
        "macro-F1",
        *(["macro-F1 in fp32"] if exact else []),
        "ECE",
    ]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for origin, scores in summary["test"].items():
        for head in HEADS:
            if head in scores:
                each = scores[head]
                cells = [origin, head, str(each["n"]), f"{each['accuracy']:.3f}", f"{each['macro_f1']:.3f}"]
                cells += [f"{exact[origin][head]['macro_f1']:.3f}"] if exact else []
                lines.append(f"| {' | '.join([*cells, format(each['ece'], '.3f')])} |")
    return lines


def _names(summary: dict[str, Any]) -> str:
    """How well it tells the sentiment towards single names, where that was measured."""
    if not (scores := summary.get("towards_names")):
        return ""
    return (
        f"\nThe sentiment towards a name: {scores['accuracy']:.3f} of {scores['n']:,} right (the whole text's would be "
        f"{scores['accuracy_of_text']:.3f}); where a text's names differ {scores['accuracy_divided']:.3f} of "
        f"{scores['divided']:,} ({scores['accuracy_of_text_divided']:.3f}).\n"
    )


def _start(summary: dict[str, Any]) -> str:
    """What the training began with."""
    base = str(summary["base"])
    told = f"One BERT encoder ({ENCODERS.get(base, base)})."
    if teachers := summary.get("teachers"):
        told += f" Beside the labels it learnt the opinion of {', '.join(teachers)}."
    return told


def _training(summary: dict[str, Any]) -> str:
    rank = summary.get("recipe", {}).get("lora_rank", 0)
    way = f"fine-tuned by low-rank changes (LoRA, rank {rank})" if rank else "fine-tuned whole"
    share = summary.get("recipe", {}).get("augmented_share", 0)
    varied = f", {share:.0%} of the rows said otherwise in each epoch (typos, tickers, other names)" if share else ""
    return f"{way}{varied},"


def _limits(rows: Collection[str]) -> str:
    """Limits that come of the data."""
    told = ""
    if any("tweets" in origin or origin.startswith("twitter") for origin in rows):
        told += " The tweets it learnt from call many mixed items neutral."
    if "corpus" in rows and set(rows) <= ORIGINS.keys():
        told += " fraud_governance and cyber_operations were learnt from this project's own headlines alone."
    return told


def _must_not(rows: Collection[str]) -> str:
    told = "to trade without a person, to judge persons, or as the only evidence for any decision."
    if sealed := sorted(RESEARCH_ONLY & set(rows)):
        told += f" It learnt from {', '.join(sealed)}, which is for research only: it must not be sold or shipped."
    return told
