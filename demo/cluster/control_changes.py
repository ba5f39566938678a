"""What the control interface changes in the cluster."""

from dataclasses import fields, replace
from datetime import timedelta

from demo.cluster import lifecycle, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.errors import ControlError
from demo.cluster.model import Agent, Allocation, Container, Task
from demo.cluster.sensors import ExporterMode, accrue_usage
from demo.cluster.wire import (
    SetActivity,
    SetAgent,
    SetExporters,
    SetGpu,
    SetLatency,
    SetUser,
    StartTask,
    activity_of,
)

_EXPORTERS = ("dcgm", "cadvisor", "node")


def start_request(body: StartTask) -> workloads.StartRequest:
    known = {field.name for field in fields(workloads.StartRequest)}
    values = {name: getattr(body, name) for name in known}
    return workloads.StartRequest(**(values | {"activity": activity_of(body.activity)}))


def find_task(cluster: Cluster, task_id: str) -> Task:
    if task_id not in cluster.tasks:
        raise ControlError(f"no task {task_id}")
    return cluster.tasks[task_id]


def find_container(cluster: Cluster, container_id: str) -> tuple[Allocation, Container]:
    for allocation in cluster.current_allocations():
        for container in allocation.containers:
            if container.container_id == container_id:
                return allocation, container
    raise ControlError(f"no container {container_id} of a running allocation")


def set_activity(cluster: Cluster, allocation_id: str, change: SetActivity) -> None:
    """Change every container and GPU of a running allocation."""
    allocation = cluster.allocation(allocation_id)
    if allocation is None or allocation.ended:
        raise ControlError(f"allocation {allocation_id} does not run")
    used = change.model_dump(exclude={"activity"}, exclude_none=True)
    for container in allocation.containers:
        # What was used until now is counted before the pace changes.
        accrue_usage(container, cluster.timeline.now())
        for name, value in used.items():
            setattr(container, name, value)
        if change.activity is not None:
            for device in container.devices:
                device.gpu.activity = activity_of(change.activity)


def set_gpu(cluster: Cluster, uuid: str, change: SetGpu) -> None:
    gpu = cluster.gpus.get(uuid)
    if gpu is None:
        raise ControlError(f"no GPU {uuid}")
    if change.activity is not None:
        gpu.activity = activity_of(change.activity)
    if change.xid is not None:
        gpu.xid = change.xid
    if change.lost is not None:
        gpu.lost = change.lost


def set_exporters(cluster: Cluster, agent_id: str, change: SetExporters) -> dict[str, bool]:
    """Change the settings; return for each exporter that was named whether it is down now."""
    find_agent(cluster, agent_id)
    changes = change.model_dump(exclude_none=True)
    cluster.configure_exporters(agent_id, **changes)
    return {kind: changes[kind] is ExporterMode.DOWN for kind in _EXPORTERS if kind in changes}


def set_latency(cluster: Cluster, change: SetLatency) -> None:
    options = cluster.options
    if change.kill_seconds is not None:
        options = replace(options, kill_latency=timedelta(seconds=change.kill_seconds))
    if change.preemption_seconds is not None:
        latency = timedelta(seconds=change.preemption_seconds)
        options = replace(options, preemption_latency=latency)
    cluster.options = options


def set_agent(cluster: Cluster, agent_id: str, change: SetAgent) -> None:
    agent = find_agent(cluster, agent_id)
    if change.connected:
        agent.connected = True
        lifecycle.schedule(cluster)
    else:
        wait = cluster.options.reconnect_wait
        cluster.timeline.after(wait, lambda: lifecycle.lose_agent(cluster, agent))


def find_agent(cluster: Cluster, agent_id: str) -> Agent:
    if agent_id not in cluster.agents:
        raise ControlError(f"no agent {agent_id}")
    return cluster.agents[agent_id]


def set_user(cluster: Cluster, username: str, change: SetUser) -> None:
    user = workloads.user_named(cluster, username)
    if change.active is not None:
        user.active = change.active
    if change.password is not None:
        user.password = change.password
    if change.remote is not None:
        user.remote = change.remote
    if change.jobs_hidden is not None:
        (cluster.hidden_users.add if change.jobs_hidden else cluster.hidden_users.discard)(username)
