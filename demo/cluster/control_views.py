"""The cluster as the control interface shows it."""

from demo.cluster.cluster import Cluster
from demo.cluster.model import Agent, Allocation, Container, Task, TaskType
from demo.cluster.wire import (
    AgentDetail,
    AllocationDetail,
    ClusterState,
    ContainerState,
    GpuState,
    TaskState,
)


def state_of(cluster: Cluster) -> ClusterState:
    return ClusterState(
        now=cluster.timeline.now(),
        speed=cluster.options.speed,
        agents=[_agent(agent) for agent in cluster.agents.values()],
        tasks=[task_of(task) for task in cluster.tasks.values()],
    )


def task_of(task: Task) -> TaskState:
    experiment = task.trial.experiment if task.trial else None
    return TaskState(
        task_id=task.task_id,
        task_type=task.task_type,
        name=task.name,
        username=task.owner.username,
        pool=task.pool,
        slots=task.slots,
        job_id=task.job_id,
        experiment_id=experiment.experiment_id if experiment else None,
        experiment_state=experiment.state if experiment else None,
        trial_id=task.trial.trial_id if task.trial else None,
        generic_state=task.generic_state if task.task_type is TaskType.GENERIC else None,
        allocations=[_allocation(allocation) for allocation in task.allocations],
    )


def _allocation(allocation: Allocation) -> AllocationDetail:
    return AllocationDetail(
        allocation_id=allocation.allocation_id,
        state=allocation.state,
        registered_at=allocation.registered_at,
        started_at=allocation.started_at,
        ended_at=allocation.ended_at,
        exit_reason=allocation.exit_reason,
        containers=[_container(container) for container in allocation.containers],
    )


def _container(container: Container) -> ContainerState:
    return ContainerState(
        container_id=container.container_id,
        runtime_id=container.runtime_id,
        agent_id=container.agent.agent_id,
        state=container.state,
        gpu_uuids=[device.uuid for device in container.devices],
        cpu_cores=container.cpu_cores,
        memory_bytes=container.memory_bytes,
        receive_bytes_per_second=container.receive_bytes_per_second,
        write_bytes_per_second=container.write_bytes_per_second,
        restored=container.restored,
    )


def _agent(agent: Agent) -> AgentDetail:
    return AgentDetail(
        agent_id=agent.agent_id,
        address=agent.address,
        dcgm=agent.dcgm_port,
        cadvisor=agent.cadvisor_port,
        node=agent.node_port,
        gpus=[
            GpuState(
                uuid=gpu.uuid,
                index=gpu.index,
                brand=gpu.brand,
                activity=gpu.activity,
                xid=gpu.xid,
                lost=gpu.lost,
            )
            for gpu in agent.gpus
        ],
    )
