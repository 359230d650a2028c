"""The house style of panels: quiet, in the palette's colours, each with a sentence that says what is seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from grafana_foundation_sdk.builders import (
    annotationslist,
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import text as texts
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeNamePlacement,
    BarGaugeValueMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TableCellDisplayMode,
    TimelineValueAlignment,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.common import BigValueColorMode as ColourMode
from grafana_foundation_sdk.models.common import BigValueGraphMode as GraphMode
from grafana_foundation_sdk.models.text import TextMode

from deploy.dashboards.palette import CALM, NEUTRAL, SERIES, THRESHOLD

Query = Builder[Dataquery]
Steps = Sequence[tuple[float, str]]

# Of a course: as many as stand apart in a wide panel. More would be asked for and drawn upon one another.
_POINTS = 400


class Panel(Protocol):
    """What the SDK's builders of panels have in common, as far as the layout needs it."""

    def build(self) -> model.Panel:
        """The panel."""


def steps(first: str, *further: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """A colour below all steps, and another from each on."""
    found = [model.Threshold(None, first), *(model.Threshold(value, colour) for value, colour in further)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


def fixed(colour: str) -> dashboard.FieldColor:
    """One colour for all."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(colour)


def by_thresholds() -> dashboard.FieldColor:
    """The colour of the step that a value has passed."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def styled(**properties: Any) -> list[model.DynamicConfigValue]:
    """Properties of one field, by their names with . written as __ ."""
    return [model.DynamicConfigValue(name.replace("__", "."), value) for name, value in properties.items()]


def coloured(colour: str, **properties: Any) -> list[model.DynamicConfigValue]:
    """The same, in a colour."""
    return styled(color={"mode": "fixed", "fixedColor": colour}, **properties)


def link(title: str, url: str) -> dict[str, object]:
    """A link of a value, in which ${__field.labels.x}, ${__data.fields.x} and ${__value.raw} are filled in."""
    return {"title": title, "url": url, "targetBlank": False}


def number(title: str, said: str, *queries: Query, unit: str = "short", decimals: int = 0) -> stat.Panel:
    """A few large numbers, grey unless steps say otherwise."""
    panel = stat.Panel().title(title).description(said).unit(unit).decimals(decimals)
    for query in queries:
        panel.with_target(query)
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
    return (
        panel.reduce_options(reduced)
        .color_mode(ColourMode.VALUE)
        .graph_mode(GraphMode.NONE)
        .orientation(VizOrientation.AUTO)
        .color_scheme(fixed("text"))
    )


def alarm(title: str, said: str, *queries: Query, at: Steps, unit: str = "short", decimals: int = 0) -> stat.Panel:
    """A number whose field is filled from a step on: what is to be seen across a room."""
    panel = number(title, said, *queries, unit=unit, decimals=decimals)
    return panel.color_mode(ColourMode.BACKGROUND_SOLID).color_scheme(by_thresholds()).thresholds(steps(CALM, *at))


def lines(title: str, said: str, *queries: Query, unit: str = "short", legend: bool = True) -> timeseries.Panel:
    """Courses over time."""
    panel = timeseries.Panel().title(title).description(said).unit(unit)
    for query in queries:
        panel.with_target(query)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    # Below the chart: beside it, it takes half of a phone.
    shown = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel.legend(shown.show_legend(legend).calcs([])).tooltip(tooltip)
    panel.show_points(VisibilityMode.NEVER).line_width(2).fill_opacity(0).axis_soft_min(0)
    panel.line_interpolation(LineInterpolation.LINEAR).max_data_points(_POINTS)
    # A worker that is restarted is a gap, half a minute of which is none.
    panel.span_nulls(60_000)
    return panel.color_scheme(fixed(NEUTRAL))


def in_order(panel: timeseries.Panel, names: Sequence[str]) -> timeseries.Panel:
    """The series of a chart by their names in the palette's order of lines."""
    for name, colour in zip(names, SERIES, strict=False):
        panel.override_by_name(name, coloured(colour))
    return panel


def with_threshold(panel: timeseries.Panel, *names: str) -> timeseries.Panel:
    """Series that are thresholds: grey, dashed and thin."""
    dashed = {"fill": "dash", "dash": [8, 6]}
    for name in names:
        panel = panel.override_by_name(name, coloured(THRESHOLD, custom__lineStyle=dashed, custom__lineWidth=1))
    return panel


def limit(panel: timeseries.Panel, *at: tuple[float, str]) -> timeseries.Panel:
    """Fixed lines at some values."""
    panel.thresholds(steps("transparent", *at))
    return panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))


