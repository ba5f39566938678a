"""The kinds of panels that the dashboards are made of, each with its unit and its words."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import Panel

from grafana.parts import (
    BLUE,
    NOTHING,
    PLAIN,
    SOURCE,
    Query,
    State,
    Steps,
    legend,
    mapping,
    style,
    target,
    targets,
    thresholds,
)


@dataclass(frozen=True, slots=True)
class Number(Builder[Panel]):
    """One figure: that of now, or with `over_time` the last one of the chosen time."""

    title: str
    description: str
    expr: str
    _: KW_ONLY
    unit: str
    width: int = 4
    decimals: int | None = None
    steps: Steps = PLAIN
    states: Mapping[int, State] | None = None
    nothing: str = NOTHING
    over_time: bool = False

    def build(self) -> Panel:
        panel = (
            stat.Panel()
            .title(self.title)
            .description(self.description)
            .unit(self.unit)
            .no_value(self.nothing)
            .datasource(SOURCE)
            .span(self.width)
            .height(4)
            .interval("1m")
            .color_mode(BigValueColorMode.VALUE)
            .graph_mode(BigValueGraphMode.AREA if self.over_time else BigValueGraphMode.NONE)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(thresholds(self.steps))
            .with_target(target("A", Query(self.expr), instant=not self.over_time))
        )
        if self.states:
            panel.mappings([mapping(self.states)])
        if self.decimals is not None:
            panel.decimals(self.decimals)
        return panel.build()


@dataclass(frozen=True, slots=True)
class Lines(Builder[Panel]):
    """A chart over time."""

    title: str
    description: str
    queries: Sequence[Query]
    _: KW_ONLY
    unit: str
    width: int = 12
    height: int = 8
    stacked: bool = False
    bars: bool = False
    highest: float | None = None
    limits: Steps = ()
    """A dashed line at each of these values."""
    nothing: str = NOTHING

    def build(self) -> Panel:
        stacking = StackingMode.NORMAL if self.stacked or self.bars else StackingMode.NONE
        panel = (
            timeseries.Panel()
            .title(self.title)
            .description(self.description)
            .unit(self.unit)
            .no_value(self.nothing)
            .datasource(SOURCE)
            .span(self.width)
            .height(self.height)
            # Nearly all rows are recorded once a minute: to ask more often shows nothing new.
            .interval("1m")
            .min(0)
            .line_width(1)
            .fill_opacity(60 if self.stacked or self.bars else 5)
            .show_points(VisibilityMode.NEVER)
            .draw_style(GraphDrawStyle.BARS if self.bars else GraphDrawStyle.LINE)
            .stacking(common.StackingConfig().mode(stacking))
            .legend(legend())
            .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.NONE))
            .targets(targets(self.queries))
        )
        if self.highest is not None:
            panel.max(self.highest)
        for ref_id, properties in style(self.queries):
            panel.override_by_query(ref_id, properties)
        return self._limited(panel).build()

    def _limited(self, panel: timeseries.Panel) -> timeseries.Panel:
        if not self.limits:
            return panel
        dashed = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        return panel.thresholds(thresholds(self.limits)).thresholds_style(dashed)


@dataclass(frozen=True, slots=True)
class Bars(Builder[Panel]):
    """A bar for each row of now."""

    title: str
    description: str
    query: Query
    _: KW_ONLY
    unit: str
    width: int = 8
    nothing: str = NOTHING

    def build(self) -> Panel:
        return (
            bargauge.Panel()
            .title(self.title)
            .description(self.description)
            .unit(self.unit)
            .decimals(1)
            .no_value(self.nothing)
            .datasource(SOURCE)
            .span(self.width)
            .height(9)
            .min(0)
            .orientation(VizOrientation.HORIZONTAL)
            .display_mode(BarGaugeDisplayMode.BASIC)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(thresholds(((None, self.query.colour or BLUE),)))
            .with_target(target("A", self.query, instant=True))
            .build()
        )


@dataclass(frozen=True, slots=True)
class States(Builder[Panel]):
    """A band for each series, coloured by what it says."""

    title: str
    description: str
    queries: Sequence[Query]
    _: KW_ONLY
    states: Mapping[int, State]
    width: int = 12
    height: int = 8
    nothing: str = NOTHING

    def build(self) -> Panel:
        return (
            statetimeline.Panel()
            .title(self.title)
            .description(self.description)
            .unit("none")
            .no_value(self.nothing)
            .datasource(SOURCE)
            .span(self.width)
            .height(self.height)
            .interval("1m")
            .show_value(VisibilityMode.NEVER)
            .legend(legend())
            .mappings([mapping(self.states)])
            .thresholds(thresholds(PLAIN))
            .targets(targets(self.queries))
            .build()
        )


@dataclass(frozen=True, slots=True)
class Words(Builder[Panel]):
    """Text in Markdown, over the whole width."""

    title: str
    content: str
    _: KW_ONLY
    height: int

    def build(self) -> Panel:
        return (
            text.Panel()
            .title(self.title)
            .description("What this page shows, and for whom it is.")
            .content(self.content)
            .span(24)
            .height(self.height)
            .build()
        )
