"""node-exporter: the few metrics that the rules and dashboards read."""

from collections.abc import Iterable
from datetime import datetime

from demo.cluster.exporters.exposition import family, go_float
from demo.cluster.model import Agent, Container
from demo.cluster.sensors import ExporterSettings, cores_used

_MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
_SYSTEM_SHARE = 0.1
"""Of the busy time, this part is spent in the kernel."""


class NodeExporter:
    def __init__(self, agent: Agent, *, started_at: datetime) -> None:
        self._agent = agent
        self._started_at = started_at
        self._collected_at = started_at
        self._busy_seconds = 0.0
        self._idle_seconds = 0.0

    def collect(
        self, now: datetime, running: Iterable[Container], settings: ExporterSettings
    ) -> str:
        """Return the node's state at the moment of the scrape: nothing is cached here."""
        containers = list(running)
        cores = cores_used(self._agent, containers, settings)
        self._accrue(now, cores)
        memory = settings.system_memory_bytes + sum(part.memory_bytes for part in containers)
        lines = self._cpu() + _load(cores) + self._memory(memory) + self._identity(now)
        return "\n".join(lines) + "\n"

    def _accrue(self, now: datetime, cores: float) -> None:
        seconds = (now - self._collected_at).total_seconds()
        self._busy_seconds += cores * seconds
        self._idle_seconds += (self._agent.cpu_count - cores) * seconds
        self._collected_at = now

    def _cpu(self) -> list[str]:
        count = self._agent.cpu_count
        seconds = dict.fromkeys(_MODES, 0.0) | {
            "idle": self._idle_seconds / count,
            "system": self._busy_seconds * _SYSTEM_SHARE / count,
            "user": self._busy_seconds * (1 - _SYSTEM_SHARE) / count,
        }
        shown = {mode: go_float(round(value, 2)) for mode, value in seconds.items()}
        rows = [
            f'{{cpu="{number}",mode="{mode}"}} {shown[mode]}'
            for number in range(count)
            for mode in _MODES
        ]
        help_text = "Seconds the CPUs spent in each mode."
        return family("node_cpu_seconds_total", help_text, "counter", rows)

    def _memory(self, used: int) -> list[str]:
        total = self._agent.memory_bytes
        available = max(total // 100, total - used)
        values = {
            "MemAvailable_bytes": available,
            "MemFree_bytes": available * 9 // 10,
            "MemTotal_bytes": total,
        }
        lines: list[str] = []
        for name, value in values.items():
            help_text = f"Memory information field {name}."
            lines += family(f"node_memory_{name}", help_text, "gauge", [f" {go_float(value)}"])
        return lines

    def _identity(self, now: datetime) -> list[str]:
        uname = (
            f'{{domainname="(none)",machine="x86_64",nodename="{self._agent.agent_id}",'
            'release="6.1.0-28-amd64",sysname="Linux",version="#1 SMP PREEMPT_DYNAMIC Debian"} 1'
        )
        boot, clock = self._started_at.timestamp(), now.timestamp()
        return [
            *family(
                "node_boot_time_seconds",
                "Node boot time, in unixtime.",
                "gauge",
                [f" {go_float(int(boot))}"],
            ),
            *family(
                "node_time_seconds",
                "System time in seconds since epoch (1970).",
                "gauge",
                [f" {go_float(clock)}"],
            ),
            *family(
                "node_uname_info",
                "Labeled system information as provided by the uname system call.",
                "gauge",
                [uname],
            ),
        ]


def _load(cores: float) -> list[str]:
    lines: list[str] = []
    for minutes in (1, 5, 15):
        row = f" {go_float(round(cores, 2))}"
        lines += family(f"node_load{minutes}", f"{minutes}m load average.", "gauge", [row])
    return lines
