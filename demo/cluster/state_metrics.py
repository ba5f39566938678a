"""`/prom/det-state-metrics`, with the arithmetic of Determined 0.38.1 (det_state_metrics.go).

All rows are gauges in memory. They are counted up where something starts and down where
something ends, and the two do not match: see each method.
"""

from collections import Counter

from demo.cluster.model import Allocation, Container, Trial

_HELP = {
    "det_allocation_id_task_id_task_actor": (
        r"\nExposes mapping of allocation ID to task ID and actor"
    ),
    "det_container_id_allocation_id": r"\nExposes mapping of allocation ID to container ID",
    "det_container_id_runtime_container_id": (
        "a mapping of the container ID to the container ID given be the runtime"
    ),
    "det_experiment_id_label": "a mapping of the experiment ID to the labels",
    "det_gpu_uuid_container_id": (
        r"\nExposes mapping of Determined's container ID to the GPU UUID/device ID "
        r"as given by nvidia-smi\n"
    ),
    "det_job_id_experiment_id": "a mapping of the job ID to the experiment ID",
}


def escaped(value: str) -> str:
    """Return a label value as the text format writes it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class StateMetrics:
    """The six mappings. Nothing here knows an owner, a state, a node or a pool."""

    def __init__(self) -> None:
        self._rows: dict[str, Counter[str]] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a restart of the master does."""
        self._rows = {name: Counter() for name in _HELP}

    def container_running(self, allocation: Allocation, container: Container) -> None:
        """Count a container up at its first Running. Restored ones never come here."""
        self._add("det_allocation_id_task_id_task_actor", _allocation_labels(allocation), 1)
        self._add("det_container_id_allocation_id", _container_labels(allocation, container), 1)
        runtime = f'container_id="{container.container_id}",'
        runtime += f'container_runtime_id="{container.runtime_id}"'
        self._add("det_container_id_runtime_container_id", runtime, 1)
        for device in container.devices:
            self._add("det_gpu_uuid_container_id", _gpu_labels(device.uuid, container), 1)

    def container_terminated(self, allocation: Allocation) -> None:
        """Count every container of the allocation down, at the end of each single one.

        N containers so end at N - N², peers that still run show 0 or less and lose their
        GPU rows, and one that never ran gets rows at -1. Runtime rows stay for ever.
        """
        for container in allocation.containers:
            self._add("det_allocation_id_task_id_task_actor", _allocation_labels(allocation), -1)
            row = _container_labels(allocation, container)
            self._add("det_container_id_allocation_id", row, -1)
            for device in container.devices:
                gpu_rows = self._rows["det_gpu_uuid_container_id"]
                gpu_rows.pop(_gpu_labels(device.uuid, container), None)

    def trial_requested(self, trial: Trial) -> None:
        """Count a new allocation of a trial up; it need not have left the queue."""
        self._count_trial(trial, 1)

    def trial_ended(self, trial: Trial) -> None:
        """Count an allocation of a trial down, also one that was restored and not counted up."""
        self._count_trial(trial, -1)

    def labels_changed(self, experiment_id: int, labels: list[str]) -> None:
        """Count each label up once more; removed labels are not counted down."""
        for label in labels:
            self._add("det_experiment_id_label", _label_labels(experiment_id, label), 1)

    def render(self) -> str:
        lines: list[str] = []
        for name, rows in self._rows.items():
            if rows:
                lines += (f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge")
                lines += (f"{name}{{{labels}}} {rows[labels]}" for labels in sorted(rows))
        return "".join(f"{line}\n" for line in lines)

    def _count_trial(self, trial: Trial, amount: int) -> None:
        experiment = trial.experiment
        labels = f'experiment_id="{experiment.experiment_id}",job_id="{experiment.job_id}"'
        self._add("det_job_id_experiment_id", labels, amount)
        for label in experiment.labels:
            row = _label_labels(experiment.experiment_id, label)
            self._add("det_experiment_id_label", row, amount)

    def _add(self, name: str, labels: str, amount: int) -> None:
        # Not `+=` on a missing key of a plain dict: a row that falls to 0 must stay, at 0.
        self._rows[name][labels] += amount


def _allocation_labels(allocation: Allocation) -> str:
    task = allocation.task
    return (
        f'allocation_id="{allocation.allocation_id}",job_id="{task.job_id}",'
        f'task_actor="{escaped(task.name)}",task_id="{task.task_id}"'
    )


def _container_labels(allocation: Allocation, container: Container) -> str:
    return f'allocation_id="{allocation.allocation_id}",container_id="{container.container_id}"'


def _gpu_labels(uuid: str, container: Container) -> str:
    return f'container_id="{container.container_id}",gpu_uuid="{uuid}"'


def _label_labels(experiment_id: int, label: str) -> str:
    return f'experiment_id="{experiment_id}",label="{escaped(label)}"'
