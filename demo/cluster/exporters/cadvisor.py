"""cAdvisor with --docker_only=true and two container labels let through.

Samples carry their own timestamps, so that a vanished container lingers in queries.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from demo.cluster.exporters.exposition import family, go_float
from demo.cluster.model import QUIET_RECEIVE, QUIET_WRITE, Agent, Allocation, Container
from demo.cluster.sensors import ExporterSettings, accrue_usage, cores_used

_IMAGE = "determinedai/pytorch-ngc-dev:0736b6d"
_OWN_ID = "a5d328263dfe574de739988b886e7577496a2c8773e130f7eb19731662b5e803"
_PREFIX = "container_label_ai_determined_container"


@dataclass(frozen=True, slots=True)
class _Cgroup:
    """A row's identity and readings; what Determined did not start has empty labels."""

    determined_labels: str
    path: str
    image: str
    name: str
    interface: str
    cpu_seconds: float
    memory_bytes: int
    received_bytes: float
    written_bytes: float
    started: float

    def labels(self, **extra: str) -> str:
        """Return the labels in alphabetical order, as Go's client writes them."""
        named = {"id": self.path, "image": self.image, "name": self.name, **extra}
        rest = ",".join(f'{name}="{named[name]}"' for name in sorted(named))
        return f"{{{self.determined_labels}{rest}}}"


_MEMORY: dict[str, tuple[str, Callable[[_Cgroup], float]]] = {
    "container_memory_working_set_bytes": (
        "Current working set in bytes.",
        lambda group: group.memory_bytes,
    ),
    "container_memory_rss": ("Size of RSS in bytes.", lambda group: group.memory_bytes * 0.8),
}


class CadvisorExporter:
    def __init__(self, agent: Agent, *, started_at: datetime) -> None:
        self._agent = agent
        self._started_at = started_at
        self._root_cpu_seconds = 0.0
        self._collected_at = started_at

    def collect(
        self,
        now: datetime,
        running: Iterable[tuple[Allocation, Container]],
        settings: ExporterSettings,
    ) -> str:
        present = list(running)
        groups = [self._root(now, [container for _, container in present], settings)]
        groups += [self._own(now, settings)]
        groups += [self._of(now, *pair, settings) for pair in present]
        stamp = f" {int(now.timestamp() * 1000)}"
        lines = self._cpu(groups, stamp)
        for name, (help_text, read) in _MEMORY.items():
            rows = [f"{group.labels()} {go_float(read(group))}{stamp}" for group in groups]
            lines += family(name, help_text, "gauge", rows)
        # The root has memory and CPU; network and disks are those of containers.
        lines += _network(groups[1:], now, stamp) + _disks(groups[1:], now, stamp)
        lines += _life(groups[1:], now, stamp) + self._machine(stamp)
        return "\n".join(lines) + "\n"

    def _cpu(self, groups: list[_Cgroup], stamp: str) -> list[str]:
        rows = [
            f"{group.labels(cpu=cpu)} {go_float(seconds)}{stamp}"
            for group in groups
            for cpu, seconds in self._per_cpu(group.cpu_seconds)
        ]
        name = "container_cpu_usage_seconds_total"
        return family(name, "Cumulative cpu time consumed in seconds.", "counter", rows)

    def _machine(self, stamp: str) -> list[str]:
        labels = 'boot_id="",machine_id="",system_uuid=""'
        rows = [f"{{{labels}}} {go_float(self._agent.cpu_count)}{stamp}"]
        return family("machine_cpu_cores", "Number of logical CPU cores.", "gauge", rows)

    def _per_cpu(self, seconds: float) -> list[tuple[str, float]]:
        """Return one total on cgroup v2, and a row for each CPU on v1."""
        if self._agent.systemd_cgroups:
            return [("total", round(seconds, 6))]
        count = self._agent.cpu_count
        return [(f"cpu{number:02d}", round(seconds / count, 9)) for number in range(count)]

    def _path(self, runtime_id: str) -> str:
        if self._agent.systemd_cgroups:
            return f"/system.slice/docker-{runtime_id}.scope"
        return f"/docker/{runtime_id}"

    def _of(
        self,
        now: datetime,
        allocation: Allocation,
        container: Container,
        settings: ExporterSettings,
    ) -> _Cgroup:
        accrue_usage(container, now)
        # Distributed trials use the host's network: their counters are the host's.
        shared = len(allocation.containers) > 1
        return _Cgroup(
            determined_labels=_determined(settings, self._agent.agent_id, container.container_id),
            path=self._path(container.runtime_id),
            image=_IMAGE,
            name=container.docker_name,
            interface="eno1" if shared else "eth0",
            cpu_seconds=container.cpu_seconds,
            memory_bytes=container.memory_bytes,
            received_bytes=container.received_bytes,
            written_bytes=container.written_bytes,
            started=(container.started_at or now).timestamp(),
        )

    def _root(
        self, now: datetime, containers: list[Container], settings: ExporterSettings
    ) -> _Cgroup:
        cores = cores_used(self._agent, containers, settings)
        self._root_cpu_seconds += cores * (now - self._collected_at).total_seconds()
        self._collected_at = now
        used = settings.system_memory_bytes + sum(part.memory_bytes for part in containers)
        return _Cgroup(
            determined_labels=_determined(settings, "", ""),
            path="/",
            image="",
            name="",
            interface="",
            cpu_seconds=self._root_cpu_seconds,
            memory_bytes=min(used, self._agent.memory_bytes),
            received_bytes=0.0,
            written_bytes=0.0,
            started=self._started_at.timestamp(),
        )

    def _own(self, now: datetime, settings: ExporterSettings) -> _Cgroup:
        age = (now - self._started_at).total_seconds()
        return _Cgroup(
            determined_labels=_determined(settings, "", ""),
            path=self._path(_OWN_ID),
            image="ghcr.io/google/cadvisor:v0.60.5",
            name="cadvisor",
            interface="eth0",
            cpu_seconds=0.02 * age,
            memory_bytes=80 * 2**20,
            received_bytes=QUIET_RECEIVE * age,
            written_bytes=QUIET_WRITE * age,
            started=self._started_at.timestamp(),
        )


