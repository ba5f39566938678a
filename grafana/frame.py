"""What all dashboards share: addresses, variables, links to each other, and marks in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    Panel,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.parts import SOURCE
from grafana.promql import INFO, POOL, POOLS

TAG = "gpu-watchdog"
Content = str | Builder[Panel]
"""A string is the title of a row."""


class Page(StrEnum):
    """The `uid` of each, which is its address: the alerts' `dashboard_url` name them."""

    CLUSTER = "gpu-watchdog-cluster"
    USERS = "gpu-watchdog-users"
    TASK = "gpu-watchdog-task"
    WATCHDOG = "gpu-watchdog-watchdog"

    @property
    def heading(self) -> str:
        return self.removeprefix("gpu-watchdog-").capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    page: Page
    description: str
    since: str
    """What is shown at first, as Grafana writes it: `now-24h`."""
    refresh: str
    variables: Sequence[Builder[VariableModel]]
    marks: Sequence[build.AnnotationQuery]
    contents: Sequence[Content]

    def build(self) -> Dashboard:
        frame = (
            build.Dashboard(f"GPU Watchdog / {self.page.heading}")
            .uid(self.page)
            .description(self.description)
            .tags([TAG])
            .timezone("browser")
            .time(self.since, "now")
            .refresh(self.refresh)
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .variables([source(), *self.variables])
            .annotations([*self.marks])
            .links([_link(page) for page in Page if page is not self.page])
        )
        for each in self.contents:
            if isinstance(each, str):
                frame.with_row(build.Row(each))
            else:
                frame.with_panel(each)
        built = frame.build()
        for number, panel in enumerate(built.panels or [], 1):
            panel.id_val = number
        return built


def _link(page: Page) -> build.DashboardLink:
    return (
        build.DashboardLink(page.heading)
        .url(f"/d/{page}")
        .icon("dashboard")
        .tooltip(f"{page.heading}, of the same time and choice")
        .include_vars(True)
        .keep_time(True)
    )


def to_page(title: str, page: Page, **variables: str) -> build.DashboardLink:
    """Link from a row or a bar to a dashboard: each variable is set to what a field or label says.

    In the URL they are encoded: names of users and tasks may hold anything.
    """
    chosen = "".join(f"&var-{name}=${{{field}:percentencode}}" for name, field in variables.items())
    return build.DashboardLink(title).url(
        f"/d/{page}?${{__url_time_range}}&var-datasource=${{datasource}}{chosen}"
    )


def of_row(column: str) -> str:
    """Return the name by which a link takes what a column of the table says in the link's row."""
    return f'__data.fields["{column}"]'


def source() -> build.DatasourceVariable:
    return (
        build.DatasourceVariable("datasource")
        .label("Prometheus")
        .description("The Prometheus that evaluates the rules of GPU Watchdog.")
        .type("prometheus")
    )


def pools() -> build.QueryVariable:
    return _several(
        "resource_pool", "Pool", "label_values(watchdog_queued_slots, resource_pool)"
    ).all_value(".*")


def users() -> build.QueryVariable:
    query = f"label_values({INFO}{{{POOL}}}, username)"
    return _several("username", "User", query).all_value(".*")


def tasks() -> build.QueryVariable:
    query = f'label_values({INFO}{{username=~"$username", {POOL}}}, task_id)'
    return _several("task_id", "Task", query).all_value(".*")


def agents() -> build.QueryVariable:
    return _several("agent_id", "Agent", f"label_values(watchdog_agent_slots{{{POOLS}}}, agent_id)")


def allocation() -> build.QueryVariable:
    """One, of the chosen users, pools and tasks; the alerts name it and nothing else."""
    chosen = f'username=~"$username", {POOL}, task_id=~"$task_id"'
    return _query("allocation_id", "Allocation", f"label_values({INFO}{{{chosen}}}, allocation_id)")


def gpus() -> build.QueryVariable:
    """The GPUs of the allocation, so that no query has to look at those of all others."""
    mapping = "gpu_uuid_allocation_id:watchdog_gpu_allocation_info:group"
    query = f'label_values({mapping}{{allocation_id="$allocation_id"}}, gpu_uuid)'
    return _several("gpu_uuid", "GPU", query)


def marks(name: str, expr: str, colour: str, *, title: str, text: str) -> build.AnnotationQuery:
    """Mark the times in which an expression has rows."""
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(colour)
        .expr(expr)
        .step("1m")
        .title_format(title)
        .text_format(text)
    )


def _query(name: str, label: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        # What was there within the time that is shown, even if it is gone by now.
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


def _several(name: str, label: str, query: str) -> build.QueryVariable:
    """Several can be chosen; all are at first."""
    return (
        _query(name, label, query)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
