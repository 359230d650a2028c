"""Questions to Prometheus and to the archive, as panels ask them."""

from textwrap import dedent
from typing import NamedTuple

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

PROMETHEUS, POSTGRESQL = "prometheus", "grafana-postgresql-datasource"  # Grafana's names of the kinds of sources
# What is asked of the archive's rows one by one looks at so many, the newest of the time that is shown, however many
# there are: enough for shares to a percent, and answered at once.
SAMPLE = 20_000
# Between two moments, in microseconds as the archive has them.
SHOWN = "BETWEEN $__unixEpochFrom()::bigint * 1000000 AND $__unixEpochTo()::bigint * 1000000"


class Refs(NamedTuple):
    """The data sources by which panels ask; no `archive` where it is none that Grafana can read."""

    prometheus: DataSourceRef
    archive: DataSourceRef | None


class SqlQuery(Dataquery):
    """A question to PostgreSQL, which the SDK has no type for: raw SQL, its answer a table."""

    def __init__(self, sql: str, source: DataSourceRef) -> None:
        self.sql = sql
        self.source = source

    def to_json(self) -> dict[str, object]:
        """As Grafana keeps it."""
        return {
            "refId": "A",
            "datasource": self.source,
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self.sql,
        }


class Sql(Builder[Dataquery]):
    """Builds one. Raises ValueError where the archive is none that Grafana can read."""

    def __init__(self, refs: Refs, sql: str) -> None:
        if refs.archive is None:
            raise ValueError("a panel of the archive where there is none")
        self._query = SqlQuery(dedent(sql).strip(), refs.archive)

    def build(self) -> Dataquery:
        """The question."""
        return self._query


def over_time(refs: Refs, expression: str, legend: str = "__auto", ref: str = "A") -> prometheus.Dataquery:
    """A course over the time that is shown."""
    return _query(refs, expression, ref).range().legend_format(legend)


def highest(series: str) -> str:
    """The highest value of a series between two points of its course: who looks at a month is not to miss a squall of
    minutes."""
    return f"max_over_time({series}[$__rate_interval])"


def now(refs: Refs, expression: str, legend: str = "__auto", ref: str = "A") -> prometheus.Dataquery:
    """The values at the end of the time that is shown."""
    return _query(refs, expression, ref).instant().legend_format(legend)


def rows(refs: Refs, expression: str, ref: str = "A") -> prometheus.Dataquery:
    """The same as rows of a table: a column for each label."""
    return _query(refs, expression, ref).instant().format(PromQueryFormat.TABLE)


def _query(refs: Refs, expression: str, ref: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expression).ref_id(ref).editor_mode(QueryEditorMode.CODE)
    return query.datasource(refs.prometheus)
