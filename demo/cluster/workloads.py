"""Begin and change tasks, as the users of the simulated cluster do."""

from dataclasses import dataclass, field

from demo.cluster import lifecycle
from demo.cluster.cluster import Cluster
from demo.cluster.errors import ControlError
from demo.cluster.model import (
    IDLE,
    QUIET_RECEIVE,
    QUIET_WRITE,
    Allocation,
    AllocationState,
    Container,
    Experiment,
    ExperimentState,
    GpuActivity,
    Task,
    TaskType,
    Trial,
    User,
    Workload,
)
from demo.cluster.names import pet_name

_TITLES = {
    TaskType.NOTEBOOK: "JupyterLab",
    TaskType.SHELL: "Shell",
    TaskType.COMMAND: "Command",
    TaskType.TENSORBOARD: "TensorBoard",
}


@dataclass(frozen=True, slots=True)
class StartRequest:
    task_type: TaskType
    username: str
    slots: int = 1
    agents: dict[str, int] | None = None
    """Slots by agent, one container each; overrides `slots`. None: the scheduler chooses."""
    pool: str = "default"
    name: str = ""
    labels: list[str] = field(default_factory=list)
    notes: str = ""
    activity: GpuActivity = IDLE
    cpu_cores: float = 0.05
    memory_bytes: int = 2 * 2**30
    receive_bytes_per_second: float = QUIET_RECEIVE
    write_bytes_per_second: float = QUIET_WRITE
    experiment_id: int | None = None
    """Adds a trial to this experiment instead of beginning one."""
    hold_at: AllocationState | None = None
    """QUEUED, PULLING or STARTING: stays there until it is released."""
    fails_before_running: bool = False
    no_pause: bool = False
    parent_id: str = ""
    """Of a generic task: the task that has begun it."""


def start(cluster: Cluster, request: StartRequest) -> Task:
    """Begin a task and its first allocation."""
    owner = user_named(cluster, request.username)
    if request.agents is not None and not set(request.agents) <= set(cluster.agents):
        raise ControlError(f"no such agent among {sorted(request.agents)}")
    experiment = _experiment(cluster, request, owner)
    task = _make_task(cluster, request, owner, experiment)
    cluster.tasks[task.task_id] = task
    if experiment is not None and request.task_type is TaskType.TRIAL:
        _add_trial(cluster, experiment, task)
    task.hold_at = AllocationState.QUEUED if request.fails_before_running else request.hold_at
    allocation = lifecycle.request_allocation(cluster, task)
    if request.fails_before_running:
        if task.trial is not None:
            task.trial.state = ExperimentState.STOPPING_ERROR
        lifecycle.fail_before_running(cluster, allocation)
    return task


def release(cluster: Cluster, task: Task) -> None:
    """Let a held task go on; one in the queue as soon as there is room."""
    allocation = _current(task)
    task.hold_at = None
    if allocation.containers and allocation.state is not AllocationState.RUNNING:
        lifecycle.run(cluster, allocation)
    else:
        lifecycle.schedule(cluster)


def finish(cluster: Cluster, task: Task) -> None:
    """End a task as if its program had ended by itself."""
    allocation = _current(task)
    if task.trial is not None:
        task.trial.state = ExperimentState.STOPPING_COMPLETED
    lifecycle.end(cluster, allocation)


def exit_container(cluster: Cluster, allocation: Allocation, container: Container) -> None:
    """End one container by itself; a trial is complete with its last one."""
    trial = allocation.task.trial
    peers = [peer for peer in allocation.containers if peer is not container]
    last = all(peer.state is AllocationState.TERMINATED for peer in peers)
    if trial is not None and last and trial.state is ExperimentState.ACTIVE:
        trial.state = ExperimentState.STOPPING_COMPLETED
    lifecycle.exit_container(cluster, allocation, container)


def restart_trial(cluster: Cluster, trial: Trial) -> Allocation:
    """End the trial's allocation as a failure does, and begin the next of the same task."""
    lifecycle.end(cluster, _current(trial.task), exit_reason="task failed with exit code 1")
    trial.restarts += 1
    return lifecycle.request_allocation(cluster, trial.task)


