"""Tasks, allocations, and the four kinds of interactive tasks."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.cluster import actions
from demo.cluster.errors import internal, invalid_argument, not_found
from demo.cluster.model import TaskType
from demo.cluster.rest.gateway import cluster_of, page, query_number, reply
from demo.cluster.rest.task_views import (
    allocation_view,
    listed_ntsc,
    ntsc_view,
    summary_view,
    task_view,
)

_Endpoint = Callable[[Request], Awaitable[Response]]

_PLURALS = {
    "notebooks": TaskType.NOTEBOOK,
    "shells": TaskType.SHELL,
    "commands": TaskType.COMMAND,
    "tensorboards": TaskType.TENSORBOARD,
}


async def list_tasks(request: Request) -> Response:
    """Return what is queued or scheduled; nothing that has ended."""
    allocations = cluster_of(request).current_allocations()
    summaries = {allocation.allocation_id: summary_view(allocation) for allocation in allocations}
    return reply({"allocationIdToSummary": summaries})


async def get_task(request: Request) -> Response:
    task_id = request.path_params["task_id"]
    task = cluster_of(request).tasks.get(task_id)
    if task is None:
        raise not_found(f"task '{task_id}' not found")
    return reply({"task": task_view(task)})


async def get_allocation(request: Request) -> Response:
    allocation_id = request.path_params["allocation_id"]
    if "." not in allocation_id:
        raise invalid_argument(f"allocation id {allocation_id!r} is malformed")
    allocation = cluster_of(request).allocation(allocation_id)
    if allocation is None:
        raise internal("sql: no rows in result set")
    return reply({"allocation": allocation_view(allocation)})


async def kill_generic(request: Request) -> Response:
    actions.kill_generic(cluster_of(request), request.path_params["task_id"])
    return reply({})


async def pause_generic(request: Request) -> Response:
    actions.pause_generic(cluster_of(request), request.path_params["task_id"])
    return reply({})


async def unpause_generic(request: Request) -> Response:
    actions.unpause_generic(cluster_of(request), request.path_params["task_id"])
    return reply({})


def _list_of(plural: str, task_type: TaskType) -> _Endpoint:
    async def list_them(request: Request) -> Response:
        cluster = cluster_of(request)
        users = set(request.query_params.getlist("users"))
        views = [
            ntsc_view(task)
            for task in listed_ntsc(cluster, task_type)
            if actions.remembered(cluster, task) and (not users or task.owner.username in users)
        ]
        limit = query_number(request, "limit", 0)
        offset = query_number(request, "offset", 0)
        found, pagination = page(views, offset=offset, limit=limit or -1)
        return reply({plural: found, "pagination": pagination | {"limit": limit}})

    return list_them


def _get_one(task_type: TaskType) -> _Endpoint:
    async def get_it(request: Request) -> Response:
        task = actions.find_ntsc(cluster_of(request), task_type, request.path_params["task_id"])
        return reply({task_type.lower(): ntsc_view(task), "config": {}})

    return get_it


def _kill_one(task_type: TaskType) -> _Endpoint:
    async def kill_it(request: Request) -> Response:
        task = actions.kill_ntsc(cluster_of(request), task_type, request.path_params["task_id"])
        return reply({task_type.lower(): ntsc_view(task)})

    return kill_it


def routes() -> list[Route]:
    found = [
        Route("/api/v1/tasks", list_tasks),
        Route("/api/v1/tasks/{task_id}", get_task),
        Route("/api/v1/tasks/{task_id}/kill", kill_generic, methods=["POST"]),
        Route("/api/v1/tasks/{task_id}/pause", pause_generic, methods=["POST"]),
        Route("/api/v1/tasks/{task_id}/unpause", unpause_generic, methods=["POST"]),
        Route("/api/v1/allocations/{allocation_id}", get_allocation),
    ]
    for plural, task_type in _PLURALS.items():
        path = f"/api/v1/{plural}"
        found += [
            Route(path, _list_of(plural, task_type)),
            Route(f"{path}/{{task_id}}", _get_one(task_type)),
            Route(f"{path}/{{task_id}}/kill", _kill_one(task_type), methods=["POST"]),
        ]
    return found
