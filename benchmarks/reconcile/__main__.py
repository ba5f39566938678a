"""Times the reconciler's tick on both databases while many incidents are open."""

import argparse
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.reconcile.figures import BEGIN, Figures, Start, judge, page
from benchmarks.reconcile.measurement import ProcessError, measure, measure_start
from benchmarks.rules import report
from demo.postgres import find_postgres, running_postgres
from demo.processes import ProgramError


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    others = machine.Others()
    try:
        described = machine.describe(f"SQLite {sqlite3.sqlite_version}", _postgres())
        found, starts = _measured(arguments.sizes, arguments.ticks)
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except (ProgramError, ProcessError, ValueError) as exc:
        print(f"nothing was measured: {exc}", file=sys.stderr)
        return 1
    text = page(described, others.share(), found, starts)
    print(text)
    if arguments.markdown:
        report.put_into(arguments.markdown, text, begins=BEGIN)
    return 0 if all(verdict.passed for verdict in judge(found, starts)) else 1


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-reconcile", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=[1_000, 10_000], help="in open incidents")
    parser.add_argument("--ticks", type=int, default=9, help="timed, of each process")
    parser.add_argument("--markdown", type=Path, help="a page whose figures are replaced")
    return parser.parse_args(argv)


def _sizes(text: str) -> list[int]:
    return sorted({int(size) for size in text.split(",")})


def _measured(sizes: Sequence[int], ticks: int) -> tuple[list[Figures], list[Start]]:
    found, starts = [], []
    with tempfile.TemporaryDirectory(prefix="gpu-watchdog-bench-") as name:
        folder = Path(name)
        with running_postgres() as server:
            for url in (f"sqlite+aiosqlite:///{folder}/watchdog.db", server.url()):
                # First: the database is empty then.
                starts.append(measure_start(url, folder))
                found += [measure(url, size, ticks, folder) for size in sizes]
    return found, starts


def _postgres() -> str:
    said = subprocess.run(  # noqa: S603  # our own arguments
        [str(find_postgres()), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return f"PostgreSQL {said.split()[2]}"


if __name__ == "__main__":
    # To be ended is to be stopped: PostgreSQL ends too, and its folder is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
