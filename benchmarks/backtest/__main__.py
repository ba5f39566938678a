"""Times `gpu-watchdog backtest` over a month that a real Prometheus has, and judges the time."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks import machine
from benchmarks.backtest.figures import BEGIN, Figures, judge, page
from benchmarks.backtest.past import INTERVAL, Past
from benchmarks.rules import report
from benchmarks.rules.server import Prometheus, PrometheusError
from demo.processes import ProgramError

_DAY = 86_400
_LEAD = _DAY
"""Of the past before the month."""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    try:
        described = machine.describe(machine.prometheus())
        with tempfile.TemporaryDirectory(prefix="gpu-watchdog-bench-") as folder:
            figures = measure(arguments.gpus, arguments.days, Path(folder))
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except (ProgramError, PrometheusError, TimeoutError, ValueError) as exc:
        print(f"nothing was measured: {exc}", file=sys.stderr)
        return 1
    text = page(described, figures)
    print(text)
    if arguments.markdown:
        report.put_into(arguments.markdown, text, begins=BEGIN)
    return 0 if all(each.passed for each in judge(figures)) else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-backtest", description=__doc__)
    parser.add_argument("--gpus", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--markdown", type=Path, help="a page whose figures are replaced")
    return parser.parse_args(argv)


def measure(gpus: int, days: int, folder: Path) -> Figures:
    """Raises: ValueError: the command did not answer."""
    span = _LEAD + days * _DAY
    until = int(time.time()) // 60 * 60
    past = Past(gpus, until - span, span // INTERVAL)
    with Prometheus(folder, history=span + _DAY) as prometheus:
        past.write(prometheus.write)
        prometheus.rest()
        served, others = machine.cpu_seconds(prometheus.pid), machine.Others(prometheus.pid)
        begun = time.monotonic()
        told, cpu, memory = _run(prometheus.address, until, days, folder)
        return Figures(
            gpus=gpus,
            days=days,
            tasks=past.tasks,
            samples=past.samples,
            stops=len(told["stops"]),
            seconds=time.monotonic() - begun,
            cpu=cpu,
            served=machine.cpu_seconds(prometheus.pid) - served,
            others=others.share(),
            memory=memory,
        )


def _run(
    address: str, until: int, days: int, folder: Path
) -> tuple[dict[str, list[object]], float, int]:
    """Return what the command told, the processor time that it took, and the most memory."""
    end = datetime.fromtimestamp(until, UTC)
    command = [sys.executable, "-m", "app", "backtest", "--format", "json"]
    command += ["--since", f"{days}d", "--until", end.isoformat()]
    output = folder / "backtest.json"
    with output.open("wb") as file:
        environment = os.environ | {"WATCHDOG_CONFIG": str(_configuration(address, folder))}
        running = subprocess.Popen(command, stdout=file, env=environment)  # noqa: S603  # our own
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise ValueError(f"the backtest ended with {running.returncode}")
    return json.loads(output.read_text()), used.ru_utime + used.ru_stime, used.ru_maxrss * 1_024


def _configuration(address: str, folder: Path) -> Path:
    path = folder / "watchdog.yaml"
    nobody, secret = "http://127.0.0.1:9", str(folder / "secret")
    content = {
        "prometheus": {"url": address},
        "determined": {"url": nobody, "password_file": secret},
        "alertmanagers": [{"url": nobody}],
        "api_tokens": [{"name": "nobody", "role": "viewer", "file": secret}],
        "slack": {"bot_token_file": secret, "admin_channel": "C01GPUADMINS"},
    }
    path.write_text(yaml.safe_dump(content))
    return path


if __name__ == "__main__":
    # To be ended is to be stopped: Prometheus ends too, and its folder is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
