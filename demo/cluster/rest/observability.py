"""`/prom/*` and `/debug/prom/metrics`: for any logged-in user, no role needed."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demo.cluster.model import Agent
from demo.cluster.rest.gateway import Json, cluster_of, reply

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


async def state_metrics(request: Request) -> Response:
    return PlainTextResponse(cluster_of(request).metrics.render(), media_type=TEXT_FORMAT)


async def service_discovery(request: Request) -> Response:
    """Return the exporters' addresses; node-exporter is not among them."""
    cluster = cluster_of(request)
    # A Go slice that nothing was appended to is written as null.
    return reply([_targets(agent) for agent in cluster.connected_agents()] or None)


def _targets(agent: Agent) -> Json:
    ports = (agent.dcgm_port, agent.cadvisor_port)
    return {
        "targets": [f"{agent.address}:{port}" for port in ports],
        "labels": {"det_agent_id": agent.agent_id, "det_resource_pool": ",".join(agent.pools)},
    }


async def debug_metrics(request: Request) -> Response:
    del request
    body = (
        "# HELP determined_healthy health status of the Determined master\n"
        "# TYPE determined_healthy gauge\n"
        "determined_healthy 1\n"
    )
    return PlainTextResponse(body, media_type=TEXT_FORMAT)


def routes() -> list[Route]:
    return [
        Route("/prom/det-state-metrics", state_metrics),
        Route("/prom/det-http-sd-config", service_discovery),
        Route("/debug/prom/metrics", debug_metrics),
    ]
