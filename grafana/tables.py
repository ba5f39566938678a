"""Tables: each column is a query of now, and the rows are joined on the labels that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    Panel,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.parts import NOTHING, PLAIN, SOURCE, Query, Steps, ref, target, thresholds


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    expr: str
    unit: str = "none"
    decimals: int = 0
    steps: Steps = ()
    """Colours of the text, by value."""


@dataclass(frozen=True, slots=True)
class Table(Builder[Panel]):
    title: str
    description: str
    labels: Mapping[str, str]
    """Label -> the column that shows it, in this order. Others are hidden."""
    columns: Sequence[Column]
    _: KW_ONLY
    sort_by: str
    ascending: bool = False
    width: int = 24
    height: int = 9
    links: Mapping[str, Sequence[DashboardLink]] = field(default_factory=dict)
    """By column."""
    hidden: Sequence[str] = ()
    """Columns that say nothing beyond the labels of their rows."""
    nothing: str = NOTHING

    def build(self) -> Panel:
        panel = (
            table.Panel()
            .title(self.title)
            .description(self.description)
            .unit("none")
            .no_value(self.nothing)
            .datasource(SOURCE)
            .span(self.width)
            .height(self.height)
            .filterable(True)
            .thresholds(thresholds(PLAIN))
            .sort_by(
                [common.TableSortByFieldState().display_name(self.sort_by).desc(not self.ascending)]
            )
            .targets(
                [
                    target(ref(at), Query(each.expr), instant=True, shape=PromQueryFormat.TABLE)
                    for at, each in enumerate(self.columns)
                ]
            )
            .with_transformation(DataTransformerConfig("merge", options={}))
            .with_transformation(DataTransformerConfig("organize", options=self._organized()))
        )
        for each in self.columns:
            panel.override_by_name(each.name, _properties(each))
        for name, links in self.links.items():
            built = [link.build() for link in links]
            panel.override_by_name(name, [DynamicConfigValue("links", built)])
        return panel.build()

    def _organized(self) -> dict[str, object]:
        values = {_value(at, self.columns): each.name for at, each in enumerate(self.columns)}
        shown = [*self.labels, *values]
        hidden = [key for key, name in values.items() if name in self.hidden]
        return {
            "excludeByName": dict.fromkeys(["Time", *hidden], True),
            "indexByName": {name: at for at, name in enumerate(shown)},
            "renameByName": dict(self.labels) | values,
        }


def _value(number: int, columns: Sequence[Column]) -> str:
    """Return what Grafana calls the values of a query: by its letter, unless it is the only one."""
    return f"Value #{ref(number)}" if len(columns) > 1 else "Value"


def _properties(column: Column) -> list[DynamicConfigValue]:
    found = [
        DynamicConfigValue("unit", column.unit),
        DynamicConfigValue("decimals", column.decimals),
    ]
    if column.steps:
        found.append(DynamicConfigValue("thresholds", thresholds(column.steps).build()))
        found.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return found
