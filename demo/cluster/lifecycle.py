"""How tasks begin, run and end; det-state-metrics hears of it as it does in the real master."""

from datetime import timedelta

from demo.cluster.cluster import Cluster
from demo.cluster.model import (
    EMPTY,
    Agent,
    Allocation,
    AllocationState,
    Container,
    ExperimentState,
    Task,
    TaskType,
    Trial,
)
from demo.cluster.names import docker_name
from demo.cluster.placement import Room, room_for

PREEMPTED = "preempted"


def request_allocation(cluster: Cluster, task: Task) -> Allocation:
    """Ask for a new run of the task, and start it if there is room."""
    number = len(task.allocations) + 1
    allocation = Allocation(f"{task.task_id}.{number}", task, cluster.timeline.now())
    task.allocations.append(allocation)
    task.ended_at = None
    if task.trial is not None:
        cluster.metrics.trial_requested(task.trial)
    schedule(cluster)
    return allocation


def schedule(cluster: Cluster) -> None:
    """Give room to what waits, the oldest first."""
    for allocation in list(cluster.current_allocations()):
        hold_at = allocation.task.hold_at
        if allocation.state is not AllocationState.QUEUED or hold_at is AllocationState.QUEUED:
            continue
        room = room_for(cluster, allocation.task)
        if room is not None:
            _assign(cluster, allocation, room, state=hold_at or AllocationState.STARTING)
            if hold_at is None:
                run(cluster, allocation)


def run(cluster: Cluster, allocation: Allocation) -> None:
    """Let the containers reach Running."""
    now = cluster.timeline.now()
    allocation.state = AllocationState.RUNNING
    allocation.started_at = now
    for container in allocation.containers:
        container.state = AllocationState.RUNNING
        container.started_at = now
        for device in container.devices:
            device.gpu.activity = allocation.task.workload.activity
        cluster.metrics.container_running(allocation, container)


def fail_before_running(cluster: Cluster, allocation: Allocation) -> None:
    """End an allocation whose containers never came up, as when the image cannot be pulled."""
    room = room_for(cluster, allocation.task) or []
    _assign(cluster, allocation, room, state=AllocationState.PULLING)
    end(cluster, allocation, exit_reason="failed to pull the image")


def terminate(
    cluster: Cluster, allocation: Allocation, *, latency: timedelta, exit_reason: str
) -> None:
    """Begin to end an allocation. One in the queue is gone at once; a second call is nothing."""
    if allocation.state is AllocationState.QUEUED:
        end(cluster, allocation, exit_reason=exit_reason)
    elif allocation.state not in {AllocationState.TERMINATING, AllocationState.TERMINATED}:
        allocation.state = AllocationState.TERMINATING
        cluster.timeline.after(latency, lambda: end(cluster, allocation, exit_reason=exit_reason))


def kill(cluster: Cluster, allocation: Allocation) -> None:
    """End an allocation without grace. It overtakes a pause that still writes a checkpoint."""
    if allocation.state is AllocationState.TERMINATING:
        latency = cluster.options.kill_latency
        cluster.timeline.after(latency, lambda: end(cluster, allocation, exit_reason="killed"))
    terminate(
        cluster, allocation, latency=cluster.options.kill_latency, exit_reason="allocation killed"
    )


def exit_container(cluster: Cluster, allocation: Allocation, container: Container) -> None:
    """Let one container end; the allocation ends with its last one."""
    if container.state is AllocationState.TERMINATED:
        return
    container.state = AllocationState.TERMINATED
    container.started_at = None
    for device in container.devices:
        device.gpu.activity = EMPTY
    cluster.metrics.container_terminated(allocation)
    if all(peer.state is AllocationState.TERMINATED for peer in allocation.containers):
        _close(cluster, allocation)


def end(cluster: Cluster, allocation: Allocation, *, exit_reason: str | None = None) -> None:
    """Let every container end, one after the other."""
    if allocation.ended:
        return
    allocation.exit_reason = exit_reason
    for container in list(allocation.containers):
        exit_container(cluster, allocation, container)
    if not allocation.containers:
        _close(cluster, allocation)


def lose_agent(cluster: Cluster, agent: Agent) -> None:
    """Give an agent up whose connection did not come back: its containers count as ended."""
    agent.connected = False
    for allocation in list(cluster.current_allocations()):
        for container in allocation.containers:
            if container.agent is agent:
                allocation.exit_reason = "agent failed while the container was running"
                exit_container(cluster, allocation, container)


def restart_master(cluster: Cluster) -> None:
    """Forget what lives in the master's memory.

    Running tasks are reattached, and never registered with det-state-metrics again; ended
    notebooks and the like leave their lists.
    """
    cluster.metrics.reset()
    cluster.master_started_at = cluster.timeline.now()
    for allocation in cluster.current_allocations():
        for container in allocation.containers:
            container.restored = True


def _close(cluster: Cluster, allocation: Allocation) -> None:
    now = cluster.timeline.now()
    allocation.state = AllocationState.TERMINATED
    allocation.ended_at = now
    task = allocation.task
    if task.trial is not None:
        cluster.metrics.trial_ended(task.trial)
        _trial_left(cluster, task.trial, allocation)
    elif task.task_type is not TaskType.GENERIC:
        task.ended_at = now
    else:
        _generic_left(cluster, task)
    schedule(cluster)


def _generic_left(cluster: Cluster, task: Task) -> None:
    task.generic_state = task.generic_state.removeprefix("STOPPING_").replace("ACTIVE", "COMPLETED")
    if task.generic_state != "PAUSED":
        task.ended_at = cluster.timeline.now()


_SETTLED = {
    ExperimentState.STOPPING_CANCELED: ExperimentState.CANCELED,
    ExperimentState.STOPPING_KILLED: ExperimentState.CANCELED,
    ExperimentState.STOPPING_COMPLETED: ExperimentState.COMPLETED,
    ExperimentState.STOPPING_ERROR: ExperimentState.ERROR,
}


def _trial_left(cluster: Cluster, trial: Trial, allocation: Allocation) -> None:
    """Settle the states of a trial without an allocation, and of its experiment."""
    now = cluster.timeline.now()
    trial.state = _SETTLED.get(trial.state, trial.state)
    if trial.state.final:
        trial.ended_at = trial.task.ended_at = now
    settle_experiment(cluster, trial)
    if trial.state is ExperimentState.ACTIVE and allocation.exit_reason == PREEMPTED:
        # Activated again while it was still on its way out.
        request_allocation(cluster, trial.task)


def settle_experiment(cluster: Cluster, trial: Trial) -> None:
    """End the experiment with its last trial. A killed one shows as CANCELED."""
    experiment = trial.experiment
    if experiment.state.final or not all(peer.state.final for peer in experiment.trials):
        return
    experiment.state = _SETTLED.get(experiment.state, trial.state)
    experiment.ended_at = cluster.timeline.now()


def _assign(
    cluster: Cluster, allocation: Allocation, room: Room, *, state: AllocationState
) -> None:
    workload = allocation.task.workload
    allocation.state = state
    for agent, devices in room:
        allocation.containers.append(
            Container(
                container_id=cluster.new_uuid(),
                runtime_id=f"{cluster.random.getrandbits(256):064x}",
                docker_name=docker_name(cluster.random),
                agent=agent,
                devices=devices,
                state=state,
                cpu_cores=workload.cpu_cores,
                memory_bytes=workload.memory_bytes,
                receive_bytes_per_second=workload.receive_bytes_per_second,
                write_bytes_per_second=workload.write_bytes_per_second,
            )
        )
