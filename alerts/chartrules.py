"""What the dashboards show over weeks, recorded by Prometheus: few series, which a chart of a month reads at once. From
the raw ones it would take seconds.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stream.duration import format_duration
from stream.settings import Settings

if TYPE_CHECKING:
    from alerts.rules import Kind

CHARTS_GROUP = "newsquall-charts"
# Of the rules' own pace: a chart of a day has a point every few minutes.
SLOWER = 4

# Sums over all workers and feeds; rates are by the second.
HEADLINES_BY_SENTIMENT = "newsquall:headlines_scored:increase1h"
POLARITY = "newsquall:topic_polarity:usual_window"
SCORED = "newsquall:headlines_scored:rate5m"
BATCHES = "newsquall:batches:rate5m"
REFUSED = "newsquall:headlines_rejected:rate5m"
FROM_FEEDS = "newsquall:feed_headlines:rate5m"
DELAYS = "newsquall:publication_to_score_seconds_bucket:rate5m"
SCORING = "newsquall:scoring_seconds_bucket:rate5m"


def share_of_page(label: str) -> str:
    """The name under which a kind of subject's surprise is recorded, of the window in which it is most, as a share of
    the surprise that pages: 1 pages if it is several stories from several sources.

    >>> share_of_page("topic")
    'newsquall:topic_surprise:share_of_page'
    """
    return f"newsquall:{label}_surprise:share_of_page"


def usual_window(settings: Settings) -> str:
    """The window in which counts are shown unless another is asked for: the middle one.

    >>> usual_window(Settings())
    '1h'
    """
    windows = settings.trends.windows
    return format_duration(windows[len(windows) // 2])


def chart_group(kinds: "Iterable[Kind]", settings: Settings) -> dict[str, Any]:
    """The group of rules; its interval is a duration."""
    recorded = {}
    for kind in kinds:
        most = f"max by ({kind.label}) ({kind.prefix}_surprise{kind.selector})"
        # A subject that is not judged has no threshold, and nothing of it is turning.
        of_page = f"{most} / on ({kind.label}) ({kind.limit('page')} > 0)"
        recorded[share_of_page(kind.label)] = f"{of_page}\nor on ({kind.label}) 0 * {most}"
    recorded |= {
        # A partition that moves takes its counts along; a worker that had it before would seem to have leapt.
        HEADLINES_BY_SENTIMENT: "sum by (sentiment) (increase(newsquall_headlines_scored_total[1h]))",
        POLARITY: f'max by (topic) (newsquall_polarity{{topic!="all", window="{usual_window(settings)}"}})',
        SCORED: "sum(rate(newsquall_batch_size_sum[5m]))",
        BATCHES: "sum(rate(newsquall_batch_size_count[5m]))",
        REFUSED: "sum(rate(newsquall_headlines_rejected_total[5m]))",
        FROM_FEEDS: "sum(rate(newsquall_feed_headlines_total[5m]))",
        DELAYS: "sum by (le) (rate(newsquall_publication_to_score_seconds_bucket[5m]))",
        SCORING: "sum by (le) (rate(newsquall_scoring_seconds_bucket[5m]))",
    }
    rules = [{"record": name, "expr": expression} for name, expression in recorded.items()]
    return {"name": CHARTS_GROUP, "interval": settings.alerts.evaluation * SLOWER, "rules": rules}
