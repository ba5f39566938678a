"""A past that nobody has lived: written down, made into Prometheus's blocks, and served."""

import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import httpx

from app.domain.backtest_course import STEP
from demo.processes import Program, find_program, free_port, wait_until

_CONFIG = "global: {scrape_interval: 30s}\n"


@dataclass
class WrittenPast:
    begin: datetime
    step: timedelta = STEP
    _series: list[tuple[str, str, datetime, Sequence[float]]] = field(default_factory=list)

    def add(
        self,
        name: str,
        labels: Mapping[str, str],
        values: Sequence[float],
        *,
        begin: datetime | None = None,
    ) -> None:
        """Add a series, from the beginning on. No label may hold what would have to be escaped."""
        pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
        self._series.append((name, pairs, begin or self.begin, values))

    def text(self) -> str:
        """Return it in the format of OpenMetrics, which wants metrics one after the other."""
        return "\n".join([*self._lines(), "# EOF", ""])

    def _lines(self) -> Iterator[str]:
        step = self.step.total_seconds()
        ordered = sorted(self._series, key=lambda each: each[0])
        for name, some in groupby(ordered, key=lambda each: each[0]):
            yield f"# TYPE {name} unknown"
            for _, pairs, at, values in some:
                begin = at.timestamp()
                for number, value in enumerate(values):
                    if not math.isnan(value):
                        yield f"{name}{{{pairs}}} {value:g} {begin + number * step:.0f}"


@contextmanager
def served(past: WrittenPast, folder: Path) -> Iterator[str]:
    """Yield the address of a Prometheus that has this past, and nothing else.

    What ends is gone within half a minute: no rule marks the end of what was only written down.
    """
    (folder / "past.txt").write_text(past.text())
    (folder / "prometheus.yml").write_text(_CONFIG)
    subprocess.run(  # noqa: S603  # our own arguments
        [
            find_program("PROMTOOL", "promtool"),
            *("tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=64h", "-q"),
            *(folder / "past.txt", folder / "tsdb"),
        ],
        check=True,
        capture_output=True,
    )
    address = f"127.0.0.1:{free_port()}"
    command = [
        find_program("PROMETHEUS", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--storage.tsdb.retention.time=50y",
        "--query.lookback-delta=29s",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    program = Program("Prometheus", command, folder / "prometheus.log", {})
    program.start()
    try:
        wait_until(lambda: _is_ready(program, address), "Prometheus to be ready")
        yield f"http://{address}"
    finally:
        program.kill()


def _is_ready(program: Program, address: str) -> bool:
    program.require_running()
    try:
        return httpx.get(f"http://{address}/-/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False
