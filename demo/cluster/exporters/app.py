"""The ASGI applications of an agent's three exporters."""

import random
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.cluster.cluster import Cluster
from demo.cluster.exporters.cadvisor import CadvisorExporter
from demo.cluster.exporters.dcgm import DcgmExporter
from demo.cluster.exporters.node import NodeExporter
from demo.cluster.rest.front import cut, until_disconnected
from demo.cluster.rest.observability import TEXT_FORMAT
from demo.cluster.sensors import ExporterMode


class ExporterKind(StrEnum):
    DCGM = "dcgm"
    CADVISOR = "cadvisor"
    NODE = "node"


class ExporterApp:
    """Serves `/metrics`, and fails in the ways that its settings say."""

    def __init__(
        self, cluster: Cluster, agent_id: str, kind: ExporterKind, render: Callable[[], str]
    ) -> None:
        self._cluster = cluster
        self._agent_id = agent_id
        self._kind = kind
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        mode = ExporterMode(getattr(self._cluster.exporters[self._agent_id], self._kind))
        if mode is ExporterMode.HANG:
            await until_disconnected(receive)
        elif mode is ExporterMode.DOWN:
            await cut(send)
        elif mode is ExporterMode.ERROR:
            error = PlainTextResponse("internal server error\n", status_code=500)
            await error(scope, receive, send)
        elif scope["path"] in {"/metrics", "/health"}:
            body = self._render() if scope["path"] == "/metrics" else "OK"
            await PlainTextResponse(body, media_type=TEXT_FORMAT)(scope, receive, send)
        else:
            await PlainTextResponse("not found", status_code=404)(scope, receive, send)


class _Collected:
    """Repeats the last reading until the collect interval is over."""

    def __init__(self, cluster: Cluster, agent_id: str, collect: Callable[[datetime], str]) -> None:
        self._cluster = cluster
        self._agent_id = agent_id
        self._collect = collect
        self._interval = cluster.timeline.scaled(cluster.options.collect_interval)
        self._tick = -1
        self._text = ""

    def __call__(self) -> str:
        self._cluster.timeline.settle()
        now = self._cluster.timeline.now()
        tick = (now - self._cluster.started_at) // self._interval
        frozen = self._cluster.exporters[self._agent_id].frozen and self._text
        if tick != self._tick and not frozen:
            self._tick = tick
            self._text = self._collect(now)
        return self._text


def create_apps(cluster: Cluster, agent_id: str) -> dict[ExporterKind, ASGIApp]:
    """Return the exporters of one agent. node-exporter alone reads at each scrape."""
    agent = cluster.agents[agent_id]
    started_at = cluster.started_at
    numbers = random.Random(f"{cluster.options.seed}/{agent_id}")
    dcgm = DcgmExporter(agent, numbers, started_at=started_at)
    cadvisor = CadvisorExporter(agent, started_at=started_at)
    node = NodeExporter(agent, started_at=started_at)

    def collect_dcgm(now: datetime) -> str:
        return dcgm.collect(now, cluster.exporters[agent_id])

    def collect_cadvisor(now: datetime) -> str:
        settings = cluster.exporters[agent_id]
        return cadvisor.collect(now, cluster.containers_on(agent), settings)

    def collect_node() -> str:
        cluster.timeline.settle()
        containers = [container for _, container in cluster.containers_on(agent)]
        return node.collect(cluster.timeline.now(), containers, cluster.exporters[agent_id])

    renderers: dict[ExporterKind, Callable[[], str]] = {
        ExporterKind.DCGM: _Collected(cluster, agent_id, collect_dcgm),
        ExporterKind.CADVISOR: _Collected(cluster, agent_id, collect_cadvisor),
        ExporterKind.NODE: collect_node,
    }
    return {
        kind: ExporterApp(cluster, agent_id, kind, render) for kind, render in renderers.items()
    }
