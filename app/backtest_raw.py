"""What exporters and det-state-metrics know of a past in which there were no rules yet.

Each GPU and each container by itself, as alerting-rules/{gpus,hosts}.rules.yaml have it, and which
allocation had them. To join a week of them takes Prometheus half an hour of a processor: they are
joined here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.backtest_course import Tracks
from app.domain.marks import Levels, Marks, anywhere
from app.domain.readings import Track

_UTILIZATION = 'max by (gpu_uuid) (max_over_time(DCGM_FI_DEV_GPU_UTIL{GPU_I_ID=""}[1m]))'
_ENGINE = 'max by (gpu_uuid) (max_over_time(DCGM_FI_PROF_GR_ENGINE_ACTIVE{GPU_I_ID=""}[1m]))'
_DRAM = 'max by (gpu_uuid) (max_over_time(DCGM_FI_PROF_DRAM_ACTIVE{GPU_I_ID=""}[1m]))'
_POWER = """\
max by (gpu_uuid) (
  max by (gpu_uuid, modelName) (max_over_time(DCGM_FI_DEV_POWER_USAGE{GPU_I_ID=""}[1m]))
  / on (modelName) group_left ()
  min_over_time((min by (modelName) (DCGM_FI_DEV_POWER_USAGE{GPU_I_ID=""} > 0))[1d:5m])
)"""
_SAMPLES = 'max by (gpu_uuid) (count_over_time(DCGM_FI_DEV_GPU_UTIL{GPU_I_ID=""}[5m]))'


def _each_second(metric: str, limit: str) -> str:
    return f"""\
max by (container_runtime_id) (
  sum by (instance, id, container_runtime_id) (
    rate({metric}{{container_runtime_id!=""}}[5m])
  )
) > bool {limit}"""


GPUS = {
    "active": f"""\
group by (gpu_uuid) ({_UTILIZATION} > 1 or {_ENGINE} > 0.01 or {_DRAM} > 0.01 or {_POWER} > 2)
or 0 * {_UTILIZATION}""",
    "signals": "count by (gpu_uuid) ({})".format(
        " or ".join(
            f'label_replace({each}, "signal", "{number}", "", "")'
            for number, each in enumerate((_UTILIZATION, _ENGINE, _DRAM, _POWER))
        )
    ),
    # How many samples there should be is what the GPU with the most has: the interval is not known.
    "coverage": f"{_SAMPLES} / scalar(max({_SAMPLES}))",
}
"""By GPU."""
CONTAINERS = {
    "cpu": _each_second("container_cpu_usage_seconds_total", "0.5"),
    "disk": _each_second("container_fs_writes_bytes_total", "1048576"),
    "network": _each_second("container_network_receive_bytes_total", "1048576"),
}
"""Whether each container works, by the id that the runtime gives it."""
HELD = "group by (gpu_uuid, container_id) (det_gpu_uuid_container_id)"
"""Its values mean nothing; its rows are deleted when a container ends."""
STANDING = {
    "allocations": ("det_container_id_allocation_id", "container_id", "allocation_id"),
    "runtimes": ("det_container_id_runtime_container_id", "container_id", "container_runtime_id"),
    "tasks": ("det_allocation_id_task_id_task_actor", "allocation_id", "task_id"),
    "jobs": ("det_allocation_id_task_id_task_actor", "allocation_id", "job_id"),
    "experiments": ("det_job_id_experiment_id", "job_id", "experiment_id"),
}
"""What never changes once it is there: the metric, and which of its labels leads to which."""
_NOTHING: Levels = {}


@dataclass(frozen=True, slots=True)
class Raw:
    """What was scraped in a part of the past."""

    held: tuple[Track, ...]
    gpus: Mapping[str, Mapping[str, Levels]]
    """By what they are of, and by GPU."""
    containers: Mapping[str, Mapping[str, Levels]]
    """By what they are of, and by the runtime's id."""
    standing: Mapping[str, Mapping[str, str]]

    def holdings(self) -> "dict[str, Holding]":
        """Return what each allocation held."""
        found: dict[str, Holding] = {}
        for each in self.held:
            container = each.labels.get("container_id", "")
            one = self.standing["allocations"].get(container)
            if one is not None:
                holding = found.setdefault(one, Holding(one, self))
                holding.gpus[each.labels.get("gpu_uuid", ""), container] = _seen(each.levels)
        return found


