"""What Determined answers about the members of a population: as long, and with as many fields, as
its own answers.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.cluster import Container, TaskType
from benchmarks.reconcile.population import BEGAN, Member

Json = Mapping[str, Any]
_TOKEN = {"token": "v2.public.benchmark"}
_LISTS = {
    TaskType.NOTEBOOK: "notebooks",
    TaskType.SHELL: "shells",
    TaskType.COMMAND: "commands",
    TaskType.TENSORBOARD: "tensorboards",
}
_JOBS = {TaskType.TRIAL: "TYPE_EXPERIMENT", TaskType.GENERIC: "TYPE_GENERIC"}
_BEGAN = BEGAN.isoformat()


def determined_answers(members: Iterable[Member]) -> dict[str, Json]:
    """Return the bodies by path; of a job queue with the pool's name, as it is asked for."""
    members = list(members)
    pools = sorted({each.identity.resource_pool for each in members})
    users = sorted({each.identity.username for each in members})
    trials = [each for each in members if each.allocation.task_type is TaskType.TRIAL]
    answers: dict[str, Json] = {
        "auth/login": _TOKEN,
        "tasks": {
            "allocationIdToSummary": {
                each.identity.allocation_id: _summary(each) for each in members
            }
        },
        "resource-pools": {"resourcePools": [{"name": pool} for pool in pools]},
        "users": {"users": [{"username": each, "active": True, "admin": False} for each in users]},
        "agents": {"agents": _agents(members)},
        "experiments": _listed("experiments", [_experiment(each) for each in trials]),
    }
    for task_type, plural in _LISTS.items():
        own = [_interactive(each) for each in members if each.allocation.task_type is task_type]
        answers[plural] = _listed(plural, own)
    for pool in pools:
        jobs = [_job(each) for each in members if each.identity.resource_pool == pool]
        answers[f"job-queues-v2?resourcePool={pool}"] = _listed("jobs", jobs)
    return {f"/api/v1/{path}": answer for path, answer in answers.items()}


def _listed(name: str, found: list[Json]) -> Json:
    return {name: found, "pagination": {"offset": 0, "limit": 0, "total": len(found)}}


def _container(member: Member) -> Container:
    [container] = member.allocation.containers
    return container


def _device(member: Member) -> Json:
    [uuid] = _container(member).gpu_uuids
    return {"id": 0, "brand": "NVIDIA H100 80GB HBM3", "uuid": uuid, "type": "TYPE_CUDA"}


def _summary(member: Member) -> Json:
    allocation, container = member.allocation, _container(member)
    resources = {
        "resourcesId": container.container_id,
        "resourcesType": "docker-container",
        "allocationId": allocation.allocation_id,
        "agentDevices": {container.agent_id: {"devices": [_device(member)]}},
        "containerId": container.container_id,
    }
    return {
        "taskId": allocation.task_id,
        "allocationId": allocation.allocation_id,
        "name": allocation.name,
        "registeredTime": _BEGAN,
        "resourcePool": allocation.resource_pool,
        "slotsNeeded": allocation.slots,
        "resources": [resources],
        "schedulerType": "priority",
        "priority": 42,
        "proxyPorts": [],
    }


def _agents(members: Iterable[Member]) -> list[Json]:
    slots: dict[str, dict[str, Json]] = {}
    pools: dict[str, set[str]] = {}
    for each in members:
        own = slots.setdefault(_container(each).agent_id, {})
        pools.setdefault(_container(each).agent_id, set()).add(each.identity.resource_pool)
        own[str(len(own))] = {
            "id": str(len(own)),
            "device": _device(each),
            "enabled": True,
            "container": {"id": _container(each).container_id, "state": "STATE_RUNNING"},
            "draining": False,
        }
    return [
        {
            "id": agent_id,
            "registeredTime": _BEGAN,
            "slots": own,
            "resourcePools": sorted(pools[agent_id]),
            "enabled": True,
            "draining": False,
        }
        for agent_id, own in slots.items()
    ]


def _owner(member: Member) -> Json:
    return {
        "displayName": "",
        "userId": 4,
        "username": member.identity.username,
        "resourcePool": member.identity.resource_pool,
        "jobId": f"job-of-{member.identity.task_id}",
        "workspaceId": 1,
    }


def _interactive(member: Member) -> Json:
    container = {
        "parent": "",
        "id": _container(member).container_id,
        "state": "STATE_RUNNING",
        "devices": [_device(member)],
    }
    return {
        "id": member.identity.task_id,
        "description": member.allocation.name,
        "state": "STATE_RUNNING",
        "startTime": _BEGAN,
        "container": container,
        "serviceAddress": f"/proxy/{member.identity.task_id}/",
        "exitStatus": "",
        **_owner(member),
    }


def _experiment(member: Member) -> Json:
    return {
        "id": int(member.identity.task_id.partition(".")[0]),
        "description": "",
        "labels": [],
        "startTime": _BEGAN,
        "endTime": None,
        "state": "STATE_RUNNING",
        "archived": False,
        "numTrials": 1,
        "name": member.allocation.name,
        "notes": "",
        "progress": 0.41,
        "workspaceName": "Uncategorized",
        **_owner(member),
    }


def _job(member: Member) -> Json:
    task_id, task_type = member.identity.task_id, member.allocation.task_type
    is_trial = task_type is TaskType.TRIAL
    full = {
        "summary": {"state": "STATE_SCHEDULED", "jobsAhead": 0},
        "type": _JOBS.get(task_type, f"TYPE_{task_type}".upper()) if task_type else "",
        "submissionTime": _BEGAN,
        "isPreemptible": True,
        "priority": 42,
        "weight": 0,
        "entityId": task_id.partition(".")[0] if is_trial else task_id,
        "requestedSlots": 1,
        "allocatedSlots": 1,
        "name": member.allocation.name,
        "progress": 0,
        **_owner(member),
    }
    return {"full": full}
