"""What the kill, pause, cancel and activate calls do and answer.

Only experiments and generic tasks can be paused. Repeats are harmless for some objects and
errors for others; each function says which.
"""

from collections.abc import Collection

from demo.cluster import lifecycle
from demo.cluster.cluster import Cluster
from demo.cluster.errors import failed_precondition, internal, not_found
from demo.cluster.model import (
    AllocationState,
    Experiment,
    ExperimentState,
    Task,
    TaskType,
    Trial,
)

_NOT_TO_PAUSE = frozenset(
    {
        "CANCELED",
        "COMPLETED",
        "PAUSED",
        "ERROR",
        "STOPPING_ERROR",
        "STOPPING_CANCELED",
        "STOPPING_COMPLETED",
    }
)
"""The states of generic tasks that a pause of an ancestor leaves as they are."""


def find_experiment(cluster: Cluster, experiment_id: int) -> Experiment:
    experiment = cluster.experiments.get(experiment_id)
    if experiment is None:
        raise not_found(f"experiment '{experiment_id}' not found")
    return experiment


def find_trial(cluster: Cluster, trial_id: int) -> Trial:
    trial = cluster.trials.get(trial_id)
    if trial is None:
        raise not_found(f"trial '{trial_id}' not found")
    return trial


def find_ntsc(cluster: Cluster, task_type: TaskType, task_id: str) -> Task:
    """Return a notebook, shell, command or TensorBoard that the master still remembers.

    Ended ones stay for 24 hours, and not through a restart of the master.
    """
    task = cluster.tasks.get(task_id)
    if task is None or task.task_type is not task_type or not remembered(cluster, task):
        raise not_found(f"{task_type.lower()} '{task_id}' not found")
    return task


def remembered(cluster: Cluster, task: Task) -> bool:
    if task.ended_at is None:
        return True
    keep = cluster.timeline.scaled(cluster.options.ntsc_retention)
    forgotten = task.ended_at < cluster.master_started_at
    return not forgotten and cluster.timeline.now() < task.ended_at + keep


def kill_ntsc(cluster: Cluster, task_type: TaskType, task_id: str) -> Task:
    """Kill; a repeat gives the same answer until the task is forgotten."""
    task = find_ntsc(cluster, task_type, task_id)
    if task.current is not None:
        lifecycle.kill(cluster, task.current)
    return task


def kill_experiment(cluster: Cluster, experiment_id: int) -> None:
    """Kill; nothing to do on a finished one."""
    experiment = find_experiment(cluster, experiment_id)
    if not experiment.state.final:
        _stop(cluster, experiment, ExperimentState.STOPPING_KILLED)


def cancel_experiment(cluster: Cluster, experiment_id: int) -> None:
    """End gracefully: trials write a checkpoint first."""
    experiment = find_experiment(cluster, experiment_id)
    if not experiment.state.final and not experiment.state.stopping:
        _stop(cluster, experiment, ExperimentState.STOPPING_CANCELED)


def pause_experiment(cluster: Cluster, experiment_id: int) -> None:
    """Pause; already paused is fine, finished or stopping is 400."""
    experiment = find_experiment(cluster, experiment_id)
    if experiment.state.final:
        raise failed_precondition("experiment in terminal state")
    if experiment.state.stopping:
        raise failed_precondition("experiment in incompatible state")
    experiment.state = ExperimentState.PAUSED
    for trial in experiment.trials:
        if not trial.state.final:
            trial.state = ExperimentState.PAUSED
            _preempt(cluster, trial.task)


def activate_experiment(cluster: Cluster, experiment_id: int) -> None:
    """Go on: each trial gets a new allocation of the same task."""
    experiment = find_experiment(cluster, experiment_id)
    if experiment.state.final:
        raise not_found(f"experiment '{experiment_id}' not found")
    if experiment.state.stopping:
        raise failed_precondition("experiment in incompatible state")
    experiment.state = ExperimentState.ACTIVE
    for trial in experiment.trials:
        if not trial.state.final:
            trial.state = ExperimentState.ACTIVE
            if trial.task.current is None:
                lifecycle.request_allocation(cluster, trial.task)


