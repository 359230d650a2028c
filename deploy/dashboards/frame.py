"""What all dashboards have in common: time, links to each other, variables, and what is marked in every chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationContainer,
    AnnotationQuery,
    AnnotationTarget,
    Dashboard,
    DashboardCursorSync,
    DashboardDashboardTemplating,
    DashboardLinkType,
    DataSourceRef,
    VariableModel,
)

from alerts.dashboardlinks import MODEL, OPERATIONS, SUBJECT, WEATHER
from alerts.rules import SQUALL
from deploy.dashboards.layout import Section, Shelf, arrange
from deploy.dashboards.palette import NEGATIVE, POSITIVE
from deploy.dashboards.queries import Refs

TAG = "newsquall"
# Of the notes that `newsquall dashboards push` writes, beside TAG.
PAGE_TAG, MODEL_TAG = "page", "model"
TITLES = {
    WEATHER: "Newsquall: market weather",
    SUBJECT: "Newsquall: subject",
    OPERATIONS: "Newsquall: operations",
    MODEL: "Newsquall: model",
}
_NOTES = DataSourceRef("datasource", "-- Grafana --")


@dataclass(frozen=True)
class Frame:
    """A dashboard without its panels. `since`: the time that is shown at first, as now-6h. `squalls`: a selector of
    the alerts that are marked, none if empty."""

    uid: str
    about: str
    since: str = "now-24h"
    variables: Sequence[Builder[VariableModel]] = ()
    squalls: str = ""


def framed(frame: Frame, parts: Sequence[Shelf | Section], refs: Refs) -> Dashboard:
    """The dashboard. It cannot be changed in Grafana, where the next push would undo it; a copy can."""
    title = TITLES[frame.uid]
    built = dashboard.Dashboard(title).uid(frame.uid).description(frame.about).tags([TAG]).readonly()
    built.time(frame.since, "now").refresh("30s").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    # To the others, with the time that is looked at.
    others = dashboard.DashboardLink("").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True)
    built.link(others.as_dropdown(False).include_vars(False).target_blank(False))
    found = built.build()
    found.templating = DashboardDashboardTemplating([variable.build() for variable in frame.variables])
    found.annotations = AnnotationContainer(list(_marks(frame, refs)))
    # Not by the builder: it places what stands at the grid's origin by itself.
    found.panels = arrange(parts)
    return found


def _marks(frame: Frame, refs: Refs) -> list[AnnotationQuery]:
    marks: list[AnnotationQuery] = []
    if frame.squalls:
        marks.append(
            Firing(
                "Squalls",
                refs.prometheus,
                f'ALERTS{{alertname="{SQUALL}", alertstate="firing", severity="page", {frame.squalls}}}',
            )
        )
    marks += [
        _notes("Model changes", [TAG, MODEL_TAG], POSITIVE, shown=True),
        # The squalls' marks say when; these say what was told, and would lie upon them.
        _notes("Pages as they were sent", [TAG, PAGE_TAG], NEGATIVE, shown=False),
    ]
    return marks


class Firing(AnnotationQuery):
    """Stretches in which an alert fires. The SDK's type lacks what Prometheus's marks are worded by."""

    def __init__(self, name: str, source: DataSourceRef, expression: str) -> None:
        super().__init__(name, source, enable=True, icon_color=NEGATIVE, expr=expression)

    def to_json(self) -> dict[str, object]:
        """As Grafana keeps it."""
        return super().to_json() | {"titleFormat": "{{subject}}", "textFormat": "{{alertname}}", "step": "60s"}


def _notes(name: str, tags: list[str], colour: str, *, shown: bool) -> AnnotationQuery:
    target = AnnotationTarget(limit=100, match_any=False, tags=tags, type_val="tags")
    return AnnotationQuery(name, _NOTES, enable=shown, icon_color=colour, target=target)
