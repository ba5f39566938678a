"""The control interface: what happens to the simulated cluster, switched from outside."""

from datetime import timedelta
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.cluster import control_changes, lifecycle, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.control_views import state_of, task_of
from demo.cluster.errors import ControlError
from demo.cluster.wire import (
    AddFault,
    CallRecord,
    RestartMaster,
    SetActivity,
    SetAgent,
    SetExporters,
    SetGpu,
    SetLatency,
    SetUser,
    StartTask,
)
from demo.listener import Doors

MASTER_DOOR = "determined"

M = TypeVar("M", bound=BaseModel)


def _cluster(request: Request) -> Cluster:
    cluster = cast("Cluster", request.app.state.cluster)
    cluster.timeline.settle()
    return cluster


def _doors(request: Request) -> Doors:
    return cast("Doors", request.app.state.doors)


async def _read(request: Request, model: type[M]) -> M:
    return model.model_validate_json(await request.body() or b"{}")


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def _nothing() -> Response:
    return Response(status_code=204)


async def get_state(request: Request) -> Response:
    return _json(state_of(_cluster(request)))


async def start_task(request: Request) -> Response:
    body = await _read(request, StartTask)
    task = workloads.start(_cluster(request), control_changes.start_request(body))
    return _json(task_of(task))


async def finish_task(request: Request) -> Response:
    cluster = _cluster(request)
    workloads.finish(cluster, control_changes.find_task(cluster, request.path_params["task_id"]))
    return _nothing()


async def release_task(request: Request) -> Response:
    cluster = _cluster(request)
    workloads.release(cluster, control_changes.find_task(cluster, request.path_params["task_id"]))
    return _nothing()


async def change_owner(request: Request) -> Response:
    cluster = _cluster(request)
    task = control_changes.find_task(cluster, request.path_params["task_id"])
    workloads.change_owner(cluster, task, request.path_params["username"])
    return _nothing()


async def restart_trial(request: Request) -> Response:
    cluster = _cluster(request)
    trial = cluster.trials.get(request.path_params["trial_id"])
    if trial is None:
        raise ControlError("no such trial")
    workloads.restart_trial(cluster, trial)
    return _json(task_of(trial.task))


async def set_activity(request: Request) -> Response:
    change = await _read(request, SetActivity)
    allocation_id = request.path_params["allocation_id"]
    control_changes.set_activity(_cluster(request), allocation_id, change)
    return _nothing()


async def set_gpu(request: Request) -> Response:
    change = await _read(request, SetGpu)
    control_changes.set_gpu(_cluster(request), request.path_params["uuid"], change)
    return _nothing()


async def exit_container(request: Request) -> Response:
    cluster = _cluster(request)
    allocation, container = control_changes.find_container(
        cluster, request.path_params["container_id"]
    )
    workloads.exit_container(cluster, allocation, container)
    return _nothing()


async def set_agent(request: Request) -> Response:
    change = await _read(request, SetAgent)
    control_changes.set_agent(_cluster(request), request.path_params["agent_id"], change)
    return _nothing()


async def set_exporters(request: Request) -> Response:
    change = await _read(request, SetExporters)
    agent_id = request.path_params["agent_id"]
    down = control_changes.set_exporters(_cluster(request), agent_id, change)
    for kind, closed in down.items():
        door = f"{agent_id}/{kind}"
        await (_doors(request).close(door) if closed else _doors(request).open(door))
    return _nothing()


async def restart_master(request: Request) -> Response:
    body = await _read(request, RestartMaster)
    doors = _doors(request)
    await doors.close(MASTER_DOOR, seconds=body.down_seconds or None)
    lifecycle.restart_master(_cluster(request))
    if not body.down_seconds:
        await doors.open(MASTER_DOOR)
    return _nothing()


async def set_latency(request: Request) -> Response:
    change = await _read(request, SetLatency)
    control_changes.set_latency(_cluster(request), change)
    return _nothing()


async def set_user(request: Request) -> Response:
    change = await _read(request, SetUser)
    control_changes.set_user(_cluster(request), request.path_params["username"], change)
    return _nothing()


async def revoke_sessions(request: Request) -> Response:
    username = request.query_params.get("username")
    revoked = _cluster(request).accounts.revoke_all(username)
    return JSONResponse({"revoked": revoked})


async def add_fault(request: Request) -> Response:
    body = await _read(request, AddFault)
    lasts = None if body.lasts_seconds is None else timedelta(seconds=body.lasts_seconds)
    _cluster(request).faults.add(
        body.path,
        body.kind,
        method=body.method,
        status=body.status,
        message=body.message,
        lasts=lasts,
        times=body.times,
    )
    return _nothing()


async def clear_faults(request: Request) -> Response:
    _cluster(request).faults.clear()
    return _nothing()


async def get_calls(request: Request) -> Response:
    query = request.query_params
    found = _cluster(request).calls.matching(method=query.get("method"), path=query.get("path", ""))
    records = [
        CallRecord(
            method=call.method,
            path=call.path,
            username=call.username,
            status=call.status,
            at=call.at,
        ).model_dump(mode="json")
        for call in found
    ]
    return JSONResponse(records)


async def clear_calls(request: Request) -> Response:
    _cluster(request).calls.clear()
    return _nothing()


async def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)


def create_app(cluster: Cluster, doors: Doors) -> Starlette:
    post = ["POST"]
    app = Starlette(
        routes=[
            Route("/state", get_state),
            Route("/tasks", start_task, methods=post),
            Route("/tasks/{task_id}/finish", finish_task, methods=post),
            Route("/tasks/{task_id}/release", release_task, methods=post),
            Route("/tasks/{task_id}/owner/{username}", change_owner, methods=post),
            Route("/trials/{trial_id:int}/restart", restart_trial, methods=post),
            Route("/allocations/{allocation_id}/activity", set_activity, methods=post),
            Route("/gpus/{uuid}", set_gpu, methods=post),
            Route("/containers/{container_id}/exit", exit_container, methods=post),
            Route("/agents/{agent_id}", set_agent, methods=post),
            Route("/exporters/{agent_id}", set_exporters, methods=post),
            Route("/master/restart", restart_master, methods=post),
            Route("/latency", set_latency, methods=post),
            Route("/users/{username}", set_user, methods=post),
            Route("/sessions/revoke", revoke_sessions, methods=post),
            Route("/faults", add_fault, methods=post),
            Route("/faults", clear_faults, methods=["DELETE"]),
            Route("/calls", get_calls),
            Route("/calls", clear_calls, methods=["DELETE"]),
        ],
        exception_handlers={ControlError: _refused, ValidationError: _refused},
    )
    app.state.cluster = cluster
    app.state.doors = doors
    return app
