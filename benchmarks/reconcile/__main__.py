"""Times ticks and starts of the receiver on both databases, while many incidents are open."""

import argparse
import asyncio
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.reconcile.figures import BEGIN, Figures, judge, page
from benchmarks.reconcile.measurement import ProcessError, measure, said_by
from benchmarks.rules import report
from demo.postgres import find_postgres, running_postgres
from demo.processes import ProgramError


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    others = machine.Others()
    try:
        described = machine.describe(f"SQLite {sqlite3.sqlite_version}", _postgres())
        run = _measured(arguments)
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except (ProgramError, ProcessError, TimeoutError, ValueError) as exc:
        print(f"nothing was measured: {exc}", file=sys.stderr)
        return 1
    text = page(f"{described} {run.server}", others.share(), run.yardsticks, run.found)
    print(text)
    if arguments.markdown:
        report.put_into(arguments.markdown, text, begins=BEGIN)
    return 0 if all(verdict.passed for verdict in judge(run.found)) else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-reconcile", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=[1_000, 10_000], help="in open incidents")
    parser.add_argument("--ticks", type=int, default=40, help="timed, of each process")
    parser.add_argument("--starts", type=int, default=5, help="timed, on each database")
    parser.add_argument("--markdown", type=Path, help="a page whose figures are replaced")
    return parser.parse_args(argv)


def _sizes(text: str) -> list[int]:
    return sorted({int(size) for size in text.split(",")})


@dataclass(frozen=True, slots=True)
class _Run:
    found: list[Figures]
    yardsticks: list[float]
    server: str
    """What PostgreSQL said of its settings."""


def _measured(arguments: argparse.Namespace) -> _Run:
    with (
        tempfile.TemporaryDirectory(prefix="gpu-watchdog-bench-") as name,
        running_postgres(durable=True) as server,
    ):
        folder = Path(name)
        run = _Run([], [machine.yardstick()], asyncio.run(_settings(server.url())))
        for url in (f"sqlite+aiosqlite:///{folder}/watchdog.db", server.url()):
            for size in arguments.sizes:
                figures = measure(
                    url, size, folder, ticks=arguments.ticks, starting=arguments.starts
                )
                run.found.append(figures)
                run.yardsticks.append(machine.yardstick())
    return run


async def _settings(url: str) -> str:
    said = await said_by(url, "fsync", "full_page_writes", "autovacuum", "shared_buffers")
    named = ", ".join(f"{name} {value}" for name, value in said.items())
    return f"PostgreSQL has the settings that it comes with ({named}) and waits for its disk."


def _postgres() -> str:
    said = subprocess.run(  # noqa: S603  # our own arguments
        [str(find_postgres()), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return f"PostgreSQL {said.split()[2]}"


if __name__ == "__main__":
    # To be ended is to be stopped: PostgreSQL ends too, and its folder is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
