"""The command lines of the programs that a run starts."""

import sys
from pathlib import Path

from demo.processes import find_program
from demo.scaling import scaled_alertmanager_flags, scaled_prometheus_flags


def simulation_command(*, factor: float, seed: int, mig_agent: bool) -> list[str]:
    options = ["--speed", str(factor), "--seed", str(seed)]
    options += ["--mig-agent"] if mig_agent else []
    return [sys.executable, "-m", "demo.simulation", *options]


def prometheus_command(folder: Path, address: str, factor: float) -> list[str]:
    """`address` is `host:port`, here and below.

    Raises:
        ProgramError: it is not installed, here and below.
    """
    return [
        find_program("PROMETHEUS", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
        *scaled_prometheus_flags(factor),
    ]


def alertmanager_command(folder: Path, name: str, address: str, factor: float) -> list[str]:
    """Peers share the configuration; each has the folder of its name for what it remembers."""
    return [
        find_program("ALERTMANAGER", "prometheus-alertmanager", "alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / name}",
        f"--web.listen-address={address}",
        *scaled_alertmanager_flags(factor),
    ]


def receiver_command() -> list[str]:
    return [str(Path(sys.executable).with_name("gpu-watchdog")), "serve"]
