"""The master itself, its agents, pools and workspaces."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.cluster.cluster import Cluster
from demo.cluster.model import Agent, AllocationState
from demo.cluster.rest.gateway import Json, cluster_of, reply, rfc3339
from demo.cluster.rest.pool_views import pool_view
from demo.cluster.rest.task_views import container_view

VERSION = "0.38.1"
CLUSTER_ID = "5b6c1c9e-5d0e-4c8f-9a39-2f3f8b0f7a10"


async def info(request: Request) -> Response:
    """Return what the command line asks for first. No token is needed."""
    del request
    return reply(
        {
            "version": VERSION,
            "master_id": CLUSTER_ID,
            "cluster_id": CLUSTER_ID,
            "cluster_name": "simulated",
            "telemetry": {"enabled": False},
            "sso_providers": [],
        }
    )


async def master(request: Request) -> Response:
    del request
    return reply(
        {
            "version": VERSION,
            "masterId": CLUSTER_ID,
            "clusterId": CLUSTER_ID,
            "clusterName": "simulated",
            "telemetryEnabled": False,
            "ssoProviders": [],
            "externalLoginUri": "",
            "externalLogoutUri": "",
            "branding": "determined",
            "rbacEnabled": False,
            "product": "PRODUCT_UNSPECIFIED",
            "featureSwitches": [],
            "userManagementEnabled": True,
            "strictJobQueueControl": False,
            "hasCustomLogo": False,
        }
    )


async def list_agents(request: Request) -> Response:
    cluster = cluster_of(request)
    return reply({"agents": [_agent_view(cluster, agent) for agent in cluster.connected_agents()]})


def _agent_view(cluster: Cluster, agent: Agent) -> Json:
    containers = {
        container.container_id: container_view(container)
        for allocation in cluster.current_allocations()
        for container in allocation.containers
        if container.agent is agent and container.state is not AllocationState.TERMINATED
    }
    slots = _slots(agent, containers)
    stats = {"states": {}, "disabled": 0, "draining": 0, "total": len(slots)}
    return {
        "id": agent.agent_id,
        "registeredTime": rfc3339(agent.registered_at),
        "slots": slots,
        "containers": containers,
        "resourcePools": list(agent.pools),
        "addresses": [agent.address],
        "enabled": True,
        "draining": False,
        "version": VERSION,
        "slotStats": {
            "typeStats": {"TYPE_CUDA": stats},
            "brandStats": {gpu.brand: stats for gpu in agent.gpus},
        },
    }


def _slots(agent: Agent, containers: dict[str, Json]) -> Json:
    """Return the slots by number, each with the container that holds it."""
    holders = {
        device["uuid"]: container
        for container in containers.values()
        for device in container["devices"]
    }
    devices = [(gpu.brand, uuid) for gpu in agent.gpus for uuid in gpu.device_uuids]
    return {
        str(number): {
            "id": str(number),
            "device": {"id": number, "brand": brand, "uuid": uuid, "type": "TYPE_CUDA"},
            "enabled": True,
            "container": holders.get(uuid),
            "draining": False,
        }
        for number, (brand, uuid) in enumerate(devices)
    }


async def list_pools(request: Request) -> Response:
    cluster = cluster_of(request)
    pools = [pool_view(cluster, name) for name in cluster.pools]
    pagination = {
        "offset": 0,
        "limit": 0,
        "startIndex": 0,
        "endIndex": len(pools),
        "total": len(pools),
    }
    return reply({"resourcePools": pools, "pagination": pagination})


async def list_workspaces(request: Request) -> Response:
    cluster = cluster_of(request)
    workspace = {
        "id": 1,
        "name": "Uncategorized",
        "archived": False,
        "username": "admin",
        "immutable": True,
        "numProjects": 1,
        "pinned": False,
        "userId": 1,
        "numExperiments": len(cluster.experiments),
        "state": "WORKSPACE_STATE_UNSPECIFIED",
        "errorMessage": "",
        "agentUserGroup": None,
        "checkpointStorageConfig": None,
        "pinnedAt": None,
    }
    pagination = {"offset": 0, "limit": 0, "startIndex": 0, "endIndex": 1, "total": 1}
    return reply({"workspaces": [workspace], "pagination": pagination})


def routes() -> list[Route]:
    return [
        Route("/info", info),
        Route("/api/v1/master", master),
        Route("/api/v1/agents", list_agents),
        Route("/api/v1/resource-pools", list_pools),
        Route("/api/v1/workspaces", list_workspaces),
    ]
