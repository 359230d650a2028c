"""How pages are drawn: the templates, and how numbers, times and names are written in them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from alerts.wording import lasted_words
from deploy.desk.chart import spark
from stream.records import ScoredHeadline
from stream.subjects import ALL

HERE = Path(__file__).parent
# Where, what it is called, and who sees it.
TABS = (
    ("/", "Board", "viewer"),
    ("/pages", "Pages", "viewer"),
    ("/review", "Review", "analyst"),
    ("/search", "Search", "viewer"),
    ("/models", "Models", "viewer"),
    ("/feeds", "Feeds", "viewer"),
    ("/rejected", "Rejected", "viewer"),
    ("/audit", "Audit", "operator"),
)
TEMPLATES, STATIC = HERE / "templates", HERE / "static"


# Of the default taxonomy; another bundle's own topics are shown by their names.
_NAMES = {
    "guidance_analyst": "guidance & analysts",
    "mergers_deals": "mergers & deals",
    "ipo_capital": "IPOs & capital",
    "credit_debt": "credit & debt",
    "legal_regulatory": "legal & regulatory",
    "fraud_governance": "fraud & governance",
    "cyber_operations": "cyber & operations",
    "personnel_labour": "personnel & labour",
    "product_company": "product & company",
    "macro_economy": "macro economy",
    "energy_commodities": "energy & commodities",
    "currencies_crypto": "currencies & crypto",
    "geopolitics_policy": "geopolitics & policy",
    "markets_general": "markets in general",
}


class View:
    """The templates. All that is put into them is escaped; what is missing is an error, not an empty place."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            clock=clock,
            moment=moment,
            iso=iso,
            percent=percent,
            usual=usual,
            words=words,
            link=safe_link,
            subject_path=subject_path,
            subject_words=subject_words,
            ago=ago,
            query=query,
            number=lambda value: f"{value:,}",
            pathsafe=lambda text: quote(text, safe=""),
        )
        self._environment.globals.update(story_path=story_path, tabs=TABS, spark=spark)

    def draw(self, template: str, **values: Any) -> str:
        """A page, or a piece of one."""
        return self._environment.get_template(template).render(**values)

    @staticmethod
    def query(**values: Any) -> str:
        """An address's query, without what is empty."""
        return query(values)


def clock(at: datetime) -> str:
    """A time of day in UTC, to the minute.

    >>> clock(datetime(2026, 7, 3, 2, 40, tzinfo=UTC))
    '02:40'
    """
    return f"{at.astimezone(UTC):%H:%M}"


def moment(at: datetime) -> str:
    """A date and time in UTC.

    >>> moment(datetime(2026, 7, 3, 2, 40, tzinfo=UTC))
    '3 Jul 2026 02:40'
    """
    there = at.astimezone(UTC)
    return f"{there.day} {there:%b %Y %H:%M}"


def iso(at: datetime) -> str:
    """A moment for a machine.

    >>> iso(datetime(2026, 7, 3, 2, 40, tzinfo=UTC))
    '2026-07-03T02:40:00Z'
    """
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def percent(share: float) -> str:
    """A probability.

    >>> percent(0.987), percent(0.996), percent(1.0), percent(0.002)
    ('99%', '>99%', '100%', '<1%')
    """
    if 0.995 <= share < 1:
        return ">99%"
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def usual(count: float) -> str:
    """How many are usual, no finer than is of use.

    >>> usual(0.0), usual(0.004), usual(0.25), usual(31.4)
    ('0', '<0.01', '0.25', '31')
    """
    if count <= 0:
        return "0"
    if count < 0.005:
        return "<0.01"
    return f"{count:,.0f}" if count >= 10 else f"{count:.2f}"


def words(name: str) -> str:
    """A topic's or label's name for a person.

    >>> words("credit_debt"), words("ipo_capital")
    ('credit & debt', 'IPOs & capital')
    """
    return _NAMES.get(name) or name.replace("_", " ")


def safe_link(url: str) -> str:
    """An address that may be followed: of the web, or none at all.

    >>> safe_link("https://news.example/a"), safe_link("javascript:alert(1)"), safe_link("//x"), safe_link("http://[")
    ('https://news.example/a', '', '', '')
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def subject_path(subject: str) -> str:
    """Where a subject's page is.

    >>> subject_path("entity/A/S & Co")
    '/subjects/entity/A%2FS%20%26%20Co'
    """
    kind, _, name = subject.partition("/")
    return f"/subjects/{kind}/{quote(name, safe='')}"


def story_path(headline: ScoredHeadline) -> str:
    """Where the story of a headline is. The id stands in the query: it may be anything."""
    return f"/story?{urlencode({'id': headline.id})}"


def subject_words(subject: str) -> str:
    """A subject as a title.

    >>> subject_words("entity/Kestrovan"), subject_words("topic/credit_debt"), subject_words("topic/all")
    ('Kestrovan', 'Credit & debt', 'All topics')
    """
    if subject.startswith("alert/"):
        return subject.partition("/")[2]
    name = subject.partition("/")[2]
    if subject.startswith("entity/"):
        return name
    text = "all topics" if subject == ALL else words(name)
    return text[:1].upper() + text[1:]


def ago(at: datetime, now: datetime) -> str:
    """How long since.

    >>> ago(datetime(2026, 7, 3, tzinfo=UTC), datetime(2026, 7, 3, 1, 5, tzinfo=UTC))
    '1 h 5 min ago'
    """
    return f"{lasted_words(now - at)} ago" if at <= now else "just now"


def query(values: dict[str, Any]) -> str:
    """An address's query, without what is empty."""
    return urlencode({name: value for name, value in values.items() if value not in ("", None)})