@dataclass(frozen=True, slots=True)
class Holding:
    """The GPUs of an allocation."""

    allocation_id: str
    raw: Raw
    gpus: dict[tuple[str, str], Marks] = field(default_factory=dict)
    """When it had them, by GPU and container."""

    @property
    def labels(self) -> dict[str, str]:
        standing = self.raw.standing
        job = standing["jobs"].get(self.allocation_id, "")
        return {
            "allocation_id": self.allocation_id,
            "task_id": standing["tasks"].get(self.allocation_id, ""),
            "task_type": "trial" if job in standing["experiments"] else "",
        }

    @property
    def slots(self) -> int:
        return len({gpu for gpu, _ in self.gpus})

    @property
    def tracks(self) -> Tracks:
        return Tracks(
            held={1.0: self._held},
            gpu_active=_any(self._gpus("active")),
            host_active=self._host_active(),
            signals=_added_up(self._gpus("signals")),
            coverage=self._least_covered(),
        )

    @property
    def _held(self) -> Marks:
        return anywhere(self.gpus.values())

    def _gpus(self, what: str) -> list[Levels]:
        """Return this of each of its GPUs, for as long as it had it."""
        rows = self.raw.gpus[what]
        return [
            {value: marks & had for value, marks in rows.get(gpu, _NOTHING).items()}
            for (gpu, _), had in self.gpus.items()
        ]

    def _least_covered(self) -> Levels:
        """Return the lowest, where every GPU was seen."""
        each = self._gpus("coverage")
        left = self._held
        for levels, had in zip(each, self.gpus.values(), strict=True):
            left &= _seen(levels) | ~had
        found = {}
        for value in sorted({value for levels in each for value in levels}):
            found[value] = left & anywhere(levels.get(value, 0) for levels in each)
            left &= ~found[value]
        return found

    def _host_active(self) -> Levels:
        """Tell whether any container works, where the CPU of every one was seen."""
        containers: dict[str, Marks] = {}
        for (_, container), had in self.gpus.items():
            containers[container] = containers.get(container, 0) | had
        # Several use the network of their machines, whose counters are everybody's.
        signals = ("cpu", "disk", "network") if len(containers) == 1 else ("cpu", "disk")
        seen, works = self._held, 0
        for container, had in containers.items():
            runtime = self.raw.standing["runtimes"].get(container, "")
            rows = [self.raw.containers[name].get(runtime, _NOTHING) for name in signals]
            seen &= _seen(rows[0]) | ~had
            works |= had & anywhere(each.get(1.0, 0) for each in rows)
        return {1.0: works & seen, 0.0: seen & ~works}


def _seen(levels: Levels) -> Marks:
    return anywhere(levels.values())


def _any(each: list[Levels]) -> Levels:
    works = anywhere(levels.get(1.0, 0) for levels in each)
    return {1.0: works, 0.0: anywhere(map(_seen, each)) & ~works}


def _added_up(each: list[Levels]) -> Levels:
    """Return the sum at each step at which there is anything to add."""
    sums: dict[float, Marks] = {}
    for levels in each:
        before, seen = sums, _seen(levels)
        sums = {value: marks & ~seen for value, marks in before.items()}
        nothing = ~_seen(before)
        for value, marks in levels.items():
            sums[value] = sums.get(value, 0) | (marks & nothing)
            for other, among in before.items():
                sums[value + other] = sums.get(value + other, 0) | (marks & among)
    return sums
