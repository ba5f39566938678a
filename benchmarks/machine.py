"""What the figures were measured on."""

import os
import platform
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from demo.processes import find_program

_GIB = 2**30
_TICKS = os.sysconf("SC_CLK_TCK")
"""The kernel's unit of time, as a part of a second."""


def describe(*programs: str) -> str:
    """Return one sentence: date, processor, memory, system, and what else had a part in it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {_processor()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB of memory, {', '.join([_system(), *programs])}."
    )


def memory(pid: int) -> tuple[int, int]:
    """Return the bytes that a program has resident, and the most that it has had (Linux only)."""
    return _status(pid, "VmRSS"), _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", _kernel(f"{pid}/status"), re.MULTILINE)
    return int(found[1]) * 1_024 if found else 0


def cpu_seconds(pid: int) -> float:
    """Return what a program has used of the processors, from the kernel (Linux only)."""
    # After the name, which may hold spaces, utime and stime are the 12th and the 13th.
    own = _kernel(f"{pid}/stat").rpartition(")")[2].split()[11:13]
    return sum(map(int, own)) / _TICKS


def yardstick() -> float:
    """Return the seconds that a loop of five million additions takes: how fast Python is here and
    now. What is measured in the same hour is as much faster or slower.
    """
    began, total = time.perf_counter(), 0
    for number in range(5_000_000):
        total += number
    return time.perf_counter() - began


class Others:
    """Measures what programs take of the processors that are not this one, nor started by it and
    over, nor the one that is named.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._pid = pid
        self._begun = time.monotonic()
        self._before = self._seconds()

    def share(self) -> float:
        """Return it as a ratio (0-1) of all processors, since the beginning."""
        available = (time.monotonic() - self._begun) * (os.cpu_count() or 1)
        return min(max((self._seconds() - self._before) / available, 0.0), 1.0)

    def _seconds(self) -> float:
        # user nice system idle iowait irq softirq steal: all but the fourth and the fifth are work.
        total = [int(ticks) for ticks in _kernel("stat").partition("\n")[0].split()[1:9]]
        busy = (sum(total) - sum(total[3:5])) / _TICKS
        named = cpu_seconds(self._pid) if self._pid else 0.0
        return busy - named - sum(os.times()[:4])


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _kernel("cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.machine()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.system()
    return f"{name} ({platform.release()})"


def prometheus() -> str:
    """Return the name and the version of the Prometheus that is here."""
    program = find_program("PROMETHEUS", "prometheus")
    said = subprocess.run(  # noqa: S603  # our own arguments
        [program, "--version"], capture_output=True, text=True, check=True
    )
    found = re.search(r"version (\S+)", said.stdout + said.stderr)
    return f"Prometheus {found[1] if found else 'of an unknown version'}"


def _kernel(name: str) -> str:
    """Return a file of /proc; it is empty where there is none, as on a Mac."""
    path = Path("/proc") / name
    return path.read_text() if path.exists() else ""