def _determined(settings: ExporterSettings, agent_id: str, container_id: str) -> str:
    if not settings.determined_labels:
        return ""
    return f'{_PREFIX}_agent="{agent_id}",{_PREFIX}_id="{container_id}",'


def _age(group: _Cgroup, now: datetime) -> float:
    return max(0.0, now.timestamp() - group.started)


def _network(groups: list[_Cgroup], now: datetime, stamp: str) -> list[str]:
    """What is received is the workload's; what is sent grows with age alone."""
    lines: list[str] = []
    for direction, verb, count in (
        ("receive", "received", lambda group: group.received_bytes),
        ("transmit", "transmitted", lambda group: _age(group, now) * QUIET_RECEIVE),
    ):
        rows = [
            f"{group.labels(interface=group.interface)} {go_float(round(count(group)))}{stamp}"
            for group in groups
        ]
        name = f"container_network_{direction}_bytes_total"
        lines += family(name, f"Cumulative count of bytes {verb}", "counter", rows)
    return lines


def _disks(groups: list[_Cgroup], now: datetime, stamp: str) -> list[str]:
    """What is written is the workload's; what is read grows with age alone."""
    usage = [f"{group.labels(device='/dev/nvme0n1p2')} 2.1e+09{stamp}" for group in groups]
    lines = family(
        "container_fs_usage_bytes",
        "Number of bytes that are consumed by the container on this filesystem.",
        "gauge",
        usage,
    )
    for verb, done, count in (
        ("reads", "read", lambda group: _age(group, now) * QUIET_WRITE),
        ("writes", "written", lambda group: group.written_bytes),
    ):
        rows = [
            f"{group.labels(device='/dev/nvme0n1')} {go_float(round(count(group)))}{stamp}"
            for group in groups
        ]
        name = f"container_fs_{verb}_bytes_total"
        lines += family(name, f"Cumulative count of bytes {done}", "counter", rows)
    return lines


def _life(groups: list[_Cgroup], now: datetime, stamp: str) -> list[str]:
    seen = [f"{group.labels()} {go_float(int(now.timestamp()))}{stamp}" for group in groups]
    started = [f"{group.labels()} {go_float(int(group.started))}" for group in groups]
    limits = [f"{group.labels()} 0" for group in groups]
    return [
        *family(
            "container_last_seen", "Last time a container was seen by the exporter", "gauge", seen
        ),
        *family(
            "container_start_time_seconds",
            "Start time of the container since unix epoch in seconds.",
            "gauge",
            started,
        ),
        *family(
            "container_spec_memory_limit_bytes", "Memory limit for the container.", "gauge", limits
        ),
    ]