def kill_trial(cluster: Cluster, trial_id: int) -> None:
    """Kill; a finished experiment is 404, a finished trial of a live experiment 500."""
    trial = find_trial(cluster, trial_id)
    if trial.experiment.state.final:
        raise not_found(f"experiment '{trial.experiment.experiment_id}' not found")
    if trial.state.final:
        raise internal("trial not found")
    trial.state = ExperimentState.STOPPING_KILLED
    if trial.task.current is None:
        trial.state = ExperimentState.CANCELED
        lifecycle.settle_experiment(cluster, trial)
    else:
        lifecycle.kill(cluster, trial.task.current)


def kill_generic(cluster: Cluster, task_id: str) -> None:
    """Kill, with all that descend from it. Whatever goes wrong here is 500, another type too."""
    task = _generic(cluster, task_id)
    if task.generic_state not in {"ACTIVE", "PAUSED", "STOPPING_PAUSED"}:
        raise internal(f"cannot cancel task {task_id} in state '{task.generic_state}'")
    for each in _with_descendants(cluster, task, but_below={"CANCELED", "COMPLETED"}):
        if each.current is None:
            each.generic_state = "CANCELED"
            each.ended_at = cluster.timeline.now()
        else:
            each.generic_state = "STOPPING_CANCELED"
            lifecycle.kill(cluster, each.current)


def pause_generic(cluster: Cluster, task_id: str) -> None:
    """Pause. All that descend from it count as pausing; only those are that do not forbid it."""
    task = _generic(cluster, task_id)
    if task.no_pause:
        raise internal(f"cannot pause task {task_id}. Metadata 'no_pause' is true")
    if task.generic_state != "ACTIVE":
        raise internal(f"cannot pause task {task_id} in state '{task.generic_state}'")
    for each in _with_descendants(cluster, task, but_below=_NOT_TO_PAUSE):
        each.generic_state = "STOPPING_PAUSED"
        if not each.no_pause:
            _preempt(cluster, each)


def _with_descendants(cluster: Cluster, task: Task, *, but_below: Collection[str]) -> list[Task]:
    """Return the task and its children, and theirs; a state of these ends the search below it."""
    found = [task]
    for one in found:
        found += [
            each
            for each in cluster.tasks.values()
            if each.parent_id == one.task_id and each.generic_state not in but_below
        ]
    return found


def unpause_generic(cluster: Cluster, task_id: str) -> None:
    task = _generic(cluster, task_id)
    if task.generic_state != "PAUSED":
        raise internal(f"cannot unpause task {task_id} in state '{task.generic_state}'")
    task.generic_state = "ACTIVE"
    lifecycle.request_allocation(cluster, task)


def _generic(cluster: Cluster, task_id: str) -> Task:
    task = cluster.tasks.get(task_id)
    if task is None or task.task_type is not TaskType.GENERIC:
        raise internal(f"task {task_id} not found (make sure task is of type GENERIC)")
    return task


def _stop(cluster: Cluster, experiment: Experiment, state: ExperimentState) -> None:
    experiment.state = state
    for trial in experiment.trials:
        if trial.state.final:
            continue
        trial.state = state
        if trial.task.current is None:
            trial.state = ExperimentState.CANCELED
            lifecycle.settle_experiment(cluster, trial)
        elif state is ExperimentState.STOPPING_KILLED:
            lifecycle.kill(cluster, trial.task.current)
        else:
            _preempt(cluster, trial.task)


def _preempt(cluster: Cluster, task: Task) -> None:
    """Ask the allocation to leave; one that is not ready yet is killed at once."""
    allocation = task.current
    if allocation is None:
        return
    ready = allocation.state is AllocationState.RUNNING
    latency = cluster.options.preemption_latency if ready else cluster.options.kill_latency
    lifecycle.terminate(cluster, allocation, latency=latency, exit_reason=lifecycle.PREEMPTED)