def shares(panel: timeseries.Panel) -> timeseries.Panel:
    """Areas on one another, each as its share of all."""
    return panel.stacking(common.StackingConfig().mode(StackingMode.PERCENT).group("A")).fill_opacity(60).line_width(0)


def heat(title: str, said: str, query: Query, *, at: Steps, unit: str = "percentunit") -> statetimeline.Panel:
    """A row for each series, its cells filled by the steps that they pass."""
    panel = statetimeline.Panel().title(title).description(said).unit(unit).decimals(0).with_target(query)
    shown = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel.legend(shown.show_legend(True).calcs([]))
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.SINGLE).sort(SortOrder.NONE))
    panel.show_value(VisibilityMode.NEVER).merge_values(True).row_height(0.85).line_width(0).fill_opacity(90)
    panel.align_value(TimelineValueAlignment.LEFT).max_data_points(_POINTS)
    return panel.color_scheme(by_thresholds()).thresholds(steps(CALM, *at))


def states(title: str, said: str, query: Query, texts_of: Mapping[str, tuple[str, str]]) -> statetimeline.Panel:
    """A row for each series; a value is shown as its text and colour."""
    panel = statetimeline.Panel().title(title).description(said).with_target(query)
    panel.legend(common.VizLegendOptions().show_legend(False).display_mode(LegendDisplayMode.LIST).calcs([]))
    panel.show_value(VisibilityMode.AUTO).merge_values(True).row_height(0.8).line_width(0).fill_opacity(85)
    panel.max_data_points(_POINTS).color_scheme(fixed(NEUTRAL))
    return panel.mappings([_mapping(texts_of)])


def bars(title: str, said: str, query: Query, colour: str, unit: str = "short") -> bargauge.Panel:
    """What is counted by name, as bars that lie, their names and numbers beside them."""
    panel = bargauge.Panel().title(title).description(said).unit(unit).decimals(0).min(0).with_target(query)
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
    panel.reduce_options(reduced).orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)
    panel.value_mode(BarGaugeValueMode.TEXT).name_placement(BarGaugeNamePlacement.LEFT).show_unfilled(False)
    return panel.color_scheme(fixed(colour))


def listing(title: str, said: str, *queries: Query, empty: str = "") -> table.Panel:
    """A table."""
    panel = table.Panel().title(title).description(said).show_header(True).no_value(empty or "none")
    for query in queries:
        panel.with_target(query)
    # Without it a column that is wider than its share makes the table scroll sideways.
    return panel.min_width(50).color_scheme(fixed("text"))


def columns(panel: table.Panel, names: Mapping[str, str], hidden: Sequence[str] = ()) -> table.Panel:
    """Which fields are shown, under which headings and in this order."""
    options = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {name: at for at, name in enumerate(names)},
        "renameByName": dict(names),
    }
    return panel.with_transformation(model.DataTransformerConfig("organize", options=options))


def merged(panel: table.Panel) -> table.Panel:
    """The queries' rows with the same labels as one row, a column for each query: `Value #A` and so on."""
    return panel.with_transformation(model.DataTransformerConfig("merge", options={}))


def descending(field: str) -> common.TableSortByFieldState:
    """A table's order: by a field, the largest first."""
    return common.TableSortByFieldState().display_name(field).desc(True)


def filled(*at: tuple[float, str]) -> list[model.DynamicConfigValue]:
    """A column whose cells are filled from a step on."""
    found = [{"value": None, "color": "transparent"}, *({"value": value, "color": colour} for value, colour in at)]
    return styled(
        custom__cellOptions={"type": TableCellDisplayMode.COLOR_BACKGROUND, "mode": "basic"},
        color={"mode": "thresholds"},
        thresholds={"mode": "absolute", "steps": found},
    )


def wrapped() -> list[model.DynamicConfigValue]:
    """A column of text that is broken into lines instead of being cut off."""
    return styled(custom__cellOptions={"type": "auto", "wrapText": True})


def moves(title: str, said: str, tags: Sequence[str]) -> annotationslist.Panel:
    """The notes with these tags, the newest first."""
    panel = annotationslist.Panel().title(title).description(said).tags(list(tags)).limit(20)
    panel.only_from_this_dashboard(False).only_in_time_range(False)
    return panel.show_user(False).show_time(True).show_tags(False)


def note(title: str, markdown: str) -> texts.Panel:
    """Words."""
    return texts.Panel().title(title).mode(TextMode.MARKDOWN).content(markdown)


def _mapping(texts_of: Mapping[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=colour, index=at)
            for at, (value, (text, colour)) in enumerate(texts_of.items())
        }
    )
