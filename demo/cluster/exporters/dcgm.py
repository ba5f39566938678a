"""dcgm-exporter 4.5.3 with its default counters."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from demo.cluster.exporters.exposition import family
from demo.cluster.model import Agent, Gpu, GpuActivity
from demo.cluster.sensors import ExporterSettings, accrue_energy, noisy

DRIVER = "550.127.08"
FB_TOTAL_MIB = 81_559
FB_RESERVED_MIB = 539
XID_MESSAGES = {
    13: "Graphics Engine Exception",
    31: "GPU memory page fault",
    43: "GPU stopped processing",
    48: "Double Bit ECC Error",
    79: "GPU has fallen off the bus",
}


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _double(value: float) -> str:
    return f"{value:.6f}"


Reading = Callable[[Gpu, GpuActivity], float]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    help_text: str
    read: Reading
    kind: str = "gauge"
    write: Callable[[float], str] = _whole
    per_device: bool = False
    """Not available for an instance of a GPU under MIG."""


_DEV, _PROF = "DCGM_FI_DEV_", "DCGM_FI_PROF_"

_BEFORE_XID = (
    _Field(
        f"{_DEV}SM_CLOCK",
        "SM clock frequency (in MHz).",
        lambda _, now: 1980 if now.utilization else 345,
    ),
    _Field(f"{_DEV}MEM_CLOCK", "Memory clock frequency (in MHz).", lambda *_: 2619),
    _Field(
        f"{_DEV}MEMORY_TEMP",
        "Memory temperature (in C).",
        lambda _, now: 36 + now.power_watts / 20,
    ),
    _Field(f"{_DEV}GPU_TEMP", "GPU temperature (in C).", lambda _, now: 28 + now.power_watts / 18),
    _Field(
        f"{_DEV}POWER_USAGE", "Power draw (in W).", lambda _, now: now.power_watts, write=_double
    ),
    _Field(
        f"{_DEV}TOTAL_ENERGY_CONSUMPTION",
        "Total energy consumption since boot (in mJ).",
        lambda gpu, _: gpu.energy_millijoules,
        kind="counter",
    ),
    _Field(
        f"{_DEV}PCIE_REPLAY_COUNTER", "Total number of PCIe retries.", lambda *_: 0, kind="counter"
    ),
    _Field(
        f"{_DEV}GPU_UTIL",
        "GPU utilization (in %).",
        lambda _, now: now.utilization,
        per_device=True,
    ),
    _Field(
        f"{_DEV}MEM_COPY_UTIL",
        "Memory utilization (in %).",
        lambda _, now: now.dram * 100,
        per_device=True,
    ),
    _Field(f"{_DEV}ENC_UTIL", "Encoder utilization (in %).", lambda *_: 0, per_device=True),
    _Field(f"{_DEV}DEC_UTIL", "Decoder utilization (in %).", lambda *_: 0, per_device=True),
)

_AFTER_XID = (
    _Field(
        f"{_DEV}FB_FREE",
        "Framebuffer memory free (in MiB).",
        lambda _, now: max(0, FB_TOTAL_MIB - FB_RESERVED_MIB - now.fb_used_mib),
    ),
    _Field(f"{_DEV}FB_USED", "Framebuffer memory used (in MiB).", lambda _, now: now.fb_used_mib),
    _Field(
        f"{_DEV}FB_RESERVED",
        "Framebuffer memory reserved (in MiB).",
        lambda *_: FB_RESERVED_MIB,
    ),
    _Field(
        f"{_DEV}NVLINK_BANDWIDTH_TOTAL",
        "Total number of NVLink bandwidth counters for all lanes.",
        lambda gpu, _: gpu.energy_millijoules // 10_000_000,
        kind="counter",
    ),
    _Field(
        f"{_DEV}UNCORRECTABLE_REMAPPED_ROWS",
        "Number of remapped rows for uncorrectable errors",
        lambda *_: 0,
        kind="counter",
    ),
    _Field(
        f"{_DEV}CORRECTABLE_REMAPPED_ROWS",
        "Number of remapped rows for correctable errors",
        lambda *_: 0,
        kind="counter",
    ),
    _Field(f"{_DEV}ROW_REMAP_FAILURE", "Whether remapping of rows has failed", lambda *_: 0),
)

_PROFILING = (
    _Field(
        f"{_PROF}GR_ENGINE_ACTIVE",
        "Ratio of time the graphics engine is active.",
        lambda _, now: now.engine,
        write=_double,
    ),
    _Field(
        f"{_PROF}PIPE_TENSOR_ACTIVE",
        "Ratio of cycles the tensor (HMMA) pipe is active.",
        lambda _, now: now.tensor,
        write=_double,
    ),
    _Field(
        f"{_PROF}DRAM_ACTIVE",
        "Ratio of cycles the device memory interface is active sending or receiving data.",
        lambda _, now: now.dram,
        write=_double,
    ),
    _Field(
        f"{_PROF}PCIE_TX_BYTES",
        "The rate of data transmitted over the PCIe bus - including both protocol headers "
        "and data payloads - in bytes per second.",
        lambda _, now: 40_221 + now.engine * 214_000_000,
    ),
    _Field(
        f"{_PROF}PCIE_RX_BYTES",
        "The rate of data received over the PCIe bus - including both protocol headers "
        "and data payloads - in bytes per second.",
        lambda _, now: 51_077 + now.engine * 898_000_000,
    ),
)


@dataclass(frozen=True, slots=True)
class _Sample:
    gpu: Gpu
    reading: GpuActivity
    labels: str


class DcgmExporter:
    def __init__(self, agent: Agent, numbers: random.Random, *, started_at: datetime) -> None:
        self._agent = agent
        self._numbers = numbers
        self._collected_at = started_at

    def collect(self, now: datetime, settings: ExporterSettings) -> str:
        """Return what the sensors say now. A GPU off the bus has no series at all."""
        samples: list[_Sample] = []
        for gpu in self._agent.gpus:
            reading = noisy(gpu.activity, self._numbers)
            accrue_energy(gpu, reading, since=self._collected_at, now=now)
            if settings.engine_stuck:
                reading = replace(reading, engine=0.0, tensor=0.0, dram=0.0)
            if not gpu.lost:
                samples += [
                    _Sample(gpu, reading, labels) for labels in _labels(self._agent, gpu, settings)
                ]
        self._collected_at = now
        lines = _render(_BEFORE_XID, samples) + _xid(samples) + _render(_AFTER_XID, samples)
        if settings.profiling:
            lines += _render(_PROFILING, samples)
        return "\n".join(lines) + "\n"


def _render(fields: tuple[_Field, ...], samples: list[_Sample]) -> list[str]:
    lines: list[str] = []
    for field in fields:
        rows = [
            f"{{{sample.labels}}} {field.write(field.read(sample.gpu, sample.reading))}"
            for sample in samples
            if not (field.per_device and sample.gpu.mig)
        ]
        lines += family(field.name, field.help_text, field.kind, rows)
    return lines


def _xid(samples: list[_Sample]) -> list[str]:
    """Return the last XIDs. Before the first one there is no series (since 4.5)."""
    rows = [
        f'{{{sample.labels},err_code="{sample.gpu.xid}",'
        f'err_msg="{XID_MESSAGES.get(sample.gpu.xid, "Unknown Error")}"}} {sample.gpu.xid}'
        for sample in samples
        if sample.gpu.xid is not None
    ]
    help_text = "Value of the last XID error encountered."
    return family(f"{_DEV}XID_ERRORS", help_text, "gauge", rows)


def _labels(agent: Agent, gpu: Gpu, settings: ExporterSettings) -> list[str]:
    """Return the label sets of a GPU: one, or one for each instance under MIG."""
    device = (
        f'gpu="{gpu.index}",UUID="{gpu.uuid}",pci_bus_id="{gpu.pci_bus_id}",'
        f'device="nvidia{gpu.index}",modelName="{gpu.brand}"'
    )
    name = settings.hostname_label
    host = f',{name}="{agent.agent_id}"' if name else ""
    driver = f',DCGM_FI_DRIVER_VERSION="{DRIVER}"'
    if not gpu.mig:
        return [f"{device}{host}{driver}"]
    return [
        f'{device},GPU_I_PROFILE="{part.profile}",GPU_I_ID="{part.instance_id}"{host}{driver}'
        for part in gpu.mig
    ]
