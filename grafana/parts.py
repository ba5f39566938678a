"""Parts of panels: queries, colours, legends, thresholds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, prometheus
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef("prometheus", "${datasource}")
NOTHING = "Nothing is known of this time"

GREEN, ORANGE, RED, BLUE, GREY = "green", "orange", "red", "blue", "#8e8e8e"
Steps = Sequence[tuple[float | None, str]]
"""From which value on (None: from the lowest) which colour is shown."""
PLAIN: Steps = ((None, "text"),)


@dataclass(frozen=True, slots=True)
class Query:
    expr: str
    legend: str = ""
    colour: str | None = None
    dashed: bool = False
    """For what the other lines are compared with."""


@dataclass(frozen=True, slots=True)
class State:
    text: str
    colour: str


def ref(number: int) -> str:
    """Return the name of a panel's query: A, B, C ..."""
    return chr(ord("A") + number)


def target(
    ref_id: str,
    query: Query,
    *,
    instant: bool,
    shape: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> prometheus.Dataquery:
    asked = (
        prometheus.Dataquery()
        .datasource(SOURCE)
        .ref_id(ref_id)
        .expr(query.expr)
        .legend_format(query.legend or "__auto")
        .format(shape)
    )
    return asked.instant() if instant else asked.range()


def targets(queries: Sequence[Query]) -> list[Builder[Dataquery]]:
    return [target(ref(at), each, instant=False) for at, each in enumerate(queries)]


def style(queries: Sequence[Query]) -> Iterator[tuple[str, list[DynamicConfigValue]]]:
    """Yield how the series of each query look, where that is not left to Grafana."""
    for at, query in enumerate(queries):
        properties = []
        if query.colour:
            fixed = {"mode": "fixed", "fixedColor": query.colour}
            properties.append(DynamicConfigValue("color", fixed))
        if query.dashed:
            dashes = {"fill": "dash", "dash": [8, 8]}
            properties.append(DynamicConfigValue("custom.lineStyle", dashes))
            properties.append(DynamicConfigValue("custom.fillOpacity", 0))
        if properties:
            yield ref(at), properties


def thresholds(steps: Steps) -> ThresholdsConfig:
    found = [Threshold(value, colour) for value, colour in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def mapping(states: Mapping[int, State]) -> ValueMap:
    return ValueMap(
        {
            str(value): ValueMappingResult(text=state.text, color=state.colour, index=at)
            for at, (value, state) in enumerate(states.items())
        }
    )


def legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )
