"""Tasks, allocations and containers as the API shows them."""

from demo.cluster.cluster import Cluster
from demo.cluster.model import (
    Allocation,
    AllocationState,
    Container,
    Device,
    Task,
    TaskType,
)
from demo.cluster.rest.gateway import Json, rfc3339

_PORTS = {TaskType.NOTEBOOK: 2888, TaskType.TENSORBOARD: 2600}


def device_view(device: Device) -> Json:
    return {
        "id": device.index,
        "brand": device.brand,
        "uuid": device.uuid,
        "type": "TYPE_CUDA",
    }


def summary_view(allocation: Allocation) -> Json:
    """Return an AllocationSummary. It knows no owner, no state and no type."""
    task = allocation.task
    return {
        "taskId": task.task_id,
        "allocationId": allocation.allocation_id,
        "name": task.name,
        "registeredTime": rfc3339(allocation.registered_at),
        "resourcePool": task.pool,
        "slotsNeeded": task.slots,
        "resources": [_resources_view(allocation, part) for part in allocation.containers],
        "schedulerType": "priority",
        "priority": 42,
        "proxyPorts": _proxy_ports(task),
    }


def _proxy_ports(task: Task) -> list[Json]:
    port = _PORTS.get(task.task_type)
    if port is None:
        return []
    view = {"serviceId": task.task_id, "port": port, "proxyTcp": False, "unauthenticated": False}
    return [view]


def _resources_view(allocation: Allocation, container: Container) -> Json:
    devices = [device_view(device) for device in container.devices]
    view: Json = {
        "resourcesId": container.container_id,
        "resourcesType": "docker-container",
        "allocationId": allocation.allocation_id,
        "agentDevices": {container.agent.agent_id: {"devices": devices}},
        "containerId": container.container_id,
    }
    if container.restored:
        # The agent's report at the start is not kept; only a reattached container has it.
        view["started"] = {
            "addresses": [
                {
                    "containerIp": "172.17.0.9",
                    "containerPort": 3122,
                    "hostIp": container.agent.address,
                    "hostPort": 32801,
                }
            ],
            "nativeResourcesId": container.runtime_id,
        }
    if container.state is AllocationState.TERMINATED:
        view["exited"] = {"failure": None}
    return view


def task_view(task: Task) -> Json:
    view: Json = {
        "taskId": task.task_id,
        "taskType": f"TASK_TYPE_{task.task_type}",
        "allocations": [allocation_view(allocation) for allocation in task.allocations],
        "startTime": rfc3339(task.created_at),
        "forkedFrom": "",
        "parentId": task.parent_id,
    }
    if task.ended_at is not None:
        view["endTime"] = rfc3339(task.ended_at)
    if task.task_type is TaskType.GENERIC:
        view["taskState"] = f"GENERIC_TASK_STATE_{task.generic_state}"
        view["noPause"] = task.no_pause
    return view


def allocation_view(allocation: Allocation) -> Json:
    view: Json = {
        "taskId": allocation.task.task_id,
        "state": f"STATE_{allocation.state}",
        "isReady": allocation.state is AllocationState.RUNNING,
        "allocationId": allocation.allocation_id,
        "slots": allocation.task.slots,
    }
    if allocation.started_at is not None:
        view["startTime"] = rfc3339(allocation.started_at)
    if allocation.ended_at is not None:
        view["endTime"] = rfc3339(allocation.ended_at)
        view["exitReason"] = allocation.exit_reason or ""
    return view


def container_view(container: Container) -> Json:
    return {
        "parent": "",
        "id": container.container_id,
        "state": f"STATE_{_container_state(container)}",
        "devices": [device_view(device) for device in container.devices],
        "permissionDenied": False,
    }


def _container_state(container: Container) -> str:
    # Containers have no TERMINATING of their own: they run until they have exited.
    state = container.state
    return "RUNNING" if state is AllocationState.TERMINATING else str(state)


def ntsc_view(task: Task) -> Json:
    """Return a notebook, shell, command or TensorBoard, its secrets included."""
    allocation = task.allocations[-1]
    containers = [] if allocation.ended else allocation.containers
    view: Json = {
        "id": task.task_id,
        "description": task.name,
        "state": f"STATE_{allocation.state}",
        "startTime": rfc3339(task.created_at),
        "container": container_view(containers[0]) if containers else None,
        "displayName": task.owner.display_name,
        "userId": task.owner.user_id,
        "username": task.owner.username,
        "resourcePool": task.pool,
        "exitStatus": (allocation.exit_reason or "exited") if allocation.ended else "",
        "jobId": task.job_id,
        "workspaceId": 1,
    }
    return view | _secrets_of(task)


def _secrets_of(task: Task) -> Json:
    address = f"/proxy/{task.task_id}/"
    match task.task_type:
        case TaskType.NOTEBOOK:
            return {"serviceAddress": f"{address}?token={task.secret}"}
        case TaskType.TENSORBOARD:
            return {"serviceAddress": address, "experimentIds": [], "trialIds": []}
        case TaskType.SHELL:
            begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
            return {
                "privateKey": f"{begin}\n{task.secret}\n{end}\n",
                "publicKey": f"ssh-rsa {task.secret}",
                "addresses": [],
                "agentUserGroup": None,
            }
        case _:
            return {}


def listed_ntsc(cluster: Cluster, task_type: TaskType) -> list[Task]:
    return [task for task in cluster.tasks.values() if task.task_type is task_type]
