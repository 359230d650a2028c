"""What a headline can be about and what it can mean: the topics and the sentiments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SENTIMENTS = ("negative", "neutral", "positive")

# name -> what belongs there. The order is the order of the default model's outputs.
DEFAULT_TOPICS: Mapping[str, str] = {
    "earnings": "results, revenue, beats and misses",
    "guidance_analyst": "outlooks, profit warnings, ratings of analysts, price targets",
    "mergers_deals": "takeovers, stakes, joint ventures, investments",
    "ipo_capital": "share capital: IPOs, offerings, buybacks, dividends",
    "credit_debt": "bonds, loans, credit ratings, defaults, insolvency",
    "legal_regulatory": "lawsuits, fines, approvals, rules applied to firms",
    "fraud_governance": "fraud, accounting, insider dealing, boards",
    "cyber_operations": "breaches, outages, recalls, accidents, supply",
    "personnel_labour": "executives, layoffs, strikes",
    "product_company": "products, contracts, plants, company news",
    "macro_economy": "growth, prices, jobs, trade figures",
    "central_banks": "rates, policy makers, liquidity",
    "energy_commodities": "oil, gas, power, metals, crops",
    "currencies_crypto": "foreign exchange, crypto assets",
    "geopolitics_policy": "governments, sanctions, war, elections, tax",
    "markets_general": "moves of shares and indexes, commentary on them",
    "other": "not about a company, asset, market or economy; never pages",
}

# Labels of public sets, mapped to the default taxonomy (Twitter Financial News Topic, MIT).
TOPIC_ALIASES: Mapping[str, str] = {
    "earnings": "earnings",
    "financials": "earnings",
    "analyst update": "guidance_analyst",
    "m&a | investments": "mergers_deals",
    "m&a / investments": "mergers_deals",
    "ipo": "ipo_capital",
    "dividend": "ipo_capital",
    "treasuries | corporate debt": "credit_debt",
    "treasuries / corporate debt": "credit_debt",
    "legal | regulation": "legal_regulatory",
    "legal / regulation": "legal_regulatory",
    "personnel change": "personnel_labour",
    "company | product news": "product_company",
    "company / product news": "product_company",
    "macro": "macro_economy",
    "fed | central banks": "central_banks",
    "fed / central banks": "central_banks",
    "energy | oil": "energy_commodities",
    "energy / oil": "energy_commodities",
    "gold | metals | materials": "energy_commodities",
    "gold / metals / materials": "energy_commodities",
    "currencies": "currencies_crypto",
    "politics": "geopolitics_policy",
    "markets": "markets_general",
    "stock movement": "markets_general",
    "stock commentary": "markets_general",
    "general news | opinion": "other",
    "general news / opinion": "other",
}


@dataclass(frozen=True)
class Taxonomy:
    """The topics that a bundle tells apart, in the order of its outputs.

    >>> Taxonomy().resolve_topic("Fed | Central Banks")
    'central_banks'
    """

    topics: tuple[str, ...] = tuple(DEFAULT_TOPICS)
    sentiments: tuple[str, ...] = field(default=SENTIMENTS)

    def with_topics(self, names: Iterable[str]) -> "Taxonomy":
        """The taxonomy with more topics behind its own: the numbers of those that a bundle knows stay."""
        return Taxonomy(tuple(dict.fromkeys((*self.topics, *names))), self.sentiments)

    def resolve_topic(self, label: str) -> str | None:
        """The topic that a label names, by its own name or a public set's; None if it names none."""
        folded = label.strip().lower()
        if folded in self.topics:
            return folded
        alias = TOPIC_ALIASES.get(folded)
        return alias if alias in self.topics else None

    def resolve_sentiment(self, label: str) -> str | None:
        """The sentiment that a label names; None if it names none."""
        folded = label.strip().lower()
        return folded if folded in self.sentiments else None