def change_owner(cluster: Cluster, task: Task, username: str) -> None:
    owner = user_named(cluster, username)
    task.owner = owner
    if task.trial is not None:
        task.trial.experiment.owner = owner


def change_labels(cluster: Cluster, experiment: Experiment, labels: list[str]) -> None:
    experiment.labels = labels
    cluster.metrics.labels_changed(experiment.experiment_id, labels)


def user_named(cluster: Cluster, username: str) -> User:
    user = cluster.accounts.by_name(username)
    if user is None:
        raise ControlError(f"no user {username!r}")
    return user


def _current(task: Task) -> Allocation:
    if task.current is None:
        raise ControlError(f"task {task.task_id} has ended")
    return task.current


def _experiment(cluster: Cluster, request: StartRequest, owner: User) -> Experiment | None:
    if request.task_type not in {TaskType.TRIAL, TaskType.CHECKPOINT_GC}:
        return None
    if request.experiment_id is not None:
        if request.experiment_id not in cluster.experiments:
            raise ControlError(f"no experiment {request.experiment_id}")
        return cluster.experiments[request.experiment_id]
    experiment_id = max(cluster.experiments, default=40) + 1
    experiment = Experiment(
        experiment_id=experiment_id,
        name=request.name or pet_name(cluster.random),
        owner=owner,
        pool=request.pool,
        job_id=cluster.new_uuid(),
        started_at=cluster.timeline.now(),
        labels=list(request.labels),
        notes=request.notes,
    )
    if request.task_type is TaskType.CHECKPOINT_GC:
        # Checkpoints are collected when their experiment is over.
        experiment.state, experiment.ended_at = ExperimentState.COMPLETED, experiment.started_at
    cluster.experiments[experiment_id] = experiment
    return experiment


def _make_task(
    cluster: Cluster, request: StartRequest, owner: User, experiment: Experiment | None
) -> Task:
    unique = cluster.new_uuid()
    task_id = f"{experiment.experiment_id}.{unique}" if experiment else unique
    slots = request.slots if request.agents is None else sum(request.agents.values())
    return Task(
        task_id=task_id,
        task_type=request.task_type,
        name=_name(cluster, request, task_id, experiment),
        owner=owner,
        pool=request.pool,
        slots=slots,
        job_id=_job_id(cluster, request, task_id, experiment),
        created_at=cluster.timeline.now(),
        workload=Workload(
            placement=request.agents,
            activity=request.activity,
            cpu_cores=request.cpu_cores,
            memory_bytes=request.memory_bytes,
            receive_bytes_per_second=request.receive_bytes_per_second,
            write_bytes_per_second=request.write_bytes_per_second,
        ),
        no_pause=request.no_pause,
        parent_id=request.parent_id,
        secret=f"{cluster.random.getrandbits(128):032x}",
    )


def _job_id(
    cluster: Cluster, request: StartRequest, task_id: str, experiment: Experiment | None
) -> str:
    if request.task_type is TaskType.CHECKPOINT_GC:
        return f"checkpoint_gc-{task_id}.1"
    return experiment.job_id if experiment else cluster.new_uuid()


def _name(
    cluster: Cluster, request: StartRequest, task_id: str, experiment: Experiment | None
) -> str:
    if request.task_type is TaskType.GENERIC:
        return f"Generic Task {task_id}"
    if experiment is None:
        return request.name or f"{_TITLES[request.task_type]} ({pet_name(cluster.random)})"
    if request.task_type is TaskType.CHECKPOINT_GC:
        return f"Checkpoint GC (Experiment {experiment.experiment_id})"
    return f"Trial {_next_trial_id(cluster)} (Experiment {experiment.experiment_id})"


def _add_trial(cluster: Cluster, experiment: Experiment, task: Task) -> None:
    trial = Trial(_next_trial_id(cluster), experiment, task)
    task.trial = trial
    experiment.trials.append(trial)
    cluster.trials[trial.trial_id] = trial


def _next_trial_id(cluster: Cluster) -> int:
    return max(cluster.trials, default=56) + 1
